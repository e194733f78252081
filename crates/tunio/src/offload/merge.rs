//! Consecutive packets of a flow made one, as the kernel's GRO does (net/ipv4/tcp_offload.c, udp_offload.c).

use super::checksum::{fold, sum};
use super::ip::{
    Ip, TCP, UDP, Version, be16, be32, ipv4, ipv4_checksum, ipv6, pseudo_header, put16, set_ip_length, tcp,
    udp,
};
use super::validate::{MAX_TCP_SEGMENTS, PartialChecksum, tcp_header_len};
use super::{GsoType, MAX_PACKET, VirtioHeader};

/// The most datagrams in one packet: what every kernel takes that knows UDP_L4 (later ones take 128).
const MAX_MERGED_DATAGRAMS: usize = 64;

/// Makes one packet of many on their way into a device.
///
/// Only what [`Checked::split`](super::Checked::split) would undo to the last octet is merged: segments of TCP with
/// payload and no flags but ACK and PSH, next to each other in sequence, with equal options (also timestamps), window,
/// acknowledgement, TTL and ECN, and right checksums; of one size, but for the last. Datagrams of UDP likewise, where
/// [`Merger::merge_udp`] was told so. Of packets with DF the Identification does not count, nor is it given back: nobody
/// may look at it (RFC 6864 §4.1), and many senders have the same in all. The order within a flow never changes; between
/// flows it does. A batch ends with [`Merger::flush`]: nothing is kept longer.
///
/// `send` is called with each packet that is finished, as [`Tun::send_offload`](crate::Tun::send_offload) takes it. An
/// error that it returns comes back at once, and the packet at hand is lost.
#[derive(Debug)]
pub struct Merger {
    /// One packet of a flow each, those begun first in front.
    growing: Vec<Growing>,
    /// Storage of packets that have left.
    spare: Vec<Vec<u8>>,
    flows: usize,
    udp: bool,
}

/// A packet to which others of its flow may be added.
#[derive(Debug)]
struct Growing {
    packet: Vec<u8>,
    shape: Shape,
    /// The payload of the first.
    gso_size: usize,
    count: usize,
    data_valid: bool,
}

/// Where the headers of an unfragmented packet of TCP or UDP end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    version: Version,
    tcp: bool,
    transport: usize,
    headers: usize,
}

impl Merger {
    /// Flows of which packets grow at the same time in one made by [`Default`].
    pub const DEFAULT_FLOWS: usize = 8;

    /// One for at most `flows` at a time, each of which takes 64 KiB once it is needed.
    ///
    /// # Panics
    /// If `flows` is 0.
    pub fn new(flows: usize) -> Merger {
        assert!(flows > 0, "there must be room for one flow");
        Merger { growing: Vec::with_capacity(flows), spare: Vec::new(), flows, udp: false }
    }

    /// Whether datagrams are merged, too, from now on; not at first. The device must have
    /// [`Offload::udp`](crate::Offload).
    pub fn merge_udp(&mut self, wanted: bool) {
        self.udp = wanted;
    }

    /// Takes one packet. A header with [`data_valid`](VirtioHeader::data_valid) says that its checksum need not be
    /// looked at. Packets with work left to do are not merged, but keep their place in their flow.
    pub fn push<E>(
        &mut self,
        header: &VirtioHeader,
        packet: &[u8],
        mut send: impl FnMut(&VirtioHeader, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(shape) = Shape::of(packet) else {
            // It may belong to any flow between its hosts.
            while let Some(index) =
                self.growing.iter().position(|growing| growing.is_between_hosts_of(packet))
            {
                self.finish(index, &mut send)?;
            }
            return send(header, packet);
        };
        let flow = self.growing.iter().position(|growing| growing.is_flow_of(&shape, packet));
        let whole = !header.needs_csum && header.gso_type == GsoType::None;
        let mergeable = whole && shape.is_mergeable(packet, header.data_valid, self.udp);
        if let Some(index) = flow {
            let growing = &mut self.growing[index];
            if mergeable && growing.is_followed_by(&shape, packet) {
                growing.data_valid &= header.data_valid;
                if growing.append(&shape, packet) == Grown::ToItsEnd {
                    self.finish(index, &mut send)?;
                }
                return Ok(());
            }
            self.finish(index, &mut send)?;
        }
        if !mergeable || shape.is_pushed(packet) {
            return send(header, packet);
        }
        if self.growing.len() == self.flows {
            self.finish(0, &mut send)?;
        }
        self.begin(shape, packet, header.data_valid);
        Ok(())
    }

    /// Sends all that is left, those begun first in front.
    pub fn flush<E>(&mut self, mut send: impl FnMut(&VirtioHeader, &[u8]) -> Result<(), E>) -> Result<(), E> {
        while !self.growing.is_empty() {
            self.finish(0, &mut send)?;
        }
        Ok(())
    }

    /// Whether it holds no packet.
    pub fn is_empty(&self) -> bool {
        self.growing.is_empty()
    }

    fn begin(&mut self, shape: Shape, packet: &[u8], data_valid: bool) {
        let mut storage = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(MAX_PACKET));
        storage.clear();
        storage.extend_from_slice(packet);
        let gso_size = packet.len() - shape.headers;
        self.growing.push(Growing { packet: storage, shape, gso_size, count: 1, data_valid });
    }

    fn finish<E>(
        &mut self,
        index: usize,
        send: &mut impl FnMut(&VirtioHeader, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut growing = self.growing.remove(index);
        let header = growing.complete();
        let sent = send(&header, &growing.packet);
        self.spare.push(growing.packet);
        sent
    }
}

impl Default for Merger {
    fn default() -> Merger {
        Merger::new(Merger::DEFAULT_FLOWS)
    }
}

/// Whether more may come.
#[derive(Debug, PartialEq, Eq)]
enum Grown {
    AndOn,
    ToItsEnd,
}

impl Growing {
    fn is_between_hosts_of(&self, packet: &[u8]) -> bool {
        let version = match packet.first().map(|octet| octet >> 4) {
            Some(4) => Version::V4,
            Some(6) => Version::V6,
            _ => return false,
        };
        let addresses = addresses(version);
        self.shape.version == version
            && packet.get(addresses.clone()).is_some_and(|hosts| *hosts == self.packet[addresses])
    }

    fn is_flow_of(&self, shape: &Shape, packet: &[u8]) -> bool {
        let ports = shape.transport..shape.transport + 4;
        self.shape.tcp == shape.tcp
            && self.is_between_hosts_of(packet)
            && self.packet[ports.clone()] == packet[ports]
    }

    /// Whether `packet`, of the same flow, says nothing but what follows from this.
    fn is_followed_by(&self, shape: &Shape, packet: &[u8]) -> bool {
        let payload = packet.len() - shape.headers;
        let most = if shape.tcp { MAX_TCP_SEGMENTS } else { MAX_MERGED_DATAGRAMS };
        let equal = |octets: std::ops::Range<usize>| self.packet[octets.clone()] == packet[octets];
        if *shape != self.shape
            || payload > self.gso_size
            || self.packet.len() + payload > MAX_PACKET
            || self.count == most
        {
            return false;
        }
        let same_ip = match shape.version {
            Version::V4 => {
                let next = be16(&self.packet[ipv4::ID]).wrapping_add(self.count as u16);
                let counted =
                    packet[ipv4::FLAGS_AND_OFFSET.start] & ipv4::DF != 0 || be16(&packet[ipv4::ID]) == next;
                // TOS; fragmentation, TTL, protocol.
                equal(0..2) && equal(6..10) && counted
            }
            // Traffic class, flow label; next header, hop limit.
            Version::V6 => equal(0..4) && equal(6..8),
        };
        if !same_ip || !shape.tcp {
            return same_ip;
        }
        let at = |offset: usize| shape.transport + offset;
        let sent = self.packet.len() - self.shape.headers;
        let sequence = |packet: &[u8]| be32(&packet[at(tcp::SEQUENCE.start)..]);
        sequence(packet) == sequence(&self.packet).wrapping_add(sent as u32)
            // The acknowledgement and the data offset; the window; the urgent pointer and the options.
            && equal(at(8)..at(13))
            && equal(at(14)..at(16))
            && equal(at(18)..shape.headers)
    }

    fn append(&mut self, shape: &Shape, packet: &[u8]) -> Grown {
        let payload = &packet[shape.headers..];
        self.packet.extend_from_slice(payload);
        self.count += 1;
        if shape.is_pushed(packet) {
            self.packet[shape.transport + tcp::FLAGS] |= tcp::PSH;
            return Grown::ToItsEnd;
        }
        if payload.len() < self.gso_size { Grown::ToItsEnd } else { Grown::AndOn }
    }

    /// Makes the headers those of the whole.
    fn complete(&mut self) -> VirtioHeader {
        let header = VirtioHeader { data_valid: self.data_valid, ..VirtioHeader::NONE };
        if self.count == 1 {
            return header;
        }
        let Shape { version, tcp, transport, headers } = self.shape;
        set_ip_length(&mut self.packet, version, transport);
        let length = self.packet.len() - transport;
        let (protocol, offset, gso_type) = match (tcp, version) {
            (true, Version::V4) => (TCP, tcp::CHECKSUM, GsoType::TcpV4),
            (true, Version::V6) => (TCP, tcp::CHECKSUM, GsoType::TcpV6),
            (false, _) => {
                put16(&mut self.packet[transport..][udp::LENGTH], length as u16);
                (UDP, udp::CHECKSUM, GsoType::UdpL4)
            }
        };
        let pseudo = fold(pseudo_header(&self.packet, version, protocol, length));
        put16(&mut self.packet[transport + offset..], pseudo);
        VirtioHeader {
            gso_type,
            hdr_len: headers as u16,
            gso_size: self.gso_size as u16,
            ..PartialChecksum { start: transport, offset, tcp }.fill(VirtioHeader::NONE)
        }
    }
}

impl Shape {
    /// `None` for what is no whole packet of TCP or UDP behind bare headers of IP.
    fn of(packet: &[u8]) -> Option<Shape> {
        let ip = Ip::parse(packet).ok().filter(|ip| !ip.fragment && packet.len() <= MAX_PACKET)?;
        let bare = match ip.version {
            Version::V4 => ipv4::HEADER,
            Version::V6 => ipv6::HEADER,
        };
        let transport = &packet[ip.transport..];
        let header = match ip.protocol {
            TCP => tcp_header_len(transport)?,
            UDP if transport.len() >= udp::HEADER => udp::HEADER,
            _ => return None,
        };
        (ip.transport == bare).then_some(Shape {
            version: ip.version,
            tcp: ip.protocol == TCP,
            transport: ip.transport,
            headers: ip.transport + header,
        })
    }

    /// Whether the packet may be one of several: what it says apart from its payload is said by each of them.
    fn is_mergeable(&self, packet: &[u8], data_valid: bool, merge_udp: bool) -> bool {
        let transport = &packet[self.transport..];
        if packet.len() == self.headers {
            return false;
        }
        // IP's checksum is made anew, and must not mend what is broken.
        if self.version == Version::V4
            && be16(&packet[ipv4::CHECKSUM]) != ipv4_checksum(&packet[..self.transport])
        {
            return false;
        }
        let sound = if self.tcp {
            // The octet of the data offset has reserved bits, and since RFC 9768 AE. A checksum of 0xffff is as
            // right as 0, but no cutter writes it.
            transport[tcp::FLAGS] & !tcp::PSH == tcp::ACK
                && transport[tcp::DATA_OFFSET] << 4 == 0
                && be16(&transport[tcp::CHECKSUM..]) != 0xffff
        } else {
            // A datagram without checksum would get one.
            merge_udp
                && be16(&transport[udp::CHECKSUM..]) != 0
                && usize::from(be16(&transport[udp::LENGTH])) == transport.len()
        };
        // With the checksum in, all words add up to a multiple of 0xffff.
        sound && (data_valid || self.transport_sum(packet) == 0xffff)
    }

    fn transport_sum(&self, packet: &[u8]) -> u16 {
        let transport = &packet[self.transport..];
        let protocol = if self.tcp { TCP } else { UDP };
        fold(pseudo_header(packet, self.version, protocol, transport.len()) + sum(transport))
    }

    /// Whether nothing shall be waited for behind this packet.
    fn is_pushed(&self, packet: &[u8]) -> bool {
        self.tcp && packet[self.transport + tcp::FLAGS] & tcp::PSH != 0
    }
}

fn addresses(version: Version) -> std::ops::Range<usize> {
    match version {
        Version::V4 => ipv4::ADDRESSES,
        Version::V6 => ipv6::ADDRESSES,
    }
}
