//! The Challenge Handshake Authentication Protocol (RFC 1994 §4).
//!
//! ```text
//!  Challenge (1), Response (2)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Value-Size   |  Value ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Name ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!
//!  Success (3), Failure (4)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Message  ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

mod authenticator;
mod md5;
#[cfg(feature = "legacy-auth")]
mod mschapv2;
mod peer;

use std::fmt;

pub(crate) use authenticator::ChapAuthenticator;
pub(crate) use peer::ChapPeer;

use super::{AuthProtocol, Secret};
use crate::packet::{Code, ControlPacket};

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// A packet of CHAP, without Code and Identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChapPacket<'a> {
    /// The authenticator wants a proof.
    Challenge {
        /// What to prove it on; never empty.
        value: &'a [u8],
        /// The authenticator's name; may be empty.
        name: &'a [u8],
    },
    /// The peer's proof.
    Response {
        /// The proof; never empty.
        value: &'a [u8],
        /// The peer's name.
        name: &'a [u8],
    },
    /// The authenticator believes it.
    Success {
        /// Words for people, and in MS-CHAPv2 the authenticator's own proof.
        message: &'a [u8],
    },
    /// It does not.
    Failure {
        /// Words for people.
        message: &'a [u8],
    },
}

impl<'a> ChapPacket<'a> {
    /// Checks the lengths, once.
    pub fn parse(packet: ControlPacket<'a>) -> Option<ChapPacket<'a>> {
        let value_and_name = || {
            let (&len, rest) = packet.data.split_first()?;
            rest.split_at_checked(usize::from(len)).filter(|(value, _)| !value.is_empty())
        };
        let message = packet.data;
        match u8::from(packet.code) {
            CHALLENGE => value_and_name().map(|(value, name)| ChapPacket::Challenge { value, name }),
            RESPONSE => value_and_name().map(|(value, name)| ChapPacket::Response { value, name }),
            SUCCESS => Some(ChapPacket::Success { message }),
            FAILURE => Some(ChapPacket::Failure { message }),
            _ => None,
        }
    }

    /// The whole packet. A value of more than 255 octets is cut.
    pub fn to_vec(&self, id: u8) -> Vec<u8> {
        let with_name = |value: &[u8], name: &[u8]| {
            let value = &value[..value.len().min(usize::from(u8::MAX))];
            [&[value.len() as u8], value, name].concat()
        };
        let (code, data) = match *self {
            ChapPacket::Challenge { value, name } => (CHALLENGE, with_name(value, name)),
            ChapPacket::Response { value, name } => (RESPONSE, with_name(value, name)),
            ChapPacket::Success { message } => (SUCCESS, message.to_vec()),
            ChapPacket::Failure { message } => (FAILURE, message.to_vec()),
        };
        ControlPacket { code: Code::from(code), id, data: &data }.to_vec()
    }
}

impl fmt::Display for ChapPacket<'_> {
    /// pppd's words behind `id=0x1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChapPacket::Challenge { value, name } | ChapPacket::Response { value, name } => {
                f.write_str("<")?;
                value.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
                write!(f, ">, name = \"{}\"", name.escape_ascii())
            }
            ChapPacket::Success { message } | ChapPacket::Failure { message } => {
                write!(f, "\"{}\"", message.escape_ascii())
            }
        }
    }
}

/// Which algorithm (RFC 1994 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    #[cfg(feature = "legacy-auth")]
    MsChapV2,
}

impl Algorithm {
    pub(crate) fn of(method: AuthProtocol) -> Option<Algorithm> {
        match method {
            AuthProtocol::Pap => None,
            AuthProtocol::ChapMd5 => Some(Algorithm::Md5),
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => Some(Algorithm::MsChapV2),
        }
    }

    fn method(self) -> AuthProtocol {
        match self {
            Algorithm::Md5 => AuthProtocol::ChapMd5,
            #[cfg(feature = "legacy-auth")]
            Algorithm::MsChapV2 => AuthProtocol::MsChapV2,
        }
    }

    /// The only length of a challenge on which a proof can be given, if there is one.
    fn challenge_len(self) -> Option<usize> {
        match self {
            Algorithm::Md5 => None,
            #[cfg(feature = "legacy-auth")]
            Algorithm::MsChapV2 => Some(mschapv2::CHALLENGE_LEN),
        }
    }
}

/// What a proof is about.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) id: u8,
    pub(crate) challenge: &'a [u8],
    /// The name of the end that proves itself.
    #[cfg_attr(
        not(feature = "legacy-auth"),
        expect(dead_code, reason = "RFC 1994 leaves it out of the digest")
    )]
    pub(crate) user: &'a [u8],
    pub(crate) secret: &'a Secret,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_read_as_pppd_writes_them() {
        let shown =
            |octets: &[u8]| ChapPacket::parse(ControlPacket::parse(octets).unwrap()).map(|p| p.to_string());
        assert_eq!(
            shown(&[1, 5, 0, 13, 2, 0x0f, 0xa0, b's', b'a', b't', b'u', b'r', b'n']).as_deref(),
            Some("<0fa0>, name = \"saturn\"")
        );
        assert_eq!(shown(&[3, 5, 0, 6, b'o', b'k']).as_deref(), Some("\"ok\""));
        for malformed in [&[1, 1, 0, 4][..], &[1, 1, 0, 5, 0], &[2, 1, 0, 6, 2, 1], &[9, 1, 0, 4]] {
            assert_eq!(shown(malformed), None, "{malformed:?}");
        }
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(
            kind in 0..4,
            id: u8,
            value in prop::collection::vec(any::<u8>(), 1..=255),
            name in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let packet = match kind {
                0 => ChapPacket::Challenge { value: &value, name: &name },
                1 => ChapPacket::Response { value: &value, name: &name },
                2 => ChapPacket::Success { message: &name },
                _ => ChapPacket::Failure { message: &name },
            };
            let octets = packet.to_vec(id);
            let parsed = ControlPacket::parse(&octets).unwrap();
            prop_assert_eq!(parsed.id, id);
            prop_assert_eq!(ChapPacket::parse(parsed), Some(packet));
        }
    }
}
