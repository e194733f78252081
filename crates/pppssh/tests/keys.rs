//! Keys and lines that pppssh makes are read by OpenSSH and by the embedded server alike.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use pppssh::keys::{AuthorizeArgs, FromPattern, KeygenArgs, authorize, keygen};
use ssh_carrier::authorized_keys::AuthorizedKeys;

/// What OpenSSH's ssh-keygen says.
fn ssh_keygen(args: &[&str]) -> String {
    let output = Command::new("ssh-keygen").args(args).output().expect("ssh-keygen of OpenSSH must be there");
    assert!(output.status.success(), "ssh-keygen {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key, lets it in, and returns authorized_keys.
fn authorized(home: &Path, program: &str, from: &[&str]) -> String {
    let file = home.join("key");
    keygen(&KeygenArgs { file: Some(file.clone()), comment: Some("a link".into()) }, None, &mut Vec::new())
        .unwrap();
    let args = AuthorizeArgs {
        key: home.join("key.pub").to_str().unwrap().to_owned(),
        profile: Some("venus".parse().unwrap()),
        from: from.iter().map(|pattern| pattern.parse::<FromPattern>().unwrap()).collect(),
        program: Some(program.into()),
        append: true,
        file: None,
    };
    authorize(&args, Some(home), &mut Vec::new()).unwrap();
    fs::read_to_string(home.join(".ssh/authorized_keys")).unwrap()
}

#[test]
fn openssh_reads_the_private_key_and_finds_the_public_one_in_it() {
    let home = tempfile::tempdir().unwrap();
    authorized(home.path(), "/usr/bin/pppssh", &[]);
    let file = home.path().join("key");
    let public = fs::read_to_string(home.path().join("key.pub")).unwrap();
    assert_eq!(ssh_keygen(&["-y", "-f", file.to_str().unwrap()]), public);
}

#[test]
fn openssh_finds_the_key_behind_the_options_however_odd_the_path() {
    for program in ["/usr/bin/pppssh", "/opt/my tools/p\"p\\ssh", "/odd\\"] {
        let home = tempfile::tempdir().unwrap();
        authorized(home.path(), program, &["10.9.9.1", "*.example.net", "!fd00::/8"]);
        let listed = ssh_keygen(&["-l", "-f", home.path().join(".ssh/authorized_keys").to_str().unwrap()]);
        let made = ssh_keygen(&["-l", "-f", home.path().join("key.pub").to_str().unwrap()]);
        assert_eq!(listed, made, "{program}");
    }
}

#[test]
fn the_embedded_server_reads_the_line_as_it_was_meant() {
    for (program, command) in [
        ("/usr/bin/pppssh", "/usr/bin/pppssh serve --profile venus"),
        ("/opt/my tools/p\"p\\ssh", "'/opt/my tools/p\"p\\ssh' serve --profile venus"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let text = authorized(home.path(), program, &["10.9.9.0/24", "!10.9.9.7"]);
        let keys = AuthorizedKeys::parse(text.as_bytes());
        let [entry] = keys.entries.as_slice() else { panic!("not one entry in {text}") };
        assert!(entry.options.restrict);
        assert_eq!(entry.options.command.as_deref(), Some(command));
        assert_eq!(entry.comment, "a link");
        let from =
            |address: &str| keys.authorize(&entry.key, address.parse().unwrap(), SystemTime::now()).is_ok();
        assert!(from("10.9.9.1"));
        assert!(!from("10.9.9.7") && !from("10.9.8.1"));
    }
}
