//! Microsoft's second algorithm (RFC 2759): both ends prove that they know the secret, by MD4 and DES, which a patient
//! listener breaks. Inside SSH there is none.
//!
//! A Response's value (§4):
//!
//! ```text
//! | Peer-Challenge, 16 | Reserved, 8 | NT-Response, 24 | Flags, 1 |
//! ```

use std::fmt::Write as _;

use des::{
    Des,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use md4::{Digest, Md4};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Question;
use crate::auth::Secret;

/// Octets of either challenge.
pub(super) const CHALLENGE_LEN: usize = 16;
const VALUE_LEN: usize = 49;
/// An error that every implementation knows: ERROR_AUTHENTICATION_FAILURE (§6).
const AUTHENTICATION_FAILURE: u32 = 691;

/// §8.7.
const MAGIC_1: &[u8] = b"Magic server to client signing constant";
const MAGIC_2: &[u8] = b"Pad to make it do more than one iteration";

/// The proof that the authenticator owes for a Response.
pub(super) type AuthenticatorResponse = [u8; 20];

/// The Response's value, and what the authenticator must say to it.
pub(super) fn response(
    question: Question<'_>,
    peer_challenge: [u8; CHALLENGE_LEN],
) -> ([u8; VALUE_LEN], AuthenticatorResponse) {
    let hash = password_hash(question.secret);
    let challenge = challenge_hash(&peer_challenge, question.challenge, question.user);
    let nt_response = challenge_response(challenge, &hash);
    let mut value = [0; VALUE_LEN];
    value[..16].copy_from_slice(&peer_challenge);
    value[24..48].copy_from_slice(&nt_response);
    (value, authenticator_response(&hash, &nt_response, challenge))
}

/// What to say to a Response that is right; `None` if it is not.
pub(super) fn check(question: Question<'_>, value: &[u8]) -> Option<AuthenticatorResponse> {
    let value: &[u8; VALUE_LEN] = value.try_into().ok()?;
    let peer_challenge = value[..16].try_into().ok()?;
    let (expected, ours) = response(question, peer_challenge);
    // Reserved and Flags say nothing (§4).
    bool::from(expected[24..48].ct_eq(&value[24..48])).then_some(ours)
}

/// The Success packet's message (§5).
pub(super) fn success(proof: &AuthenticatorResponse, words: &str) -> Vec<u8> {
    format!("S={} M={words}", hex(proof)).into_bytes()
}

/// Whether a Success packet's message has the authenticator's proof in it.
pub(super) fn is_proved(message: &[u8], expected: &AuthenticatorResponse) -> bool {
    let Some(hex) = message.strip_prefix(b"S=").and_then(|rest| rest.get(..2 * expected.len())) else {
        return false;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16).map(|digit| digit as u8);
    let octets: Option<Vec<u8>> =
        hex.chunks(2).map(|two| Some(digit(two[0])? << 4 | digit(two[1])?)).collect();
    octets.is_some_and(|octets| octets.ct_eq(expected).into())
}

/// The Failure packet's message (§6): there is no second try.
pub(super) fn failure(challenge: &[u8], words: &str) -> Vec<u8> {
    format!("E={AUTHENTICATION_FAILURE} R=0 C={} V=3 M={words}", hex(challenge)).into_bytes()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02X}");
        hex
    })
}

/// §8.2. A user's domain is left out.
fn challenge_hash(peer_challenge: &[u8; CHALLENGE_LEN], challenge: &[u8], user: &[u8]) -> [u8; 8] {
    let user = user.rsplit(|octet| *octet == b'\\').next().unwrap_or_default();
    let digest =
        Sha1::new().chain_update(peer_challenge).chain_update(challenge).chain_update(user).finalize();
    let mut hash = [0; 8];
    hash.copy_from_slice(&digest[..8]);
    hash
}

/// §8.3. The secret is of 16-bit characters; like pppd, an octet is taken for one.
fn password_hash(secret: &Secret) -> Zeroizing<[u8; 16]> {
    let wide = secret.octets().iter().fold(Md4::new(), |hash, octet| hash.chain_update([*octet, 0]));
    Zeroizing::new(wide.finalize().into())
}

/// §8.5.
fn challenge_response(challenge: [u8; 8], hash: &[u8; 16]) -> [u8; 24] {
    let mut keys = Zeroizing::new([0; 21]);
    keys[..16].copy_from_slice(hash);
    let mut response = [0; 24];
    for (key, out) in keys.chunks(7).zip(response.chunks_mut(8)) {
        let mut block = challenge.into();
        Des::new((&*spread(key)).into()).encrypt_block(&mut block);
        out.copy_from_slice(&block);
    }
    response
}

/// §8.6: 56 bits of a key onto 8 octets, each with a parity bit that DES does not look at.
fn spread(key: &[u8]) -> Zeroizing<[u8; 8]> {
    let bits = key.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
    let mut spread = Zeroizing::new([0; 8]);
    for (place, octet) in spread.iter_mut().enumerate() {
        *octet = (bits >> (49 - 7 * place)) as u8 & 0x7f;
        *octet <<= 1;
    }
    spread
}

/// §8.7.
fn authenticator_response(
    hash: &[u8; 16],
    nt_response: &[u8; 24],
    challenge: [u8; 8],
) -> AuthenticatorResponse {
    let hash_hash = Zeroizing::new(<[u8; 16]>::from(Md4::digest(hash)));
    let digest =
        Sha1::new().chain_update(*hash_hash).chain_update(nt_response).chain_update(MAGIC_1).finalize();
    Sha1::new().chain_update(digest).chain_update(challenge).chain_update(MAGIC_2).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2759 §9.2.
    const USER: &[u8] = b"User";
    const PEER_CHALLENGE: [u8; 16] = *b"!@#$%^&*()_+:3|~";
    const CHALLENGE: [u8; 16] = *b"[]|}{?/><,`!2&&(";
    const NT_RESPONSE: [u8; 24] = [
        0x82, 0x30, 0x9e, 0xcd, 0x8d, 0x70, 0x8b, 0x5e, 0xa0, 0x8f, 0xaa, 0x39, 0x81, 0xcd, 0x83, 0x54, 0x42,
        0x33, 0x11, 0x4a, 0x3d, 0x85, 0xd6, 0xdf,
    ];
    const AUTHENTICATOR_RESPONSE: &str = "S=407A5589115FD0D6209F510FE9C04566932CDA56";

    fn question(secret: &Secret) -> Question<'_> {
        Question { id: 1, challenge: &CHALLENGE, user: USER, secret }
    }

    #[test]
    fn each_step_is_the_rfcs_example() {
        let secret = Secret::from("clientPass");
        let hash = password_hash(&secret);
        assert_eq!(
            *hash,
            [0x44, 0xeb, 0xba, 0x8d, 0x53, 0x12, 0xb8, 0xd6, 0x11, 0x47, 0x44, 0x11, 0xf5, 0x69, 0x89, 0xae]
        );
        let challenge = challenge_hash(&PEER_CHALLENGE, &CHALLENGE, USER);
        assert_eq!(challenge, [0xd0, 0x2e, 0x43, 0x86, 0xbc, 0xe9, 0x12, 0x26]);
        assert_eq!(challenge_response(challenge, &hash), NT_RESPONSE);
        let (value, proof) = response(question(&secret), PEER_CHALLENGE);
        assert_eq!(
            (&value[..16], &value[16..24], &value[24..48], value[48]),
            (&PEER_CHALLENGE[..], &[0; 8][..], &NT_RESPONSE[..], 0)
        );
        assert_eq!(success(&proof, "ok"), format!("{AUTHENTICATOR_RESPONSE} M=ok").into_bytes());
    }

    #[test]
    fn a_domain_is_no_part_of_the_name() {
        assert_eq!(
            challenge_hash(&PEER_CHALLENGE, &CHALLENGE, b"DOMAIN\\User"),
            challenge_hash(&PEER_CHALLENGE, &CHALLENGE, USER)
        );
    }

    #[test]
    fn a_response_of_another_secret_or_length_is_wrong() {
        let (right, wrong) = (Secret::from("clientPass"), Secret::from("clientpass"));
        let (value, proof) = response(question(&right), PEER_CHALLENGE);
        assert_eq!(check(question(&right), &value), Some(proof));
        assert_eq!(check(question(&wrong), &value), None);
        assert_eq!(check(question(&right), &value[..48]), None);
        let mut forged = value;
        forged[47] ^= 1;
        assert_eq!(check(question(&right), &forged), None);
    }

    #[test]
    fn an_authenticator_is_believed_only_with_its_whole_proof() {
        let (_, proof) = response(question(&Secret::from("clientPass")), PEER_CHALLENGE);
        let said = success(&proof, "welcome");
        assert!(is_proved(&said, &proof));
        let lower = [b"S=", &said[2..].to_ascii_lowercase()[..]].concat();
        assert!(is_proved(&lower, &proof), "hexadecimal is of either case");
        for other in [
            &b""[..],
            b"S=",
            b"M=welcome",
            &said[1..],
            &said[..41],
            b"S=407A5589115FD0D6209F510FE9C04566932CDA57",
        ] {
            assert!(!is_proved(other, &proof), "{}", other.escape_ascii());
        }
    }
}
