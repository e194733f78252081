//! Logins that ask the user, against a server that sshd could not be made into without touching the accounts.

mod support;

use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{self, Auth, ChannelOpenHandle, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use ssh_carrier::client::{self, ClientConfig, NoPrompt};
use ssh_carrier::{Carrier, CarrierError};
use support::{Answer, to_end};
use tokio::net::TcpListener;

/// What the server wants of a caller.
#[derive(Clone, Copy)]
enum Wants {
    Password,
    /// Two questions in one round, then a round without any, as PAM does.
    Questions,
    /// A key, and then an answer.
    KeyAndAnswer,
}

struct Door(Wants);

fn reject(next: MethodKind, partial_success: bool) -> Auth {
    Auth::Reject { proceed_with_methods: Some(MethodSet::from(&[next][..])), partial_success }
}

fn questions(prompts: &'static [(&'static str, bool)]) -> Auth {
    Auth::Partial {
        name: "".into(),
        instructions: "".into(),
        prompts: prompts.iter().map(|&(text, echo)| (text.into(), echo)).collect(),
    }
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(match self.0 {
            Wants::Password => reject(MethodKind::Password, false),
            Wants::Questions => reject(MethodKind::KeyboardInteractive, false),
            Wants::KeyAndAnswer => reject(MethodKind::PublicKey, false),
        })
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(if password == "sesame" { Auth::Accept } else { reject(MethodKind::Password, false) })
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(match self.0 {
            Wants::KeyAndAnswer => reject(MethodKind::KeyboardInteractive, true),
            Wants::Password => reject(MethodKind::Password, false),
            Wants::Questions => reject(MethodKind::KeyboardInteractive, false),
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            return Ok(questions(&[("Password:", false), ("Code:", true)]));
        };
        let answers: Vec<_> = response.collect();
        Ok(match answers.len() {
            0 => Auth::Accept,
            _ if answers.iter().all(|answer| answer == "sesame") => questions(&[]),
            _ => reject(MethodKind::KeyboardInteractive, false),
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(id)?;
        session.exit_status_request(id, 0)?;
        session.close(id)
    }
}

/// Serves one caller, and says how to call.
async fn door(wants: Wants) -> (ClientConfig, tempfile::TempDir) {
    let seed = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[5; 32]);
    let host_key = PrivateKey::new(seed.into(), "").unwrap();
    assert_eq!(host_key.algorithm(), Algorithm::Ed25519);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let known = format!("[127.0.0.1]:{port} {}\n", host_key.public_key().to_openssh().unwrap());
    std::fs::write(dir.path().join("known_hosts"), known).unwrap();

    let server = Arc::new(server::Config {
        keys: vec![host_key],
        auth_rejection_time: Duration::ZERO,
        methods: MethodSet::from(
            &[MethodKind::Password, MethodKind::KeyboardInteractive, MethodKind::PublicKey][..],
        ),
        ..server::Config::default()
    });
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let session = server::run_stream(server, stream, Door(wants)).await.unwrap();
        let _ = session.await;
    });

    let mut config = ClientConfig::new("127.0.0.1");
    config.ssh_program = None;
    config.port = Some(port);
    config.user = Some("vpn".into());
    config.options = vec![
        format!("UserKnownHostsFile={}", dir.path().join("known_hosts").display()),
        "GlobalKnownHostsFile=none".into(),
        "IdentityFile=none".into(),
        "IdentityAgent=none".into(),
    ];
    (config, dir)
}

async fn call(wants: Wants, prompt: &Arc<Answer>) -> Result<Carrier, CarrierError> {
    let (mut config, dir) = door(wants).await;
    if let Wants::KeyAndAnswer = wants {
        let key = dir.path().join("key").to_str().unwrap().to_owned();
        support::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key]);
        config.identities = vec![key.into()];
    }
    client::connect(&config, "true", prompt.clone()).await
}

#[tokio::test]
async fn a_password_is_asked_for_and_lets_in() {
    let prompt = Answer::new(Some("sesame"));
    let mut carrier = call(Wants::Password, &prompt).await.unwrap();
    to_end(&mut carrier).await.1.unwrap();
    assert_eq!(prompt.asked(), ["vpn@127.0.0.1's password: "]);
}

#[tokio::test]
async fn a_wrong_password_is_asked_for_three_times_and_then_refused() {
    let prompt = Answer::new(Some("wrong"));
    let error = call(Wants::Password, &prompt).await.unwrap_err();
    assert!(matches!(error, CarrierError::Auth { .. }), "{error:?}");
    assert_eq!(prompt.asked().len(), 3);
    assert!(!error.to_string().contains("wrong"), "passwords stay out of errors: {error}");
}

#[tokio::test]
async fn the_server_s_questions_are_asked_in_order() {
    let prompt = Answer::new(Some("sesame"));
    let mut carrier = call(Wants::Questions, &prompt).await.unwrap();
    to_end(&mut carrier).await.1.unwrap();
    assert_eq!(prompt.asked(), ["(127.0.0.1) Password: ", "(127.0.0.1) Code: "]);
}

#[tokio::test]
async fn a_key_that_is_not_enough_is_followed_by_questions() {
    let prompt = Answer::new(Some("sesame"));
    let mut carrier = call(Wants::KeyAndAnswer, &prompt).await.unwrap();
    to_end(&mut carrier).await.1.unwrap();
    assert_eq!(prompt.asked().len(), 2);
}

#[tokio::test]
async fn nobody_to_ask_is_an_error_that_says_so() {
    for wants in [Wants::Password, Wants::Questions] {
        let (config, _dir) = door(wants).await;
        let error = client::connect(&config, "true", Arc::new(NoPrompt)).await.unwrap_err();
        assert!(error.to_string().contains("nobody can be asked"), "{error}");
    }
}
