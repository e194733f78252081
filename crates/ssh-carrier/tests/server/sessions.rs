//! What those who got in can do.

use std::process::Stdio;

use bytes::Bytes;
use russh::ChannelOpenFailure;
use ssh_carrier::server::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{CHUNK, HOST, Place, drain, echo, echo_one, feed, receive_all, send_all, stderr};

/// 64 MiB.
const CHUNKS: usize = 2048;

/// Both ends send at once; both get all, in order, and the exit status after it.
async fn both_send(ssh_options: &[&str], chunks: usize) {
    let place = Place::new();
    let mut server = place.server().await;
    let mut ssh = place.ssh(&server);
    let mut ssh = ssh.args(ssh_options).args([HOST, "x"]).stdin(Stdio::piped()).spawn().unwrap();
    let fed = tokio::spawn(feed(ssh.stdin.take().unwrap(), 1, chunks));
    let drained = tokio::spawn(drain(ssh.stdout.take().unwrap()));
    let Incoming { mut carrier, reply, .. } = server.accept().await.unwrap();
    let sent = tokio::spawn(send_all(carrier.tx, 2, chunks));
    let received = receive_all(&mut *carrier.rx).await;
    let (sent, _tx) = sent.await.unwrap();
    reply.exit(3);
    let output = ssh.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(received == (fed.await.unwrap(), chunks * CHUNK));
    assert!(drained.await.unwrap() == (sent, chunks * CHUNK));
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_and_server_send_64_mib_at_once() {
    both_send(&[], CHUNKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_renewed_in_the_middle_of_64_mib_both_ways() {
    both_send(&["-o", "RekeyLimit=5M"], CHUNKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ciphers_other_than_the_preferred_one_work_too() {
    for cipher in ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"] {
        both_send(&["-c", cipher], 32).await;
    }
}

#[tokio::test]
async fn after_the_clients_end_the_session_can_still_answer() {
    let place = Place::new();
    let mut server = place.server().await;
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, async {
        let Incoming { mut carrier, reply, .. } = server.accept().await.unwrap();
        assert!(carrier.rx.recv().await.unwrap().is_none());
        assert!(carrier.rx.recv().await.unwrap().is_none(), "the end stays the end");
        // More than the window, so that the client has to answer meanwhile.
        for _ in 0..200 {
            carrier.tx.send(vec![b'x'; CHUNK].into()).await.unwrap();
        }
        carrier.tx.finish().await.unwrap();
        carrier.tx.finish().await.unwrap();
        reply.exit(0);
    });
    let output = output.unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 200 * CHUNK), "{}", stderr(&output));
}

#[tokio::test]
async fn a_session_that_is_dropped_ends_for_the_client_without_a_status() {
    let place = Place::new();
    let mut server = place.server().await;
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, async {
        drop(server.accept().await.unwrap());
    });
    assert_eq!(output.unwrap().status.code(), Some(255));
}

#[tokio::test]
async fn a_shell_is_refused_and_the_client_is_told_why() {
    let place = Place::new();
    let server = place.server().await;
    let output = place.ssh(&server).args(["-T", HOST]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no shell here"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_terminal_is_refused() {
    let place = Place::new();
    let server = place.server().await;
    let output = place.ssh(&server).args(["-tt", HOST, "x"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(stderr(&output).contains("PTY allocation request failed"), "{}", stderr(&output));
}

#[tokio::test]
async fn subsystems_and_forwardings_are_refused() {
    let place = Place::new();
    let server = place.server().await;
    let cases: [(&[&str], &str); 4] = [
        (&["-s", HOST, "sftp"], "subsystem request failed"),
        (&["-W", "127.0.0.1:9", HOST], "administratively prohibited"),
        (&["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9", "-N", HOST], "forwarding failed"),
        (
            &["-o", "ExitOnForwardFailure=yes", "-R", "/nowhere/socket:127.0.0.1:9", "-N", HOST],
            "forwarding failed",
        ),
    ];
    for (args, expected) in cases {
        let output = place.ssh(&server).args(args).output().await.unwrap();
        assert_eq!(output.status.code(), Some(255), "{args:?}");
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

#[tokio::test]
async fn an_overlong_command_is_refused() {
    let place = Place::new();
    let mut server = place.server().await;
    let output = place.ssh(&server).args([HOST, &"x".repeat(4097)]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("at most 4096 octets, found 4097"), "{}", stderr(&output));
    let ssh = place.ssh(&server).args([HOST, &"x".repeat(4096)]).output();
    let (output, ()) = tokio::join!(ssh, echo(&mut server, 1, 0));
    assert_eq!(output.unwrap().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_one_client_leaves_the_other_alone() {
    let place = Place::new();
    let mut server = place.server().await;
    let spawn = || place.ssh(&server).args([HOST, "x"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut victim, mut other) = (spawn(), spawn());
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(tokio::spawn(echo_one(server.accept().await.unwrap(), 0)));
    }
    // Both are in the middle of it.
    let mut pipes = Vec::new();
    for ssh in [&mut victim, &mut other] {
        let (mut stdin, mut stdout) = (ssh.stdin.take().unwrap(), ssh.stdout.take().unwrap());
        stdin.write_all(b"hello").await.unwrap();
        stdout.read_exact(&mut [0; 5]).await.unwrap();
        pipes.push((stdin, stdout));
    }
    let (stdin, stdout) = pipes.pop().unwrap();
    victim.kill().await.unwrap();
    let (fed, drained) = tokio::join!(feed(stdin, 1, CHUNKS), drain(stdout));
    assert!((fed, CHUNKS * CHUNK) == drained);
    assert_eq!(other.wait().await.unwrap().code(), Some(0));
    let mut clean = Vec::new();
    for session in sessions {
        clean.push(session.await.unwrap());
    }
    clean.sort_unstable();
    assert_eq!(clean, [false, true], "the victim's session heard of its end");
}

#[tokio::test]
async fn a_panic_in_one_session_leaves_the_server_alone() {
    let place = Place::new();
    let mut server = place.server().await;
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, async {
        let incoming = server.accept().await.unwrap();
        let task = tokio::spawn(async move {
            let _held = incoming;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(task.await.unwrap_err().is_panic());
    });
    assert_eq!(output.unwrap().status.code(), Some(255));
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, echo(&mut server, 1, 0));
    assert_eq!(output.unwrap().status.code(), Some(0));
}

#[tokio::test]
async fn shutting_down_lets_an_exit_status_through_and_disconnects_the_rest() {
    let place = Place::new();
    let mut server = place.server().await;
    let ending = place.ssh(&server).args([HOST, "x"]).output();
    let ending = tokio::spawn(ending);
    let Incoming { mut carrier, reply, .. } = server.accept().await.unwrap();
    let staying = tokio::spawn(place.ssh(&server).args([HOST, "x"]).output());
    let mut stays = server.accept().await.unwrap();
    carrier.tx.send(Bytes::from_static(b"last words")).await.unwrap();
    carrier.tx.finish().await.unwrap();
    reply.exit(9);
    let address = server.addresses()[0];
    server.shutdown().await;
    let output = ending.await.unwrap().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(9), &b"last words"[..]), "{}", stderr(&output));
    let output = staying.await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(stderr(&output).contains("the server is shutting down"), "{}", stderr(&output));
    assert!(stays.carrier.tx.ready().await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "still listening");
}

#[tokio::test]
async fn dropping_the_server_cuts_every_connection() {
    let place = Place::new();
    let mut server = place.server().await;
    let ssh = tokio::spawn(place.ssh(&server).args([HOST, "x"]).stdin(Stdio::piped()).output());
    let mut incoming = server.accept().await.unwrap();
    drop(server);
    while incoming.carrier.tx.ready().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ssh.await.unwrap().unwrap().status.code(), Some(255));
}

#[tokio::test]
async fn sessions_of_one_connection_are_limited_and_free_again_when_they_end() {
    let place = Place::new();
    let mut config = place.config();
    config.max_sessions = 1;
    let mut server = place.serve(config).await;
    let client = place.russh(&server).await;
    for _ in 0..3 {
        let mut first = client.channel_open_session().await.unwrap();
        first.exec(true, "x").await.unwrap();
        let Incoming { reply, carrier, .. } = server.accept().await.unwrap();
        let second = client.channel_open_session().await;
        assert!(
            matches!(second, Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::ResourceShortage))),
            "{second:?}"
        );
        reply.exit(0);
        drop(carrier);
        while first.wait().await.is_some() {}
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_its_own_session_back_and_no_other() {
    let place = Place::new();
    let mut server = place.server().await;
    let client = place.russh(&server).await;
    let greedy = client.channel_open_session().await.unwrap();
    greedy.exec(false, "x").await.unwrap();
    let mut stuck = server.accept().await.unwrap();
    // Nobody reads `greedy`, so that russh in the client stops reading altogether. What the server takes from the
    // session until then is a window or two and what the sockets hold, and then nothing more.
    let filler = tokio::spawn(async move {
        let mut sent = 0;
        while stuck.carrier.tx.send(vec![0; CHUNK].into()).await.is_ok() {
            sent += CHUNK;
        }
        sent
    });
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, echo(&mut server, 1, 0));
    assert_eq!(output.unwrap().status.code(), Some(0));
    drop(server);
    let sent = filler.await.unwrap();
    assert!(sent < 64 * 1024 * 1024, "{sent}");
    drop(greedy);
}

#[tokio::test]
async fn requests_and_data_without_a_session_are_not_collected_for_ever() {
    let place = Place::new();
    let mut server = place.server().await;
    for kind in ["environment", "data"] {
        let client = place.russh(&server).await;
        let mut channel = client.channel_open_session().await.unwrap();
        let flood = async {
            loop {
                match kind {
                    "data" => channel.data_bytes(&b"x"[..]).await?,
                    _ => channel.set_env(false, "NAME", "value").await?,
                }
            }
        };
        let ended: Result<(), russh::Error> = flood.await;
        assert!(ended.is_err());
        while channel.wait().await.is_some() {}
    }
    let ssh = place.ssh(&server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, echo(&mut server, 1, 0));
    assert_eq!(output.unwrap().status.code(), Some(0));
}
