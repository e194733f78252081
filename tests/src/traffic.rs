//! Packets through the link: pings, and TCP streams whose ends compare hashes.

use std::hash::{DefaultHasher, Hasher};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use netlab::Host;

use crate::process::{NEVER, finish};

/// One mebibyte.
pub const MIB: u64 = 1 << 20;

/// How much is hashed at a time: the hash depends on how its input is cut.
const BLOCK: usize = 64 * 1024;

/// Pings until an answer comes, or fails after twenty pings without one.
#[track_caller]
pub fn ping(from: &Host, to: &str) {
    ping_sized(from, to, 56);
}

/// The same with this many octets behind the ICMP header, never to be fragmented.
#[track_caller]
pub fn ping_sized(from: &Host, to: &str, octets: u32) {
    let mut ping = from.command("/bin/ping");
    ping.args(["-n", "-c", "1", "-w", "20", "-M", "do", "-s", &octets.to_string(), to]);
    finish(&format!("ping {to} from {}", from.name()), ping).well();
}

/// Two ends of a TCP connection through the network of the hosts.
pub fn connection(from: &Host, to: &Host, address: IpAddr) -> (TcpStream, TcpStream) {
    let listener = to
        .run(|| TcpListener::bind(SocketAddr::new(address, 0)))
        .unwrap()
        .unwrap_or_else(|error| panic!("{} cannot listen on {address}: {error}", to.name()));
    let address = listener.local_addr().expect("a listener has an address");
    let near = from
        .run(|| TcpStream::connect(address))
        .unwrap()
        .unwrap_or_else(|error| panic!("{} cannot connect to {address}: {error}", from.name()));
    let (far, _) = listener.accept().expect("the connection that was just made");
    (near, far)
}

/// Sends datagrams in bursts from a socket that is not connected, and sees that all arrive as they were sent and in order.
/// Their number.
#[track_caller]
pub fn datagrams(from: &Host, to: &Host, address: IpAddr) -> u64 {
    const BURSTS: u64 = 50;
    const BURST: u64 = 32;
    let bound = |host: &Host, address: IpAddr| {
        host.run(|| UdpSocket::bind(SocketAddr::new(address, 0))).unwrap().expect("an address of the host's")
    };
    let (near, far) = (bound(from, Ipv4Addr::UNSPECIFIED.into()), bound(to, address));
    far.set_read_timeout(Some(NEVER)).expect("a time");
    let there = far.local_addr().expect("a bound socket");
    let datagram = |number: u64| {
        let mut noise = Noise(number);
        let mut octets = [0; 1000];
        noise.fill(&mut octets);
        octets
    };
    for first in (0..BURSTS).map(|burst| burst * BURST) {
        for number in first..first + BURST {
            near.send_to(&datagram(number), there).expect("a way there");
        }
        for number in first..first + BURST {
            let mut heard = [0; 2000];
            let length = far.recv(&mut heard).unwrap_or_else(|error| panic!("datagram {number}: {error}"));
            assert!(heard[..length] == datagram(number), "datagram {number}");
        }
    }
    BURSTS * BURST
}

/// Moves `octets` each way at once and sees that both arrive as they were sent.
#[track_caller]
pub fn exchange(ends: &(TcpStream, TcpStream), octets: u64) {
    both_ways(ends, octets, send);
}

/// The same with octets that compress well.
#[track_caller]
pub fn exchange_text(ends: &(TcpStream, TcpStream), octets: u64) {
    both_ways(ends, octets, |stream, octets, seed| send_of(stream, octets, &mut Text(seed)));
}

#[track_caller]
fn both_ways(ends: &(TcpStream, TcpStream), octets: u64, send: fn(&TcpStream, u64, u64) -> u64) {
    let (near, far) = ends;
    thread::scope(|scope| {
        let sums = [(near, far, 1), (far, near, 2)].map(|(from, to, seed)| {
            let sent = scope.spawn(move || send(from, octets, seed));
            let received = scope.spawn(move || receive(to, octets));
            (sent, received)
        });
        for (sent, received) in sums {
            assert_eq!(received.join().unwrap(), sent.join().unwrap(), "what arrived is not what was sent");
        }
    });
}

/// Sends noise; returns its hash.
pub fn send(stream: &TcpStream, octets: u64, seed: u64) -> u64 {
    send_of(stream, octets, &mut Noise(seed))
}

fn send_of(mut stream: &TcpStream, octets: u64, source: &mut dyn Source) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut block = vec![0; BLOCK];
    let mut left = octets;
    while left > 0 {
        source.fill(&mut block);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        hasher.write(&block[..length]);
        stream.write_all(&block[..length]).expect("the stream takes what is sent");
        left -= length as u64;
    }
    hasher.finish()
}

/// Receives this many octets; returns their hash.
pub fn receive(stream: &TcpStream, octets: u64) -> u64 {
    let mut arrived = Arrived::default();
    arrived.more(stream, octets);
    arrived.hash()
}

/// What has arrived so far, for a stream that is watched while it runs.
#[derive(Debug, Default)]
pub struct Arrived(DefaultHasher);

impl Arrived {
    /// Receives this many octets more: a multiple of 64 KiB, unless they are the last.
    pub fn more(&mut self, mut stream: &TcpStream, octets: u64) {
        let mut block = vec![0; BLOCK];
        let mut left = octets;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            stream.read_exact(&mut block[..length]).expect("the stream gives what was sent");
            self.0.write(&block[..length]);
            left -= length as u64;
        }
    }

    /// The hash of it all, to be compared with what [`send`] returned.
    pub fn hash(&self) -> u64 {
        self.0.finish()
    }
}

/// Where octets come from.
trait Source {
    fn fill(&mut self, block: &mut [u8]);
}

/// Lines of a log.
struct Text(u64);

impl Source for Text {
    fn fill(&mut self, block: &mut [u8]) {
        let mut rest = block;
        while !rest.is_empty() {
            self.0 += 1;
            let line =
                format!("{} saturn pppssh: packet {} of many went through the link\n", self.0 / 7, self.0);
            let length = line.len().min(rest.len());
            rest[..length].copy_from_slice(&line.as_bytes()[..length]);
            rest = &mut rest[length..];
        }
    }
}

/// Octets without pattern (splitmix64), flags and escapes of PPP among them.
struct Noise(u64);

impl Source for Noise {
    fn fill(&mut self, block: &mut [u8]) {
        for word in block.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..word.len()]);
        }
    }
}
