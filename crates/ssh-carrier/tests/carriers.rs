//! Both calling carriers against a real sshd.

mod support;

use ssh_carrier::CarrierError;
use support::{Kind, Pattern, Sshd, descendants, to_end, until};

const BOTH: [Kind; 2] = [Kind::Native, Kind::Openssh];

/// Sends `total` bytes through the far `cat` and compares every byte that comes back, both ways at once.
async fn echo(sshd: &Sshd, kind: Kind, total: usize, chunk: usize) {
    let mut carrier = sshd.call(kind, "cat").await.unwrap();
    let pattern = Pattern::new();
    let (tx, rx) = (&mut carrier.tx, &mut carrier.rx);
    let send = async {
        let mut sent = 0;
        while sent < total {
            let len = chunk.min(total - sent);
            tx.send(pattern.slice(sent, len)).await.unwrap();
            sent += len;
        }
        tx.finish().await.unwrap();
    };
    let receive = async {
        let mut received = 0;
        while let Some(chunk) = rx.recv().await.unwrap() {
            assert!(chunk == pattern.slice(received, chunk.len()), "{kind:?}: wrong bytes at {received}");
            received += chunk.len();
        }
        received
    };
    let ((), received) = tokio::join!(send, receive);
    assert_eq!(received, total, "{kind:?}");
}

#[tokio::test]
async fn sixty_four_mebibytes_come_back_unchanged_while_as_many_are_sent() {
    let sshd = Sshd::start();
    for kind in BOTH {
        echo(&sshd, kind, 64 << 20, 32 * 1024).await;
    }
}

#[tokio::test]
async fn chunks_of_any_size_come_back_unchanged() {
    let sshd = Sshd::start();
    for kind in BOTH {
        for chunk in [1, 1000, 33_000, 300_000] {
            echo(&sshd, kind, chunk * 20, chunk).await;
        }
    }
}

#[tokio::test]
async fn the_far_command_s_exit_is_reported_with_its_last_words() {
    let sshd = Sshd::start();
    for kind in BOTH {
        let (out, end) = sshd.call_to_end(kind, "echo out; exit 0").await;
        assert_eq!(out, b"out\n", "{kind:?}");
        end.unwrap();

        let (_, end) = sshd.call_to_end(kind, "echo why >&2; exit 3").await;
        let error = end.unwrap_err();
        assert!(matches!(error, CarrierError::Exited { status: Some(3), .. }), "{kind:?}: {error:?}");
        assert!(error.to_string().contains("status 3: why"), "{kind:?}: {error}");

        let (_, end) = sshd.call_to_end(kind, "no-such-command-there").await;
        let error = end.unwrap_err();
        assert!(error.to_string().contains("did not find the command"), "{kind:?}: {error}");
        assert!(!error.retry_may_help());

        let (_, end) = sshd.call_to_end(kind, "echo This account is currently not available.; exit 1").await;
        let error = end.unwrap_err();
        assert!(error.to_string().contains("it printed: This account is currently"), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn a_far_command_that_is_killed_is_an_error() {
    let sshd = Sshd::start();
    for kind in BOTH {
        let (_, end) = sshd.call_to_end(kind, "kill -9 $$").await;
        let error = end.unwrap_err();
        match kind {
            Kind::Native => {
                assert!(
                    matches!(&error, CarrierError::Exited { signal: Some(name), .. } if name == "KILL"),
                    "{error:?}"
                );
            }
            // ssh says 255 for a signal over there.
            Kind::Openssh => assert!(matches!(error, CarrierError::SshFailed { .. }), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn an_sshd_that_is_killed_mid_transfer_is_an_error_on_both_halves() {
    for kind in BOTH {
        let mut sshd = Sshd::start();
        let mut carrier = sshd.call(kind, "cat").await.unwrap();
        let pattern = Pattern::new();
        carrier.tx.send(pattern.slice(0, 32 * 1024)).await.unwrap();
        let mut received = 0;
        while received < 32 * 1024 {
            received += carrier.rx.recv().await.unwrap().unwrap().len();
        }
        sshd.kill();
        let (_, end) = to_end(&mut carrier).await;
        let error = end.unwrap_err();
        assert!(error.retry_may_help(), "{kind:?}: {error}");
        // The sending half may still take what fits into buffers, and then says the same.
        let error = loop {
            if let Err(error) = carrier.tx.send(pattern.slice(0, 32 * 1024)).await {
                break error;
            }
        };
        assert!(error.retry_may_help(), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn dropping_both_halves_ends_the_far_command_and_leaves_no_child() {
    let sshd = Sshd::start();
    for kind in BOTH {
        let mut carrier = sshd.call(kind, "echo up; exec cat").await.unwrap();
        assert_eq!(carrier.rx.recv().await.unwrap().unwrap(), "up\n");
        let before = sshd.sessions();
        assert!(!before.is_empty());
        let own: Vec<u32> =
            descendants(std::process::id()).into_iter().filter(|pid| !before.contains(pid)).collect();
        drop(carrier);
        until("the session has ended", || sshd.sessions().iter().all(|pid| !before.contains(pid))).await;
        // Of our own children only sshd is left.
        until("ssh is reaped", || {
            let now = descendants(std::process::id());
            own.iter().filter(|pid| now.contains(pid)).count() <= 1
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_authorized_is_refused_with_what_was_tried() {
    let sshd = Sshd::start();
    sshd.write("authorized_keys", "");
    let (_, end) = sshd.call_to_end(Kind::Native, "cat").await;
    let error = end.unwrap_err();
    assert!(matches!(error, CarrierError::Auth { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("{} refused", sshd.str("id"))), "{error}");
    assert!(error.to_string().contains("the server takes: publickey"), "{error}");
    assert!(!error.retry_may_help());

    let (_, end) = sshd.call_to_end(Kind::Openssh, "cat").await;
    let error = end.unwrap_err();
    assert!(matches!(error, CarrierError::SshFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("Permission denied"), "{error}");
    assert!(!error.retry_may_help());
}

#[tokio::test]
async fn an_unknown_host_is_refused_by_both() {
    let sshd = Sshd::start();
    sshd.write("known_hosts", "");
    for kind in BOTH {
        let (_, end) = sshd.call_to_end(kind, "cat").await;
        assert!(!end.unwrap_err().retry_may_help(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_an_error_that_may_pass() {
    let mut sshd = Sshd::start();
    sshd.kill();
    for kind in BOTH {
        let (_, end) = sshd.call_to_end(kind, "cat").await;
        let error = end.unwrap_err();
        assert!(error.retry_may_help(), "{kind:?}: {error}");
        assert!(error.to_string().contains("refused"), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn aes_gcm_is_used_unless_the_user_chose_ciphers() {
    for kind in BOTH {
        for (line, expected) in [("", "aes128-gcm@openssh.com"), ("Ciphers aes256-ctr", "aes256-ctr")] {
            let sshd = Sshd::start_with("LogLevel DEBUG1");
            sshd.write_client_config(line);
            sshd.call_to_end(kind, "true").await.1.unwrap();
            let expected = format!("client->server cipher: {expected} ");
            until(&format!("{kind:?} has {expected}"), || sshd.log().contains(&expected)).await;
        }
    }
}
