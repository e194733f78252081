//! Packets made one by one, with nothing of the code under test: what segmentation must arrive at.

use proptest::prelude::*;
use tunio::offload::{GsoType, VirtioHeader};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const CWR: u8 = 0x80;

/// What the packets of a flow have in common.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) v6: bool,
    pub(crate) udp: bool,
    pub(crate) source_port: u16,
    /// TOS or traffic class.
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    pub(crate) first_id: u16,
    /// By how much the Identification of each packet is above that of the one before.
    pub(crate) id_step: u16,
    /// DF.
    pub(crate) atomic: bool,
    pub(crate) first_sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) window: u16,
    /// Words of TCP options.
    pub(crate) options: Vec<[u8; 4]>,
}

impl Flow {
    pub(crate) fn tcp4() -> Flow {
        Flow {
            v6: false,
            udp: false,
            source_port: 40000,
            tos: 0,
            ttl: 64,
            first_id: 65534,
            id_step: 1,
            atomic: true,
            first_sequence: 0xffff_fff0,
            acknowledgement: 77,
            window: 512,
            options: vec![[1, 1, 8, 10], [0, 0, 0, 1], [0, 0, 0, 2]],
        }
    }

    pub(crate) fn tcp6() -> Flow {
        Flow { v6: true, ..Flow::tcp4() }
    }

    pub(crate) fn udp4() -> Flow {
        Flow { udp: true, ..Flow::tcp4() }
    }

    pub(crate) fn udp6() -> Flow {
        Flow { udp: true, ..Flow::tcp6() }
    }

    pub(crate) fn ip_header(&self) -> usize {
        if self.v6 { 40 } else { 20 }
    }

    /// Octets of all headers.
    pub(crate) fn headers(&self) -> usize {
        self.ip_header() + if self.udp { 8 } else { 20 + 4 * self.options.len() }
    }

    /// Where the checksum is in TCP or UDP.
    pub(crate) fn checksum_offset(&self) -> usize {
        if self.udp { 6 } else { 16 }
    }

    /// The packet that is the flow's `index`th, with the octets from `sent` on; all but the checksum of TCP or UDP,
    /// where the sum of the pseudo-header is.
    pub(crate) fn without_checksum(&self, index: usize, sent: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut transport = Vec::new();
        transport.extend(self.source_port.to_be_bytes());
        transport.extend(443u16.to_be_bytes());
        if self.udp {
            transport.extend((8 + payload.len() as u16).to_be_bytes());
            transport.extend([0; 2]);
        } else {
            transport.extend(self.first_sequence.wrapping_add(sent as u32).to_be_bytes());
            transport.extend(self.acknowledgement.to_be_bytes());
            transport.extend([(5 + self.options.len() as u8) << 4, flags]);
            transport.extend(self.window.to_be_bytes());
            transport.extend([0; 4]);
            transport.extend(self.options.as_flattened());
        }
        transport.extend(payload);

        let protocol = if self.udp { 17 } else { 6 };
        let length = transport.len() as u16;
        let mut packet = Vec::new();
        if self.v6 {
            packet.extend([0x60 | self.tos >> 4, self.tos << 4, 0x12, 0x34]);
            packet.extend(length.to_be_bytes());
            packet.extend([protocol, self.ttl]);
            packet.extend([0xfd; 15].iter().chain(&[1]).chain(&[0xfd; 15]).chain(&[2]));
        } else {
            packet.extend([0x45, self.tos]);
            packet.extend((20 + length).to_be_bytes());
            packet.extend(self.first_id.wrapping_add(index as u16 * self.id_step).to_be_bytes());
            let flags = u8::from(self.atomic) << 6;
            packet.extend([flags, 0, self.ttl, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            let checksum = !sum(&packet);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        let mut pseudo = packet[if self.v6 { 8..40 } else { 12..20 }].to_vec();
        pseudo.extend([0, protocol]);
        pseudo.extend(length.to_be_bytes());
        let at = self.checksum_offset();
        transport[at..at + 2].copy_from_slice(&sum(&pseudo).to_be_bytes());
        packet.extend(transport);
        packet
    }

    /// The same with its checksum.
    pub(crate) fn packet(&self, index: usize, sent: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = self.without_checksum(index, sent, flags, payload);
        let at = self.ip_header() + self.checksum_offset();
        let checksum = match !sum(&packet[self.ip_header()..]) {
            0 if self.udp => 0xffff,
            checksum => checksum,
        };
        packet[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
        packet
    }

    /// The packets that carry `payload`: what is said once is said in the first or in the last.
    pub(crate) fn packets(&self, flags: u8, payload: &[u8], gso_size: usize) -> Vec<Vec<u8>> {
        let last = payload.len().div_ceil(gso_size) - 1;
        let chunks = payload.chunks(gso_size).enumerate();
        chunks
            .map(|(index, chunk)| {
                let not_here = if index > 0 { CWR } else { 0 } | if index < last { FIN | PSH } else { 0 };
                self.packet(index, index * gso_size, flags & !not_here, chunk)
            })
            .collect()
    }

    /// The one packet that stands for these, with its header.
    pub(crate) fn whole(&self, flags: u8, payload: &[u8], gso_size: usize) -> (VirtioHeader, Vec<u8>) {
        let header = VirtioHeader {
            needs_csum: true,
            gso_type: match (self.udp, self.v6) {
                (true, _) => GsoType::UdpL4,
                (false, false) => GsoType::TcpV4,
                (false, true) => GsoType::TcpV6,
            },
            ecn: !self.udp && flags & CWR != 0,
            hdr_len: self.headers() as u16,
            gso_size: gso_size as u16,
            csum_start: self.ip_header() as u16,
            csum_offset: self.checksum_offset() as u16,
            ..VirtioHeader::NONE
        };
        (header, self.without_checksum(0, 0, flags, payload))
    }
}

/// RFC 1071 §4.1, word by word.
pub(crate) fn sum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for word in octets.chunks(2) {
        sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Octets that are all different for a while.
pub(crate) fn payload(length: usize) -> Vec<u8> {
    (0..length as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

prop_compose! {
    pub(crate) fn flows()(
        (v6, udp) in any::<(bool, bool)>(),
        (source_port, first_id, window) in any::<(u16, u16, u16)>(),
        (tos, ttl, atomic) in any::<(u8, u8, bool)>(),
        (first_sequence, acknowledgement) in any::<(u32, u32)>(),
        options in proptest::collection::vec(any::<[u8; 4]>(), 0..=10),
    ) -> Flow {
        let identification = Flow { first_id, atomic, ..Flow::tcp4() };
        Flow { v6, udp, source_port, tos, ttl, first_sequence, acknowledgement, window, options, ..identification }
    }
}

prop_compose! {
    /// A flow with flags, payload and segment size that fit each other.
    pub(crate) fn wholes()(
        flow in flows(),
        flags in proptest::bits::u8::masked(FIN | PSH | CWR | 0x40),
        gso_size in 1usize..1500,
        segments in 2usize..=45,
        short in any::<proptest::sample::Index>(),
        octet in any::<u8>(),
    ) -> (Flow, u8, Vec<u8>, usize) {
        let last = short.index(gso_size) + 1;
        let length = ((segments - 1) * gso_size + last).min(65535 - 120);
        let mut payload = payload(length);
        payload[length / 2] = octet;
        (flow, flags | ACK, payload, gso_size.min(length - 1))
    }
}
