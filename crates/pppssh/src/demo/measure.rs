//! Data from one host to another by plain TCP, with a hash taken at both.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use aws_lc_rs::digest::{Context, Digest, SHA256};
use netlab::Host;

use super::ping::Background;

/// Octets handed to the socket at once.
const CHUNK: usize = 256 * 1024;
/// Octets of random data; sent again and again, each time with another number in front.
const BLOCK: usize = 1024 * 1024;

/// A transfer on its way.
pub(super) struct Transfer {
    sender: Background<Digest>,
    receiver: Background<(Digest, Duration)>,
    arrived: Arc<AtomicU64>,
    length: u64,
}

/// A transfer that is done, and whose data arrived as it was sent.
pub(super) struct Transferred {
    length: u64,
    time: Duration,
    /// SHA-256 of the data, beginning.
    pub(super) hash: String,
}

impl Transferred {
    /// Megabits a second, of the data alone.
    pub(super) fn megabits(&self) -> f64 {
        self.length as f64 * 8e-6 / self.time.as_secs_f64()
    }
}

impl Transfer {
    /// Begins to move `length` octets from `from` to `to`, whose address is `address`.
    pub(super) fn start(from: &Host, to: &Host, address: Ipv4Addr, length: u64) -> anyhow::Result<Transfer> {
        let mut block = vec![0; BLOCK];
        getrandom::fill(&mut block).map_err(io::Error::other)?;
        let listener = to.run(|| TcpListener::bind((address, 0)))??;
        let port = listener.local_addr()?.port();
        let from = from.clone();
        let arrived = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&arrived);
        Ok(Transfer {
            receiver: Background::start(move |_| receive(&listener.accept()?.0, &counter)),
            sender: Background::start(move |_| {
                let stream = from.run(|| TcpStream::connect((address, port))).map_err(io::Error::other)??;
                send(&stream, &mut block, length)
            }),
            arrived,
            length,
        })
    }

    /// Octets that have arrived.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// Waits until all have, and compares the hashes.
    pub(super) async fn done(self) -> anyhow::Result<Transferred> {
        let sent = self.sender.done().await?;
        let (received, time) = self.receiver.done().await?;
        ensure!(sent.as_ref() == received.as_ref(), "the data did not arrive as it was sent");
        let [a, b, c, d, ..] = sent.as_ref() else { unreachable!("SHA-256 has 32 octets") };
        let hash = format!("{a:02x}{b:02x}{c:02x}{d:02x}");
        Ok(Transferred { length: self.length, time, hash })
    }
}

fn send(mut stream: &TcpStream, block: &mut [u8], length: u64) -> io::Result<Digest> {
    let mut hash = Context::new(&SHA256);
    let mut left = length;
    for number in 0u64.. {
        if left == 0 {
            break;
        }
        block[..8].copy_from_slice(&number.to_be_bytes());
        let now = left.min(block.len() as u64) as usize;
        for chunk in block[..now].chunks(CHUNK) {
            hash.update(chunk);
            stream.write_all(chunk)?;
        }
        left -= now as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(hash.finish())
}

fn receive(mut stream: &TcpStream, arrived: &AtomicU64) -> io::Result<(Digest, Duration)> {
    let began = Instant::now();
    let mut hash = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok((hash.finish(), began.elapsed())),
            length => {
                hash.update(&chunk[..length]);
                arrived.fetch_add(length as u64, Ordering::Relaxed);
            }
        }
    }
}
