//! The authorized_keys parser, held against sshd(8)'s description of the format.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use russh::keys::PublicKey;
use ssh_carrier::authorized_keys::{AuthorizedKeys, LineProblem, MAX_LINE, OptionError, Refusal};

// Made for these tests with `ssh-keygen -t …`; the private halves are gone.
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMGNpmQoN6O3ilNkMev6CE659J+6aCZqsLe0LzdEYpf";
const ED25519_OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID2rvvmN1+A/CHvesBiZijaGZTMLz1tNkS+BMpYmRtZN";
const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGoE1NaxQvMspk6Ld8WZxX2B97pCL5iI4B2+MH/y3+yZT5zyzUU9xAvEKV4e7IVN22OacEtDuaagazIdDF9Lc20=";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC1EsUKFfOZPmfkuK35oNAqiCKr10SRHBQbVsCPizxy2tZK4WqH1uIgnDd7hmZeH4gbO+3PiMP5jd31QAN1ZtwVjd/FvDhkNDjyt/OQZf6VxS0ISuZtCdjtI9KmQeSrfGUD2LP2CmrMncdkrrU18AsGpV2ySZaRbG43++1dwFrGJRdNT/4NFByzZlWvbnz4s82MlgeOOIFwpifwyeC43iOOrGmAxfqWSN3bUUW+4KvCNlNwWamNEOaUsVX2v4QkCLeqHnswNUNzp8gVo/RFzY1wvKPmAYVrl96VIMPA5BsVMUbQAsRL8aU2gTGEIxcvxEP8qQzL6YQHnCyZdZfvHUCx";
const RSA_1024: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQD3gZcz0X2KSLI04TfI2IXJ1gl09/tX/sv4+CT8A66YglPiTGY95Q5nEH4cpso0NtD8hm0Qnt4HZ+EAcTKZ/u8SXE0MQT2LB46ZYhHnwbpy7UaJhMNy66uoQQRJnMGIRBAcquMxhc0JFhDEB0MIvdZWYFGHEx7P4VspChls1dWLqw==";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAID2rvvmN1+A/CHvesBiZijaGZTMLz1tNkS+BMpYmRtZNAAAABHNzaDo=";
const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIFMWkFjUUaDAdKRvdU6cvb6owrhE3D6nYXy7FPmOnJknAAAAIAMGNpmQoN6O3ilNkMev6CE659J+6aCZqsLe0LzdEYpfAAAAAAAAAAAAAAABAAAAAmlkAAAAAAAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACA9q775jdfgPwh73rAYmYo2hmUzC89bTZEvgTKWJkbWTQAAAFMAAAALc3NoLWVkMjU1MTkAAABAlhujQfR5uspnp2GFJio5sa9Dbli/9u2FvcVfDfx0FoNCFErf15IdhSPy9xDG2QjbXlEO1++HSWQWFvUZNdXnDQ==";

const ANYWHERE: &str = "192.0.2.1";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn now() -> SystemTime {
    // 2026-01-02 03:04:05 UTC
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn authorize(file: &str, text: &str, address: &str) -> Result<usize, Refusal> {
    let address: IpAddr = address.parse().unwrap();
    AuthorizedKeys::parse(file.as_bytes()).authorize(&key(text), address, now()).map(|entry| entry.line)
}

fn only_problem(file: &str) -> LineProblem {
    let keys = AuthorizedKeys::parse(file.as_bytes());
    assert!(keys.entries.is_empty(), "{:?}", keys.entries);
    assert_eq!(keys.warnings.len(), 1, "{:?}", keys.warnings);
    keys.warnings[0].problem.clone()
}

#[test]
fn keys_of_every_kind_are_found_among_comments_blank_lines_and_carriage_returns() {
    let file = format!(
        "# who\r\n\r\n  \t# indented\n{ED25519} a b  c\r\n\n\t {ECDSA}\n{RSA}\tuser@host\n{SK_ED25519}\n"
    );
    let keys = AuthorizedKeys::parse(file.as_bytes());
    assert!(keys.warnings.is_empty(), "{:?}", keys.warnings);
    let lines: Vec<_> = keys.entries.iter().map(|entry| (entry.line, &*entry.comment)).collect();
    assert_eq!(lines, [(4, "a b  c"), (6, ""), (7, "user@host"), (8, "")]);
    for text in [ED25519, ECDSA, RSA] {
        assert!(authorize(&file, text, ANYWHERE).is_ok(), "{text}");
    }
    assert_eq!(authorize(&file, ED25519_OTHER, ANYWHERE), Err(Refusal::Unknown));
}

#[test]
fn an_empty_file_lets_nobody_in_and_complains_about_nothing() {
    for empty in ["", "\n", "\r\n\r\n", "   ", "#"] {
        let keys = AuthorizedKeys::parse(empty.as_bytes());
        assert!(keys.entries.is_empty() && keys.warnings.is_empty(), "{empty:?}");
    }
}

#[test]
fn a_whole_option_list_is_read() {
    let file = format!(
        r#"restrict,COMMAND="say \"hi, you\" \n",from="10.0.0.0/8,!10.0.0.1",expiry-time="20990101Z",no-pty,permitopen="host:1",permitopen="host:2",environment="A=b",tunnel="0",Port-Forwarding,principals="x" {ED25519} me"#
    );
    let keys = AuthorizedKeys::parse(file.as_bytes());
    let options = &keys.entries[0].options;
    assert!(options.restrict);
    assert_eq!(options.command.as_deref(), Some(r#"say "hi, you" \n"#));
    assert_eq!(options.from.as_ref().unwrap().to_string(), "10.0.0.0/8,!10.0.0.1");
    assert_eq!(options.expiry, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(4_070_908_800)));
    assert_eq!(keys.entries[0].comment, "me");
    assert_eq!(
        keys.warnings.iter().map(|warning| (warning.line, &warning.problem)).collect::<Vec<_>>(),
        [(1, &LineProblem::CommandIgnored(r#"say "hi, you" \n"#.into()))],
        "command= is told to be ignored"
    );
}

#[test]
fn options_that_are_unknown_or_malformed_refuse_the_key_and_name_the_line() {
    let cases = [
        ("frobnicate", OptionError::Unknown("frobnicate".into())),
        ("restrict,frobnicate=\"1\"", OptionError::Unknown("frobnicate".into())),
        ("no-restrict", OptionError::Unknown("no-restrict".into())),
        ("from=10.0.0.1", OptionError::Value("from")),
        ("command", OptionError::Value("command")),
        ("permitopen", OptionError::Value("permitopen")),
        ("command=\"unclosed", OptionError::Unclosed("command")),
        (r#"command="unclosed\""#, OptionError::Unclosed("command")),
        ("from=\"10.0.0.1\",from=\"10.0.0.2\"", OptionError::Twice("from")),
        ("command=\"a\",command=\"b\"", OptionError::Twice("command")),
        ("restrict,", OptionError::Empty),
        (",restrict", OptionError::Separator(',')),
        ("restrict;no-pty", OptionError::Separator(';')),
        ("command=\"a\"no-pty", OptionError::Separator('n')),
        ("restrict=\"x\"", OptionError::Separator('=')),
        ("cert-authority", OptionError::CertAuthority),
        ("cert-authority,principals=\"root\"", OptionError::CertAuthority),
    ];
    for (options, expected) in cases {
        let file = format!("\n{options} {ED25519}\n");
        assert_eq!(only_problem(&file), LineProblem::Options(expected), "{options}");
        assert_eq!(AuthorizedKeys::parse(file.as_bytes()).warnings[0].line, 2);
    }
    for options in
        ["from=\"10.0.0.1/8\"", "from=\"\"", "expiry-time=\"tomorrow\"", "expiry-time=\"20261301\""]
    {
        let problem = only_problem(&format!("{options} {ED25519}"));
        assert!(matches!(problem, LineProblem::Options(_)), "{options}: {problem}");
    }
}

#[test]
fn lines_without_a_usable_key_are_named_and_left_out() {
    assert!(matches!(only_problem("ssh-ed25519 AAAA"), LineProblem::Key(_)));
    assert!(matches!(only_problem("ssh-ed25519"), LineProblem::Key(_)));
    assert!(matches!(only_problem("restrict"), LineProblem::Key(_)));
    assert!(matches!(only_problem("restrict nothing of use"), LineProblem::Key(_)));
    assert!(matches!(only_problem(&format!("ssh-rsa {}", &ED25519[12..])), LineProblem::Key(_)));
    assert!(matches!(only_problem(CERTIFICATE), LineProblem::Certificate(_)));
    assert_eq!(only_problem(RSA_1024), LineProblem::SmallRsa(1024));
    assert!(matches!(only_problem("\u{fffd}\u{0} \u{7f}"), LineProblem::Options(OptionError::Separator(_))));
}

#[test]
fn an_overlong_line_is_refused_and_the_next_one_still_counts() {
    let file = format!("command=\"{}\" {ED25519_OTHER}\n{ED25519}\n", "x".repeat(MAX_LINE));
    assert_eq!(authorize(&file, ED25519, ANYWHERE), Ok(2));
    assert_eq!(authorize(&file, ED25519_OTHER, ANYWHERE), Err(Refusal::Unknown));
    assert!(matches!(AuthorizedKeys::parse(file.as_bytes()).warnings[0].problem, LineProblem::TooLong(_)));
}

#[test]
fn comments_need_not_be_utf_8() {
    let mut file = format!("{ED25519} ").into_bytes();
    file.extend(b"J\xfcrgen\n");
    assert_eq!(AuthorizedKeys::parse(&file).entries.len(), 1);
}

#[test]
fn from_admits_only_matching_addresses_and_a_later_line_may_admit_the_rest() {
    let file = format!("from=\"10.0.0.0/8\" {ED25519}\nfrom=\"192.0.2.*\" {ED25519}\n");
    assert_eq!(authorize(&file, ED25519, "10.1.1.1"), Ok(1));
    assert_eq!(authorize(&file, ED25519, "::ffff:10.1.1.1"), Ok(1));
    assert_eq!(authorize(&file, ED25519, "192.0.2.9"), Ok(2));
    assert_eq!(
        authorize(&file, ED25519, "203.0.113.1"),
        Err(Refusal::From { line: 2, from: "192.0.2.*".into() })
    );
}

#[test]
fn a_key_expires_at_its_expiry_time_and_the_earliest_one_counts() {
    assert_eq!(authorize(&format!("expiry-time=\"20260102030406Z\" {ED25519}"), ED25519, ANYWHERE), Ok(1));
    let expired = Err(Refusal::Expired { line: 1 });
    assert_eq!(authorize(&format!("expiry-time=\"20260102030405Z\" {ED25519}"), ED25519, ANYWHERE), expired);
    let both = format!("expiry-time=\"20200101Z\",expiry-time=\"20990101Z\" {ED25519}");
    assert_eq!(authorize(&both, ED25519, ANYWHERE), expired);
}

#[test]
fn a_tokens_key_counts_only_where_no_touch_is_required() {
    let refused = Err(Refusal::TokenPresence { line: 1 });
    assert_eq!(authorize(SK_ED25519, SK_ED25519, ANYWHERE), refused);
    assert_eq!(authorize(&format!("no-touch-required {SK_ED25519}"), SK_ED25519, ANYWHERE), Ok(1));
    let verified = format!("no-touch-required,verify-required {SK_ED25519}");
    assert_eq!(authorize(&verified, SK_ED25519, ANYWHERE), refused);
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("authorized_keys");
    std::fs::write(&path, format!("{ED25519}\n")).unwrap();
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert_eq!(AuthorizedKeys::load(&path).unwrap().entries.len(), 1);
    mode(0o660);
    let text = AuthorizedKeys::load(&path).unwrap_err().to_string();
    assert!(text.contains("writable by others (mode 0660)"), "{text}");
    assert!(AuthorizedKeys::load(dir.path()).unwrap_err().to_string().contains("regular file"));
    assert!(AuthorizedKeys::load(Path::new("/nowhere/authorized_keys")).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
        AuthorizedKeys::parse(&octets);
    }

    #[test]
    fn any_text_before_a_key_either_parses_or_is_named(options in "[a-z=\",!*/0-9.\\\\ -]{0,60}") {
        let file = format!("{options} {ED25519}");
        let keys = AuthorizedKeys::parse(file.as_bytes());
        prop_assert_eq!(keys.entries.len(), usize::from(keys.warnings.iter().all(|warning| matches!(
            warning.problem,
            LineProblem::CommandIgnored(_)
        ))));
        let _ = keys.authorize(&key(ED25519), "2001:db8::1".parse().unwrap(), now());
    }
}
