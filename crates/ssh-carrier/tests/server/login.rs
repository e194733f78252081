//! Who gets in.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use ssh_carrier::server::{HostKey, Server, generate_host_key};
use tokio::process::Command;

use crate::support::{HOST, Place, echo, stderr};

/// Calls without a session behind it; expects that the login is refused.
async fn assert_refused(place: &Place, server: &Server, key: &str) {
    let output = place.ssh_to(server.addresses()[0], key).args([HOST, "x"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(255), "{}", stderr(&output));
    assert!(stderr(&output).contains("Permission denied (publickey)"), "{}", stderr(&output));
}

async fn assert_admitted(place: &Place, server: &mut Server, key: &str) {
    let ssh = place.ssh_to(server.addresses()[0], key).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, echo(server, 1, 0));
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[tokio::test]
async fn a_session_knows_who_called_from_where_with_which_key_and_what_they_asked_for() {
    let place = Place::new();
    place.authorize(r#"restrict,command="/bin/true",from="127.0.0.0/8""#);
    let mut server = place.server().await;
    let ssh = place.ssh(&server).args([HOST, "pppssh serve 'a b' \u{fc}"]).output();
    let (output, ()) = tokio::join!(ssh, async {
        let incoming = server.accept().await.unwrap();
        assert_eq!(incoming.user, "vpn");
        assert_eq!(incoming.command, "pppssh serve 'a b' \u{fc}");
        assert_eq!(incoming.key_fingerprint, place.fingerprint());
        assert_eq!(incoming.key_comment, "client of the tests");
        assert!(incoming.options.restrict);
        assert_eq!(incoming.options.command.as_deref(), Some("/bin/true"));
        assert!(incoming.peer.ip().is_loopback());
        assert_eq!(incoming.carrier.info.peer, format!("vpn@{}", incoming.peer));
        incoming.reply.stderr("no such profile");
        incoming.reply.exit(42);
    });
    let output = output.unwrap();
    assert_eq!((output.status.code(), &*stderr(&output)), (Some(42), "no such profile\n"));
}

#[tokio::test]
async fn a_key_that_is_not_in_the_file_is_refused() {
    let place = Place::new();
    generate_host_key(&place.path("other")).unwrap();
    let server = place.server().await;
    assert_refused(&place, &server, "other").await;
}

#[tokio::test]
async fn keys_of_every_kind_that_ssh_makes_get_in() {
    let place = Place::new();
    let mut server = place.server().await;
    for (kind, bits) in [("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")] {
        let name = format!("{kind}{bits}");
        let key = place.path(&name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-t", kind, "-b", bits, "-f"])
            .arg(&key)
            .stdout(Stdio::null())
            .status();
        assert!(made.await.unwrap().success());
        std::fs::copy(key.with_extension("pub"), place.path("authorized_keys")).unwrap();
        assert_admitted(&place, &mut server, &name).await;
    }
}

#[tokio::test]
async fn the_file_is_read_anew_at_each_login() {
    let place = Place::new();
    let mut server = place.server().await;
    place.authorize("from=\"10.0.0.0/8\"");
    assert_refused(&place, &server, "id").await;
    place.authorize("from=\"10.0.0.0/8,127.0.0.1\"");
    assert_admitted(&place, &mut server, "id").await;
    place.authorize("expiry-time=\"20200101Z\"");
    assert_refused(&place, &server, "id").await;
    place.authorize("expiry-time=\"29991231\"");
    assert_admitted(&place, &mut server, "id").await;
    place.authorize("frobnicate");
    assert_refused(&place, &server, "id").await;
    place.authorize("");
    assert_admitted(&place, &mut server, "id").await;
    std::fs::remove_file(place.path("authorized_keys")).unwrap();
    assert_refused(&place, &server, "id").await;
}

#[tokio::test]
async fn a_file_that_others_can_write_lets_nobody_in() {
    let place = Place::new();
    let server = place.server().await;
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(place.path("authorized_keys"), mode).unwrap();
    assert_refused(&place, &server, "id").await;
}

#[tokio::test]
async fn other_user_names_are_refused_where_names_are_given() {
    let place = Place::new();
    let mut config = place.config();
    config.users = vec!["vpn".to_owned()];
    let mut server = place.serve(config).await;
    assert_admitted(&place, &mut server, "id").await;
    config = place.config();
    config.users = vec!["root".to_owned(), "vp".to_owned()];
    let server = place.serve(config).await;
    assert_refused(&place, &server, "id").await;
}

#[tokio::test]
async fn too_many_keys_end_the_connection() {
    let place = Place::new();
    let mut config = place.config();
    config.max_auth_attempts = 2;
    let server = place.serve(config).await;
    let mut ssh = place.ssh_to(server.addresses()[0], "wrong0");
    for n in 0..3 {
        generate_host_key(&place.path(&format!("wrong{n}"))).unwrap();
        ssh.arg("-i").arg(place.path(&format!("wrong{n}")));
    }
    let output = ssh.args([HOST, "x"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(stderr(&output).contains("Too many authentication attempts"), "{}", stderr(&output));
}

#[test]
fn a_generated_host_key_is_private_whole_and_never_overwrites() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host_key");
    let key = generate_host_key(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(HostKey::load(&path).unwrap().fingerprint(), key.fingerprint());
    assert!(generate_host_key(&path).is_err(), "there was one already");
    assert_eq!(HostKey::load(&path).unwrap().public_line(), key.public_line());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn a_host_key_that_others_can_read_or_that_has_a_passphrase_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host_key");
    generate_host_key(&path).unwrap();
    for mode in [0o640, 0o604, 0o620] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = HostKey::load(&path).unwrap_err().to_string();
        assert!(text.contains(&format!("mode {mode:04o}")) && text.contains("chmod"), "{text}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut keygen = std::process::Command::new("ssh-keygen");
    assert!(keygen.args(["-q", "-p", "-P", "", "-N", "secret", "-f"]).arg(&path).status().unwrap().success());
    let text = HostKey::load(&path).unwrap_err().to_string();
    assert!(text.contains("passphrase"), "{text}");
    std::fs::write(&path, "no key").unwrap();
    assert!(HostKey::load(&path).unwrap_err().to_string().contains("no OpenSSH private key"));
    assert!(!format!("{:?}", generate_host_key(&dir.path().join("other")).unwrap()).contains("PRIVATE"));
}
