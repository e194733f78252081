//! The report on the wire.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Magic-Number                          |
//! | LastOutLQRs       LastOutPackets     LastOutOctets             |   4 octets each
//! | PeerInLQRs  PeerInPackets  PeerInDiscards  PeerInErrors  PeerInOctets
//! | PeerOutLQRs       PeerOutPackets     PeerOutOctets             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   RFC 1989 §2.6
//! ```

use std::fmt;

/// A Link-Quality-Report. The names are those of its receiver: "last out" is what it sent itself, "peer in" and "peer
/// out" is what its peer received and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkQualityReport {
    /// The sender's Magic-Number; zero if it has none.
    pub magic_number: u32,
    /// PeerOutLQRs of the last report that the sender received.
    pub last_out_lqrs: u32,
    /// PeerOutPackets of that report.
    pub last_out_packets: u32,
    /// PeerOutOctets of that report.
    pub last_out_octets: u32,
    /// Reports the sender had received by then; zero: none, and the other fields of these two groups say nothing.
    pub peer_in_lqrs: u32,
    /// Frames the sender had received by then.
    pub peer_in_packets: u32,
    /// Good frames it had had no use for.
    pub peer_in_discards: u32,
    /// Damaged frames.
    pub peer_in_errors: u32,
    /// Octets in the frames of `peer_in_packets`.
    pub peer_in_octets: u32,
    /// Reports sent, with this one.
    pub peer_out_lqrs: u32,
    /// Frames sent, with this one.
    pub peer_out_packets: u32,
    /// Octets sent, with this frame's.
    pub peer_out_octets: u32,
}

impl LinkQualityReport {
    /// Octets of a report.
    pub const LEN: usize = 48;

    /// The report at the front of `octets`; `None` if they are too few. What follows is padding.
    pub fn parse(octets: &[u8]) -> Option<LinkQualityReport> {
        let (words, _) = octets.get(..Self::LEN)?.as_chunks::<4>();
        let words: [[u8; 4]; 12] = words.try_into().ok()?;
        let [
            magic_number,
            last_out_lqrs,
            last_out_packets,
            last_out_octets,
            peer_in_lqrs,
            peer_in_packets,
            peer_in_discards,
            peer_in_errors,
            peer_in_octets,
            peer_out_lqrs,
            peer_out_packets,
            peer_out_octets,
        ] = words.map(u32::from_be_bytes);
        Some(LinkQualityReport {
            magic_number,
            last_out_lqrs,
            last_out_packets,
            last_out_octets,
            peer_in_lqrs,
            peer_in_packets,
            peer_in_discards,
            peer_in_errors,
            peer_in_octets,
            peer_out_lqrs,
            peer_out_packets,
            peer_out_octets,
        })
    }

    /// Appends the report to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let words = [
            self.magic_number,
            self.last_out_lqrs,
            self.last_out_packets,
            self.last_out_octets,
            self.peer_in_lqrs,
            self.peer_in_packets,
            self.peer_in_discards,
            self.peer_in_errors,
            self.peer_in_octets,
            self.peer_out_lqrs,
            self.peer_out_packets,
            self.peer_out_octets,
        ];
        out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    }
}

/// In the manner of pppd, which has no such packet itself.
impl fmt::Display for LinkQualityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkQualityReport { magic_number: magic, .. } = *self;
        write!(f, "[LQR magic={magic:#x}")?;
        write!(f, " <last out {} {} {}>", self.last_out_lqrs, self.last_out_packets, self.last_out_octets)?;
        write!(
            f,
            " <in {} {} {} discards {} errors {}>",
            self.peer_in_lqrs,
            self.peer_in_packets,
            self.peer_in_octets,
            self.peer_in_discards,
            self.peer_in_errors
        )?;
        write!(f, " <out {} {} {}>]", self.peer_out_lqrs, self.peer_out_packets, self.peer_out_octets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each octet tells its place.
    fn numbered() -> [u8; LinkQualityReport::LEN] {
        std::array::from_fn(|at| at as u8)
    }

    #[test]
    fn the_fields_stand_in_the_order_of_rfc_1989_section_2_6() {
        let report = LinkQualityReport::parse(&numbered()).unwrap();
        assert_eq!(report.magic_number, 0x0001_0203);
        assert_eq!(report.last_out_lqrs, 0x0405_0607);
        assert_eq!(report.last_out_packets, 0x0809_0a0b);
        assert_eq!(report.last_out_octets, 0x0c0d_0e0f);
        assert_eq!(report.peer_in_lqrs, 0x1011_1213);
        assert_eq!(report.peer_in_packets, 0x1415_1617);
        assert_eq!(report.peer_in_discards, 0x1819_1a1b);
        assert_eq!(report.peer_in_errors, 0x1c1d_1e1f);
        assert_eq!(report.peer_in_octets, 0x2021_2223);
        assert_eq!(report.peer_out_lqrs, 0x2425_2627);
        assert_eq!(report.peer_out_packets, 0x2829_2a2b);
        assert_eq!(report.peer_out_octets, 0x2c2d_2e2f);
    }

    #[test]
    fn a_report_reads_in_one_line() {
        let report = LinkQualityReport {
            magic_number: 0xab,
            last_out_lqrs: 1,
            last_out_packets: 2,
            last_out_octets: 3,
            peer_in_lqrs: 4,
            peer_in_packets: 5,
            peer_in_discards: 6,
            peer_in_errors: 7,
            peer_in_octets: 8,
            peer_out_lqrs: 9,
            peer_out_packets: 10,
            peer_out_octets: 11,
        };
        assert_eq!(
            report.to_string(),
            "[LQR magic=0xab <last out 1 2 3> <in 4 5 8 discards 6 errors 7> <out 9 10 11>]"
        );
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            match LinkQualityReport::parse(&octets) {
                None => prop_assert!(octets.len() < LinkQualityReport::LEN),
                Some(report) => {
                    let mut emitted = Vec::new();
                    report.emit(&mut emitted);
                    prop_assert_eq!(&emitted[..], &octets[..LinkQualityReport::LEN]);
                }
            }
        }
    }
}
