//! Who is there? PAP (RFC 1334 §2) and CHAP (RFC 1994), in both roles.
//!
//! The authenticator demands a proof, the peer gives it; an end may be both at once, by two exchanges that do not know of
//! each other. Each of the four roles is a small machine without I/O. `link/authentication.rs` runs them in the phase
//! Authenticate, and CHAP's authenticator later on as well.
//!
//! An end that demands a proof and does not get it closes the link: [`CloseReason`](crate::CloseReason) says why.

mod challenges;
pub mod chap;
mod config;
pub mod pap;
mod secrets;

use std::{fmt, time::Instant};

use crate::{AddressRule, packet::Outbox, protocol};

pub(crate) use challenges::Challenges;
pub use config::{AuthConfig, AuthTimers, Entropy};
pub use secrets::{Name, Secret, SecretEntry, Secrets};

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthProtocol {
    /// The name and the secret itself (RFC 1334 §2).
    Pap,
    /// The MD5 digest of a challenge and the secret (RFC 1994).
    ChapMd5,
    /// Microsoft's, in which both ends prove that they know the secret (RFC 2759).
    #[cfg(feature = "legacy-auth")]
    MsChapV2,
}

impl AuthProtocol {
    /// All of them, in the order in which to ask for them.
    pub const ALL: &'static [AuthProtocol] = &[
        AuthProtocol::ChapMd5,
        #[cfg(feature = "legacy-auth")]
        AuthProtocol::MsChapV2,
        AuthProtocol::Pap,
    ];

    /// The protocol that carries it.
    pub const fn number(self) -> u16 {
        match self {
            AuthProtocol::Pap => protocol::PAP,
            AuthProtocol::ChapMd5 => protocol::CHAP,
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => protocol::CHAP,
        }
    }

    /// What stands in LCP's option (RFC 1661 §6.2): the protocol, and for CHAP its algorithm (RFC 1994 §3).
    pub(crate) const fn option(self) -> &'static [u8] {
        match self {
            AuthProtocol::Pap => &[0xc0, 0x23],
            AuthProtocol::ChapMd5 => &[0xc2, 0x23, 5],
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => &[0xc2, 0x23, 0x81],
        }
    }

    /// The method that an option of LCP means.
    pub(crate) fn of_option(data: &[u8]) -> Option<AuthProtocol> {
        AuthProtocol::ALL.iter().copied().find(|method| method.option() == data)
    }

    /// The protocol's name in pppd's messages.
    pub const fn family(self) -> &'static str {
        match self {
            AuthProtocol::Pap => "PAP",
            AuthProtocol::ChapMd5 => "CHAP",
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => "CHAP",
        }
    }
}

impl fmt::Display for AuthProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthProtocol::Pap => "PAP",
            AuthProtocol::ChapMd5 => "CHAP",
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => "MS-CHAPv2",
        })
    }
}

/// What became of our own proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The peer believes us; its words, escaped.
    Accepted { message: String },
    /// It does not, or there is nothing to prove it with.
    Refused { why: String },
}

/// What the authenticator thinks of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is who it says, and may have these addresses.
    Accepted { name: String, addresses: Vec<AddressRule> },
    /// It proved again who it is.
    StillAccepted,
    /// It is not, or did not answer at all.
    Refused { name: Option<String>, why: String },
}

/// What a role needs beside the packet.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a AuthConfig,
    pub(crate) challenges: &'a mut Challenges,
    pub(crate) out: &'a mut Outbox,
}

/// A name or message of the peer, harmless to a terminal; at most as long as its packet.
pub(crate) fn words(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_option_and_no_other_is() {
        for method in AuthProtocol::ALL {
            assert_eq!(AuthProtocol::of_option(method.option()), Some(*method));
            assert_eq!(method.option()[..2], method.number().to_be_bytes());
        }
        for option in [&[][..], &[0xc2, 0x23], &[0xc2, 0x23, 0x80], &[0xc2, 0x23, 5, 0], &[0xc0, 0x23, 0]] {
            assert_eq!(AuthProtocol::of_option(option), None, "{option:02x?}");
        }
    }
}
