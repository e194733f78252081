//! The receiving half of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::options;
use super::window::Window;

/// Reads of fewer octets are of one who sends little.
const LITTLE: usize = 4096;
/// How much later than what it tells of an acknowledgement may leave.
const LATE: Duration = Duration::from_millis(5);

/// Reads, acknowledges soon, and [bounds](Bound) what is under way when it is told to.
///
/// The system holds an acknowledgement back for 40 ms where little comes, as packets of a shell or a ping. A far Cubic in slow start takes that for
/// a queue (HyStart) and leaves it, for as long as the connection lasts, with a window of some 24 segments.
pub(crate) struct Inlet {
    half: OwnedReadHalf,
    acknowledged: Instant,
    bound: Bound,
    window: Option<Window>,
}

/// Has an [`Inlet`] bound what is under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bound(Arc<AtomicBool>);

impl Bound {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Inlet {
    pub(crate) fn new(half: OwnedReadHalf) -> (Self, Bound) {
        let bound = Bound::default();
        (Self { half, acknowledged: Instant::now(), bound: bound.clone(), window: None }, bound)
    }

    /// So many octets were read. What the system refuses is left: all works without.
    fn received(&mut self, octets: usize) {
        let (now, socket): (_, &TcpStream) = (Instant::now(), self.half.as_ref());
        if octets < LITTLE && now.saturating_duration_since(self.acknowledged) >= LATE {
            self.acknowledged = now;
            // Who sends much acknowledges with that, and a segment for nothing else would take its place.
            if options::sent(socket).is_ok_and(|sent| sent.round_trip >= LATE * sent.unacknowledged) {
                let _ = options::acknowledge_now(socket);
            }
        }
        if self.window.is_none() && self.bound.0.load(Ordering::Relaxed) {
            self.window = Some(Window::new(now));
        }
        let Some(window) = &mut self.window else { return };
        let round_trip = || options::sent(socket).ok().map(|sent| sent.round_trip);
        if let Some(bound) = window.received(now, octets, round_trip) {
            let _ = options::set_window_clamp(socket, bound);
        }
    }
}

impl AsyncRead for Inlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.half).poll_read(cx, buf))?;
        let octets = buf.filled().len() - before;
        self.received(octets);
        Poll::Ready(Ok(()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (here, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn what_is_set_on_a_socket_is_as_it_was_said() {
        let (here, mut there) = pair().await;
        options::set_window_clamp(&here, 100_000).unwrap();
        assert_eq!(options::window_clamp(&here).unwrap(), 100_000);
        options::set_window_clamp(&here, u32::MAX).unwrap();
        there.write_all(b"octets").await.unwrap();
        options::acknowledge_now(&here).unwrap();
        // It was measured when the connection was made.
        let sent = options::sent(&there).unwrap();
        let within = Duration::ZERO..Duration::from_secs(1);
        assert!(within.contains(&sent.round_trip) && !sent.round_trip.is_zero(), "{sent:?}");
        assert!(sent.unacknowledged <= 1, "{sent:?}");
    }

    #[tokio::test]
    async fn all_arrives_and_who_is_told_to_looks_at_the_window() {
        let (here, mut there) = pair().await;
        let (half, _keep) = here.into_split();
        let (mut inlet, bound) = Inlet::new(half);
        let sent: Vec<u8> = (0..300_000_u32).map(|octet| octet as u8).collect();
        for is_told in [false, true] {
            if is_told {
                bound.set();
            }
            let (mut got, expected) = (vec![0; sent.len()], sent.clone());
            let (written, read) = tokio::join!(there.write_all(&sent), inlet.read_exact(&mut got));
            written.unwrap();
            read.unwrap();
            assert!(got == expected && inlet.window.is_some() == is_told);
        }
    }
}
