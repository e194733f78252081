//! A host that is far away.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{SATURN, World};

/// Has saturn's sshd answer on `port`, too, where all that passes takes `delay` longer each way, however much it is.
pub fn far_away(world: &World, port: u16, delay: Duration) {
    let bind = || TcpListener::bind(SocketAddr::from((SATURN, port)));
    let listener = world.saturn.run(bind).unwrap().expect("a port that nobody else has");
    let saturn = world.saturn.clone();
    // All of it ends with its connections.
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let call = || TcpStream::connect(SocketAddr::from((SATURN, 22)));
            let Ok(Ok(far)) = saturn.run(call) else { return };
            carry(&near, &far, delay);
            carry(&far, &near, delay);
        }
    });
}

/// Carries one direction.
fn carry(from: &TcpStream, to: &TcpStream, delay: Duration) {
    let clone = |stream: &TcpStream| stream.try_clone().expect("another descriptor");
    let (from, to) = (clone(from), clone(to));
    to.set_nodelay(true).expect("an open stream");
    let (arrived, leaves) = channel();
    thread::spawn(move || take_in(from, &arrived));
    thread::spawn(move || let_go(to, leaves, delay));
}

fn take_in(mut from: TcpStream, arrived: &Sender<(Instant, Vec<u8>)>) {
    let mut block = vec![0; 64 * 1024];
    while let Ok(octets) = from.read(&mut block) {
        // At the end, no octets.
        if arrived.send((Instant::now(), block[..octets].to_vec())).is_err() || octets == 0 {
            return;
        }
    }
}

fn let_go(mut to: TcpStream, leaves: Receiver<(Instant, Vec<u8>)>, delay: Duration) {
    for (arrived, octets) in leaves {
        thread::sleep((arrived + delay).saturating_duration_since(Instant::now()));
        if octets.is_empty() || to.write_all(&octets).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
