use russh::keys::PrivateKey;
use russh::keys::ssh_key::certificate::Builder;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};

use super::*;

/// A key that depends on nothing but the seed.
fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
}

fn public(seed: u8) -> PublicKey {
    key(seed).public_key().clone()
}

fn line(names: &str, seed: u8) -> String {
    known_hosts::line(names, &public(seed))
}

fn verifier(host: &str, port: u16, lines: &[String]) -> Verifier {
    let mut known = KnownHosts::default();
    known.parse(&lines.join("\n"), "known_hosts");
    Verifier {
        known,
        revoked: Vec::new(),
        name: name_of(host, port),
        plain_name: (port != 22).then(|| name_of(host, 22)),
        principal: host.to_owned(),
        address_name: None,
        unknown: Unknown::Refuse,
        hash: false,
        file: "known_hosts".into(),
    }
}

fn problem(verifier: &Verifier, seed: u8) -> Option<HostKeyProblem> {
    verifier.verify(&public(seed).into()).err().map(|error| error.problem)
}

#[test]
fn only_the_recorded_key_is_trusted() {
    let verifier = verifier("saturn", 22, &[line("saturn", 1)]);
    assert_eq!(problem(&verifier, 1), None);
    assert_eq!(problem(&verifier, 2), Some(HostKeyProblem::Changed { at: "known_hosts:1".into() }));
}

#[test]
fn an_unknown_key_is_refused_with_the_line_that_would_accept_it() {
    let error = verifier("saturn", 2222, &[]).verify(&public(1).into()).unwrap_err();
    assert_eq!(error.problem, HostKeyProblem::Unknown);
    assert_eq!(error.line, line("[saturn]:2222", 1));
    let verifier = verifier("saturn", 2222, &[error.line]);
    assert_eq!(problem(&verifier, 1), None);
}

#[test]
fn a_key_recorded_for_the_standard_port_also_counts_on_another_but_does_not_speak_of_a_change() {
    let verifier = verifier("saturn", 2222, &[line("saturn", 1)]);
    assert_eq!(problem(&verifier, 1), None);
    assert_eq!(problem(&verifier, 2), Some(HostKeyProblem::Unknown));
}

#[test]
fn a_revoked_key_is_refused_even_if_it_is_recorded_too() {
    let revoked = format!("@revoked {}", line("*", 1));
    let verifier = verifier("saturn", 22, &[line("saturn", 1), revoked]);
    assert_eq!(problem(&verifier, 1), Some(HostKeyProblem::Revoked { at: "known_hosts:2".into() }));
}

#[test]
fn a_new_key_is_recorded_only_where_nothing_else_is_known_of_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known_hosts");
    let ecdsa = "saturn ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMxBTpMIGvo7CnordO7wP0QQRqpBwUjOLl4eMhfucfE1sjTYyK5wmTl1UqoSDS1PtRVTBdl+0+9pquFb46U7fwg=";
    let mut other = verifier("saturn", 22, &[ecdsa.to_owned()]);
    other.unknown = Unknown::Accept;
    assert_eq!(problem(&other, 1), Some(HostKeyProblem::OtherRecorded { at: "known_hosts:1".into() }));

    let mut fresh = verifier("saturn", 22, &[]);
    fresh.unknown = Unknown::Accept;
    fresh.hash = true;
    fresh.file = file.clone();
    assert_eq!(problem(&fresh, 1), None);
    let mut again = verifier("saturn", 22, &[]);
    again.known.read(&file).unwrap();
    assert_eq!(problem(&again, 1), None);
    assert!(matches!(problem(&again, 2), Some(HostKeyProblem::Changed { .. })));
}

#[test]
fn a_key_recorded_for_the_address_must_agree_when_that_is_asked_for() {
    let mut verifier = verifier("saturn", 22, &[line("saturn", 1), line("10.10.10.1", 2)]);
    assert_eq!(problem(&verifier, 1), None);
    verifier.check_address("10.10.10.1:22".parse().unwrap());
    assert_eq!(problem(&verifier, 1), Some(HostKeyProblem::Changed { at: "known_hosts:2".into() }));
}

#[test]
fn recorded_key_types_are_asked_for_first_and_certificates_only_with_an_authority() {
    let ecdsa = "saturn ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMxBTpMIGvo7CnordO7wP0QQRqpBwUjOLl4eMhfucfE1sjTYyK5wmTl1UqoSDS1PtRVTBdl+0+9pquFb46U7fwg=";
    let (plain, certificates) = verifier("saturn", 22, &[ecdsa.to_owned()]).algorithms(&Allowed::default());
    assert_eq!(plain[..2], [Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }, Algorithm::Ed25519]);
    assert!(certificates.is_empty());
    let authority = format!("@cert-authority {}", line("saturn", 9));
    let (_, certificates) = verifier("saturn", 22, &[authority]).algorithms(&Allowed::default());
    assert_eq!(certificates.len(), ALGORITHMS.len());
}

const NOW: u64 = 1_700_000_000;

fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
    certificate_of(CertType::Host, change)
}

fn certificate_of(kind: CertType, change: impl FnOnce(&mut Builder)) -> Certificate {
    let mut builder = Builder::new(vec![7; 16], public(1), NOW - 60, NOW + 60).unwrap();
    builder.cert_type(kind).unwrap().key_id("saturn's").unwrap();
    change(&mut builder);
    builder.sign(&key(9)).unwrap()
}

fn for_saturn(builder: &mut Builder) {
    builder.valid_principal("saturn").unwrap();
}

/// Why a certificate is refused by a client that trusts authority 9 for saturn; empty if it is accepted.
fn refusal(certificate: &Certificate, now: u64) -> String {
    let authority = format!("@cert-authority {}", line("saturn", 9));
    match verifier("saturn", 22, &[authority]).judge_certificate(certificate, now) {
        Ok(()) => String::new(),
        Err(CertificateProblem::Refused(why) | CertificateProblem::Revoked(why)) => why,
    }
}

#[test]
fn a_host_certificate_counts_only_with_the_right_authority_name_type_and_time() {
    assert_eq!(refusal(&certificate(for_saturn), NOW), "");
    assert!(refusal(&certificate(for_saturn), NOW + 60).contains("not valid at this time"));
    assert!(refusal(&certificate(for_saturn), NOW - 61).contains("not valid at this time"));
    let venus = certificate(|builder| {
        builder.valid_principal("venus").unwrap();
    });
    assert!(refusal(&venus, NOW).contains("for [venus] and not for saturn"));
    let any = certificate(|builder| {
        builder.all_principals_valid().unwrap();
    });
    assert!(refusal(&any, NOW).contains("not for saturn"), "an empty list must not mean any host");
    let user = certificate_of(CertType::User, for_saturn);
    assert!(refusal(&user, NOW).contains("user certificate"));
    let critical = certificate(|builder| {
        builder.critical_option("force-command", "x").unwrap();
        for_saturn(builder);
    });
    assert!(refusal(&critical, NOW).contains("critical options"));
}

#[test]
fn a_certificate_of_a_foreign_or_revoked_authority_does_not_count() {
    let certificate = certificate(for_saturn);
    let foreign = verifier("saturn", 22, &[format!("@cert-authority {}", line("saturn", 8))]);
    let error = foreign.verify(&certificate.clone().into()).unwrap_err();
    assert!(error.certificate.unwrap().contains("is not a @cert-authority"));
    let elsewhere = verifier("saturn", 22, &[format!("@cert-authority {}", line("venus", 9))]);
    assert!(elsewhere.verify(&certificate.clone().into()).is_err());
    let authority = format!("@cert-authority {}", line("saturn", 9));
    for revoked in [9, 1] {
        let revoked = format!("@revoked {}", line("*", revoked));
        let verifier = verifier("saturn", 22, &[authority.clone(), revoked]);
        let error = verifier.verify(&certificate.clone().into()).unwrap_err();
        assert!(matches!(error.problem, HostKeyProblem::Revoked { .. }));
    }
}

#[test]
fn a_plain_key_is_not_trusted_for_being_an_authority() {
    let verifier = verifier("saturn", 22, &[format!("@cert-authority {}", line("saturn", 9))]);
    assert!(matches!(problem(&verifier, 9), Some(HostKeyProblem::OtherRecorded { .. })));
}

#[test]
fn a_list_of_revoked_keys_is_read_and_an_unreadable_one_stops_everything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("revoked");
    std::fs::write(&file, format!("# gone\n{}\n", public(1).to_openssh().unwrap())).unwrap();
    let mut verifier = verifier("saturn", 22, &[line("saturn", 1)]);
    verifier.revoked = revoked_keys(&file).unwrap();
    assert!(matches!(problem(&verifier, 1), Some(HostKeyProblem::Revoked { .. })));
    std::fs::write(&file, b"SSHKRL\n\0...").unwrap();
    assert!(revoked_keys(&file).unwrap_err().to_string().contains("openssh carrier"));
    assert!(revoked_keys(&dir.path().join("missing")).is_err());
}
