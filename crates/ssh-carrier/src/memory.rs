//! Two ends in one process, for tests, benches and examples.

use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};

/// Chunks that may be under way in one direction, like the bytes in a socket's buffer.
const CHUNKS_UNDER_WAY: usize = 2;

impl Carrier {
    /// Two carriers joined back to back: what one sends, the other receives.
    ///
    /// Each direction holds two chunks; a sender whose reader is slow has to wait, as on a real connection.
    /// Finishing or dropping a sending half is the clean end of that direction for the other.
    pub fn memory_pair() -> (Self, Self) {
        let (to_b, from_a) = mpsc::channel(CHUNKS_UNDER_WAY);
        let (to_a, from_b) = mpsc::channel(CHUNKS_UNDER_WAY);
        (end(to_b, from_b), end(to_a, from_a))
    }
}

fn end(sender: mpsc::Sender<Bytes>, receiver: mpsc::Receiver<Bytes>) -> Carrier {
    Carrier {
        tx: Box::new(MemoryTx(PollSender::new(sender))),
        rx: Box::new(MemoryRx(receiver)),
        info: CarrierInfo {
            kind: CarrierKind::Memory,
            peer: "this process".to_owned(),
            address: None,
            cipher: None,
        },
    }
}

struct MemoryTx(PollSender<Bytes>);

impl CarrierTx for MemoryTx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        self.0.poll_reserve(cx).map_err(|_| gone())
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.0.send_item(chunk).map_err(|_| gone())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

fn gone() -> CarrierError {
    CarrierError::io("the other end in this process is gone", std::io::ErrorKind::BrokenPipe.into())
}

struct MemoryRx(mpsc::Receiver<Bytes>);

impl CarrierRx for MemoryRx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        self.0.poll_recv(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_one_end_sends_the_other_receives_until_it_finishes() {
        let (mut a, mut b) = Carrier::memory_pair();
        a.tx.send(Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(b.rx.recv().await.unwrap().unwrap(), "hello");
        b.tx.send(Bytes::from_static(b"well")).await.unwrap();
        b.tx.finish().await.unwrap();
        assert_eq!(a.rx.recv().await.unwrap().unwrap(), "well");
        assert!(a.rx.recv().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_sender_waits_for_a_slow_reader() {
        let (mut a, mut b) = Carrier::memory_pair();
        for _ in 0..CHUNKS_UNDER_WAY {
            a.tx.send(Bytes::from_static(b"x")).await.unwrap();
        }
        assert!(a.tx.ready().now_or_never().is_none());
        b.rx.recv().await.unwrap();
        a.tx.ready().await.unwrap();
    }

    #[tokio::test]
    async fn sending_to_an_end_that_is_gone_is_an_error() {
        let (mut a, b) = Carrier::memory_pair();
        drop(b);
        assert!(a.tx.send(Bytes::from_static(b"x")).await.is_err());
    }
}
