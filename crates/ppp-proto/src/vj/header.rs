//! The headers that a slot remembers, and the fields of theirs that change.

use std::ops::Range;

/// Octets of the longest IPv4 and TCP headers together, with all options.
const MAX_LEN: usize = 60 + 60;
const IPV4_MIN: usize = 20;
const TCP_MIN: usize = 20;

pub(super) const TCP: u8 = 6;
/// Where the Protocol field of an IPv4 header lies; a slot takes its place in an uncompressed packet.
pub(super) const PROTOCOL: usize = 9;
const LENGTH: Range<usize> = 2..4;
const IDENTIFICATION: Range<usize> = 4..6;
const FRAGMENT: Range<usize> = 6..8;
const IP_CHECKSUM: Range<usize> = 10..12;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URG: u8 = 0x20;

/// The IPv4 and TCP headers of one packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    octets: [u8; MAX_LEN],
    /// Octets of the IPv4 header.
    ip: usize,
    /// Octets of both.
    len: usize,
}

impl Header {
    /// Nothing but room.
    pub(super) const EMPTY: Header = Header { octets: [0; MAX_LEN], ip: 0, len: 0 };

    /// The headers of a whole TCP packet that is no fragment; its Protocol field is not looked at.
    pub(super) fn parse(packet: &[u8]) -> Option<Header> {
        let ip = usize::from(packet.first()? & 0x0f) * 4;
        if packet[0] >> 4 != 4 || ip < IPV4_MIN {
            return None;
        }
        let tcp = usize::from(packet.get(ip + 12)? >> 4) * 4;
        let len = ip + tcp;
        if tcp < TCP_MIN || packet.len() < len {
            return None;
        }
        let mut header = Header { octets: [0; MAX_LEN], ip, len };
        header.octets[..len].copy_from_slice(&packet[..len]);
        // More Fragments and the offset must be zero, Don't Fragment may be set.
        let fragment = header.word(FRAGMENT) & 0x3fff;
        (fragment == 0 && usize::from(header.total_length()) == packet.len()).then_some(header)
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Octets behind the headers.
    pub(super) fn data_len(&self) -> u16 {
        self.total_length().wrapping_sub(self.len as u16)
    }

    pub(super) fn total_length(&self) -> u16 {
        self.word(LENGTH)
    }

    pub(super) fn set_total_length(&mut self, length: u16) {
        self.set_word(LENGTH, length);
    }

    pub(super) fn protocol(&self) -> u8 {
        self.octets[PROTOCOL]
    }

    pub(super) fn set_protocol(&mut self, protocol: u8) {
        self.octets[PROTOCOL] = protocol;
    }

    pub(super) fn identification(&self) -> u16 {
        self.word(IDENTIFICATION)
    }

    pub(super) fn set_identification(&mut self, identification: u16) {
        self.set_word(IDENTIFICATION, identification);
    }

    pub(super) fn sequence(&self) -> u32 {
        self.double(self.ip + 4)
    }

    pub(super) fn set_sequence(&mut self, sequence: u32) {
        self.set_double(self.ip + 4, sequence);
    }

    pub(super) fn acknowledgement(&self) -> u32 {
        self.double(self.ip + 8)
    }

    pub(super) fn set_acknowledgement(&mut self, acknowledgement: u32) {
        self.set_double(self.ip + 8, acknowledgement);
    }

    pub(super) fn flags(&self) -> u8 {
        self.octets[self.ip + 13]
    }

    pub(super) fn set_flag(&mut self, flag: u8, on: bool) {
        let flags = &mut self.octets[self.ip + 13];
        *flags = if on { *flags | flag } else { *flags & !flag };
    }

    pub(super) fn window(&self) -> u16 {
        self.word(self.ip + 14..self.ip + 16)
    }

    pub(super) fn set_window(&mut self, window: u16) {
        self.set_word(self.ip + 14..self.ip + 16, window);
    }

    pub(super) fn checksum(&self) -> u16 {
        self.word(self.ip + 16..self.ip + 18)
    }

    pub(super) fn set_checksum(&mut self, checksum: u16) {
        self.set_word(self.ip + 16..self.ip + 18, checksum);
    }

    pub(super) fn urgent(&self) -> u16 {
        self.word(self.ip + 18..self.ip + 20)
    }

    pub(super) fn set_urgent(&mut self, urgent: u16) {
        self.set_word(self.ip + 18..self.ip + 20, urgent);
    }

    /// Sets the IPv4 header's checksum right (RFC 791 §3.1).
    pub(super) fn fix_ip_checksum(&mut self) {
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
    pub(super) fn is_same_connection(&self, other: &Header) -> bool {
        self.octets[12..20] == other.octets[12..20]
            && self.octets[self.ip..self.ip + 4] == other.octets[other.ip..other.ip + 4]
    }

    /// All that the differences of a compressed header cannot express is the same. Of the flags that is all but PSH and
    /// URG: RFC 1144 is older than those of ECN (RFC 3168).
    pub(super) fn is_same_template(&self, other: &Header) -> bool {
        let fixed = |header: &Header| header.flags() & !(PSH | URG);
        self.ip == other.ip
            && self.len == other.len
            && self.octets[..2] == other.octets[..2]
            && self.octets[FRAGMENT] == other.octets[FRAGMENT]
            && self.octets[8] == other.octets[8]
            && self.octets[20..self.ip] == other.octets[20..self.ip]
            && self.octets[self.ip + 12] == other.octets[self.ip + 12]
            && fixed(self) == fixed(other)
            && self.octets[self.ip + TCP_MIN..self.len] == other.octets[self.ip + TCP_MIN..self.len]
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

/// The first octet of a compressed header.
pub(super) mod change {
    pub(in super::super) const SLOT: u8 = 0x40;
    pub(in super::super) const IDENTIFICATION: u8 = 0x20;
    pub(in super::super) const PUSH: u8 = 0x10;
    pub(in super::super) const SEQUENCE: u8 = 0x08;
    pub(in super::super) const ACKNOWLEDGEMENT: u8 = 0x04;
    pub(in super::super) const WINDOW: u8 = 0x02;
    pub(in super::super) const URGENT: u8 = 0x01;
    /// Echoed interactive traffic: both numbers advanced by the last packet's data.
    pub(in super::super) const ECHOED: u8 = SEQUENCE | WINDOW | URGENT;
    /// Data in one direction: the sequence number advanced by the last packet's data.
    pub(in super::super) const ONE_WAY: u8 = SEQUENCE | ACKNOWLEDGEMENT | WINDOW | URGENT;
}
