//! Acknowledgements of TCP that carry nothing else.
#![forbid(unsafe_code)]

use crate::offload::ip::{Ip, TCP, tcp};
use crate::offload::validate::tcp_header_len;

/// Octets that one has at most, without extension headers: those of IPv6 and the longest header of TCP.
pub const LONGEST: usize = 100;

/// Whether `packet` is a segment of TCP, in no fragments, that has nothing but an acknowledgement: no data, and no flag that
/// opens, ends or hurries a connection. What is no IP packet is none.
///
/// ```
/// # use tunio::ack::is_bare;
/// assert!(!is_bare(b"no packet"));
/// ```
pub fn is_bare(packet: &[u8]) -> bool {
    const TELLING: u8 = tcp::FIN | tcp::SYN | tcp::RST | tcp::PSH | tcp::ACK | tcp::URG;
    let ip = Ip::parse(packet).ok().filter(|ip| ip.protocol == TCP && !ip.fragment);
    ip.is_some_and(|ip| {
        let segment = &packet[ip.transport..];
        tcp_header_len(segment) == Some(segment.len()) && segment[tcp::FLAGS] & TELLING == tcp::ACK
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(flags: u8, options: usize, data: usize) -> Vec<u8> {
        let mut packet = vec![0; 40 + options + data];
        let length = packet.len() as u16;
        packet[..10].copy_from_slice(&[0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6]);
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        packet[32] = (((20 + options) / 4) << 4) as u8;
        packet[33] = flags;
        packet
    }

    fn v6(flags: u8, options: usize) -> Vec<u8> {
        let mut packet = vec![0; 60 + options];
        let length = (packet.len() - 40) as u16;
        packet[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, 6, 64]);
        packet[4..6].copy_from_slice(&length.to_be_bytes());
        packet[52] = (((20 + options) / 4) << 4) as u8;
        packet[53] = flags;
        packet
    }

    #[test]
    fn an_acknowledgement_alone_is_found_whatever_its_options_and_ecn() {
        for flags in [tcp::ACK, tcp::ACK | 0x40, tcp::ACK | tcp::CWR] {
            for options in [0, 12, 40] {
                assert!(
                    is_bare(&v4(flags, options, 0)) && is_bare(&v6(flags, options)),
                    "{flags:#x}, {options}"
                );
            }
        }
        assert_eq!(v6(tcp::ACK, 40).len(), LONGEST);
    }

    #[test]
    fn what_has_data_or_another_flag_is_none() {
        assert!(!is_bare(&v4(tcp::ACK, 12, 1)));
        for flag in [0, tcp::FIN, tcp::SYN, tcp::RST, tcp::PSH, tcp::URG] {
            let flags = if flag == 0 { 0 } else { flag | tcp::ACK };
            assert!(!is_bare(&v4(flags, 0, 0)) && !is_bare(&v6(flags, 0)), "{flags:#x}");
        }
    }

    #[test]
    fn what_is_broken_or_a_fragment_or_no_tcp_is_none() {
        let good = v4(tcp::ACK, 12, 0);
        let with = |at: usize, octet: u8| {
            let mut packet = good.clone();
            packet[at] = octet;
            packet
        };
        let broken = [
            with(0, 0x35),
            with(0, 0x4f),
            with(6, 0x20),
            with(7, 1),
            with(9, 17),
            with(32, 0x40),
            with(32, 0xf0),
        ];
        for (number, packet) in broken.iter().enumerate() {
            assert!(!is_bare(packet), "{number}");
        }
        for len in 0..good.len() {
            assert!(!is_bare(&good[..len]), "{len}");
        }
    }
}
