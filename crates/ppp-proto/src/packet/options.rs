//! Configuration options (RFC 1661 §6).
//!
//! ```text
//!  0                   1
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Type      |    Length     |  Data ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

/// Type and Length.
const HEADER_LEN: usize = 2;

/// A list of options whose lengths fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// A Length field reaches beyond the packet or does not cover its own header: the packet is silently discarded (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the option at octet {at} does not fit: expected a Length from {HEADER_LEN} to {available}")]
pub struct OptionsError {
    /// Where the option begins.
    pub at: usize,
    /// The octets from there to the end.
    pub available: usize,
}

/// One option; its Length fits, its data is not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// The Type field.
    pub kind: u8,
    /// What follows Length.
    pub data: &'a [u8],
}

/// Why an option means nothing to its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseOptionError {
    /// A Type that this protocol does not negotiate: to be rejected.
    Unknown,
    /// A known Type with a Length that it cannot have: to be naked with a proper one (§6).
    BadLength,
}

impl<'a> Options<'a> {
    /// Checks all lengths, once.
    pub fn parse(octets: &'a [u8]) -> Result<Options<'a>, OptionsError> {
        let mut at = 0;
        while at < octets.len() {
            let available = octets.len() - at;
            let length = octets.get(at + 1).copied().map_or(0, usize::from);
            if length < HEADER_LEN || length > available {
                return Err(OptionsError { at, available });
            }
            at += length;
        }
        Ok(Options(octets))
    }

    /// The options in their order.
    pub fn iter(&self) -> impl Iterator<Item = RawOption<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let &[kind, length, ref tail @ ..] = rest else { return None };
            let (data, next) = tail.split_at(usize::from(length) - HEADER_LEN);
            rest = next;
            Some(RawOption { kind, data })
        })
    }

    /// The octets they were parsed from.
    pub fn as_octets(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether these are some of `all`, unchanged and in the same order, as a Configure-Reject must be (§5.4).
    pub(crate) fn is_part_of(&self, all: Options<'_>) -> bool {
        let mut all = all.iter();
        self.iter().all(|mine| all.any(|theirs| mine == theirs))
    }
}

impl RawOption<'_> {
    /// Appends it to `out`. Data beyond what Length can say is cut off.
    pub fn emit(&self, out: &mut Vec<u8>) {
        push_option(out, self.kind, self.data);
    }
}

/// Appends an option of these parts to `out`.
pub(crate) fn push_option(out: &mut Vec<u8>, kind: u8, data: &[u8]) {
    let data = &data[..data.len().min(usize::from(u8::MAX) - HEADER_LEN)];
    out.extend([kind, (HEADER_LEN + data.len()) as u8]);
    out.extend(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_option_that_does_not_fit_spoils_the_list() {
        assert_eq!(Options::parse(&[1, 4, 5, 220, 7]), Err(OptionsError { at: 4, available: 1 }));
        assert_eq!(Options::parse(&[7, 2, 1, 1]), Err(OptionsError { at: 2, available: 2 }));
        assert_eq!(Options::parse(&[1, 5, 5, 220]), Err(OptionsError { at: 0, available: 4 }));
    }

    #[test]
    fn a_reject_must_keep_values_and_order() {
        let all = Options::parse(&[1, 4, 5, 220, 7, 2, 8, 2]).unwrap();
        let part = |octets: &[u8]| Options::parse(octets).unwrap().is_part_of(all);
        assert!(part(&[7, 2]) && part(&[1, 4, 5, 220, 8, 2]) && part(&[]));
        assert!(!part(&[8, 2, 7, 2]), "order");
        assert!(!part(&[1, 4, 5, 221]), "value");
        assert!(!part(&[7, 2, 7, 2]), "more than there were");
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(
            options in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..254)), 0..8),
        ) {
            let mut octets = Vec::new();
            for (kind, data) in &options {
                RawOption { kind: *kind, data }.emit(&mut octets);
            }
            let parsed: Vec<_> =
                Options::parse(&octets).unwrap().iter().map(|option| (option.kind, option.data.to_vec())).collect();
            prop_assert_eq!(parsed, options);
        }

        #[test]
        fn any_octets_parse_or_are_refused(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(options) = Options::parse(&octets) {
                let mut again = Vec::new();
                options.iter().for_each(|option| option.emit(&mut again));
                prop_assert_eq!(again, octets);
            }
        }
    }
}
