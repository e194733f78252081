//! The maximum segment size of connections that cross the link (see [`tunio::mss`]).

use ppp_proto::link::Link;
use tunio::PacketBatch;
use tunio::mss::{clamp, is_syn};
use tunio::offload::VirtioHeader;

/// Lowers it in both directions, where that is wanted: a SYN from either end limits what comes from the other.
#[derive(Debug)]
pub(super) struct MssClamp {
    wanted: bool,
    /// A SYN of the peer, where it can be written to.
    syn: Vec<u8>,
}

impl Default for MssClamp {
    fn default() -> Self {
        Self { wanted: true, syn: Vec::new() }
    }
}

impl MssClamp {
    pub(super) fn set(&mut self, wanted: bool) {
        self.wanted = wanted;
    }

    /// Looks at what the device gave.
    pub(super) fn outward(&self, link: &Link, batch: &mut PacketBatch) {
        if self.wanted {
            let mtu = smaller_mtu(link);
            batch.for_each_mut(|header, packet| {
                clamp(packet, mtu, header.needs_csum);
            });
        }
    }

    /// Looks at what the peer sent, over a link that carries packets of `mtu` octets each way; the packet to go on with.
    pub(super) fn inward<'p>(&'p mut self, mtu: u16, header: &VirtioHeader, packet: &'p [u8]) -> &'p [u8] {
        if !self.wanted || !is_syn(packet) {
            return packet;
        }
        self.syn.clear();
        self.syn.extend_from_slice(packet);
        clamp(&mut self.syn, mtu, header.needs_csum);
        &self.syn
    }
}

/// The largest packet that may cross the link both ways.
pub(super) fn smaller_mtu(link: &Link) -> u16 {
    link.mtu().min(link.mru())
}
