//! What goes out, and how it is framed.

use bytes::BytesMut;
use tracing::debug;

use super::{Direction, core::Core};
use crate::{
    frame::{ExtraEscapes, Framing},
    fsm::State,
    packet::{Code, ControlPacket, HEADER_LEN, TracePacket},
    protocol,
};

impl Core {
    /// The largest packet we may send.
    pub(super) fn mtu(&self) -> u16 {
        self.lcp.protocol.peers().mru.min(self.config.lcp.mtu.unwrap_or(u16::MAX))
    }

    pub(super) fn default_framing(&self) -> Framing {
        Framing { escape: self.config.lcp.escape, ..Framing::DEFAULT }
    }

    pub(super) fn tx_framing(&self) -> Framing {
        if self.lcp.state() == State::Opened {
            self.lcp.protocol.peers().framing(self.config.lcp.escape)
        } else {
            self.default_framing()
        }
    }

    pub(super) fn rx_framing(&self) -> Framing {
        if self.lcp.state() == State::Opened {
            self.lcp.protocol.ours().framing(ExtraEscapes::NONE)
        } else {
            Framing::DEFAULT
        }
    }

    /// Queues an answer to the peer, or a packet that can as well be lost.
    pub(super) fn send(&mut self, number: u16, packet: ControlPacket<'_>) {
        if self.outbox.push_answer(number, packet.to_vec()) {
            debug!(target: "ppp", "sent {}", TracePacket(number, packet));
        }
    }

    /// RFC 1661 §5.7: the rejected packet goes back, cut to what the peer takes.
    pub(super) fn send_protocol_reject(&mut self, number: u16, payload: &[u8]) {
        debug!(target: "ppp", "unsupported protocol {number:#06x} ({})", protocol::name(number).unwrap_or("unknown"));
        let room =
            usize::from(self.lcp.protocol.peers().mru).saturating_sub(HEADER_LEN + size_of_val(&number));
        let mut data = number.to_be_bytes().to_vec();
        data.extend(&payload[..payload.len().min(room)]);
        let id = self.lcp.fresh_id();
        self.send(protocol::LCP, ControlPacket { code: Code::ProtocolReject, id, data: &data });
    }

    /// Appends all control frames that wait to `out`; true if there were any.
    pub(super) fn transmit(&mut self, out: &mut BytesMut) -> bool {
        let before = out.len();
        self.transmit_express_report(out);
        self.transmit_probe(out);
        self.transmit_report(out);
        while let Some((number, packet)) = self.outbox.pop() {
            self.frame(number, &packet, out);
            if number == protocol::CCP {
                self.ccp_leaves(&packet);
            }
            if let (Some(keepalive), protocol::LCP, [code, id, ..]) =
                (&mut self.keepalive, number, &packet[..])
                && Code::from(*code) == Code::EchoRequest
            {
                keepalive.transmitted(*id);
            }
        }
        out.len() > before
    }

    pub(super) fn frame(&mut self, number: u16, packet: &[u8], out: &mut BytesMut) {
        let before = out.len();
        if let Some(tap) = &mut self.tap {
            tap.packet(Direction::Sent, number, packet);
        }
        self.encoder.encode_into(number, packet, out);
        self.quality.sent(self.encoder.counted_len(number, packet));
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.encoded(out.len() - before);
        }
    }
}
