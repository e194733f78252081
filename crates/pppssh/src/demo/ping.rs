//! Pings, by the kernel's own ICMP sockets: a fresh machine may have no `ping`.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netlab::Host;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};

/// Between two pings.
const INTERVAL: Duration = Duration::from_millis(20);
/// After which a ping counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the first ping waits before it is sent again.
const IMPATIENCE: Duration = Duration::from_millis(5);

/// ICMP types (RFC 792).
const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;
/// Type, code, checksum, identifier, sequence number (RFC 792); the kernel fills in checksum and identifier.
const HEADER: usize = 8;
/// What `ping` sends.
const LENGTH: usize = HEADER + 56;

/// Sends echo requests to one address.
pub(super) struct Pinger {
    socket: UdpSocket,
    sequence: u16,
}

impl Pinger {
    /// From `host` to `address`.
    pub(super) fn new(host: &Host, address: Ipv4Addr) -> anyhow::Result<Pinger> {
        let group = rustix::process::getegid().as_raw();
        host.sysctl("net/ipv4/ping_group_range", &format!("{group} {group}"))?;
        let socket = host.run(|| {
            let (family, kind) = (AddressFamily::INET, SocketType::DGRAM);
            let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(ipproto::ICMP))?;
            let socket = UdpSocket::from(socket);
            socket.connect((address, 0))?;
            io::Result::Ok(socket)
        })??;
        Ok(Pinger { socket, sequence: 0 })
    }

    /// One round trip; `None` if there was no answer within `patience`.
    fn ping(&mut self, patience: Duration) -> io::Result<Option<Duration>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = [0; LENGTH];
        packet[0] = ECHO;
        packet[6..HEADER].copy_from_slice(&self.sequence.to_be_bytes());
        let sent = Instant::now();
        // What a router on the way says, such as "net unreachable", comes as an error of the next call.
        if self.socket.send(&packet).is_err() {
            std::thread::sleep(patience);
            return Ok(None);
        }
        loop {
            let left = patience.saturating_sub(sent.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let mut answer = [0; LENGTH];
            match self.socket.recv(&mut answer) {
                Ok(LENGTH) if answer[0] == ECHO_REPLY && answer[6..HEADER] == packet[6..HEADER] => {
                    return Ok(Some(sent.elapsed()));
                }
                // An answer to an earlier one, a timeout, or what a router says.
                _ => {}
            }
        }
    }

    /// Pings until the first answer comes, then says when.
    pub(super) fn first_answer(mut self) -> Background<Instant> {
        Background::start(move |stop| {
            while !stop.load(Ordering::Relaxed) {
                if self.ping(IMPATIENCE)?.is_some() {
                    break;
                }
            }
            Ok(Instant::now())
        })
    }

    /// Pings until it is stopped, or `limit` times.
    pub(super) fn run(mut self, limit: usize) -> Background<RoundTrips> {
        Background::start(move |stop| {
            let mut trips = RoundTrips::default();
            while trips.sent() < limit && !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                match self.ping(PATIENCE)? {
                    Some(trip) => trips.answered.push(trip),
                    None => trips.lost += 1,
                }
                std::thread::sleep(INTERVAL.saturating_sub(began.elapsed()));
            }
            Ok(trips)
        })
    }
}

/// Work on a thread of its own, so that the measuring disturbs the measured as little as may be.
pub(super) struct Background<T> {
    stop: Arc<AtomicBool>,
    done: tokio::sync::oneshot::Receiver<io::Result<T>>,
    _thread: JoinHandle<()>,
}

impl<T: Send + 'static> Background<T> {
    pub(super) fn start(work: impl FnOnce(&AtomicBool) -> io::Result<T> + Send + 'static) -> Background<T> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, done) = tokio::sync::oneshot::channel();
        let theirs = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            // Nobody waits for it any more if the demo was broken off.
            let _ = tell.send(work(&theirs));
        });
        Background { stop, done, _thread: thread }
    }

    /// Tells it to stop, and waits for what it has.
    pub(super) async fn stop(self) -> anyhow::Result<T> {
        self.stop.store(true, Ordering::Relaxed);
        self.done().await
    }

    /// Waits until it is done.
    pub(super) async fn done(self) -> anyhow::Result<T> {
        Ok(self.done.await??)
    }
}

/// What a series of pings found.
#[derive(Debug, Clone, Default)]
pub(super) struct RoundTrips {
    answered: Vec<Duration>,
    lost: usize,
}

impl RoundTrips {
    fn sent(&self) -> usize {
        self.answered.len() + self.lost
    }

    /// As `ping` says it: least, mean and most, and the lost ones if there are any.
    pub(super) fn summary(&self) -> String {
        let milliseconds = |trip: Duration| trip.as_secs_f64() * 1e3;
        let (Some(least), Some(most)) = (self.answered.iter().min(), self.answered.iter().max()) else {
            return format!("all {} lost", self.lost);
        };
        let mean = self.answered.iter().sum::<Duration>() / self.answered.len() as u32;
        let lost =
            if self.lost == 0 { String::new() } else { format!(", {} of {} lost", self.lost, self.sent()) };
        let [least, mean, most] = [*least, mean, *most].map(milliseconds);
        format!("{least:.2} / {mean:.2} / {most:.2} ms{lost}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_summed_up_as_ping_does() {
        let answered = [1, 2, 6].map(Duration::from_millis).to_vec();
        let trips = RoundTrips { answered, lost: 0 };
        assert_eq!(trips.summary(), "1.00 / 3.00 / 6.00 ms");
        assert_eq!(RoundTrips { lost: 1, ..trips }.summary(), "1.00 / 3.00 / 6.00 ms, 1 of 4 lost");
        assert_eq!(RoundTrips { answered: vec![], lost: 3 }.summary(), "all 3 lost");
    }
}
