//! LCP's options on the wire.
//!
//! ```text
//!  1 MRU                 | 1 | 4 |   MRU   |                 RFC 1661 §6.1
//!  2 ACCM                | 2 | 6 |       ACCM        |       RFC 1662 §7.1
//!  3 Authentication      | 3 |>=4| Protocol| Data ...        RFC 1661 §6.2
//!  4 Quality             | 4 |>=4| Protocol| Data ...        RFC 1661 §6.3
//!  5 Magic-Number        | 5 | 6 |   Magic-Number    |       RFC 1661 §6.4
//!  7 PFC                 | 7 | 2 |                           RFC 1661 §6.5
//!  8 ACFC                | 8 | 2 |                           RFC 1661 §6.6
//!  9 FCS-Alternatives    | 9 | 3 |Opt|                       RFC 1570 §2.1
//!  0 Vendor-Specific     | 0 |>=6|    OUI   |Kind| Data ...  RFC 2153 §2, see `express`
//! ```

use crate::{
    express::Express,
    frame::{Accm, Fcs},
    packet::{ParseOptionError, RawOption, push_option},
    protocol,
};

const VENDOR_SPECIFIC: u8 = 0;
pub(super) const MRU: u8 = 1;
pub(super) const ACCM: u8 = 2;
pub(crate) const AUTHENTICATION_PROTOCOL: u8 = 3;
pub(super) const QUALITY_PROTOCOL: u8 = 4;
pub(super) const MAGIC_NUMBER: u8 = 5;
const PFC: u8 = 7;
const ACFC: u8 = 8;
pub(super) const FCS_ALTERNATIVES: u8 = 9;

/// The bits of FCS-Alternatives (RFC 1570 §2.1).
const FCS_NULL: u8 = 1;
const FCS_16: u8 = 2;
const FCS_32: u8 = 4;

/// An option that LCP here negotiates or at least understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LcpOption {
    /// The largest Information field the sender of the option wants to receive.
    Mru(u16),
    /// The control characters the sender of the option wants escaped.
    Accm(Accm),
    /// The sender of the option wants the other end to prove who it is: a protocol, and data it defines.
    AuthenticationProtocol(Vec<u8>),
    /// The sender of the option wants reports: a protocol, and data it defines.
    QualityProtocol(Vec<u8>),
    /// A number that the sender of the option hopes to have for itself.
    MagicNumber(u32),
    /// The sender of the option takes one-octet protocol numbers.
    Pfc,
    /// The sender of the option takes frames without Address and Control.
    Acfc,
    /// The sender of the option wants its frames checked so.
    FcsAlternatives(Fcs),
    /// The sender of the option takes what only this implementation sends.
    Express(Express),
}

impl LcpOption {
    pub(crate) fn parse_raw(option: RawOption<'_>) -> Result<LcpOption, ParseOptionError> {
        Ok(match (option.kind, option.data) {
            (MRU, &[a, b]) => LcpOption::Mru(u16::from_be_bytes([a, b])),
            (ACCM, &[a, b, c, d]) => LcpOption::Accm(Accm(u32::from_be_bytes([a, b, c, d]))),
            (AUTHENTICATION_PROTOCOL, data) if data.len() >= 2 => {
                LcpOption::AuthenticationProtocol(data.to_vec())
            }
            (QUALITY_PROTOCOL, data) if data.len() >= 2 => LcpOption::QualityProtocol(data.to_vec()),
            (MAGIC_NUMBER, &[a, b, c, d]) => LcpOption::MagicNumber(u32::from_be_bytes([a, b, c, d])),
            (PFC, []) => LcpOption::Pfc,
            (ACFC, []) => LcpOption::Acfc,
            (FCS_ALTERNATIVES, [FCS_NULL]) => LcpOption::FcsAlternatives(Fcs::Null),
            (FCS_ALTERNATIVES, [FCS_16]) => LcpOption::FcsAlternatives(Fcs::Fcs16),
            (FCS_ALTERNATIVES, [FCS_32]) => LcpOption::FcsAlternatives(Fcs::Fcs32),
            (VENDOR_SPECIFIC, data) => {
                LcpOption::Express(Express::parse(data).ok_or(ParseOptionError::Unknown)?)
            }
            (MRU | ACCM | QUALITY_PROTOCOL | MAGIC_NUMBER | PFC | ACFC | FCS_ALTERNATIVES, _) => {
                return Err(ParseOptionError::BadLength);
            }
            _ => return Err(ParseOptionError::Unknown),
        })
    }

    /// The option's meaning; `None` if its Type is unknown here or its Length not that of its Type.
    pub fn parse(option: RawOption<'_>) -> Option<LcpOption> {
        LcpOption::parse_raw(option).ok()
    }

    /// The option's Type.
    pub fn kind(&self) -> u8 {
        match self {
            LcpOption::Mru(_) => MRU,
            LcpOption::Accm(_) => ACCM,
            LcpOption::AuthenticationProtocol(_) => AUTHENTICATION_PROTOCOL,
            LcpOption::QualityProtocol(_) => QUALITY_PROTOCOL,
            LcpOption::MagicNumber(_) => MAGIC_NUMBER,
            LcpOption::Pfc => PFC,
            LcpOption::Acfc => ACFC,
            LcpOption::FcsAlternatives(_) => FCS_ALTERNATIVES,
            LcpOption::Express(_) => VENDOR_SPECIFIC,
        }
    }

    /// What follows Type and Length.
    pub(crate) fn data(&self) -> Vec<u8> {
        match self {
            LcpOption::Mru(mru) => mru.to_be_bytes().to_vec(),
            LcpOption::Accm(accm) => accm.0.to_be_bytes().to_vec(),
            LcpOption::AuthenticationProtocol(data) | LcpOption::QualityProtocol(data) => data.clone(),
            LcpOption::MagicNumber(magic) => magic.to_be_bytes().to_vec(),
            LcpOption::Pfc | LcpOption::Acfc => Vec::new(),
            LcpOption::FcsAlternatives(Fcs::Null) => vec![FCS_NULL],
            LcpOption::FcsAlternatives(Fcs::Fcs16) => vec![FCS_16],
            LcpOption::FcsAlternatives(Fcs::Fcs32) => vec![FCS_32],
            LcpOption::Express(express) => express.emit().to_vec(),
        }
    }

    /// Appends the option to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        push_option(out, self.kind(), &self.data());
    }
}

/// Link-Quality-Reports at least once in so many hundredths of a second (RFC 1989 §2.5).
pub(super) fn lqr(period: u32) -> LcpOption {
    LcpOption::QualityProtocol([&protocol::LQR.to_be_bytes()[..], &period.to_be_bytes()].concat())
}

/// The Reporting-Period in the data of a Quality-Protocol option, if it is about Link-Quality-Reports.
pub(super) fn reporting_period(data: &[u8]) -> Option<u32> {
    let (number, period) = data.split_first_chunk()?;
    let period = period.try_into().ok()?;
    (u16::from_be_bytes(*number) == protocol::LQR).then(|| u32::from_be_bytes(period))
}

/// The authentication protocol in the data of its option, in pppd's words.
pub(crate) fn auth_name(data: &[u8]) -> String {
    let Some((number, rest)) = data.split_first_chunk() else { return String::from("(none)") };
    let hex = |octets: &[u8]| match octets {
        [] => String::new(),
        octets => format!(" {:02x?}", &octets[..octets.len().min(8)]),
    };
    match (u16::from_be_bytes(*number), rest) {
        (protocol::PAP, rest) => format!("pap{}", hex(rest)),
        (protocol::CHAP, [5]) => String::from("chap MD5"),
        (protocol::CHAP, [0x80]) => String::from("chap MS"),
        (protocol::CHAP, [0x81]) => String::from("chap MS-v2"),
        (protocol::CHAP, rest) => format!("chap{}", hex(rest)),
        (protocol::EAP, rest) => format!("eap{}", hex(rest)),
        (other, rest) => format!("{other:#06x}{}", hex(rest)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::Options;

    fn any_option() -> impl Strategy<Value = LcpOption> {
        let data = || prop::collection::vec(any::<u8>(), 2..253);
        prop_oneof![
            any::<u16>().prop_map(LcpOption::Mru),
            any::<u32>().prop_map(|accm| LcpOption::Accm(Accm(accm))),
            data().prop_map(LcpOption::AuthenticationProtocol),
            data().prop_map(LcpOption::QualityProtocol),
            any::<u32>().prop_map(LcpOption::MagicNumber),
            Just(LcpOption::Pfc),
            Just(LcpOption::Acfc),
            prop_oneof![Just(Fcs::Null), Just(Fcs::Fcs16), Just(Fcs::Fcs32)]
                .prop_map(LcpOption::FcsAlternatives),
        ]
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(option in any_option()) {
            let mut octets = Vec::new();
            option.emit(&mut octets);
            let parsed = Options::parse(&octets).unwrap().iter().next().and_then(LcpOption::parse);
            prop_assert_eq!(parsed, Some(option));
        }

        #[test]
        fn what_parses_emits_the_same_octets(kind in 0u8..12, data in prop::collection::vec(any::<u8>(), 0..8)) {
            let raw = RawOption { kind, data: &data };
            if let Some(option) = LcpOption::parse(raw) {
                prop_assert_eq!((option.kind(), option.data()), (kind, data.clone()));
            }
        }
    }
}
