//! Whether a header is true of its packet.

use super::ip::{Ip, TCP, UDP, Version, be16, tcp, udp};
use super::{GsoType, MAX_PACKET, Refusal, VirtioHeader};

/// A packet together with a header that is true of it; made by [`validate`].
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub(super) packet: &'a [u8],
    pub(super) undone: Undone,
    data_valid: bool,
}

/// What is left to do with a packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Undone {
    Nothing,
    Checksum(PartialChecksum),
    Segments(Segments),
}

/// A checksum whose place holds the sum of the pseudo-header so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartialChecksum {
    pub(super) start: usize,
    pub(super) offset: usize,
    /// Whether it is TCP's, where unlike in UDP (RFC 768) 0 is a number as any other.
    pub(super) tcp: bool,
}

/// Where a packet of two or more segments is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segments {
    pub(super) version: Version,
    pub(super) checksum: PartialChecksum,
    /// Octets of all headers.
    pub(super) headers: usize,
    pub(super) gso_size: usize,
    pub(super) count: usize,
    pub(super) gso_type: GsoType,
    pub(super) ecn: bool,
}

/// The most octets of headers that are repeated in each segment. IPv4 and TCP have 120 at most.
pub(super) const MAX_HEADERS: usize = 256;
/// The most segments of TCP. A packet of 65535 octets has as many with a maximum segment size of 32, less
/// than any stack agrees to; with [`MAX_HEADERS`] it bounds what a short message of a peer can become.
pub(super) const MAX_TCP_SEGMENTS: usize = 2048;
/// The most segments of UDP: UDP_MAX_SEGMENTS of linux/udp.h.
pub(super) const MAX_UDP_SEGMENTS: usize = 128;

/// Finds out whether `header`, which anybody may have written, is true of `packet`.
///
/// What passes can be cut, completed, and written into a device. The checks are those of the kernel
/// (include/linux/virtio_net.h) and more: it believes some of the numbers.
pub fn validate<'a>(header: &VirtioHeader, packet: &'a [u8]) -> Result<Checked<'a>, Refusal> {
    if packet.len() > MAX_PACKET {
        return Err(Refusal::TooLong(packet.len()));
    }
    if usize::from(header.hdr_len) > packet.len() {
        return Err(Refusal::HeaderLength { hdr_len: header.hdr_len, packet: packet.len() });
    }
    if header.ecn && !matches!(header.gso_type, GsoType::TcpV4 | GsoType::TcpV6) {
        return Err(Refusal::EcnWithoutTcp);
    }
    let undone = undone(header, packet)?;
    Ok(Checked { packet, undone, data_valid: header.data_valid })
}

fn undone(header: &VirtioHeader, packet: &[u8]) -> Result<Undone, Refusal> {
    if !header.needs_csum {
        return match header.gso_type {
            GsoType::None => Ok(Undone::Nothing),
            GsoType::TcpV4 | GsoType::TcpV6 | GsoType::UdpL4 => Err(Refusal::GsoWithoutChecksum),
        };
    }
    let ip = Ip::parse(packet)?;
    if ip.fragment {
        return Err(Refusal::Fragment);
    }
    let checksum = partial_checksum(header, packet, &ip)?;
    if header.gso_type == GsoType::None {
        return Ok(Undone::Checksum(checksum));
    }
    let segments = segments(header, packet, &ip, checksum)?;
    // What fits into one segment is a packet as any other, also for the kernel.
    Ok(if segments.count > 1 { Undone::Segments(segments) } else { Undone::Checksum(checksum) })
}

fn partial_checksum(header: &VirtioHeader, packet: &[u8], ip: &Ip) -> Result<PartialChecksum, Refusal> {
    let (start, offset) = (usize::from(header.csum_start), usize::from(header.csum_offset));
    let outermost = start == ip.transport;
    let right = match ip.protocol {
        TCP => outermost && offset == tcp::CHECKSUM,
        UDP if outermost => offset == udp::CHECKSUM,
        // Of a packet inside of a tunnel, whose own headers are done already.
        UDP => start >= ip.transport + udp::HEADER,
        _ => start >= ip.transport,
    };
    // The words that are summed begin at `start`: none of them is halved by the checksum.
    if !right || offset % 2 != 0 || start + offset + 2 > packet.len() {
        return Err(Refusal::ChecksumPlace { start: header.csum_start, offset: header.csum_offset });
    }
    Ok(PartialChecksum { start, offset, tcp: ip.protocol == TCP })
}

fn segments(
    header: &VirtioHeader,
    packet: &[u8],
    ip: &Ip,
    checksum: PartialChecksum,
) -> Result<Segments, Refusal> {
    let fits = match header.gso_type {
        GsoType::None => false,
        GsoType::TcpV4 => (ip.version, ip.protocol) == (Version::V4, TCP),
        GsoType::TcpV6 => (ip.version, ip.protocol) == (Version::V6, TCP),
        GsoType::UdpL4 => ip.protocol == UDP,
    };
    if !fits {
        return Err(Refusal::NotOfType(header.gso_type));
    }
    if checksum.start != ip.transport {
        return Err(Refusal::ChecksumPlace { start: header.csum_start, offset: header.csum_offset });
    }
    let transport = &packet[ip.transport..];
    let (transport_header, most) = if ip.protocol == TCP {
        (tcp_header(transport)?, MAX_TCP_SEGMENTS)
    } else {
        (udp_header(transport)?, MAX_UDP_SEGMENTS)
    };
    let headers = ip.transport + transport_header;
    if headers > MAX_HEADERS {
        return Err(Refusal::HeadersTooLong(headers));
    }
    if matches!(header.gso_size, 0 | 0xffff) {
        return Err(Refusal::GsoSize(header.gso_size));
    }
    let gso_size = usize::from(header.gso_size);
    let count = (packet.len() - headers).div_ceil(gso_size);
    match count {
        0 => Err(Refusal::NoPayload),
        segments if segments > most => Err(Refusal::Segments { segments, most }),
        _ => Ok(Segments {
            version: ip.version,
            checksum,
            headers,
            gso_size,
            count,
            gso_type: header.gso_type,
            ecn: header.ecn,
        }),
    }
}

/// The length of a TCP header that may stand in front of every segment.
fn tcp_header(transport: &[u8]) -> Result<usize, Refusal> {
    let header = tcp_header_len(transport).ok_or(Refusal::TransportHeader)?;
    let flags = transport[tcp::FLAGS];
    if flags & (tcp::SYN | tcp::RST | tcp::URG) != 0 {
        return Err(Refusal::TcpFlags(flags));
    }
    Ok(header)
}

/// The length of a whole TCP header.
pub(crate) fn tcp_header_len(transport: &[u8]) -> Option<usize> {
    let length = usize::from(transport.get(tcp::DATA_OFFSET)? >> 4) * 4;
    (tcp::HEADER..=transport.len()).contains(&length).then_some(length)
}

fn udp_header(transport: &[u8]) -> Result<usize, Refusal> {
    let length = transport.get(udp::LENGTH).map(be16);
    match length {
        Some(length) if usize::from(length) == transport.len() && transport.len() >= udp::HEADER => {
            Ok(udp::HEADER)
        }
        _ => Err(Refusal::TransportHeader),
    }
}

impl<'a> Checked<'a> {
    /// The packet as it was given.
    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }

    /// Whether the packet has all it needs and may go out as it is.
    pub fn is_complete(&self) -> bool {
        matches!(self.undone, Undone::Nothing)
    }

    /// How many packets [`Checked::split`] makes of it.
    pub fn segments(&self) -> usize {
        match &self.undone {
            Undone::Nothing | Undone::Checksum(_) => 1,
            Undone::Segments(segments) => segments.count,
        }
    }

    /// The length of the longest packet that [`Checked::split`] makes of it.
    pub fn segment_len(&self) -> usize {
        match &self.undone {
            Undone::Nothing | Undone::Checksum(_) => self.packet.len(),
            Undone::Segments(segments) => segments.headers + segments.gso_size,
        }
    }

    /// The header without what nobody needs: hdr_len is exact, and what says nothing is 0.
    pub fn header(&self) -> VirtioHeader {
        let header = VirtioHeader { data_valid: self.data_valid, ..VirtioHeader::NONE };
        match &self.undone {
            Undone::Nothing => header,
            Undone::Checksum(checksum) => VirtioHeader {
                hdr_len: (checksum.start + checksum.offset + 2) as u16,
                ..checksum.fill(header)
            },
            Undone::Segments(segments) => VirtioHeader {
                gso_type: segments.gso_type,
                ecn: segments.ecn,
                hdr_len: segments.headers as u16,
                gso_size: segments.gso_size as u16,
                ..segments.checksum.fill(header)
            },
        }
    }
}

impl PartialChecksum {
    /// The header that asks for this checksum.
    pub(super) fn fill(self, header: VirtioHeader) -> VirtioHeader {
        VirtioHeader {
            needs_csum: true,
            csum_start: self.start as u16,
            csum_offset: self.offset as u16,
            ..header
        }
    }
}
