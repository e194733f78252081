//! What we ask to receive, and what we grant.

use super::{
    CcpConfig, CcpOption, CcpParams, DeflateConfig, DeflateNumber,
    deflate::{MAX_WINDOW, MIN_WINDOW},
};
use crate::{
    ControlProtocolName,
    fsm::{ControlProtocol, Failure, Reply, ReplyBuilder},
    packet::{Options, ParseOptionError, RawOption},
};

/// CCP's options.
#[derive(Debug)]
pub(crate) struct Ccp {
    config: CcpConfig,
    /// What we still ask for.
    ask: Option<DeflateConfig>,
    /// Whether the peer granted it.
    granted: bool,
    /// The window that the peer asked for and we granted.
    peers: Option<u8>,
}

impl Ccp {
    pub(crate) fn new(config: CcpConfig) -> Ccp {
        Ccp { config, ask: None, granted: false, peers: None }
    }

    /// What is agreed on so far. Each direction counts from its Configure-Ack on.
    pub(crate) fn params(&self) -> CcpParams {
        let receive = self.ask.filter(|_| self.granted).map(DeflateConfig::usable_window);
        CcpParams { receive, send: self.peers }
    }

    /// Asks no longer under this number.
    fn stop_asking(&mut self, number: DeflateNumber) {
        self.ask = self.ask.take().and_then(|asked| {
            let left = match number {
                DeflateNumber::Standard => DeflateConfig { standard: false, ..asked },
                DeflateNumber::Draft => DeflateConfig { draft: false, ..asked },
            };
            (left.standard || left.draft).then_some(left)
        });
    }

    /// The window for a peer that asks for `option`, if it gets one.
    fn judge(&self, option: RawOption<'_>, reply: &mut ReplyBuilder) -> Option<u8> {
        let granted = self.config.send.filter(|send| match DeflateNumber::of(option.kind) {
            Some(DeflateNumber::Standard) => send.standard,
            Some(DeflateNumber::Draft) => send.draft,
            None => false,
        });
        let Some(ours) = granted else {
            reply.reject(option);
            return None;
        };
        let proper = |window| CcpOption::Deflate { number: DeflateNumber::Standard, window }.data();
        match CcpOption::parse_raw(option) {
            // A smaller window than the peer allows needs no words.
            Ok(CcpOption::Deflate { window: theirs @ MIN_WINDOW..=MAX_WINDOW, .. }) => {
                return Some(theirs.min(ours.usable_window()));
            }
            Ok(CcpOption::Deflate { window: ..MIN_WINDOW, .. }) => reply.nak(option, &proper(MIN_WINDOW)),
            Ok(CcpOption::Deflate { .. }) | Err(ParseOptionError::BadLength | ParseOptionError::Unknown) => {
                reply.nak(option, &proper(ours.usable_window()));
            }
        }
        None
    }
}

impl ControlProtocol for Ccp {
    const NAME: ControlProtocolName = ControlProtocolName::Ccp;

    fn restart(&mut self) {
        self.ask = self.config.receive;
        self.granted = false;
        self.peers = None;
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        self.granted = false;
        let Some(asked) = self.ask else { return };
        let window = asked.usable_window();
        if asked.standard {
            CcpOption::Deflate { number: DeflateNumber::Standard, window }.emit(out);
        }
        if asked.draft {
            CcpOption::Deflate { number: DeflateNumber::Draft, window }.emit(out);
        }
    }

    fn receive_request(&mut self, options: Options<'_>, mut reply: ReplyBuilder) -> Result<Reply, Failure> {
        self.peers = None;
        // RFC 1962 §4: of several that are acknowledged, the first is meant.
        let mut first = None;
        for option in options.iter() {
            let window = self.judge(option, &mut reply);
            first = first.or(window);
        }
        let reply = reply.finish();
        if reply == Reply::Ack {
            self.peers = first;
        }
        Ok(reply)
    }

    fn receive_ack(&mut self) {
        self.granted = true;
    }

    fn receive_nak(&mut self, options: Options<'_>, insists: bool) -> Result<(), Failure> {
        for option in options.iter() {
            let Some(number) = DeflateNumber::of(option.kind) else { continue };
            match (CcpOption::parse_raw(option), &mut self.ask) {
                (Ok(CcpOption::Deflate { window, .. }), Some(asked))
                    if !insists && (MIN_WINDOW..=asked.window).contains(&window) =>
                {
                    asked.window = window;
                }
                // Something that cannot be received here.
                _ => self.stop_asking(number),
            }
        }
        Ok(())
    }

    fn receive_reject(&mut self, options: Options<'_>) -> Result<(), Failure> {
        options
            .iter()
            .filter_map(|option| DeflateNumber::of(option.kind))
            .for_each(|number| self.stop_asking(number));
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
