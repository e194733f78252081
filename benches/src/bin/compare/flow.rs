//! One TCP flow, for a time.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netlab::Host;
use pppssh_tests::traffic::connection;

use pppssh_benches::machine;

const GIB: f64 = (1_u64 << 30) as f64;
/// Octets written and read at a time.
const BLOCK: usize = 256 * 1024;

/// What one flow achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Bits per second that arrived.
    pub(crate) rate: f64,
    /// Processor seconds of the whole machine for each GiB that arrived.
    pub(crate) cpu_per_gib: f64,
}

impl Flow {
    pub(crate) fn of(octets: u64, time: Duration, busy: Duration) -> Self {
        let gib = octets as f64 / GIB;
        Self { rate: octets as f64 * 8.0 / time.as_secs_f64(), cpu_per_gib: busy.as_secs_f64() / gib }
    }
}

/// Sends from one host to an address of another for `time`.
pub(crate) fn tcp(from: &Host, to: &Host, address: IpAddr, time: Duration) -> Flow {
    let (near, far) = connection(from, to, address);
    push(near, far, time)
}

/// Writes to one end and counts what comes out of the other.
fn push(mut near: TcpStream, mut far: TcpStream, time: Duration) -> Flow {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let block = vec![0x5a; BLOCK];
            while !stop.load(Ordering::Relaxed) {
                if near.write_all(&block).is_err() {
                    break;
                }
            }
            // Ends the reader too.
            drop(near);
        });
        let (busy, start) = (machine::busy(), Instant::now());
        let mut block = vec![0; BLOCK];
        let mut octets = 0;
        while start.elapsed() < time {
            match far.read(&mut block).expect("the flow goes on") {
                0 => break,
                read => octets += read as u64,
            }
        }
        let flow = Flow::of(octets, start.elapsed(), machine::busy().saturating_sub(busy));
        stop.store(true, Ordering::Relaxed);
        // What is on its way lets the writer see that it shall stop.
        while far.read(&mut block).is_ok_and(|read| read > 0) {}
        flow
    })
}
