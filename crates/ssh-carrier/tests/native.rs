//! The native client against a real sshd: host keys, logins and ways there.

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ssh_carrier::client::{self, ClientConfig, NoPrompt};
use ssh_carrier::{Carrier, CarrierError, CarrierKind, HostKeyProblem};
use support::{Answer, Kind, Sshd, fingerprint, free_port, run, to_end, until};

async fn call(config: &ClientConfig) -> Result<Carrier, CarrierError> {
    client::connect(config, "echo hello", Arc::new(NoPrompt)).await
}

async fn says_hello(config: &ClientConfig) {
    let mut carrier = call(config).await.unwrap_or_else(|error| panic!("{error}"));
    let (out, end) = to_end(&mut carrier).await;
    end.unwrap();
    assert_eq!(out, b"hello\n");
}

async fn host_key_problem(sshd: &Sshd) -> HostKeyProblem {
    match call(&sshd.client()).await.unwrap_err() {
        CarrierError::HostKey(error) => error.problem,
        other => panic!("not a host key error: {other}"),
    }
}

// ---- Host keys

#[tokio::test]
async fn an_unknown_host_shows_its_fingerprint_and_the_line_that_lets_it_in() {
    let sshd = Sshd::start();
    sshd.write("known_hosts", "");
    let error = call(&sshd.client()).await.unwrap_err();
    assert!(error.to_string().contains(&fingerprint(&sshd.path("host.pub"))), "{error}");
    let CarrierError::HostKey(error) = error else { panic!("{error:?}") };
    assert_eq!(error.problem, HostKeyProblem::Unknown);
    assert_eq!(error.file, sshd.path("known_hosts"));
    assert_eq!(sshd.read("known_hosts"), "", "nothing is recorded unasked");
    sshd.write("known_hosts", &error.line);
    says_hello(&sshd.client()).await;
}

#[tokio::test]
async fn a_changed_host_key_is_refused_whatever_strict_host_key_checking_says() {
    let sshd = Sshd::start();
    sshd.keygen("other", &["-t", "ed25519", "-N", ""]);
    sshd.write("known_hosts", &format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.public_key("other")));
    for line in ["", "StrictHostKeyChecking accept-new", "StrictHostKeyChecking no"] {
        sshd.write_client_config(line);
        let at = format!("{}:1", sshd.str("known_hosts"));
        assert_eq!(host_key_problem(&sshd).await, HostKeyProblem::Changed { at });
    }
}

#[tokio::test]
async fn accept_new_records_an_unknown_host_for_the_next_time() {
    let sshd = Sshd::start();
    sshd.write("known_hosts", "");
    sshd.write_client_config("StrictHostKeyChecking accept-new\nHashKnownHosts yes");
    says_hello(&sshd.client()).await;
    assert!(sshd.read("known_hosts").starts_with("|1|"));
    sshd.write_client_config("");
    says_hello(&sshd.client()).await;
    // OpenSSH finds it too.
    sshd.call_to_end(Kind::Openssh, "true").await.1.unwrap();
}

#[tokio::test]
async fn hashed_and_aliased_names_are_found() {
    let sshd = Sshd::start();
    run("ssh-keygen", &["-q", "-H", "-f", &sshd.str("known_hosts")]);
    assert!(sshd.read("known_hosts").starts_with("|1|"));
    says_hello(&sshd.client()).await;

    sshd.write("known_hosts", &format!("planet {}\n", sshd.public_key("host")));
    assert_eq!(host_key_problem(&sshd).await, HostKeyProblem::Unknown);
    sshd.write_client_config("HostKeyAlias planet");
    says_hello(&sshd.client()).await;
}

#[tokio::test]
async fn a_revoked_host_key_is_refused() {
    let sshd = Sshd::start();
    let revoked = format!("@revoked * {}\n", sshd.public_key("host"));
    sshd.write("known_hosts", &(sshd.known_hosts_line() + &revoked));
    let at = format!("{}:2", sshd.str("known_hosts"));
    assert_eq!(host_key_problem(&sshd).await, HostKeyProblem::Revoked { at });
}

#[tokio::test]
async fn the_recorded_kind_of_key_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let rsa = dir.path().join("rsa");
    run("ssh-keygen", &["-q", "-t", "rsa", "-N", "", "-f", rsa.to_str().unwrap()]);
    let sshd = Sshd::start_with(&format!("HostKey {}", rsa.display()));
    let public = std::fs::read_to_string(rsa.with_extension("pub")).unwrap();
    sshd.write("known_hosts", &format!("[127.0.0.1]:{} {public}", sshd.port));
    says_hello(&sshd.client()).await;
}

/// An sshd with a host certificate for `principal`, and a client that trusts its authority.
fn with_host_certificate(principal: &str, validity: &str) -> (Sshd, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for name in ["ca", "certified"] {
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(name)]);
    }
    let public = at("certified.pub");
    run("ssh-keygen", &["-q", "-s", &at("ca"), "-h", "-I", "h", "-n", principal, "-V", validity, &public]);
    let config = format!("HostKey {}\nHostCertificate {}", at("certified"), at("certified-cert.pub"));
    let sshd = Sshd::start_with(&config);
    let ca = std::fs::read_to_string(at("ca.pub")).unwrap();
    sshd.write("known_hosts", &format!("@cert-authority * {ca}"));
    (sshd, dir)
}

#[tokio::test]
async fn a_host_with_a_certificate_of_a_known_authority_is_let_in() {
    let (sshd, _dir) = with_host_certificate("127.0.0.1", "+1h");
    says_hello(&sshd.client()).await;
}

#[tokio::test]
async fn a_certificate_for_another_host_or_another_time_is_refused_with_the_reason() {
    for (principal, validity, reason) in [
        ("venus", "+1h", "for [venus] and not for 127.0.0.1"),
        ("127.0.0.1", "20200101:20200102", "not valid at this time"),
    ] {
        let (sshd, _dir) = with_host_certificate(principal, validity);
        let error = call(&sshd.client()).await.unwrap_err();
        assert!(matches!(error, CarrierError::HostKey(_)), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

// ---- Logins

#[tokio::test]
async fn a_login_tells_who_where_and_how() {
    let sshd = Sshd::start();
    let carrier = call(&sshd.client()).await.unwrap();
    assert_eq!(carrier.info.kind, CarrierKind::Native);
    assert_eq!(carrier.info.peer, format!("root@127.0.0.1:{}", sshd.port));
    assert_eq!(carrier.info.address, Some([127, 0, 0, 1].into()));
    assert_eq!(carrier.info.cipher.as_deref(), Some("aes128-gcm@openssh.com"));
}

#[tokio::test]
async fn every_kind_of_key_logs_in() {
    let sshd = Sshd::start();
    for (name, args) in [
        ("ecdsa", &["-t", "ecdsa", "-b", "384", "-N", ""][..]),
        ("rsa", &["-t", "rsa", "-N", ""]),
        ("pem", &["-t", "rsa", "-m", "PEM", "-N", ""]),
        ("pkcs8", &["-t", "ecdsa", "-m", "PKCS8", "-N", ""]),
    ] {
        sshd.keygen(name, args);
        sshd.authorize(name);
        sshd.write_client_config(&format!("IdentityFile {}", sshd.str(name)));
        let lines = sshd.read("authorized_keys").lines().filter(|line| !line.ends_with(" id")).count();
        assert!(lines > 0);
        // Only this key may be the one that works.
        let only = sshd.read(&format!("{name}.pub"));
        sshd.write("authorized_keys", &only);
        says_hello(&sshd.client()).await;
    }
}

#[tokio::test]
async fn an_encrypted_key_asks_for_its_passphrase_only_once_the_server_wants_the_key() {
    let sshd = Sshd::start();
    for (name, format) in [("new", "RFC4716"), ("old", "PEM")] {
        sshd.keygen(name, &["-t", "rsa", "-m", format, "-N", "open sesame"]);
        let mut config = sshd.client();
        config.identities = vec![sshd.path(name)];
        config.options = vec!["BatchMode=no".into()];

        sshd.write("authorized_keys", &sshd.read("id.pub"));
        let prompt = Answer::new(Some("open sesame"));
        let mut carrier = client::connect(&config, "true", prompt.clone()).await.unwrap();
        to_end(&mut carrier).await.1.unwrap();
        assert_eq!(prompt.asked(), [""; 0], "the server did not want it");

        sshd.write("authorized_keys", &sshd.read(&format!("{name}.pub")));
        let mut carrier = client::connect(&config, "true", prompt.clone()).await.unwrap();
        to_end(&mut carrier).await.1.unwrap();
        assert_eq!(prompt.asked(), [format!("Passphrase for key {}: ", sshd.str(name))]);

        let error = client::connect(&config, "true", Answer::new(Some("wrong"))).await.unwrap_err();
        assert!(error.to_string().contains("the passphrase was wrong"), "{error}");
        let error = client::connect(&config, "true", Arc::new(NoPrompt)).await.unwrap_err();
        assert!(error.to_string().contains("load it with ssh-add"), "{error}");
    }
}

/// An ssh-agent with some keys.
struct Agent(Child, String);

impl Agent {
    async fn start(sshd: &Sshd, keys: &[&str]) -> Self {
        let socket = sshd.str("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a", &socket])
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent must be installed for this test");
        let agent = Self(child, socket.clone());
        until("the agent listens", || std::path::Path::new(&socket).exists()).await;
        for key in keys {
            let add =
                Command::new("ssh-add").args(["-q", &sshd.str(key)]).env("SSH_AUTH_SOCK", &socket).status();
            assert!(add.unwrap().success());
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_agent_s_keys_log_in_and_identities_only_keeps_to_the_named_one() {
    let sshd = Sshd::start();
    for name in ["stranger", "held"] {
        sshd.keygen(name, &["-t", if name == "held" { "rsa" } else { "ed25519" }, "-N", ""]);
    }
    let agent = Agent::start(&sshd, &["stranger", "held"]).await;
    sshd.write("authorized_keys", &sshd.read("held.pub"));
    for name in ["stranger", "held"] {
        std::fs::remove_file(sshd.path(name)).unwrap();
    }
    let settings = |more: &str| format!("IdentityAgent {}\n{more}", agent.1);
    sshd.write_client_config(&settings("IdentitiesOnly no"));
    says_hello(&sshd.client()).await;

    // The public file names the key; the agent signs.
    sshd.write_client_config(&settings(&format!(
        "IdentitiesOnly yes\nIdentityFile {}.pub",
        sshd.str("held")
    )));
    says_hello(&sshd.client()).await;

    sshd.write_client_config(&settings("IdentitiesOnly yes"));
    let error = call(&sshd.client()).await.unwrap_err();
    assert!(!error.to_string().contains("agent key"), "{error}");
}

#[tokio::test]
async fn a_user_certificate_logs_in_where_the_key_alone_would_not() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca").to_str().unwrap().to_owned();
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &ca]);
    let sshd = Sshd::start_with(&format!("TrustedUserCAKeys {ca}.pub"));
    sshd.write("authorized_keys", "");
    for kind in ["ed25519", "rsa"] {
        sshd.keygen(kind, &["-t", kind, "-N", ""]);
        sshd.write_client_config(&format!("IdentityFile {}", sshd.str(kind)));
        assert!(matches!(call(&sshd.client()).await, Err(CarrierError::Auth { .. })));
        run("ssh-keygen", &["-q", "-s", &ca, "-I", "me", "-n", "root", &format!("{}.pub", sshd.str(kind))]);
        says_hello(&sshd.client()).await;
    }
}

#[tokio::test]
async fn a_server_that_allows_no_session_refuses_the_command() {
    let sshd = Sshd::start_with("MaxSessions 0");
    let error = call(&sshd.client()).await.unwrap_err();
    assert!(matches!(error, CarrierError::ExecRefused { .. } | CarrierError::Ssh { .. }), "{error:?}");
    assert!(!matches!(error, CarrierError::Auth { .. }));
}

#[tokio::test]
async fn too_many_wrong_keys_say_so() {
    let sshd = Sshd::start_with("MaxAuthTries 2");
    let mut config = sshd.client();
    for name in ["a", "b", "c"] {
        sshd.keygen(name, &["-t", "ed25519", "-N", ""]);
        config.identities.push(sshd.path(name));
    }
    let error = call(&config).await.unwrap_err();
    assert!(error.to_string().contains("Too many authentication failures"), "{error}");
}

// ---- Ways there

#[tokio::test]
async fn a_jump_host_and_two_are_passed_with_each_host_verified() {
    let sshd = Sshd::start();
    let mut config = sshd.client();
    for jump in ["first", "first,second"] {
        config.jump = Some(jump.into());
        says_hello(&config).await;
    }
    // From the configuration, and nested.
    sshd.write_client_config(
        "Host saturn\n ProxyJump first\nHost first\n ProxyJump zeroth\nHost zeroth\n ProxyJump none",
    );
    says_hello(&sshd.client()).await;

    let other = Sshd::start();
    sshd.write_client_config(&format!("Host first\n Port {}\n", other.port));
    config.jump = Some("first".into());
    let error = call(&config).await.unwrap_err();
    let CarrierError::HostKey(error) = error else { panic!("{error:?}") };
    assert_eq!(error.host, format!("[127.0.0.1]:{}", other.port), "the jump host is the unknown one");
}

#[tokio::test]
async fn a_jump_host_that_may_not_forward_says_so() {
    let sshd = Sshd::start_with("AllowTcpForwarding no");
    let mut config = sshd.client();
    config.jump = Some("first".into());
    let error = call(&config).await.unwrap_err();
    assert!(matches!(error, CarrierError::Jump { .. }), "{error:?}");
    assert!(error.to_string().contains("AllowTcpForwarding"), "{error}");
}

const TOTAL: usize = 16 << 20;

#[tokio::test]
async fn megabytes_pass_a_jump_host_unchanged() {
    let sshd = Sshd::start();
    let mut config = sshd.client();
    config.jump = Some("first".into());
    let mut carrier = client::connect(&config, "cat", Arc::new(NoPrompt)).await.unwrap();
    let pattern = support::Pattern::new();
    let (tx, rx) = (&mut carrier.tx, &mut carrier.rx);
    let send = async {
        for at in (0..TOTAL).step_by(32 * 1024) {
            tx.send(pattern.slice(at, 32 * 1024)).await.unwrap();
        }
        tx.finish().await.unwrap();
    };
    let receive = async {
        let mut received = 0;
        while let Some(chunk) = rx.recv().await.unwrap() {
            assert!(chunk == pattern.slice(received, chunk.len()), "wrong bytes at {received}");
            received += chunk.len();
        }
        received
    };
    assert_eq!(tokio::join!(send, receive).1, TOTAL);
}

#[tokio::test]
async fn a_proxy_command_gets_its_tokens_and_carries_the_connection() {
    let sshd = Sshd::start();
    let proxy = format!("ProxyCommand ssh -F {} -o ProxyCommand=none -W %%h:%%p other", sshd.str("config"));
    // -W takes %h:%p after this client has put in its own.
    sshd.write_client_config(&format!("Host saturn\n {}", proxy.replace("%%", "%")));
    says_hello(&sshd.client()).await;
    sshd.write_client_config("Host saturn\n ProxyCommand false");
    let error = call(&sshd.client()).await.unwrap_err();
    assert!(matches!(error, CarrierError::Ssh { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_speaks_is_given_up_and_hung_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = ClientConfig::new("127.0.0.1");
    config.port = Some(listener.local_addr().unwrap().port());
    config.ssh_program = None;
    config.options = vec!["ConnectTimeout=1".into(), "UserKnownHostsFile=/dev/null".into()];
    let error = call(&config).await.unwrap_err();
    assert!(matches!(error, CarrierError::Timeout { .. }), "{error:?}");
    // The connection was closed and not left to a task that waits for ever.
    let (mut connection, _) = listener.accept().unwrap();
    let mut greeting = Vec::new();
    tokio::task::spawn_blocking(move || connection.read_to_end(&mut greeting)).await.unwrap().unwrap();
}

#[tokio::test]
async fn something_that_is_no_ssh_server_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
    });
    let mut config = ClientConfig::new("127.0.0.1");
    config.port = Some(port);
    config.ssh_program = None;
    let error = call(&config).await.unwrap_err();
    assert!(matches!(error, CarrierError::Ssh { .. }), "{error:?}");
}

#[tokio::test]
async fn a_name_without_an_address_is_named() {
    let mut config = ClientConfig::new("no-such-host.invalid");
    config.ssh_program = None;
    let error = call(&config).await.unwrap_err();
    assert!(matches!(error, CarrierError::Resolve { .. }), "{error:?}");
    let mut config = ClientConfig::new("127.0.0.1");
    config.port = Some(free_port());
    config.ssh_program = None;
    let error = call(&config).await.unwrap_err();
    assert!(matches!(error, CarrierError::Connect { .. }), "{error:?}");
}
