//! What a control protocol supplies to the automaton: its options, and nothing of its state.

use std::time::Duration;

use crate::{
    ControlProtocolName,
    packet::{Options, RawOption, push_option},
};

/// Why a protocol cannot go on, in words for the user.
pub(crate) type Failure = String;

/// The options of one control protocol: what we ask, and what we think of what the peer asks.
pub(crate) trait ControlProtocol {
    const NAME: ControlProtocolName;

    /// A new negotiation begins: nothing is agreed on.
    fn restart(&mut self);

    /// Appends the options we want to ask for.
    fn request(&mut self, out: &mut Vec<u8>);

    /// Judges the peer's options. What it acknowledges is in force from now on.
    fn receive_request(&mut self, options: Options<'_>, reply: ReplyBuilder) -> Result<Reply, Failure>;

    /// The peer acknowledged exactly what was last requested.
    fn receive_ack(&mut self);

    /// The peer would rather have these values. With `insists` it said so too often: no more haggling.
    fn receive_nak(&mut self, options: Options<'_>, insists: bool) -> Result<(), Failure>;

    /// The peer does not know or want these, which are some of those last requested.
    fn receive_reject(&mut self, options: Options<'_>) -> Result<(), Failure>;

    /// How long the next Configure-Request after a Configure-Nak should wait.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// Whether what was agreed on is enough to work with; asked before This-Layer-Up.
    fn settle(&mut self) -> Result<(), Failure>;
}

/// The answer to a Configure-Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// All of it, unchanged.
    Ack,
    /// Known, but other values please.
    Nak(Vec<u8>),
    /// Not known, or not negotiable.
    Reject(Vec<u8>),
}

/// Gathers a [`Reply`]: rejects go before naks, and of one kind all options go at once (RFC 1661 §5.3, §5.4).
#[derive(Debug)]
pub(crate) struct ReplyBuilder {
    naks_left: bool,
    nak: Vec<u8>,
    reject: Vec<u8>,
}

impl ReplyBuilder {
    /// Without `naks_left`, Max-Failure naks were sent in vain and options are rejected instead (RFC 1661 §4.6).
    pub(crate) fn new(naks_left: bool) -> ReplyBuilder {
        ReplyBuilder { naks_left, nak: Vec::new(), reject: Vec::new() }
    }

    pub(crate) fn naks_left(&self) -> bool {
        self.naks_left
    }

    pub(crate) fn reject(&mut self, option: RawOption<'_>) {
        option.emit(&mut self.reject);
    }

    /// Asks for `wanted` in place of `option`, or rejects it when Max-Failure is reached.
    pub(crate) fn nak(&mut self, option: RawOption<'_>, wanted: &[u8]) {
        if self.naks_left {
            push_option(&mut self.nak, option.kind, wanted);
        } else {
            self.reject(option);
        }
    }

    /// Asks for `wanted` in place of the option of this kind, however often it was asked for.
    pub(crate) fn nak_always(&mut self, kind: u8, wanted: &[u8]) {
        push_option(&mut self.nak, kind, wanted);
    }

    /// Asks for an option the peer did not send (RFC 1661 §5.3), until Max-Failure is reached.
    pub(crate) fn suggest(&mut self, kind: u8, wanted: &[u8]) {
        if self.naks_left {
            push_option(&mut self.nak, kind, wanted);
        }
    }

    pub(crate) fn finish(self) -> Reply {
        if !self.reject.is_empty() {
            Reply::Reject(self.reject)
        } else if !self.nak.is_empty() {
            Reply::Nak(self.nak)
        } else {
            Reply::Ack
        }
    }
}
