//! Small packets, as many as can be sent.

use std::io::IoSlice;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use netlab::Host;
use pppssh_tests::World;
use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, Shutdown, sendmmsg, shutdown, sockopt};

use crate::scene::Ends;
use crate::traffic::Traffic;

/// Octets of one IP packet.
pub(crate) const PACKET: usize = 64;
/// Of these, what a program sends: the headers of IPv4 (RFC 791 §3.1) and UDP (RFC 768) have 20 and 8.
const PAYLOAD: usize = PACKET - 20 - 8;
/// Packets given to the kernel at a time.
const BATCH: usize = 64;
/// The receiving socket's buffer, so that what was carried is not lost there.
const BUFFER: usize = 8 << 20;

/// From venus to saturn. Whoever is in the way drops what he cannot take; what saturn's program received is counted.
pub(crate) fn start(world: &World, ends: Ends) -> Traffic {
    let (near, far) = (socket(&world.venus, ends.venus), socket(&world.saturn, ends.saturn));
    near.connect(far.local_addr().expect("a bound socket")).expect("a way to saturn");
    far.connect(near.local_addr().expect("a bound socket")).expect("a way to venus");
    sockopt::set_socket_recv_buffer_size_force(&far, BUFFER).expect("root may have a large buffer");
    first(&near, &far);
    let (sender, receiver) = (clone(&near), clone(&far));
    let mut traffic = Traffic::new(move || {
        for socket in [&near, &far] {
            // Wakes the thread that waits in it, or sends; what else could be wrong is none of ours.
            let _ = shutdown(socket, Shutdown::Both);
        }
    });
    traffic.counts_arrived(move |arrived| {
        let mut payload = [0; PAYLOAD];
        while let Ok(1..) = receiver.recv(&mut payload) {
            arrived.add(1);
        }
    });
    traffic.sends(move |sent| {
        let payload = [0x5a; PAYLOAD];
        let payload = [IoSlice::new(&payload)];
        let mut control: Vec<_> = (0..BATCH).map(|_| SendAncillaryBuffer::default()).collect();
        let mut batch: Vec<_> = control.iter_mut().map(|control| MMsgHdr::new(&payload, control)).collect();
        loop {
            match sendmmsg(&sender, &mut batch, SendFlags::empty()) {
                Ok(packets) => sent.add(packets),
                // The device's queue is full (udp(7)): try again, as a program in a hurry would.
                Err(Errno::NOBUFS | Errno::AGAIN) => {}
                Err(_) => break,
            }
        }
    });
    traffic
}

/// Waits until a datagram gets through.
fn first(near: &UdpSocket, far: &UdpSocket) {
    far.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    let arrives = |_| near.send(&[0; PAYLOAD]).is_ok() && far.recv(&mut [0; PAYLOAD]).is_ok();
    assert!((0..100).any(arrives), "no datagram gets through");
    far.set_read_timeout(None).expect("no timeout");
}

fn socket(host: &Host, address: Ipv4Addr) -> UdpSocket {
    let socket = host.run(|| UdpSocket::bind((address, 0))).expect("a thread on the host");
    socket.unwrap_or_else(|error| panic!("{} has no socket at {address}: {error}", host.name()))
}

fn clone(socket: &UdpSocket) -> UdpSocket {
    socket.try_clone().expect("a descriptor more")
}
