//! Control packets: the format that LCP and all NCPs share (RFC 1661 §5).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Data ...
//! +-+-+-+-+
//! ```

mod code;
mod options;
mod outbox;
mod trace;

pub use code::Code;
pub use options::{Options, OptionsError, RawOption};
pub(crate) use options::{ParseOptionError, push_option};
pub(crate) use outbox::Outbox;
pub use trace::{TraceOption, TracePacket};

/// Code, Identifier and Length.
pub const HEADER_LEN: usize = 4;

/// A control packet whose Length fits; what lies behind Length is padding and not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlPacket<'a> {
    /// What it is.
    pub code: Code,
    /// Ties an answer to its request.
    pub id: u8,
    /// What follows the header.
    pub data: &'a [u8],
}

/// Why octets are no control packet; such are silently discarded (RFC 1661 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// There is no room for the header.
    #[error("expected a header of {HEADER_LEN} octets, there are {len}")]
    Short {
        /// The octets there were.
        len: usize,
    },
    /// Length is less than the header or more than there is.
    #[error("expected a Length from {HEADER_LEN} to {available}, it is {length}")]
    BadLength {
        /// What the field said.
        length: usize,
        /// The octets there were.
        available: usize,
    },
}

impl<'a> ControlPacket<'a> {
    /// Checks the lengths, once.
    pub fn parse(octets: &'a [u8]) -> Result<ControlPacket<'a>, PacketError> {
        let &[code, id, high, low, ref rest @ ..] = octets else {
            return Err(PacketError::Short { len: octets.len() });
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let data = length
            .checked_sub(HEADER_LEN)
            .and_then(|len| rest.get(..len))
            .ok_or(PacketError::BadLength { length, available: octets.len() })?;
        Ok(ControlPacket { code: Code::from(code), id, data })
    }

    /// Appends the packet to `out`. Data beyond what Length can say is cut off.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let data = &self.data[..self.data.len().min(usize::from(u16::MAX) - HEADER_LEN)];
        let length = (HEADER_LEN + data.len()) as u16;
        out.reserve(usize::from(length));
        out.extend([u8::from(self.code), self.id]);
        out.extend(length.to_be_bytes());
        out.extend(data);
    }

    /// The packet on its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.emit(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padding_behind_length_is_ignored() {
        let packet = ControlPacket::parse(&[5, 9, 0, 6, b'h', b'i', 0, 0, 0]).unwrap();
        assert_eq!(packet, ControlPacket { code: Code::TerminateRequest, id: 9, data: b"hi" });
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        assert_eq!(ControlPacket::parse(&[1, 2, 0]), Err(PacketError::Short { len: 3 }));
        assert_eq!(
            ControlPacket::parse(&[1, 2, 0, 3]),
            Err(PacketError::BadLength { length: 3, available: 4 })
        );
        assert_eq!(
            ControlPacket::parse(&[1, 2, 0, 5]),
            Err(PacketError::BadLength { length: 5, available: 4 })
        );
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(code: u8, id: u8, data in prop::collection::vec(any::<u8>(), 0..2000)) {
            let packet = ControlPacket { code: Code::from(code), id, data: &data };
            let octets = packet.to_vec();
            prop_assert_eq!(ControlPacket::parse(&octets), Ok(packet));
        }

        #[test]
        fn what_parses_emits_the_same_octets(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(packet) = ControlPacket::parse(&octets) {
                let again = packet.to_vec();
                prop_assert_eq!(&again[..], &octets[..again.len()]);
            }
        }
    }
}
