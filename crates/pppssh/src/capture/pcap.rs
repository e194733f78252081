//! The packets, in the form of libpcap (draft-ietf-opsawg-pcap), microseconds, little-endian.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ppp_proto::{Direction, Tap};
use serde::{Deserialize, Serialize};

use super::file::CaptureFile;

const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: (u16, u16) = (2, 4);
/// No packet of a link is longer: its MRU has 16 bits.
const SNAP_LENGTH: u32 = 0x1_0000 + 8;

/// What stands in front of a packet's Protocol field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LinkType {
    /// `LINKTYPE_PPP_WITH_DIR` (204): an octet that says who sent it, then Address and Control. For tshark, Wireshark.
    #[default]
    WithDir,
    /// `LINKTYPE_PPP_PPPD` (166): who sent it in the place of Address. For tcpdump, which does not know the other.
    Pppd,
}

impl LinkType {
    const fn number(self) -> u32 {
        match self {
            Self::WithDir => 204,
            Self::Pppd => 166,
        }
    }

    const fn prefix(self, direction: Direction) -> &'static [u8] {
        match (self, direction) {
            (Self::WithDir, Direction::Received) => &[0, 0xff, 0x03],
            (Self::WithDir, Direction::Sent) => &[1, 0xff, 0x03],
            (Self::Pppd, Direction::Received) => &[0, 0x03],
            (Self::Pppd, Direction::Sent) => &[1, 0x03],
        }
    }

    /// The beginning of a file.
    pub(super) fn file_header(self) -> Vec<u8> {
        let mut header = MAGIC.to_le_bytes().to_vec();
        header.extend(VERSION.0.to_le_bytes());
        header.extend(VERSION.1.to_le_bytes());
        // Times are UTC, of no stated accuracy.
        header.extend([0; 8]);
        header.extend(SNAP_LENGTH.to_le_bytes());
        header.extend(self.number().to_le_bytes());
        header
    }
}

/// Writes each packet of a link.
#[derive(Debug)]
pub(super) struct Pcap {
    file: CaptureFile,
    link_type: LinkType,
}

impl Pcap {
    pub(super) fn new(file: CaptureFile, link_type: LinkType) -> Self {
        Self { file, link_type }
    }

    fn packet_at(&self, now: Duration, direction: Direction, protocol: u16, information: &[u8]) {
        let prefix = self.link_type.prefix(direction);
        let length = prefix.len() + size_of_val(&protocol) + information.len();
        let length = u32::try_from(length).expect("a frame is shorter");
        let seconds = now.as_secs() as u32;
        let header = [seconds, now.subsec_micros(), length, length].map(u32::to_le_bytes);
        self.file.write(&[header.as_flattened(), prefix, &protocol.to_be_bytes(), information]);
    }
}

impl Tap for Pcap {
    fn packet(&mut self, direction: Direction, protocol: u16, information: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.packet_at(now, direction, protocol, information);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_octets_are_libpcaps() {
        let dir = tempfile::tempdir().unwrap();
        for (link_type, number, sent) in
            [(LinkType::WithDir, 204, &[1, 0xff, 3][..]), (LinkType::Pppd, 166, &[1, 3])]
        {
            let path = dir.path().join(number.to_string());
            let file = CaptureFile::replace(&path).unwrap();
            file.write(&[&link_type.file_header()]);
            let pcap = Pcap::new(file.clone(), link_type);
            pcap.packet_at(Duration::from_micros(7_000_009), Direction::Sent, 0xc021, &[9, 1, 0, 4]);
            file.flush();
            let length = 6 + sent.len() as u8;
            let golden = [
                &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0, number, 0, 0, 0][..],
                &[7, 0, 0, 0, 9, 0, 0, 0, length, 0, 0, 0, length, 0, 0, 0],
                sent,
                &[0xc0, 0x21, 9, 1, 0, 4],
            ];
            assert_eq!(std::fs::read(&path).unwrap(), golden.concat(), "{link_type:?}");
        }
    }
}
