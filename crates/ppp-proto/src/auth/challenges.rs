//! Challenges that nobody foresees and that do not come again (RFC 1994 §2.3).

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Entropy;

/// Octets of a challenge: RFC 2759 §4 wants just these, and RFC 1994 §4.1 leaves it free.
pub(crate) const CHALLENGE_LEN: usize = 16;

/// One link's challenges: SHA-256 of its entropy and a number that is never used twice.
///
/// The number outlives negotiations and carriers, so that a link that comes back does not repeat itself.
#[derive(Debug)]
pub(crate) struct Challenges {
    entropy: Entropy,
    made: u64,
}

impl Challenges {
    pub(crate) fn new(entropy: Entropy) -> Challenges {
        Challenges { entropy, made: 0 }
    }

    /// A new one.
    pub(crate) fn challenge(&mut self) -> [u8; CHALLENGE_LEN] {
        let mut challenge = [0; CHALLENGE_LEN];
        challenge.copy_from_slice(&self.bits()[..CHALLENGE_LEN]);
        challenge
    }

    /// Where an exchange's Identifiers begin.
    pub(crate) fn identifier(&mut self) -> u8 {
        self.bits()[0]
    }

    fn bits(&mut self) -> Zeroizing<[u8; 32]> {
        self.made += 1;
        let digest = Sha256::new().chain_update(self.entropy.bits()).chain_update(self.made.to_be_bytes());
        Zeroizing::new(digest.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_challenge_comes_again_and_none_is_another_links() {
        let mut links = [0, 1].map(|bits| Challenges::new(Entropy::new([bits; 32])));
        let made: HashSet<_> =
            links.iter_mut().flat_map(|link| std::iter::repeat_with(|| link.challenge()).take(500)).collect();
        assert_eq!(made.len(), 1000);
    }
}
