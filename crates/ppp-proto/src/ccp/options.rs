//! CCP's options on the wire.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Type 26    |    Length 4   | Window|Method |    MBZ    |Chk|   RFC 1979 §3
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::packet::{ParseOptionError, RawOption, push_option};

/// Predictor type 1 and 2 (RFC 1978).
pub(crate) const PREDICTOR_1: u8 = 1;
pub(crate) const PREDICTOR_2: u8 = 2;
/// BSD Compress (RFC 1977).
pub(crate) const BSD_COMPRESS: u8 = 21;
const DEFLATE_DRAFT: u8 = 24;
const DEFLATE: u8 = 26;

/// zlib's number for its only compression method.
const METHOD: u8 = 8;
/// Chk: a lost packet is found by its sequence number.
const CHECK_SEQUENCE: u8 = 0;
/// A Window of zero stands for this.
const SMALLEST_WINDOW: u8 = 8;

/// An option that CCP here negotiates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CcpOption {
    /// Deflate, which its sender wants to receive.
    Deflate {
        /// By which number.
        number: DeflateNumber,
        /// The base-two logarithm of the window; 8 to 23 can be said.
        window: u8,
    },
}

/// Deflate has two numbers that mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeflateNumber {
    /// 26, RFC 1979's.
    Standard,
    /// 24, that of its drafts.
    Draft,
}

impl DeflateNumber {
    /// Which one it is, if it is one.
    pub(crate) fn of(kind: u8) -> Option<DeflateNumber> {
        match kind {
            DEFLATE => Some(DeflateNumber::Standard),
            DEFLATE_DRAFT => Some(DeflateNumber::Draft),
            _ => None,
        }
    }
}

impl CcpOption {
    pub(crate) fn parse_raw(option: RawOption<'_>) -> Result<CcpOption, ParseOptionError> {
        let number = DeflateNumber::of(option.kind).ok_or(ParseOptionError::Unknown)?;
        match *option.data {
            // Another method or check is as bad as a wrong Length, and is corrected like one.
            [window, CHECK_SEQUENCE] if window & 0x0f == METHOD => {
                Ok(CcpOption::Deflate { number, window: (window >> 4) + SMALLEST_WINDOW })
            }
            _ => Err(ParseOptionError::BadLength),
        }
    }

    /// The option's meaning; `None` if its Type is unknown here, or if it is another Deflate than zlib's with numbers.
    pub fn parse(option: RawOption<'_>) -> Option<CcpOption> {
        CcpOption::parse_raw(option).ok()
    }

    /// The option's Type.
    pub fn kind(&self) -> u8 {
        match self {
            CcpOption::Deflate { number: DeflateNumber::Standard, .. } => DEFLATE,
            CcpOption::Deflate { number: DeflateNumber::Draft, .. } => DEFLATE_DRAFT,
        }
    }

    /// The option's Data field.
    pub fn data(&self) -> [u8; 2] {
        let CcpOption::Deflate { window, .. } = *self;
        [window.saturating_sub(SMALLEST_WINDOW) << 4 | METHOD, CHECK_SEQUENCE]
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
        fn parse_and_emit_are_inverse(
            kind in prop_oneof![Just(24u8), Just(26), any::<u8>()],
            window: u8,
            check in prop_oneof![4 => Just(0u8), 1 => any::<u8>()],
        ) {
            let octets = [window, check];
            let raw = RawOption { kind, data: &octets };
            match CcpOption::parse(raw) {
                Some(option) => {
                    let mut emitted = Vec::new();
                    option.emit(&mut emitted);
                    prop_assert_eq!(Options::parse(&emitted).unwrap().iter().next(), Some(raw));
                }
                None => prop_assert!(!matches!(kind, 24 | 26) || window & 15 != 8 || check != 0),
            }
        }
    }

    #[test]
    fn the_option_that_pppd_sends_is_a_window_of_15() {
        let parse = |kind, data| CcpOption::parse(RawOption { kind, data });
        let deflate = |number| Some(CcpOption::Deflate { number, window: 15 });
        assert_eq!(parse(26, &[0x78, 0]), deflate(DeflateNumber::Standard));
        assert_eq!(parse(24, &[0x78, 0]), deflate(DeflateNumber::Draft));
    }

    #[test]
    fn another_method_another_check_or_another_length_is_none() {
        let error = |kind, data| CcpOption::parse_raw(RawOption { kind, data }).unwrap_err();
        for data in [&[0x77, 0][..], &[0x78, 1], &[0x78, 4], &[0x78], &[0x78, 0, 0]] {
            assert_eq!(error(26, data), ParseOptionError::BadLength, "{data:x?}");
        }
        assert_eq!(error(BSD_COMPRESS, &[0x2f]), ParseOptionError::Unknown);
    }
}
