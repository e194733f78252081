//! Frames onto the wire (RFC 1662 §4).

use bytes::BytesMut;
use hdlc_simd::Class;

use super::{ADDRESS, Accm, CONTROL, ESCAPE, ESCAPE_XOR, FLAG, Fcs, Framing, accm, fcs};
use crate::protocol;

/// LCP's Configure-, Terminate- and Code-Reject packets: these go as if nothing had been negotiated (RFC 1661 §5).
const LCP_CODES_WITH_DEFAULT_FRAMING: std::ops::RangeInclusive<u8> = 1..=7;
/// Opening flag and header, or FCS-32 and closing flag; all but the flags escaped.
const MAX_STUFFED: usize = 1 + 2 * 4;

/// Appends frames to chunks in the sending direction of a link.
#[derive(Debug, Clone)]
pub struct FrameEncoder {
    framing: Framing,
    negotiated: Class,
    /// For LCP codes 1 to 7: every control character, and still the extra octets.
    unnegotiated: Class,
    /// The octet in front of a frame may belong to a record, and be no flag.
    apart: bool,
}

impl FrameEncoder {
    /// An encoder for frames of this look.
    pub fn new(framing: Framing) -> FrameEncoder {
        FrameEncoder {
            framing,
            negotiated: accm::class(framing.accm, framing.escape),
            unnegotiated: accm::class(Accm::DEFAULT, framing.escape),
            apart: false,
        }
    }

    /// The look in use.
    pub fn framing(&self) -> &Framing {
        &self.framing
    }

    /// Changes the look of the frames to come.
    pub fn set_framing(&mut self, framing: Framing) {
        *self = FrameEncoder { apart: self.apart, ..FrameEncoder::new(framing) };
    }

    /// Whether each frame to come has an opening flag of its own.
    pub(crate) fn set_apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    /// Appends one whole frame. Its opening flag is the closing flag of the frame before it where `out` ends in one.
    ///
    /// LCP packets with codes 1 to 7 always go out as if nothing had been negotiated (RFC 1661 §5), no LCP packet goes
    /// without Address and Control (§6.6), and control packets are never without an FCS (RFC 1570 §2.1.2): the caller
    /// need not care.
    ///
    /// The protocol number must be well-formed ([`protocol::is_well_formed`]), else no receiver will take the frame.
    pub fn encode_into(&self, protocol: u16, info: &[u8], out: &mut BytesMut) {
        debug_assert!(protocol::is_well_formed(protocol), "malformed protocol number {protocol:#06x}");
        let default_framing = goes_unnegotiated(protocol, info);
        let class = if default_framing { &self.unnegotiated } else { &self.negotiated };

        let (header, header_len) = self.header(protocol);
        let header = &header[..header_len];
        let mut front = Stuffed::default();
        if self.apart || out.last() != Some(&FLAG) {
            front.push(FLAG);
        }
        front.stuff(class, header);
        out.extend_from_slice(front.octets());

        class.stuff(info, out);

        let mut back = Stuffed::default();
        match self.fcs_for(protocol, info) {
            Fcs::Null => {}
            Fcs::Fcs16 => back.stuff(class, &fcs::fcs16(header, info).to_le_bytes()),
            Fcs::Fcs32 => back.stuff(class, &fcs::fcs32(header, info).to_le_bytes()),
        }
        back.push(FLAG);
        out.extend_from_slice(back.octets());
    }

    /// Address, Control and Protocol as far as they are sent, and their length.
    fn header(&self, protocol: u16) -> ([u8; 4], usize) {
        let [high, low] = protocol.to_be_bytes();
        // 00ff is never compressed: its one octet would look like an Address (RFC 1661 §6.5).
        let pfc = self.framing.pfc && high == 0 && low != ADDRESS;
        let acfc = self.framing.acfc && protocol != protocol::LCP;
        match (acfc, pfc) {
            (false, false) => ([ADDRESS, CONTROL, high, low], 4),
            (false, true) => ([ADDRESS, CONTROL, low, 0], 3),
            (true, false) => ([high, low, 0, 0], 2),
            (true, true) => ([low, 0, 0, 0], 1),
        }
    }

    /// The octets of a frame without stuffing, with the FCS and one flag (RFC 1989 §2.3).
    pub(crate) fn counted_len(&self, protocol: u16, info: &[u8]) -> usize {
        self.header(protocol).1 + info.len() + self.fcs_for(protocol, info).wire_len() + 1
    }

    fn fcs_for(&self, protocol: u16, info: &[u8]) -> Fcs {
        match self.framing.fcs {
            _ if goes_unnegotiated(protocol, info) => Fcs::Fcs16,
            Fcs::Null if protocol::is_control(protocol) => Fcs::Fcs16,
            negotiated => negotiated,
        }
    }
}

/// Whether a packet is one of those that go as if nothing had been negotiated.
fn goes_unnegotiated(protocol: u16, info: &[u8]) -> bool {
    protocol == protocol::LCP
        && info.first().is_some_and(|code| LCP_CODES_WITH_DEFAULT_FRAMING.contains(code))
}

/// A few octets as they go on the wire.
#[derive(Default)]
struct Stuffed {
    octets: [u8; MAX_STUFFED],
    len: usize,
}

impl Stuffed {
    fn push(&mut self, octet: u8) {
        self.octets[self.len] = octet;
        self.len += 1;
    }

    /// Adds at most four octets, those of `class` as Control Escape and complement (RFC 1662 §4.2).
    fn stuff(&mut self, class: &Class, octets: &[u8]) {
        for &octet in octets {
            let escaped = class.contains(octet);
            self.octets[self.len] = ESCAPE;
            self.len += usize::from(escaped);
            self.push(octet ^ (ESCAPE_XOR * u8::from(escaped)));
        }
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::ExtraEscapes;

    fn encode(framing: Framing, protocol: u16, info: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        FrameEncoder::new(framing).encode_into(protocol, info, &mut out);
        out.to_vec()
    }

    const BARE: Framing =
        Framing { accm: Accm::NONE, escape: ExtraEscapes::NONE, pfc: false, acfc: false, fcs: Fcs::Null };

    #[test]
    fn the_fields_stand_in_the_order_of_rfc_1662_section_3_1() {
        assert_eq!(encode(BARE, 0x0021, &[0x45]), [0x7e, 0xff, 0x03, 0x00, 0x21, 0x45, 0x7e]);
    }

    #[test]
    fn pfc_shortens_only_protocols_below_0100() {
        let framing = Framing { pfc: true, ..BARE };
        assert_eq!(encode(framing, 0x0021, &[0x45]), [0x7e, 0xff, 0x03, 0x21, 0x45, 0x7e]);
        assert_eq!(encode(framing, 0x0201, &[0x45]), [0x7e, 0xff, 0x03, 0x02, 0x01, 0x45, 0x7e]);
    }

    #[test]
    fn acfc_leaves_out_address_and_control() {
        let framing = Framing { acfc: true, ..BARE };
        assert_eq!(encode(framing, 0x0021, &[0x45]), [0x7e, 0x00, 0x21, 0x45, 0x7e]);
    }

    #[test]
    fn protocol_00ff_is_not_compressed_to_what_looks_like_an_address() {
        let framing = Framing { pfc: true, acfc: true, ..BARE };
        assert_eq!(encode(framing, 0x00ff, &[0x03]), [0x7e, 0x00, 0xff, 0x03, 0x7e]);
    }

    #[test]
    fn frames_of_one_chunk_share_a_flag() {
        let encoder = FrameEncoder::new(BARE);
        let mut out = BytesMut::new();
        encoder.encode_into(0x0021, &[1], &mut out);
        encoder.encode_into(0x0021, &[2], &mut out);
        assert_eq!(out[..], [0x7e, 0xff, 3, 0, 0x21, 1, 0x7e, 0xff, 3, 0, 0x21, 2, 0x7e]);
    }

    #[test]
    fn an_escaped_octet_is_7d_and_its_complement_in_bit_6() {
        // The examples of RFC 1662 §4.2.
        let framing = Framing { accm: Accm(1 << 3 | 1 << 0x11 | 1 << 0x13), ..BARE };
        assert_eq!(
            encode(framing, 0x0021, &[0x7e, 0x7d, 0x03, 0x11, 0x13, 0x00, 0x91, 0x93]),
            [
                0x7e, 0xff, 0x7d, 0x23, 0x00, 0x21, 0x7d, 0x5e, 0x7d, 0x5d, 0x7d, 0x23, 0x7d, 0x31, 0x7d,
                0x33, 0x00, 0x91, 0x93, 0x7e
            ]
        );
    }

    #[test]
    fn lcp_codes_1_to_7_and_no_others_go_as_if_nothing_were_negotiated() {
        let framing = Framing { accm: Accm::NONE, pfc: true, acfc: true, fcs: Fcs::Fcs32, ..BARE };
        for code in 1..=7 {
            let packet = [code, 1, 0, 4];
            assert_eq!(
                encode(framing, 0xc021, &packet),
                encode(Framing::DEFAULT, 0xc021, &packet),
                "code {code}"
            );
        }
        for code in [0, 8, 9] {
            let packet = [code, 1, 0, 4];
            assert_ne!(
                encode(framing, 0xc021, &packet),
                encode(Framing::DEFAULT, 0xc021, &packet),
                "code {code}"
            );
        }
    }

    #[test]
    fn other_lcp_codes_take_the_negotiated_accm_and_fcs_but_keep_address_and_control() {
        let framing = Framing { accm: Accm::NONE, pfc: true, acfc: true, fcs: Fcs::Fcs32, ..BARE };
        let frame = encode(framing, 0xc021, &[9, 1, 0, 8, 0, 0, 0, 0]);
        assert_eq!(frame[..13], [0x7e, 0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0]);
        assert_eq!(frame.len(), 13 + 4 + 1);
    }

    #[test]
    fn extra_octets_are_escaped_in_default_framing_too() {
        let framing = Framing { escape: ExtraEscapes::new(&[0xff]).unwrap(), ..BARE };
        assert_eq!(encode(framing, 0xc021, &[1])[..3], [0x7e, 0x7d, 0xdf]);
    }

    #[test]
    fn a_null_fcs_is_for_traffic_and_control_packets_keep_16_bits() {
        assert_eq!(encode(BARE, 0x0057, &[0x60]).len(), 7);
        for protocol in [protocol::IPCP, protocol::CHAP, protocol::LCP] {
            assert_eq!(
                encode(BARE, protocol, &[9, 1, 0, 4]),
                encode(Framing { fcs: Fcs::Fcs16, ..BARE }, protocol, &[9, 1, 0, 4])
            );
        }
    }
}
