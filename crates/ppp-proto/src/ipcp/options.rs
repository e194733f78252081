//! IPCP's options on the wire.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Type      |    Length 6   |           IP-Address
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!         IP-Address (cont)        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   3: RFC 1332 §3.3; 129 to 132: RFC 1877 §1
//!
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Type 2     |    Length 6   |  IP-Compression-Protocol 002d |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Max-Slot-Id  | Comp-Slot-Id  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   RFC 1332 §3.2, §4
//! ```

use std::net::Ipv4Addr;

use crate::{
    packet::{ParseOptionError, RawOption, push_option},
    protocol,
    vj::VjTerms,
};

pub(crate) const IP_COMPRESSION_PROTOCOL: u8 = 2;
pub(crate) const IP_ADDRESS: u8 = 3;
const PRIMARY_DNS: u8 = 129;
const PRIMARY_NBNS: u8 = 130;
const SECONDARY_DNS: u8 = 131;
const SECONDARY_NBNS: u8 = 132;

/// Van Jacobson's number among the compression protocols.
const VJ: [u8; 2] = protocol::VJ_COMPRESSED.to_be_bytes();

/// An option that IPCP here negotiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpcpOption {
    /// Van Jacobson's compression, which its sender wants to receive.
    Vj(VjTerms),
    /// The address its sender has or, with 0.0.0.0, would like to be given.
    Address(Ipv4Addr),
    /// The DNS server of this place its sender knows or, with 0.0.0.0, would like to be told.
    Dns(Place, Ipv4Addr),
    /// The NetBIOS name server of this place, in the same way.
    Nbns(Place, Ipv4Addr),
}

/// Which of two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one to ask first.
    Primary,
    /// The other one.
    Secondary,
}

impl Place {
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl IpcpOption {
    pub(crate) fn parse_raw(option: RawOption<'_>) -> Result<IpcpOption, ParseOptionError> {
        let address = || {
            let octets: [u8; 4] = option.data.try_into().map_err(|_| ParseOptionError::BadLength)?;
            Ok(Ipv4Addr::from(octets))
        };
        Ok(match option.kind {
            IP_COMPRESSION_PROTOCOL => match option.data.split_first_chunk::<2>() {
                // Only two values mean something; any other is as bad as a wrong Length, and is corrected like one.
                Some((&VJ, &[max_slot, slot_id @ (0 | 1)])) => {
                    IpcpOption::Vj(VjTerms { max_slot, slot_id: slot_id == 1 })
                }
                _ => return Err(ParseOptionError::BadLength),
            },
            IP_ADDRESS => IpcpOption::Address(address()?),
            PRIMARY_DNS => IpcpOption::Dns(Place::Primary, address()?),
            SECONDARY_DNS => IpcpOption::Dns(Place::Secondary, address()?),
            PRIMARY_NBNS => IpcpOption::Nbns(Place::Primary, address()?),
            SECONDARY_NBNS => IpcpOption::Nbns(Place::Secondary, address()?),
            _ => return Err(ParseOptionError::Unknown),
        })
    }

    /// The option's meaning; `None` if its Type is unknown here, its Length not 6, or its compression another one.
    pub fn parse(option: RawOption<'_>) -> Option<IpcpOption> {
        IpcpOption::parse_raw(option).ok()
    }

    /// The option's Type.
    pub fn kind(&self) -> u8 {
        match self {
            IpcpOption::Vj(_) => IP_COMPRESSION_PROTOCOL,
            IpcpOption::Address(_) => IP_ADDRESS,
            IpcpOption::Dns(Place::Primary, _) => PRIMARY_DNS,
            IpcpOption::Dns(Place::Secondary, _) => SECONDARY_DNS,
            IpcpOption::Nbns(Place::Primary, _) => PRIMARY_NBNS,
            IpcpOption::Nbns(Place::Secondary, _) => SECONDARY_NBNS,
        }
    }

    /// The option's Data field.
    pub fn data(&self) -> [u8; 4] {
        match *self {
            IpcpOption::Vj(VjTerms { max_slot, slot_id }) => {
                let [high, low] = VJ;
                [high, low, max_slot, slot_id.into()]
            }
            IpcpOption::Address(address) | IpcpOption::Dns(_, address) | IpcpOption::Nbns(_, address) => {
                address.octets()
            }
        }
    }

    /// Appends the option to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        push_option(out, self.kind(), &self.data());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::Options;

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(kind: u8, octets: [u8; 4]) {
            let raw = RawOption { kind, data: &octets };
            if let Some(option) = IpcpOption::parse(raw) {
                let mut emitted = Vec::new();
                option.emit(&mut emitted);
                prop_assert_eq!(Options::parse(&emitted).unwrap().iter().next(), Some(raw));
            } else {
                prop_assert!(!matches!(kind, 3 | 129..=132));
            }
        }
    }

    #[test]
    fn an_address_of_another_length_is_none() {
        assert_eq!(
            IpcpOption::parse_raw(RawOption { kind: 3, data: &[1, 2, 3] }),
            Err(ParseOptionError::BadLength)
        );
        assert_eq!(
            IpcpOption::parse_raw(RawOption { kind: 1, data: &[0; 8] }),
            Err(ParseOptionError::Unknown)
        );
    }

    #[test]
    fn only_van_jacobsons_compression_with_both_its_octets_is_known() {
        let parse = |data| IpcpOption::parse(RawOption { kind: 2, data });
        assert_eq!(parse(&[0, 0x2d, 15, 1]), Some(IpcpOption::Vj(VjTerms { max_slot: 15, slot_id: true })));
        // As in RFC 1172, and Header Compression of RFC 2507.
        assert_eq!((parse(&[0, 0x2d]), parse(&[0, 0x61, 0, 15])), (None, None));
        assert_eq!(parse(&[0, 0x2d, 15, 2]), None);
    }
}
