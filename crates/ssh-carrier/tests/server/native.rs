//! This crate's own client against this crate's own server.

use std::sync::Arc;
use std::time::Duration;

use ssh_carrier::client::{self, ClientConfig, NoPrompt};
use ssh_carrier::server::{Incoming, Server};
use ssh_carrier::{Carrier, CarrierError, CarrierRx, CarrierTx};
use tokio::time::timeout;

use crate::support::{CHUNK, HOST, Place, Relay, chunk, receive_all, send_all};

/// 64 MiB.
const CHUNKS: usize = 2048;

fn calling(place: &Place, server: &Server) -> ClientConfig {
    let mut config = ClientConfig::new(HOST);
    config.user = Some("vpn".to_owned());
    config.port = Some(server.addresses()[0].port());
    config.identities = vec![place.path("id")];
    config.config_file = Some("none".into());
    config.options = vec![
        format!("UserKnownHostsFile={}", place.path("known_hosts").display()),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
    ];
    config
}

/// Both ends of a session.
async fn session(place: &Place, server: &mut Server) -> (Carrier, Incoming) {
    call(calling(place, server), server).await
}

async fn call(config: ClientConfig, server: &mut Server) -> (Carrier, Incoming) {
    let connecting = client::connect(&config, "pppssh serve", Arc::new(NoPrompt));
    let (near, far) = tokio::join!(connecting, server.accept());
    (near.unwrap(), far.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_send_64_mib_at_once() {
    let place = Place::new();
    let mut server = place.server().await;
    let (mut near, far) = session(&place, &mut server).await;
    let Incoming { carrier: mut far, reply, command, .. } = far;
    assert_eq!(command, "pppssh serve");
    let near_sent = tokio::spawn(send_all(near.tx, 1, CHUNKS));
    let far_sent = tokio::spawn(send_all(far.tx, 2, CHUNKS));
    let near_received = tokio::spawn(async move { receive_all(&mut *near.rx).await });
    let far_received = receive_all(&mut *far.rx).await;
    let (near_sent, _near_tx) = near_sent.await.unwrap();
    let (far_sent, _far_tx) = far_sent.await.unwrap();
    reply.exit(0);
    assert!(far_received == (near_sent, CHUNKS * CHUNK));
    assert!(near_received.await.unwrap() == (far_sent, CHUNKS * CHUNK));
}

/// Sends so many chunks and sees them arrive.
async fn passes(chunks: usize, mut tx: Box<dyn CarrierTx>, rx: &mut dyn CarrierRx) {
    let sending = tokio::spawn(async move {
        for n in 0..chunks {
            tx.send(chunk(3, n)).await.unwrap();
        }
        tx
    });
    let arrived = async {
        let mut arrived = 0;
        while arrived < chunks * CHUNK {
            arrived += rx.recv().await.unwrap().expect("the stream goes on").len();
        }
    };
    timeout(Duration::from_secs(60), arrived).await.expect("all arrives");
    drop(sending.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn six_mib_pass_either_way_before_anything_comes_back() {
    /// Three windows of OpenSSH's.
    const AHEAD: usize = 192;
    let place = Place::new();
    let mut server = place.server().await;
    for down in [true, false] {
        let relay = Relay::to(server.addresses()[0]).await;
        let mut config = calling(&place, &server);
        config.port = Some(relay.port);
        // The server's key, as that of the relay.
        config.options.push(format!("HostKeyAlias=[{HOST}]:{}", server.addresses()[0].port()));
        let (mut near, mut far) = call(config, &mut server).await;
        near.tx.send(chunk(1, 0)).await.unwrap();
        far.carrier.rx.recv().await.unwrap();
        far.carrier.tx.send(chunk(2, 0)).await.unwrap();
        near.rx.recv().await.unwrap();
        if down {
            relay.stop_up();
            passes(AHEAD, far.carrier.tx, &mut *near.rx).await;
        } else {
            relay.stop_down();
            passes(AHEAD, near.tx, &mut *far.carrier.rx).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_does_not_read_hears_all_the_same_that_it_may_send() {
    /// 7 MiB, less than a window.
    const UNREAD: usize = 224;
    /// 16 MiB: a window and a half have to be granted anew, behind what is not read.
    const SENT: usize = 512;
    let place = Place::new();
    let mut server = place.server().await;
    for near_reads in [true, false] {
        let (near, far) = session(&place, &mut server).await;
        let (mut reader, other) = if near_reads { (near, far.carrier) } else { (far.carrier, near) };
        for n in 0..UNREAD {
            timeout(Duration::from_secs(60), reader.tx.send(chunk(4, n)))
                .await
                .expect("the window has room")
                .unwrap();
        }
        passes(SENT, other.tx, &mut *reader.rx).await;
        drop(other.rx);
    }
}

#[tokio::test]
async fn the_exit_status_and_the_reason_reach_the_caller() {
    let place = Place::new();
    let mut server = place.server().await;
    let (mut near, far) = session(&place, &mut server).await;
    far.reply.stderr("10.0.0.9 is not an address that this key may have");
    far.reply.exit(19);
    let error = near.rx.recv().await.unwrap_err();
    let CarrierError::Exited { status, stderr, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*status, stderr.trim()), (Some(19), "10.0.0.9 is not an address that this key may have"));
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_the_session_on_both_halves() {
    let place = Place::new();
    let mut server = place.server().await;
    let (near, far) = session(&place, &mut server).await;
    let Incoming { carrier: mut far, .. } = far;
    drop(near);
    while far.rx.recv().await.is_ok_and(|octets| octets.is_some()) {}
    while far.tx.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
}
