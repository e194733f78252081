//! CHAP's own algorithm (RFC 1994 §4.1): the digest of Identifier, secret and challenge, one behind the other.

use md5::{Digest, Md5};

use super::Question;

/// The Response's value.
pub(super) fn response(question: Question<'_>) -> [u8; 16] {
    let digest = Md5::new().chain_update([question.id]).chain_update(question.secret.octets());
    digest.chain_update(question.challenge).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Secret;

    /// `printf '\x05secret\x00\x01…\x0f' | md5sum`.
    #[test]
    fn a_response_is_what_md5sum_says() {
        let challenge: Vec<u8> = (0..16).collect();
        let secret = Secret::from("secret");
        let question = Question { id: 5, challenge: &challenge, user: b"venus", secret: &secret };
        let digest = 0x0a90_65cd_cebb_e49b_d1f1_d1fd_a6ce_3ff9_u128;
        assert_eq!(response(question), digest.to_be_bytes());
    }
}
