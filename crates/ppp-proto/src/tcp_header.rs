//! The headers of a TCP packet, and the fields of theirs that change from one packet of a connection to the next.

use std::ops::Range;

/// Octets of the longest IPv4 and TCP headers together, with all options.
const MAX_LEN: usize = 60 + 60;
const IPV4_MIN: usize = 20;
const IPV6_LEN: usize = 40;
pub(crate) const TCP_MIN: usize = 20;

pub(crate) const TCP: u8 = 6;
/// Where the Protocol field of an IPv4 header lies.
pub(crate) const PROTOCOL: usize = 9;
/// Where the Next Header field of an IPv6 header lies.
const NEXT_HEADER: usize = 6;
/// IPv4's Total Length, and IPv6's Payload Length.
const LENGTH: Range<usize> = 2..4;
const PAYLOAD_LENGTH: Range<usize> = 4..6;
const IDENTIFICATION: Range<usize> = 4..6;
pub(crate) const FRAGMENT: Range<usize> = 6..8;
const IP_CHECKSUM: Range<usize> = 10..12;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const URG: u8 = 0x20;

/// No Operation twice, then Timestamps (RFC 7323 appendix A), as all usual systems lay them out.
const TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

/// Whether a packet says that it is TCP over IPv4 or, without extension headers, IPv6.
#[inline]
pub(crate) fn is_tcp(packet: &[u8]) -> bool {
    let at = match packet.first().map(|first| first >> 4) {
        Some(4) => PROTOCOL,
        Some(6) => NEXT_HEADER,
        _ => return false,
    };
    packet.get(at) == Some(&TCP)
}

/// The IP and TCP headers of one packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    octets: [u8; MAX_LEN],
    /// Octets of the IP header.
    ip: usize,
    /// Octets of both.
    len: usize,
}

impl Header {
    /// Nothing but room.
    pub(crate) const EMPTY: Header = Header { octets: [0; MAX_LEN], ip: 0, len: 0 };

    /// The headers of a whole TCP packet over IPv4 or, without extension headers, IPv6.
    pub(crate) fn of_tcp(packet: &[u8]) -> Option<Header> {
        match packet.first().filter(|_| is_tcp(packet))? >> 4 {
            4 => Header::parse_ipv4(packet),
            _ => Header::copied(packet, IPV6_LEN),
        }
    }

    /// The headers of a whole TCP packet over IPv4 that is no fragment; its Protocol field is not looked at.
    pub(crate) fn parse_ipv4(packet: &[u8]) -> Option<Header> {
        let ip = usize::from(packet.first()? & 0x0f) * 4;
        if packet[0] >> 4 != 4 || ip < IPV4_MIN {
            return None;
        }
        let header = Header::copied(packet, ip)?;
        // More Fragments and the offset must be zero, Don't Fragment may be set.
        let fragment = header.word(FRAGMENT) & 0x3fff;
        (fragment == 0).then_some(header)
    }

    /// The headers of a packet whose IP header has so many octets, if the packet is as long as it says.
    fn copied(packet: &[u8], ip: usize) -> Option<Header> {
        let tcp = usize::from(packet.get(ip + 12)? >> 4) * 4;
        let len = ip + tcp;
        if tcp < TCP_MIN || packet.len() < len {
            return None;
        }
        let mut header = Header { octets: [0; MAX_LEN], ip, len };
        header.octets[..len].copy_from_slice(&packet[..len]);
        (header.packet_len() == packet.len()).then_some(header)
    }

    /// Octets of the IP header.
    pub(crate) fn ip_len(&self) -> usize {
        self.ip
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether they are IPv4's, which has an identification and a checksum of its own.
    pub(crate) fn is_ipv4(&self) -> bool {
        self.octets[0] >> 4 == 4
    }

    /// Octets behind the headers.
    pub(crate) fn data_len(&self) -> usize {
        self.packet_len().saturating_sub(self.len)
    }

    /// Octets of the packet, as its IP header says.
    fn packet_len(&self) -> usize {
        if self.is_ipv4() {
            self.word(LENGTH).into()
        } else {
            IPV6_LEN + usize::from(self.word(PAYLOAD_LENGTH))
        }
    }

    /// Says in the IP header that there are so many octets behind the headers; `None` if no packet can be so long.
    pub(crate) fn set_data_len(&mut self, octets: usize) -> Option<()> {
        let (at, before) = if self.is_ipv4() { (LENGTH, 0) } else { (PAYLOAD_LENGTH, IPV6_LEN) };
        self.set_word(at, u16::try_from(self.len - before + octets).ok()?);
        Some(())
    }

    pub(crate) fn protocol(&self) -> u8 {
        self.octets[PROTOCOL]
    }

    pub(crate) fn set_protocol(&mut self, protocol: u8) {
        self.octets[PROTOCOL] = protocol;
    }

    pub(crate) fn identification(&self) -> u16 {
        self.word(IDENTIFICATION)
    }

    pub(crate) fn set_identification(&mut self, identification: u16) {
        self.set_word(IDENTIFICATION, identification);
    }

    pub(crate) fn sequence(&self) -> u32 {
        self.double(self.ip + 4)
    }

    pub(crate) fn set_sequence(&mut self, sequence: u32) {
        self.set_double(self.ip + 4, sequence);
    }

    pub(crate) fn acknowledgement(&self) -> u32 {
        self.double(self.ip + 8)
    }

    pub(crate) fn set_acknowledgement(&mut self, acknowledgement: u32) {
        self.set_double(self.ip + 8, acknowledgement);
    }

    pub(crate) fn flags(&self) -> u8 {
        self.octets[self.ip + 13]
    }

    pub(crate) fn set_flags(&mut self, flags: u8) {
        self.octets[self.ip + 13] = flags;
    }

    pub(crate) fn set_flag(&mut self, flag: u8, on: bool) {
        let flags = &mut self.octets[self.ip + 13];
        *flags = if on { *flags | flag } else { *flags & !flag };
    }

    pub(crate) fn window(&self) -> u16 {
        self.word(self.ip + 14..self.ip + 16)
    }

    pub(crate) fn set_window(&mut self, window: u16) {
        self.set_word(self.ip + 14..self.ip + 16, window);
    }

    pub(crate) fn checksum(&self) -> u16 {
        self.word(self.ip + 16..self.ip + 18)
    }

    pub(crate) fn set_checksum(&mut self, checksum: u16) {
        self.set_word(self.ip + 16..self.ip + 18, checksum);
    }

    pub(crate) fn urgent(&self) -> u16 {
        self.word(self.ip + 18..self.ip + 20)
    }

    pub(crate) fn set_urgent(&mut self, urgent: u16) {
        self.set_word(self.ip + 18..self.ip + 20, urgent);
    }

    /// TSval and TSecr (RFC 7323 §3.2), if they are where all usual systems put them.
    pub(crate) fn timestamps(&self) -> Option<[u32; 2]> {
        let at = self.timestamps_at()?;
        Some([self.double(at), self.double(at + 4)])
    }

    /// Sets both, if there are any.
    pub(crate) fn set_timestamps(&mut self, [value, echo]: [u32; 2]) {
        if let Some(at) = self.timestamps_at() {
            self.set_double(at, value);
            self.set_double(at + 4, echo);
        }
    }

    fn timestamps_at(&self) -> Option<usize> {
        let at = self.ip + TCP_MIN + TIMESTAMPS.len();
        (self.len >= at + 8 && self.octets[at - TIMESTAMPS.len()..at] == TIMESTAMPS).then_some(at)
    }

    /// A digest of both addresses and both ports.
    pub(crate) fn connection(&self) -> u32 {
        let words = self.addresses().chunks_exact(4).chain([self.ports()]);
        words.fold(0_u32, |digest, word| {
            let word = word.iter().fold(0, |word, octet| word << 8 | u32::from(*octet));
            (digest.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1)
        })
    }

    /// Sets an IPv4 header's checksum right (RFC 791 §3.1).
    pub(crate) fn fix_ip_checksum(&mut self) {
        if !self.is_ipv4() {
            return;
        }
        self.set_word(IP_CHECKSUM, 0);
        let words =
            self.octets[..self.ip].chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        self.set_word(IP_CHECKSUM, !(sum as u16));
    }

    /// Both addresses and both ports are the same.
    pub(crate) fn is_same_connection(&self, other: &Header) -> bool {
        self.addresses() == other.addresses() && self.ports() == other.ports()
    }

    fn addresses(&self) -> &[u8] {
        if self.is_ipv4() { &self.octets[12..IPV4_MIN] } else { &self.octets[8..IPV6_LEN] }
    }

    fn ports(&self) -> &[u8] {
        &self.octets[self.ip..self.ip + 4]
    }

    fn word(&self, at: Range<usize>) -> u16 {
        u16::from_be_bytes([self.octets[at.start], self.octets[at.start + 1]])
    }

    fn set_word(&mut self, at: Range<usize>, value: u16) {
        self.octets[at].copy_from_slice(&value.to_be_bytes());
    }

    fn double(&self, at: usize) -> u32 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|offset| self.octets[at + offset]);
        u32::from_be_bytes([a, b, c, d])
    }

    fn set_double(&mut self, at: usize, value: u32) {
        self.octets[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}
