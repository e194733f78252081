//! TCP flows that take what they can get.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::time::Duration;

use pppssh_tests::World;
use pppssh_tests::traffic::connection;
use rustix::net::sockopt::set_socket_linger;

use crate::scene::Ends;
use crate::traffic::Traffic;

/// Octets written and read at a time.
const BLOCK: usize = 256 * 1024;

/// One flow for each direction that is wanted.
pub(crate) fn start(world: &World, ends: Ends, (up, down): (bool, bool)) -> Traffic {
    let World { venus, saturn, .. } = world;
    let up = up.then(|| connection(venus, saturn, IpAddr::from(ends.saturn)));
    let down = down.then(|| connection(saturn, venus, IpAddr::from(ends.venus)));
    let flows: Vec<_> = up.into_iter().chain(down).collect();
    let mut all = Vec::new();
    for (near, far) in &flows {
        all.extend([near, far].map(clone));
    }
    let mut traffic = Traffic::new(move || all.iter().for_each(abort));
    for (mut near, mut far) in flows {
        near.write_all(&[0x5a]).expect("the flow begins");
        far.read_exact(&mut [0]).expect("the flow begins");
        traffic.sends(move |_| {
            let block = vec![0x5a; BLOCK];
            while near.write_all(&block).is_ok() {}
        });
        traffic.counts_arrived(move |arrived| {
            let mut block = vec![0; BLOCK];
            while let Ok(octets @ 1..) = far.read(&mut block) {
                arrived.add(octets);
            }
        });
    }
    traffic
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a descriptor more")
}

/// Ends the connection without sending what is left, and wakes the threads that wait for it.
fn abort(stream: &TcpStream) {
    // Closing will reset the connection (socket(7), SO_LINGER).
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}
