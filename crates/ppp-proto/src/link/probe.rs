//! The sampler's Echo-Requests on a link, and what their answers tell its owner.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use tracing::trace;

use super::{Link, core::Core, sampler::Number};
use crate::{
    packet::{Code, ControlPacket},
    protocol,
};

impl Core {
    /// LCP is Opened.
    pub(super) fn start_sampler(&mut self, now: Instant) {
        if self.config.sample && self.tx_express().is_none() {
            self.sampler.start(now);
        }
    }

    pub(super) fn probe_if_due(&mut self, now: Instant) {
        self.probe = self.sampler.handle_timeout(now).or(self.probe);
    }

    pub(super) fn transmit_probe(&mut self, out: &mut BytesMut) {
        if let Some(number) = self.probe.take() {
            self.send_probe(number, out);
        }
    }

    fn send_probe(&mut self, number: Number, out: &mut BytesMut) {
        let data = [self.lcp.protocol.ours().magic.to_be_bytes(), number].concat();
        let [.., id] = number;
        // At this level, since there may be a hundred in a second.
        trace!(target: "ppp", "sent [LCP EchoReq id={id:#x}] to measure the path");
        self.frame(protocol::LCP, &ControlPacket { code: Code::EchoRequest, id, data: &data }.to_vec(), out);
    }

    /// Takes an Echo-Reply that answers a probe; nobody else hears of it, nor counts it.
    pub(super) fn answers_probe(&mut self, now: Instant, payload: &[u8]) -> bool {
        let Ok(ControlPacket { code: Code::EchoReply, id, data }) = ControlPacket::parse(payload) else {
            return false;
        };
        let Some((_, number)) = data.split_first_chunk::<4>().filter(|(magic, _)| !self.is_ours(**magic))
        else {
            return false;
        };
        let is_ours = self.sampler.answered(number, now);
        if is_ours {
            trace!(target: "ppp", "rcvd [LCP EchoRep id={id:#x}] which measures the path");
        }
        is_ours
    }
}

impl Link {
    /// Whether what the peer has received is told by its Echo-Replies ([`LinkConfig::sample`](super::LinkConfig::sample)),
    /// and not by reports of its own. Then round trips have in them what an answer waits for on the way back.
    pub fn is_sampled(&self) -> bool {
        self.core.sampler.counted().is_some()
    }

    /// The latest round trip of an Echo-Request among packets, once: from the moment it left the link to its answer, with
    /// all that either had to wait for. Only where the link [is sampled](Link::is_sampled).
    pub fn poll_round_trip(&mut self) -> Option<Duration> {
        self.core.sampler.poll_round_trip()
    }

    pub(super) fn probe_along(&mut self, now: Instant, out: &mut BytesMut) {
        if let Some(number) = self.core.sampler.take_along(now) {
            self.core.send_probe(number, out);
        }
    }
}
