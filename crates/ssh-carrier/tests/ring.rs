//! What the ring promises to an SSH engine and to those who send through it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use ssh_carrier::ring::{RingConfig, RingStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

/// Longer than anything here takes. The clock is paused and moves on only when no task can run, so that reaching
/// this is the proof that nothing would ever happen again.
const NEVER: Duration = Duration::from_secs(60);

fn ring(socket_buffer: usize, config: RingConfig) -> (RingStream, DuplexStream) {
    let (near, far) = duplex(socket_buffer);
    (RingStream::new(near, config), far)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn writing_and_flushing_never_wait_for_a_peer_that_reads_nothing() {
    let (mut ring, far) = ring(16, RingConfig::default());
    tokio::time::timeout(NEVER, async {
        ring.write_all(&pattern(1024 * 1024)).await.unwrap();
        ring.flush().await.unwrap();
    })
    .await
    .expect("a write waited for the socket");
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_makes_the_ring_overflow_loses_its_connection() {
    let config = RingConfig { write_limit: 100_000, ..RingConfig::default() };
    let (mut ring, _far) = ring(16, config);
    let error = ring.write_all(&pattern(100_100)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
    assert!(ring.write(b"more").await.is_err());
    assert!(ring.flush().await.is_err());
    assert!(ring.shutdown().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn shutting_down_waits_until_all_is_written_and_then_ends_the_stream() {
    let (mut ring, mut far) = ring(1000, RingConfig::default());
    let sent = pattern(1024 * 1024);
    ring.write_all(&sent).await.unwrap();
    assert!(tokio::time::timeout(NEVER, ring.shutdown()).await.is_err(), "nothing was read yet");
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        got
    });
    tokio::time::timeout(NEVER, ring.shutdown()).await.expect("the ring was not drained").unwrap();
    assert!(reader.await.unwrap() == sent);
    assert!(ring.write(b"late").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn reads_run_ahead_by_the_limit_and_no_further() {
    let config = RingConfig { read_limit: 300_000, ..RingConfig::default() };
    let (mut ring, mut far) = ring(1000, config);
    let sent = pattern(2_000_000);
    let mut taken = 0;
    let stuck = tokio::time::timeout(NEVER, async {
        while taken < sent.len() {
            taken += far.write(&sent[taken..]).await.unwrap();
        }
    });
    assert!(stuck.await.is_err(), "the reader took everything");
    assert!((300_000..302_000).contains(&taken), "{taken}");

    let writer = tokio::spawn(async move {
        far.write_all(&sent[taken..]).await.unwrap();
        sent
    });
    let mut got = Vec::new();
    tokio::time::timeout(NEVER, ring.read_to_end(&mut got)).await.expect("the reader did not go on").unwrap();
    assert!(got == writer.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_ring_closes_the_socket_though_much_is_unwritten() {
    let (mut ring, mut far) = ring(16, RingConfig::default());
    ring.write_all(&pattern(100_000)).await.unwrap();
    let mut gate = ring.gate();
    drop(ring);
    let mut rest = Vec::new();
    tokio::time::timeout(NEVER, far.read_to_end(&mut rest)).await.expect("the socket is still open").unwrap();
    assert!(rest.len() < 100_000);
    assert!(far.write_all(&[0; 17]).await.is_err(), "the reader's half is still open");
    assert!(poll_fn(|cx| gate.poll_ready(cx)).await.is_err(), "a sender would wait for ever");
}

#[tokio::test(start_paused = true)]
async fn closing_from_elsewhere_ends_reads_and_writes() {
    let (mut ring, _far) = ring(16, RingConfig::default());
    let closer = ring.closer();
    let mut octet = [0];
    assert!(ring.read(&mut octet).now_or_never().is_none());
    closer.close();
    assert!(ring.read(&mut octet).await.is_err());
    assert!(ring.write(b"x").await.is_err());
}

/// A socket that says a few last words and takes nothing more.
struct Dying(Option<&'static [u8]>);

impl AsyncRead for Dying {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0.take() {
            Some(words) => {
                buf.put_slice(words);
                Poll::Ready(Ok(()))
            }
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Dying {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone for good")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_socket_is_returned_after_the_peers_last_words() {
    let mut ring = RingStream::new(Dying(Some(b"disconnect: out of cheese")), RingConfig::default());
    ring.write_all(b"hello").await.unwrap();
    let mut got = Vec::new();
    let error = tokio::time::timeout(NEVER, ring.read_to_end(&mut got)).await.expect("stuck").unwrap_err();
    assert_eq!(got, b"disconnect: out of cheese");
    assert_eq!((error.kind(), &*error.to_string()), (io::ErrorKind::ConnectionReset, "gone for good"));
    let error = ring.write(b"x").await.unwrap_err();
    assert_eq!((error.kind(), &*error.to_string()), (io::ErrorKind::ConnectionReset, "gone for good"));
}

#[tokio::test(start_paused = true)]
async fn the_gate_shuts_while_much_waits_for_the_socket() {
    let config = RingConfig { gate: 10_000, ..RingConfig::default() };
    let (mut ring, mut far) = ring(16, config);
    let mut gate = ring.gate();
    ring.write_all(&pattern(10_016)).await.unwrap();
    tokio::task::yield_now().await;
    tokio::time::timeout(NEVER, poll_fn(|cx| gate.poll_ready(cx))).await.expect("shut at its mark").unwrap();
    ring.write_all(&pattern(1000)).await.unwrap();
    assert!(
        tokio::time::timeout(NEVER, poll_fn(|cx| gate.poll_ready(cx))).await.is_err(),
        "open above its mark"
    );
    far.read_exact(&mut [0; 1000]).await.unwrap();
    tokio::time::timeout(NEVER, poll_fn(|cx| gate.poll_ready(cx))).await.expect("still shut").unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_gate_counts_what_the_engine_holds_what_it_packed_and_what_waits_for_the_socket() {
    let config = RingConfig { gate: 3000, ..RingConfig::default() };
    let (mut ring, mut far) = ring(16, config);
    let mut gate = ring.gate();
    let mut held = Vec::new();
    while let Some(ready) = poll_fn(|cx| gate.poll_ready(cx)).now_or_never() {
        ready.unwrap();
        held.push(gate.admit(pattern(1000).into()));
        assert!(held.len() <= 4, "the gate never shuts");
    }
    assert_eq!(held.len(), 4);
    // The engine takes two chunks apart and packs them,
    for chunk in held.drain(..2) {
        let halves = [chunk.slice(..500), chunk.slice(500..)];
        drop(chunk);
        assert_eq!(halves.concat(), pattern(1000));
    }
    assert!(poll_fn(|cx| gate.poll_ready(cx)).now_or_never().is_none(), "packed is not written");
    // writes them with what belongs to a packet,
    ring.write_all(&pattern(2080)).await.unwrap();
    assert!(poll_fn(|cx| gate.poll_ready(cx)).now_or_never().is_none(), "written is not sent");
    // and the peer reads them.
    far.read_exact(&mut [0; 2080]).await.unwrap();
    tokio::time::timeout(NEVER, poll_fn(|cx| gate.poll_ready(cx))).await.expect("still shut").unwrap();
}

#[tokio::test(start_paused = true)]
async fn overhead_neither_opens_the_gate_wider_nor_shuts_it() {
    let config = RingConfig { gate: 3000, ..RingConfig::default() };
    let (mut ring, mut far) = ring(16, config);
    tokio::spawn(async move { while far.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} });
    let mut gate = ring.gate();
    // An engine that always has work: it packs one chunk, with a header, whenever the gate is shut.
    for _ in 0..10_000 {
        let mut held = Vec::new();
        tokio::time::timeout(NEVER, poll_fn(|cx| gate.poll_ready(cx))).await.expect("shut for ever").unwrap();
        while let Some(ready) = poll_fn(|cx| gate.poll_ready(cx)).now_or_never() {
            ready.unwrap();
            held.push(gate.admit(pattern(1000).into()));
            assert!(held.len() <= 4, "{} chunks are on their way", held.len());
        }
        for chunk in held {
            drop(chunk);
            ring.write_all(&pattern(1040)).await.unwrap();
        }
    }
}
