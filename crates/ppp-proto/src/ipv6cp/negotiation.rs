//! Interface identifiers for both ends.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Type 1    |   Length 10   | Interface-Identifier (MS Bytes)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!                       Interface-Identifier (cont)
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!       Interface-Identifier (LS Bytes)  |           RFC 5072 §4.1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::{InterfaceId, Ipv6cpConfig};
use crate::{
    ControlProtocolName,
    fsm::{ControlProtocol, Failure, Reply, ReplyBuilder},
    packet::{Options, RawOption, push_option},
    rng::Rng,
};

const INTERFACE_IDENTIFIER: u8 = 1;

/// The identifier in an option of the right Type and Length.
pub(crate) fn identifier(option: RawOption<'_>) -> Option<InterfaceId> {
    option.data.try_into().ok().map(InterfaceId).filter(|_| option.kind == INTERFACE_IDENTIFIER)
}

/// IPV6CP's options.
#[derive(Debug)]
pub(crate) struct Ipv6cp {
    config: Ipv6cpConfig,
    rng: Rng,
    local: InterfaceId,
    remote: Option<InterfaceId>,
    ask: bool,
    /// The identifier in the last Configure-Nak we sent.
    naked: Option<InterfaceId>,
    /// Whether we asked the peer to name its identifier after it did not.
    suggested: bool,
}

impl Ipv6cp {
    pub(crate) fn new(config: Ipv6cpConfig, rng: Rng) -> Ipv6cp {
        Ipv6cp {
            config,
            rng,
            local: InterfaceId::ZERO,
            remote: None,
            ask: true,
            naked: None,
            suggested: false,
        }
    }

    pub(crate) fn local(&self) -> InterfaceId {
        self.local
    }

    /// The peer's identifier; meaningful while Opened.
    pub(crate) fn remote(&self) -> InterfaceId {
        self.remote.unwrap_or(InterfaceId::ZERO)
    }

    fn is_allowed(&self, remote: InterfaceId) -> bool {
        remote != InterfaceId::ZERO
            && remote != self.local
            && self.config.remote.is_none_or(|configured| configured == remote || self.config.accept_remote)
    }

    /// An identifier for the peer: the configured one or a random one that is not ours.
    fn another(&mut self) -> InterfaceId {
        let another =
            self.config.remote.filter(|remote| *remote != self.local).unwrap_or_else(|| self.random());
        self.naked = Some(another);
        another
    }

    fn random(&mut self) -> InterfaceId {
        loop {
            let id = InterfaceId::from_random(self.rng.next_u64());
            if id != self.local && Some(id) != self.remote {
                return id;
            }
        }
    }

    fn objection(&self, remote: InterfaceId) -> Failure {
        if remote == self.local {
            format!("both ends claim the interface identifier {remote}")
        } else if let Some(configured) = self.config.remote {
            format!(
                "the peer claims the interface identifier {remote}, but this end allows only {configured}"
            )
        } else {
            format!("the peer claims the interface identifier {remote}, which cannot be")
        }
    }
}

impl ControlProtocol for Ipv6cp {
    const NAME: ControlProtocolName = ControlProtocolName::Ipv6cp;

    fn restart(&mut self) {
        // The same identifier for the life of the link: its link-local address stays when it redials.
        if self.local == InterfaceId::ZERO {
            self.local = self.config.local.unwrap_or_else(|| InterfaceId::from_random(self.rng.next_u64()));
        }
        self.remote = None;
        self.ask = true;
        self.naked = None;
        self.suggested = false;
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        if self.ask {
            push_option(out, INTERFACE_IDENTIFIER, &self.local.0);
        }
    }

    fn receive_request(&mut self, options: Options<'_>, mut reply: ReplyBuilder) -> Result<Reply, Failure> {
        let (mut remote, mut named) = (None, false);
        self.naked = None;
        for option in options.iter() {
            if option.kind != INTERFACE_IDENTIFIER {
                reply.reject(option);
                continue;
            }
            named = true;
            match identifier(option) {
                Some(id) if self.is_allowed(id) => remote = Some(id),
                Some(id) if !reply.naks_left() => return Err(self.objection(id)),
                // §4.1: zero, and our own, are answered with another one.
                Some(_) | None => {
                    let another = self.another();
                    reply.nak(option, &another.0);
                }
            }
        }
        if !named && !self.suggested {
            self.suggested = true;
            let another = self.another();
            reply.suggest(INTERFACE_IDENTIFIER, &another.0);
        }
        let reply = reply.finish();
        if reply == Reply::Ack {
            self.remote = remote;
        }
        Ok(reply)
    }

    fn receive_ack(&mut self) {}

    fn receive_nak(&mut self, options: Options<'_>, insists: bool) -> Result<(), Failure> {
        for id in options.iter().filter_map(identifier) {
            match self.config.local.filter(|_| !self.config.accept_local) {
                Some(ours) if insists => {
                    return Err(format!("the peer does not allow the interface identifier {ours}"));
                }
                Some(_) => {}
                // §4.1: take the suggestion unless it is no better than what we have, or our own come back.
                None if id == InterfaceId::ZERO
                    || id == self.local
                    || Some(id) == self.remote
                    || Some(id) == self.naked =>
                {
                    self.local = self.random();
                }
                None => self.local = id,
            }
        }
        Ok(())
    }

    fn receive_reject(&mut self, options: Options<'_>) -> Result<(), Failure> {
        self.ask &= !options.iter().any(|option| option.kind == INTERFACE_IDENTIFIER);
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        match self.remote {
            Some(remote) if self.is_allowed(remote) => Ok(()),
            Some(remote) => Err(self.objection(remote)),
            None => Err(String::from("Could not determine remote interface identifier: the peer names none")),
        }
    }
}
