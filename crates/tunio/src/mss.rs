//! The maximum segment size that the ends of a TCP connection tell each other, lowered to what a link carries.
//!
//! A host counts with the MTU of its own network. Where a smaller one lies on the way, its packets come back as ICMP's
//! "too big", or not at all if somebody filters that: the connection opens, and then nothing arrives (RFC 2923 §2.1).
//! So a router between them may lower the option as it passes, on each SYN and SYN-ACK:
//!
//! ```
//! # fn pass_on(_: &[u8]) {}
//! # fn example(packet: &mut [u8]) {
//! const MTU: u16 = 1400;
//! if tunio::mss::is_syn(packet) {
//!     tunio::mss::clamp(packet, MTU, false);
//! }
//! pass_on(packet);
//! # }
//! ```
//!
//! Who sends no option means 536 octets, or 1220 over IPv6 (RFC 9293 §3.7.1), and none is added.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::offload::checksum::fold;
use crate::offload::ip::{TCP, be16, ipv4, ipv6, put16, tcp};

/// Extension headers of IPv6 that are looked through; real packets have none or one.
const MAX_EXTENSIONS: usize = 8;

/// Options of TCP (RFC 9293 §3.2):
///
/// ```text
/// | kind=2, 1 | length=4, 1 | maximum segment size, 2 |
/// ```
mod option {
    use std::ops::Range;

    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const MSS_LEN: usize = 4;
    pub(super) const MSS_VALUE: Range<usize> = 2..4;
}

/// The TCP header of a packet that opens a connection.
#[derive(Debug)]
struct Syn {
    /// Where it lies.
    header: Range<usize>,
    /// Octets of the headers that every segment has, without options (RFC 9293 §3.7.1).
    fixed: u16,
}

/// Whether `packet` is one that [`clamp`] may change: TCP's SYN or SYN-ACK, not in fragments. What is no IP packet is none.
#[inline]
pub fn is_syn(packet: &[u8]) -> bool {
    find(packet).is_some()
}

/// Lowers the option of a SYN or SYN-ACK to what fits into packets of `mtu` octets, and corrects the checksum with it;
/// whether that changed anything. All other packets are left as they are, and so is what follows an option that cannot be.
///
/// With `partial`, the checksum's place holds the sum of the pseudo-header so far
/// ([`VirtioHeader::needs_csum`](crate::offload::VirtioHeader)), which knows nothing of options.
pub fn clamp(packet: &mut [u8], mtu: u16, partial: bool) -> bool {
    let Some(syn) = find(packet) else { return false };
    let Some(most) = mtu.checked_sub(syn.fixed).filter(|most| *most > 0) else { return false };
    let segment = &mut packet[syn.header];
    let mut changed = false;
    let mut at = tcp::HEADER;
    while let Some(found) = next_mss(segment, at) {
        at = found + option::MSS_LEN;
        let value = found + option::MSS_VALUE.start;
        let said = be16(&segment[value..]);
        if said > most {
            put16(&mut segment[value..], most);
            if !partial {
                correct(segment, value, said, most);
            }
            changed = true;
        }
    }
    changed
}

#[inline]
fn find(packet: &[u8]) -> Option<Syn> {
    let (transport, end, fixed) = match packet.first()? >> 4 {
        4 => v4(packet)?,
        6 => v6(packet)?,
        _ => return None,
    };
    // Nearly all packets go no further than this.
    if packet.get(transport + tcp::FLAGS)? & tcp::SYN == 0 {
        return None;
    }
    let segment = packet.get(transport..end).filter(|segment| segment.len() >= tcp::HEADER)?;
    let len = usize::from(segment[tcp::DATA_OFFSET] >> 4) * 4;
    (tcp::HEADER..=segment.len())
        .contains(&len)
        .then(|| Syn { header: transport..transport + len, fixed: fixed + tcp::HEADER as u16 })
}

/// Where TCP begins and the packet ends, before what may have been padded, and the octets of IP's header.
#[inline]
fn v4(packet: &[u8]) -> Option<(usize, usize, u16)> {
    let header = packet.first_chunk::<{ ipv4::HEADER }>()?;
    // The offset, and "more fragments".
    if header[ipv4::PROTOCOL] != TCP || be16(&header[ipv4::FLAGS_AND_OFFSET]) & 0x3fff != 0 {
        return None;
    }
    let transport = usize::from(header[0] & 0xf) * 4;
    let end = usize::from(be16(&header[ipv4::LENGTH]));
    (transport >= ipv4::HEADER).then_some((transport, end, ipv4::HEADER as u16))
}

#[inline]
fn v6(packet: &[u8]) -> Option<(usize, usize, u16)> {
    let header = packet.first_chunk::<{ ipv6::HEADER }>()?;
    let end = ipv6::HEADER + usize::from(be16(&header[ipv6::LENGTH]));
    let (mut protocol, mut transport) = (header[ipv6::NEXT_HEADER], ipv6::HEADER);
    for _ in 0..=MAX_EXTENSIONS {
        match protocol {
            TCP => return Some((transport, end, ipv6::HEADER as u16)),
            // A fragment's header is none of them (RFC 8200 §4.5).
            ipv6::HOP_BY_HOP | ipv6::ROUTING | ipv6::DESTINATION => {
                let [next, units] = *packet.get(transport..end)?.first_chunk()?;
                protocol = next;
                transport += (usize::from(units) + 1) * 8;
            }
            _ => return None,
        }
    }
    None
}

/// The first whole option of this kind from `at` on.
fn next_mss(segment: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *segment.get(at)? {
            option::END => return None,
            option::NO_OPERATION => at += 1,
            kind => {
                let len = usize::from(*segment.get(at + 1)?);
                if len < 2 || at + len > segment.len() {
                    return None;
                }
                if kind == option::MSS && len == option::MSS_LEN {
                    return Some(at);
                }
                at += len;
            }
        }
    }
}

/// HC' = ~(~HC + ~m + m') (RFC 1624 §3), where the number `m` of two octets lies `at` an even place or an odd one: there its
/// upper octet is the lower one of a word, and the other way round.
fn correct(segment: &mut [u8], at: usize, m: u16, new: u16) {
    let word = |number: u16| if at.is_multiple_of(2) { number } else { number.swap_bytes() };
    let checksum = be16(&segment[tcp::CHECKSUM..]);
    let sum = u64::from(!checksum) + u64::from(!word(m)) + u64::from(word(new));
    put16(&mut segment[tcp::CHECKSUM..], !fold(sum));
}

#[cfg(test)]
mod tests;
