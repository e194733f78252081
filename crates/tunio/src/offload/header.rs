//! The virtio header, as octets and as numbers.

use std::ops::Range;

use super::Refusal;

/// A little-endian `struct virtio_net_hdr` (linux/virtio_net.h; virtio 1.2 §5.1.6):
///
/// ```text
/// | flags, 1 | gso_type, 1 | hdr_len, 2 | gso_size, 2 | csum_start, 2 | csum_offset, 2 |
/// ```
///
/// It says what has been left undone on the packet behind it. Its numbers are only what somebody wrote there:
/// [`validate`](super::validate) finds out whether they are true of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VirtioHeader {
    /// VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum is not there yet. It belongs `csum_offset` behind
    /// `csum_start`, covers all from `csum_start` on, and the sum of the pseudo-header stands in its place.
    pub needs_csum: bool,
    /// VIRTIO_NET_HDR_F_DATA_VALID: somebody has checked the checksum.
    pub data_valid: bool,
    /// Whether the packet is to be cut, and by whose rules.
    pub gso_type: GsoType,
    /// VIRTIO_NET_HDR_GSO_ECN: the packet has CWR set, which only its first segment may carry (RFC 3168 §6.1.2).
    pub ecn: bool,
    /// Octets of all headers: a hint, which the kernel fills with what lies together in its memory.
    pub hdr_len: u16,
    /// Octets of payload in each segment, but for a shorter last one.
    pub gso_size: u16,
    /// Where the checksum begins, counted from the beginning of the packet.
    pub csum_start: u16,
    /// Where the checksum goes, counted from `csum_start`.
    pub csum_offset: u16,
}

/// By whose rules a packet is to be cut into segments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GsoType {
    /// VIRTIO_NET_HDR_GSO_NONE: it is one packet.
    #[default]
    None,
    /// VIRTIO_NET_HDR_GSO_TCPV4.
    TcpV4,
    /// VIRTIO_NET_HDR_GSO_TCPV6.
    TcpV6,
    /// VIRTIO_NET_HDR_GSO_UDP_L4: datagrams of UDP, over IPv4 or IPv6, not fragments of one.
    UdpL4,
}

mod field {
    use std::ops::Range;

    pub(super) const HDR_LEN: Range<usize> = 2..4;
    pub(super) const GSO_SIZE: Range<usize> = 4..6;
    pub(super) const CSUM_START: Range<usize> = 6..8;
    pub(super) const CSUM_OFFSET: Range<usize> = 8..10;
}

const F_NEEDS_CSUM: u8 = 1;
const F_DATA_VALID: u8 = 2;
const GSO_ECN: u8 = 0x80;

impl GsoType {
    const ALL: [(u8, GsoType); 4] =
        [(0, GsoType::None), (1, GsoType::TcpV4), (4, GsoType::TcpV6), (5, GsoType::UdpL4)];

    fn octet(self) -> u8 {
        match self {
            GsoType::None => 0,
            GsoType::TcpV4 => 1,
            GsoType::TcpV6 => 4,
            GsoType::UdpL4 => 5,
        }
    }
}

impl VirtioHeader {
    /// Its octets.
    pub const LEN: usize = 10;

    /// The header of a packet that has all it needs.
    pub const NONE: VirtioHeader = VirtioHeader {
        needs_csum: false,
        data_valid: false,
        gso_type: GsoType::None,
        ecn: false,
        hdr_len: 0,
        gso_size: 0,
        csum_start: 0,
        csum_offset: 0,
    };

    /// Reads one. What this crate has no name for (fragmentation of UDP, tunnels, receive coalescing) is refused.
    pub fn parse(octets: &[u8; VirtioHeader::LEN]) -> Result<VirtioHeader, Refusal> {
        let [flags, gso_type] = [octets[0], octets[1]];
        if flags & !(F_NEEDS_CSUM | F_DATA_VALID) != 0 {
            return Err(Refusal::Flags(flags));
        }
        let known = GsoType::ALL.into_iter().find(|(octet, _)| *octet == gso_type & !GSO_ECN);
        let Some((_, known)) = known else { return Err(Refusal::GsoType(gso_type)) };
        let number = |field: Range<usize>| u16::from_le_bytes([octets[field.start], octets[field.start + 1]]);
        Ok(VirtioHeader {
            needs_csum: flags & F_NEEDS_CSUM != 0,
            data_valid: flags & F_DATA_VALID != 0,
            gso_type: known,
            ecn: gso_type & GSO_ECN != 0,
            hdr_len: number(field::HDR_LEN),
            gso_size: number(field::GSO_SIZE),
            csum_start: number(field::CSUM_START),
            csum_offset: number(field::CSUM_OFFSET),
        })
    }

    /// Writes it.
    pub fn emit(&self) -> [u8; VirtioHeader::LEN] {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let mut octets = [0; VirtioHeader::LEN];
        octets[0] = flag(self.needs_csum, F_NEEDS_CSUM) | flag(self.data_valid, F_DATA_VALID);
        octets[1] = self.gso_type.octet() | flag(self.ecn, GSO_ECN);
        octets[field::HDR_LEN].copy_from_slice(&self.hdr_len.to_le_bytes());
        octets[field::GSO_SIZE].copy_from_slice(&self.gso_size.to_le_bytes());
        octets[field::CSUM_START].copy_from_slice(&self.csum_start.to_le_bytes());
        octets[field::CSUM_OFFSET].copy_from_slice(&self.csum_offset.to_le_bytes());
        octets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers() -> impl Strategy<Value = VirtioHeader> {
        let gso_type = proptest::sample::select(GsoType::ALL.map(|(_, gso_type)| gso_type).to_vec());
        let switches = (any::<bool>(), any::<bool>(), any::<bool>());
        let numbers = (any::<u16>(), any::<u16>(), any::<u16>(), any::<u16>());
        (gso_type, switches, numbers).prop_map(|(gso_type, (needs_csum, data_valid, ecn), (a, b, c, d))| {
            VirtioHeader {
                needs_csum,
                data_valid,
                gso_type,
                ecn,
                hdr_len: a,
                gso_size: b,
                csum_start: c,
                csum_offset: d,
            }
        })
    }

    #[test]
    fn a_header_is_where_the_kernel_looks_for_it() {
        let header = VirtioHeader {
            needs_csum: true,
            data_valid: false,
            gso_type: GsoType::TcpV6,
            ecn: true,
            hdr_len: 72,
            gso_size: 1428,
            csum_start: 40,
            csum_offset: 16,
        };
        assert_eq!(header.emit(), [1, 0x84, 72, 0, 0x94, 5, 40, 0, 16, 0]);
        assert_eq!(VirtioHeader::NONE.emit(), [0; 10]);
        assert_eq!(VirtioHeader::default(), VirtioHeader::NONE);
    }

    #[test]
    fn what_has_no_name_here_is_refused() {
        assert_eq!(VirtioHeader::parse(&[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Refusal::Flags(4)));
        // VIRTIO_NET_HDR_GSO_UDP, fragmentation.
        assert_eq!(VirtioHeader::parse(&[1, 3, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Refusal::GsoType(3)));
        // VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 with TCPV4.
        assert_eq!(VirtioHeader::parse(&[1, 0x21, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Refusal::GsoType(0x21)));
    }

    proptest! {
        #[test]
        fn parse_undoes_emit(header in headers()) {
            prop_assert_eq!(VirtioHeader::parse(&header.emit()), Ok(header));
        }

        #[test]
        fn emit_undoes_parse(flags in 0u8..8, gso_type: u8, rest: [u8; 8]) {
            let mut octets = [flags, gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[2..].copy_from_slice(&rest);
            if let Ok(header) = VirtioHeader::parse(&octets) {
                prop_assert_eq!(header.emit(), octets);
            }
        }
    }
}
