//! Why the ring exists: two russh ends that both have much to send.
//!
//! Russh's event loop awaits its socket write and reads nothing meanwhile, so two of them fill each other's socket
//! buffers and wait. The clock in these tests is paused: it moves on only when no task of the runtime can run. That
//! the timeout of the transfer fires is therefore no matter of patience but the proof of a deadlock, since both
//! ends wait for each other and nothing else is left that could wake them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use russh::keys::{Algorithm, PrivateKey, PublicKeyOrCertificate};
use russh::server::{self, Auth, ChannelOpenHandle, Session};
use russh::{Channel, ChannelMsg, Preferred, client};
use ssh_carrier::ring::{RingConfig, RingStream};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

/// What each end sends.
const TOTAL: usize = 64 * 1024 * 1024;
const CHUNK: usize = 32 * 1024;

/// On the paused clock; well before russh's own timers (a rekey after an hour).
const NEVER: Duration = Duration::from_secs(60);

type Hash = Vec<u8>;

/// What one end sent and what it got, hashed.
#[derive(Debug)]
struct Outcome {
    sent: Hash,
    received: Hash,
}

/// Sends `TOTAL` octets that depend on `seed`, and receives as many.
async fn exchange<M>(channel: Channel<M>, seed: u8) -> Outcome
where
    M: From<(russh::ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let (mut read, write) = channel.split();
    let sender = tokio::spawn(async move {
        let mut hash = digest::Context::new(&digest::SHA256);
        for n in 0..TOTAL / CHUNK {
            let mut chunk = vec![seed; CHUNK];
            chunk[..8].copy_from_slice(&n.to_le_bytes());
            hash.update(&chunk);
            write.data_bytes(chunk).await.expect("the engine ended");
        }
        (hash.finish().as_ref().to_vec(), write)
    });
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut left = TOTAL;
    while left > 0 {
        match read.wait().await.expect("the channel ended") {
            ChannelMsg::Data { data } => {
                hash.update(&data);
                left -= data.len();
            }
            ChannelMsg::WindowAdjusted { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    let (sent, _write) = sender.await.unwrap();
    Outcome { sent, received: hash.finish().as_ref().to_vec() }
}

struct Called(Option<oneshot::Sender<Channel<server::Msg>>>);

impl server::Handler for Called {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<server::Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        let _ = self.0.take().expect("one channel").send(channel);
        Ok(())
    }
}

struct Caller;

impl client::Handler for Caller {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

fn preferred() -> Preferred {
    Preferred { cipher: vec![russh::cipher::AES_128_GCM].into(), ..Preferred::default() }
}

/// Logs in over the pair and exchanges; `None` when everything came to a halt.
async fn both_send<A, B>(calling: A, called: B) -> Option<(Outcome, Outcome)>
where
    A: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let server = server::Config {
        keys: vec![key],
        preferred: preferred(),
        inactivity_timeout: None,
        ..server::Config::default()
    };
    let client =
        client::Config { preferred: preferred(), inactivity_timeout: None, ..client::Config::default() };
    let (opened, channel) = oneshot::channel();
    let called = tokio::spawn(async move {
        let _session = server::run_stream(Arc::new(server), called, Called(Some(opened))).await.unwrap();
        exchange(channel.await.unwrap(), 2).await
    });
    let mut session = client::connect_stream(Arc::new(client), calling, Caller).await.unwrap();
    assert!(session.authenticate_none("venus").await.unwrap().success());
    let channel = session.channel_open_session().await.unwrap();
    let both = async { (exchange(channel, 1).await, called.await.unwrap()) };
    tokio::time::timeout(NEVER, both).await.ok()
}

fn assert_equal(outcome: Option<(Outcome, Outcome)>) {
    let (calling, called) = outcome.expect("both ends came to a halt");
    assert_eq!(calling.sent, called.received);
    assert_eq!(called.sent, calling.received);
}

fn tiny_pipe() -> (DuplexStream, DuplexStream) {
    duplex(1024)
}

#[tokio::test(start_paused = true)]
async fn without_rings_two_russh_ends_that_both_send_wait_for_each_other_for_ever() {
    let (calling, called) = tiny_pipe();
    assert!(
        both_send(calling, called).await.is_none(),
        "russh reads while it writes now: is the ring still needed?"
    );
}

#[tokio::test(start_paused = true)]
async fn with_rings_both_get_all() {
    let (calling, called) = tiny_pipe();
    let ring = |io| RingStream::new(io, RingConfig::default());
    assert_equal(both_send(ring(calling), ring(called)).await);
}

#[tokio::test(start_paused = true)]
async fn one_ring_is_enough_as_the_far_side_may_be_any_ssh() {
    let (calling, called) = tiny_pipe();
    assert_equal(both_send(RingStream::new(calling, RingConfig::default()), called).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rings_both_get_all_through_sockets_with_the_smallest_buffers() {
    let (calling, called) = UnixStream::pair().unwrap();
    for socket in [&calling, &called] {
        rustix::net::sockopt::set_socket_send_buffer_size(socket, 4096).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(socket, 4096).unwrap();
    }
    let ring = |io: UnixStream| {
        let (read, write) = io.into_split();
        RingStream::from_halves(read, write, RingConfig::default())
    };
    assert_equal(both_send(ring(calling), ring(called)).await);
}
