//! One end of a link: the phases of RFC 1661 §3 around LCP, IPCP and IPV6CP.

mod config;
mod event;
mod status;

use std::time::Instant;

use bytes::BytesMut;

pub use config::{EchoConfig, LinkConfig, Timers};
pub use event::{CloseReason, ControlProtocolName, Event, Phase};
pub use status::{Answer, LinkCounters, LinkStatus, OptionStatus, ProtocolStatus};

/// One end of a PPP link.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
}

/// Which kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A packet from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The protocol it was framed as.
    pub family: Family,
    /// The packet, with padding if the peer sent any.
    pub payload: &'a [u8],
}

/// Why a packet was not framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Its first four bits are neither 4 nor 6.
    #[error("expected an IPv4 or IPv6 packet")]
    NotIp,
    /// Its protocol is not Opened.
    #[error("{0:?} is not up on this link")]
    NotUp(Family),
    /// The peer does not take packets of this size.
    #[error("a packet of {len} octets, but at most {mtu} may be sent; set the interface's MTU to {mtu}")]
    TooBig {
        /// The packet's length.
        len: usize,
        /// The largest length allowed.
        mtu: u16,
    },
}

impl Link {
    /// A link in phase Dead: [`open`](Link::open) and [`lower_up`](Link::lower_up) start it.
    pub fn new(config: LinkConfig, now: Instant) -> Link {
        let _ = now;
        Link { config }
    }

    /// Asks for the link to come up: at once when the lower layer is up, else as soon as it is.
    pub fn open(&mut self, now: Instant) {
        let _ = now;
    }

    /// The carrier can pass bytes; whatever was left of an earlier one is forgotten.
    pub fn lower_up(&mut self, now: Instant) {
        let _ = now;
    }

    /// The carrier can no longer pass bytes; an open link starts anew at the next [`lower_up`](Link::lower_up).
    pub fn lower_down(&mut self, now: Instant) {
        let _ = now;
    }

    /// Takes leave of the peer with these words; [`Event::Closed`] follows when it answered, or did not in time.
    pub fn close(&mut self, now: Instant, message: &str) {
        let _ = (now, message);
    }

    /// Consumes `chunk`; returns each IP packet as it is found and `None` when the chunk is used up.
    pub fn receive<'s, 'i: 's>(&'s mut self, now: Instant, chunk: &mut &'i [u8]) -> Option<Packet<'s>> {
        let _ = now;
        *chunk = &[];
        None
    }

    /// Frames one IP packet behind what `out` already holds.
    pub fn encode(&mut self, packet: &[u8], out: &mut BytesMut) -> Result<(), SendError> {
        let _ = (packet, out);
        Err(SendError::NotIp)
    }

    /// Appends the control frames that wait to be sent; false if there were none.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        let _ = out;
        false
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When [`handle_timeout`](Link::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// The link's phase.
    pub fn phase(&self) -> Phase {
        Phase::Dead
    }

    /// A snapshot of all there is to know.
    pub fn status(&self) -> LinkStatus {
        let _ = &self.config;
        unimplemented!()
    }
}
