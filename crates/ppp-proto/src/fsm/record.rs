//! Who asked for what, and what became of it.

use crate::packet::{Options, TraceOption};

/// What became of one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionStatus {
    /// The option's Type.
    pub kind: u8,
    /// The last value asked for, in pppd's words: `mru 1500`.
    pub asked: String,
    /// The last counter-proposal, in the same words.
    pub naked_with: Option<String>,
    /// The last answer.
    pub answer: Answer,
}

/// The answer to an option, by the end that did not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// None yet.
    Pending,
    /// Taken as it is.
    Acked,
    /// Another value, please.
    Naked,
    /// Not known or not wanted.
    Rejected,
}

/// One direction's options since the negotiation began; at most one entry for each of the 256 Types.
#[derive(Debug, Clone, Default)]
pub(super) struct Record(Vec<OptionStatus>);

impl Record {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn options(&self) -> &[OptionStatus] {
        &self.0
    }

    pub(super) fn asked(&mut self, protocol: u16, options: Options<'_>) {
        for option in options.iter() {
            let asked = TraceOption(protocol, option).to_string();
            match self.find(option.kind) {
                Some(entry) => (entry.asked, entry.answer) = (asked, Answer::Pending),
                None => self.0.push(OptionStatus {
                    kind: option.kind,
                    asked,
                    naked_with: None,
                    answer: Answer::Pending,
                }),
            }
        }
    }

    pub(super) fn acked(&mut self, options: Options<'_>) {
        self.answered(options, Answer::Acked);
    }

    pub(super) fn rejected(&mut self, options: Options<'_>) {
        self.answered(options, Answer::Rejected);
    }

    fn answered(&mut self, options: Options<'_>, answer: Answer) {
        for option in options.iter() {
            if let Some(entry) = self.find(option.kind) {
                entry.answer = answer;
            }
        }
    }

    pub(super) fn naked(&mut self, protocol: u16, options: Options<'_>) {
        for option in options.iter() {
            let with = TraceOption(protocol, option).to_string();
            match self.find(option.kind) {
                Some(entry) => (entry.naked_with, entry.answer) = (Some(with), Answer::Naked),
                None => self.0.push(OptionStatus {
                    kind: option.kind,
                    asked: String::from("(not asked for)"),
                    naked_with: Some(with),
                    answer: Answer::Naked,
                }),
            }
        }
    }

    fn find(&mut self, kind: u8) -> Option<&mut OptionStatus> {
        self.0.iter_mut().find(|entry| entry.kind == kind)
    }
}
