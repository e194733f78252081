//! A packet larger than any wire takes, cut into what it stands for.

use std::ops::Range;

use super::checksum::{fold, sum};
use super::ip::{Version, be16, be32, ipv4, put16, set_ip_length, tcp, udp};
use super::validate::{Checked, PartialChecksum, Segments, Undone};
use super::{GsoType, VirtioHeader};

/// The packets that one stands for; made by [`Checked::split`].
#[derive(Debug, Clone)]
pub struct Split<'a> {
    checked: Checked<'a>,
    next: usize,
}

/// The smaller packets for which segmentation is still to be done; made by [`Checked::split_at`].
#[derive(Debug, Clone)]
pub struct SplitAt<'a> {
    checked: Checked<'a>,
    next: usize,
    /// Segments that go together.
    together: usize,
}

impl<'a> Checked<'a> {
    /// Makes of it the packets that a wire takes, with all checksums: one, or one for each segment.
    pub fn split(&self) -> Split<'a> {
        Split { checked: *self, next: 0 }
    }

    /// Cuts it between segments into packets of at most `max_bytes`, or of one segment where that is longer. Each
    /// has the same kind of header as the whole.
    pub fn split_at(&self, max_bytes: usize) -> SplitAt<'a> {
        let together = match &self.undone {
            Undone::Nothing | Undone::Checksum(_) => 1,
            Undone::Segments(segments) => {
                (max_bytes.saturating_sub(segments.headers) / segments.gso_size).max(1)
            }
        };
        SplitAt { checked: *self, next: 0, together }
    }
}

impl Split<'_> {
    /// Puts the next packet into `packet`, in the place of what was there; false if there is none left.
    ///
    /// A buffer that is passed again and again is allocated once.
    pub fn next_into(&mut self, packet: &mut Vec<u8>) -> bool {
        if self.next == self.checked.segments() {
            return false;
        }
        let this = self.next;
        self.next += 1;
        let whole = self.checked.packet;
        match &self.checked.undone {
            Undone::Nothing => copy(whole, packet),
            Undone::Checksum(checksum) => {
                copy(whole, packet);
                checksum.complete(packet);
            }
            Undone::Segments(segments) => {
                segments.cut(whole, this..this + 1, packet);
                segments.checksum.complete(packet);
            }
        }
        true
    }
}

impl SplitAt<'_> {
    /// Puts the next packet into `packet`, in the place of what was there, and returns its header.
    pub fn next_into(&mut self, packet: &mut Vec<u8>) -> Option<VirtioHeader> {
        let left = self.checked.segments() - self.next;
        if left == 0 {
            return None;
        }
        let these = self.next..self.next + self.together.min(left);
        self.next = these.end;
        let Undone::Segments(segments) = &self.checked.undone else {
            copy(self.checked.packet, packet);
            return Some(self.checked.header());
        };
        let first = these.start == 0;
        let one = these.len() == 1;
        segments.cut(self.checked.packet, these, packet);
        let header = self.checked.header();
        Some(if one {
            VirtioHeader { gso_type: GsoType::None, ecn: false, gso_size: 0, ..header }
        } else {
            VirtioHeader { ecn: header.ecn && first, ..header }
        })
    }
}

fn copy(whole: &[u8], packet: &mut Vec<u8>) {
    packet.clear();
    packet.extend_from_slice(whole);
}

impl Segments {
    /// Puts the headers and the payload of `these` segments into `packet`, all done but the checksum of TCP or UDP,
    /// whose pseudo-header is right.
    fn cut(&self, whole: &[u8], these: Range<usize>, packet: &mut Vec<u8>) {
        let payload = &whole[self.headers..];
        let from = these.start * self.gso_size;
        let to = payload.len().min(these.end * self.gso_size);
        copy(&whole[..self.headers], packet);
        packet.extend_from_slice(&payload[from..to]);

        if self.version == Version::V4 {
            // Unique for each packet, and counted on as the sender itself would (RFC 6864 §4).
            let id = be16(&packet[ipv4::ID]).wrapping_add(these.start as u16);
            put16(&mut packet[ipv4::ID], id);
        }
        let start = self.checksum.start;
        set_ip_length(packet, self.version, start);
        let transport = &mut packet[start..];
        if self.checksum.tcp {
            let sequence = be32(&transport[tcp::SEQUENCE]).wrapping_add(from as u32);
            transport[tcp::SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
            // What is said once is said with the first octet of payload, or with the last.
            if from > 0 {
                transport[tcp::FLAGS] &= !tcp::CWR;
            }
            if to < payload.len() {
                transport[tcp::FLAGS] &= !(tcp::FIN | tcp::PSH);
            }
        } else {
            let length = transport.len();
            put16(&mut transport[udp::LENGTH], length as u16);
        }
        // The pseudo-header has the length in it: take that of the whole away (RFC 1624), add this.
        let place = &mut transport[self.checksum.offset..];
        let without = u64::from(be16(place)) + u64::from(!((whole.len() - start) as u16));
        let pseudo = fold(without + (packet.len() - start) as u64);
        put16(&mut packet[start + self.checksum.offset..], pseudo);
    }
}

impl PartialChecksum {
    /// Puts the checksum in the place of the pseudo-header's sum.
    fn complete(self, packet: &mut [u8]) {
        let checksum = !fold(sum(&packet[self.start..]));
        // In UDP 0 says that there is none (RFC 768). What other protocols have at this depth takes both.
        let checksum = if checksum == 0 && !self.tcp { 0xffff } else { checksum };
        put16(&mut packet[self.start + self.offset..], checksum);
    }
}
