//! Packets: which may pass, and what they are.

use super::{Family, LinkCounters, core::Core};
use crate::{fsm::State, protocol, vj::Decompressor};

/// What a frame is to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A packet to give out.
    Data(Family),
    /// A TCP/IPv4 packet with a header to restore.
    Vj,
    /// A datagram with a packet to unpack.
    Compressed,
    /// A packet that may not pass now.
    Untimely,
    /// Something to answer.
    Control,
}

/// The family of a packet and its protocol number, told by the first four bits.
pub(super) fn family(packet: &[u8]) -> Option<(Family, u16)> {
    match packet.first()? >> 4 {
        4 => Some((Family::Ipv4, protocol::IPV4)),
        6 => Some((Family::Ipv6, protocol::IPV6)),
        _ => None,
    }
}

impl Core {
    pub(super) fn kind(&self, number: u16) -> Kind {
        let family = match number {
            protocol::IPV4 => Family::Ipv4,
            protocol::IPV6 => Family::Ipv6,
            protocol::VJ_COMPRESSED | protocol::VJ_UNCOMPRESSED if self.decompressor.is_some() => {
                return Kind::Vj;
            }
            protocol::COMPRESSED if self.ccp.is_some() => return Kind::Compressed,
            _ => return Kind::Control,
        };
        let configured = match family {
            Family::Ipv4 => self.ipcp.is_some(),
            Family::Ipv6 => self.ipv6cp.is_some(),
        };
        if self.is_up(family) {
            Kind::Data(family)
        } else if configured {
            Kind::Untimely
        } else {
            Kind::Control
        }
    }

    /// Restores the packet that was sent as this one, with Van Jacobson's header; false if that cannot be.
    pub(super) fn restore(&mut self, number: u16, packet: &[u8]) -> bool {
        restore(self.decompressor.as_mut(), &mut self.counters, number, packet)
    }

    /// What [`restore`](Core::restore) restored last.
    pub(super) fn restored(&self) -> &[u8] {
        self.decompressor.as_ref().map_or(&[], Decompressor::restored)
    }

    pub(super) fn is_up(&self, family: Family) -> bool {
        match family {
            Family::Ipv4 => self.ipcp.as_ref().is_some_and(|ipcp| ipcp.state() == State::Opened),
            Family::Ipv6 => self.ipv6cp.as_ref().is_some_and(|ipv6cp| ipv6cp.state() == State::Opened),
        }
    }
}

/// Does what [`Core::restore`] does, for a packet that the core holds itself.
pub(super) fn restore(
    decompressor: Option<&mut Decompressor>,
    counters: &mut LinkCounters,
    number: u16,
    packet: &[u8],
) -> bool {
    let restored = decompressor.and_then(|decompressor| match number {
        protocol::VJ_UNCOMPRESSED => decompressor.uncompressed(packet),
        _ => decompressor.compressed(packet),
    });
    match restored {
        Some(packet) => counters.rx_data(packet),
        None => counters.rx_dropped += 1,
    }
    restored.is_some()
}
