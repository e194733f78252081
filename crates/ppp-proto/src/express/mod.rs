//! What two ends of this implementation do that the RFCs do not know, agreed on by an option that anybody else rejects.
//!
//! SSH carries octets without loss or change, so between two ends that both know it a packet needs no stuffing and no frame
//! check sequence, only its length; it may be larger than the MRU, with the header with which the system takes it to
//! pieces; and the receiver can say how far it got. Control packets stay in frames of RFC 1662, among the records:
//!
//! ```text
//!   0                   1                   2                   3
//!   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |     Kind      |                    Length                     |
//!  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!  |    Data ...
//!  +-+-+-+-+
//!
//!  10  one IP packet
//!  11  a virtio header of ten octets, and one IP packet of up to 65535
//!  12  a report
//!  13 to 16  packets of TCP whose headers are remembered, or told by how they differ from those
//! ```
//!
//! No frame begins with a Kind: behind a flag come ff, or 7d where all is escaped, and an express link compresses neither
//! Address nor Protocol of control packets. So an end that starts over in the middle of it is understood at once.
//!
//! The option is a Vendor-Specific one (RFC 2153 §2), with an organisation number from the block that is nobody's
//! (IEEE 802c's administratively assigned identifiers):
//!
//! ```text
//! +-------+-------+----------------+-------+-------+
//! | Type 0| Len 7 | OUI 72 70 73   | Kind 1| Flags |
//! +-------+-------+----------------+-------+-------+
//!                                  1 records   2 virtio headers   8 reports   16 remembered headers
//!                                  32 lanes
//! ```
//!
//! It says what its sender takes. Both directions are agreed on by themselves.

mod headers;
mod record;
mod report;

pub(crate) use headers::{HeaderCompressor, HeaderDecompressor, Headers};
pub(crate) use record::{Form, HEADER_LEN, RecordKind, RecordReader, Taken, emit_header};
pub use record::{MAX_RECORD, OFFLOAD_HEADER_LEN};
pub use report::Report;
pub(crate) use report::Reporter;

/// The organisation of the option.
const OUI: [u8; 3] = *b"rps";
/// Its kind within the organisation.
const KIND: u8 = 1;

const RECORDS: u8 = 1;
const OFFLOAD: u8 = 2;
/// 4 stood for reports without the clock, before there was a release.
const REPORTS: u8 = 8;
const HEADERS: u8 = 16;
const LANES: u8 = 32;

/// What an end takes. Records are what the others come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Express {
    /// Packets with a virtio header.
    pub offload: bool,
    /// Reports on what has arrived; whoever takes them sends them, too.
    pub reports: bool,
    /// Packets of TCP whose headers are told by how they differ from the last ones of their connection.
    pub headers: bool,
    /// The stream through several channels, which is no matter of the link but of what carries it.
    pub lanes: bool,
}

impl Express {
    /// All that a link does by itself.
    pub const ALL: Express = Express { offload: true, reports: true, headers: true, lanes: false };

    /// The data of the option that says so.
    pub(crate) fn emit(self) -> [u8; 5] {
        let [a, b, c] = OUI;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let packets = flag(self.offload, OFFLOAD) | flag(self.headers, HEADERS);
        [a, b, c, KIND, RECORDS | packets | flag(self.reports, REPORTS) | flag(self.lanes, LANES)]
    }

    /// What the data of a Vendor-Specific option says, if it is ours. Flags of times to come mean nothing here.
    pub(crate) fn parse(data: &[u8]) -> Option<Express> {
        let (oui, rest) = data.split_first_chunk::<3>()?;
        match (*oui, rest) {
            (OUI, [KIND, flags, ..]) if flags & RECORDS != 0 => {
                let is_set = |flag| flags & flag != 0;
                Some(Express {
                    offload: is_set(OFFLOAD),
                    reports: is_set(REPORTS),
                    headers: is_set(HEADERS),
                    lanes: is_set(LANES),
                })
            }
            _ => None,
        }
    }

    /// What both ends know.
    pub(crate) fn and(self, other: Express) -> Express {
        Express {
            offload: self.offload && other.offload,
            reports: self.reports && other.reports,
            headers: self.headers && other.headers,
            lanes: self.lanes && other.lanes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_says_what_its_sender_takes_and_a_strangers_says_nothing() {
        for express in [
            Express::default(),
            Express { offload: true, ..Express::default() },
            Express { headers: true, ..Express::default() },
            Express { lanes: true, ..Express::ALL },
            Express::ALL,
        ] {
            assert_eq!(Express::parse(&express.emit()), Some(express));
        }
        assert_eq!(Express::ALL.emit(), [0x72, 0x70, 0x73, 1, 27]);
        for strangers in [
            &[0x72, 0x70, 0x73, 1, 10][..],
            &[0x72, 0x70, 0x74, 1, 11],
            &[0x72, 0x70, 0x73, 2, 11],
            &[0x72, 0x70],
        ] {
            assert_eq!(Express::parse(strangers), None);
        }
    }
}
