//! The Password Authentication Protocol (RFC 1334 §2).
//!
//! ```text
//!  Authenticate-Request (1)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Peer-ID Length|  Peer-Id ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+
//! | Passwd-Length |  Password ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+
//!
//!  Authenticate-Ack (2), Authenticate-Nak (3)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Msg-Length   |  Message  ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

mod authenticator;
mod peer;

use std::fmt;

pub(crate) use authenticator::PapAuthenticator;
pub(crate) use peer::PapPeer;

use crate::packet::{Code, ControlPacket};

const AUTHENTICATE_REQUEST: u8 = 1;
const AUTHENTICATE_ACK: u8 = 2;
const AUTHENTICATE_NAK: u8 = 3;

/// The longest name, password or message: its length is one octet.
pub const MAX_FIELD: usize = 255;

/// A packet of PAP, without Code and Identifier. It can be printed: passwords are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PapPacket<'a> {
    /// The peer says who it is.
    AuthenticateRequest {
        /// Its name.
        peer_id: &'a [u8],
        /// Its password.
        password: &'a [u8],
    },
    /// The authenticator believes it.
    AuthenticateAck {
        /// Words for people.
        message: &'a [u8],
    },
    /// It does not.
    AuthenticateNak {
        /// Words for people.
        message: &'a [u8],
    },
}

impl<'a> PapPacket<'a> {
    /// Checks the lengths, once. An answer without a Msg-Length has no words, as some implementations send it.
    pub fn parse(packet: ControlPacket<'a>) -> Option<PapPacket<'a>> {
        let message = || match packet.data {
            [] => Some(&[][..]),
            data => field(data).map(|(message, _)| message),
        };
        match u8::from(packet.code) {
            AUTHENTICATE_REQUEST => {
                let (peer_id, rest) = field(packet.data)?;
                let (password, _) = field(rest)?;
                Some(PapPacket::AuthenticateRequest { peer_id, password })
            }
            AUTHENTICATE_ACK => Some(PapPacket::AuthenticateAck { message: message()? }),
            AUTHENTICATE_NAK => Some(PapPacket::AuthenticateNak { message: message()? }),
            _ => None,
        }
    }

    /// The whole packet. Fields beyond [`MAX_FIELD`] are cut.
    pub fn to_vec(&self, id: u8) -> Vec<u8> {
        let (code, fields) = match *self {
            PapPacket::AuthenticateRequest { peer_id, password } => {
                (AUTHENTICATE_REQUEST, [Some(peer_id), Some(password)])
            }
            PapPacket::AuthenticateAck { message } => (AUTHENTICATE_ACK, [Some(message), None]),
            PapPacket::AuthenticateNak { message } => (AUTHENTICATE_NAK, [Some(message), None]),
        };
        // Room for all: a buffer that grows leaves copies of a password behind.
        let mut data = zeroize::Zeroizing::new(Vec::with_capacity(2 * (MAX_FIELD + 1)));
        for field in fields.into_iter().flatten() {
            let field = &field[..field.len().min(MAX_FIELD)];
            data.push(field.len() as u8);
            data.extend(field);
        }
        ControlPacket { code: Code::from(code), id, data: &data }.to_vec()
    }
}

/// A field behind its length, and what follows it.
fn field(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(len))
}

impl fmt::Display for PapPacket<'_> {
    /// pppd's words behind `id=0x1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PapPacket::AuthenticateRequest { peer_id, .. } => {
                write!(f, "user=\"{}\" password=<hidden>", peer_id.escape_ascii())
            }
            PapPacket::AuthenticateAck { message } | PapPacket::AuthenticateNak { message } => {
                write!(f, "\"{}\"", message.escape_ascii())
            }
        }
    }
}

impl fmt::Debug for PapPacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_the_octets_of_the_figure() {
        let request = PapPacket::AuthenticateRequest { peer_id: b"venus", password: b"pw" };
        assert_eq!(request.to_vec(7), [1, 7, 0, 13, 5, b'v', b'e', b'n', b'u', b's', 2, b'p', b'w']);
    }

    #[test]
    fn fields_that_do_not_fit_are_refused_and_a_missing_message_is_an_empty_one() {
        let parse =
            |octets: &[u8]| PapPacket::parse(ControlPacket::parse(octets).unwrap()).map(|p| p.to_string());
        for octets in [
            &[1, 1, 0, 4][..],
            &[1, 1, 0, 5, 1],
            &[1, 1, 0, 6, 1, b'a'],
            &[1, 1, 0, 7, 1, b'a', 1],
            &[2, 1, 0, 5, 1],
            &[4, 1, 0, 5, 0],
        ] {
            assert_eq!(parse(octets), None, "{octets:?}");
        }
        assert_eq!(parse(&[2, 1, 0, 4]).as_deref(), Some("\"\""));
    }

    #[test]
    fn a_password_is_never_shown() {
        let request = PapPacket::AuthenticateRequest { peer_id: b"u\x1b", password: b"geheim" };
        assert_eq!(format!("{request} {request:?}").matches("geheim").count(), 0);
        assert_eq!(request.to_string(), "user=\"u\\x1b\" password=<hidden>");
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(
            kind in 0..3,
            id: u8,
            one in prop::collection::vec(any::<u8>(), 0..=MAX_FIELD),
            two in prop::collection::vec(any::<u8>(), 0..=MAX_FIELD),
        ) {
            let packet = match kind {
                0 => PapPacket::AuthenticateRequest { peer_id: &one, password: &two },
                1 => PapPacket::AuthenticateAck { message: &one },
                _ => PapPacket::AuthenticateNak { message: &one },
            };
            let octets = packet.to_vec(id);
            let parsed = ControlPacket::parse(&octets).unwrap();
            prop_assert_eq!(parsed.id, id);
            prop_assert_eq!(PapPacket::parse(parsed), Some(packet));
        }
    }
}
