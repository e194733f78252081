//! What can be wrong with a header, or with a packet for its header.

/// Why a header is not true of its packet. All of it may come from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A flag that this crate does not know.
    #[error("the virtio header has the flags {0:#04x}, of which only NEEDS_CSUM and DATA_VALID are known")]
    Flags(u8),

    /// A kind of segmentation that this crate does not know.
    #[error(
        "the virtio header has the gso_type {0:#04x}, of which only NONE, TCPV4, TCPV6 and UDP_L4 are known"
    )]
    GsoType(u8),

    /// Longer than an IP packet can be.
    #[error("the packet has {0} octets, more than 65535")]
    TooLong(usize),

    /// hdr_len is more than the packet has.
    #[error("hdr_len says {hdr_len}, the packet has {packet} octets")]
    HeaderLength {
        /// What the header says.
        hdr_len: u16,
        /// The packet's length.
        packet: usize,
    },

    /// Neither IPv4 nor IPv6, or its headers are cut short or contradict themselves.
    #[error("the packet's IP headers are none, are cut short, or contradict its length")]
    IpHeader,

    /// A fragment has no checksum of its own to complete, and no segments.
    #[error("the packet is a fragment, which can be neither cut nor given a checksum")]
    Fragment,

    /// gso_type and the packet do not fit.
    #[error("gso_type says {0:?}, the packet is another kind")]
    NotOfType(super::GsoType),

    /// A header of TCP or UDP that is cut short or contradicts itself.
    #[error("the packet's TCP or UDP header is cut short or contradicts its length")]
    TransportHeader,

    /// More headers than any sane packet has, which would be repeated in each segment.
    #[error("the packet has {0} octets of headers, more than are repeated in each segment")]
    HeadersTooLong(usize),

    /// A segment of TCP that cannot be one of several.
    #[error("a packet with the TCP flags {0:#04x} cannot be cut: SYN, RST and URG belong to one segment")]
    TcpFlags(u8),

    /// VIRTIO_NET_HDR_GSO_ECN without TCP.
    #[error("the ECN bit of gso_type is for TCP alone")]
    EcnWithoutTcp,

    /// Segmentation changes what the checksum covers, so it must be left undone.
    #[error("a packet to be cut must have NEEDS_CSUM")]
    GsoWithoutChecksum,

    /// csum_start or csum_offset point outside of the packet or to what is no checksum.
    #[error("the checksum from octet {start} on at {start} + {offset} is not that of the packet")]
    ChecksumPlace {
        /// csum_start.
        start: u16,
        /// csum_offset.
        offset: u16,
    },

    /// 0, or 0xffff, which the kernel keeps for itself (GSO_BY_FRAGS).
    #[error("gso_size cannot be {0}")]
    GsoSize(u16),

    /// There is nothing to cut.
    #[error("the packet has no payload to cut")]
    NoPayload,

    /// More segments than one packet may become.
    #[error("the packet would become {segments} segments, more than {most}")]
    Segments {
        /// How many it would become.
        segments: usize,
        /// How many it may become.
        most: usize,
    },
}
