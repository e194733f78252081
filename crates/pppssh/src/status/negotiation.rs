//! What was asked, granted, corrected and refused, by whom.

use serde::{Deserialize, Serialize};

/// One control protocol's negotiation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ProtocolStatus {
    /// `LCP`, `IPCP` or `IPV6CP`.
    pub protocol: String,
    /// The automaton's state, in RFC 1661's words: `Opened`, `Req-Sent` …
    pub state: String,
    /// Every option either end asked for, in the order asked.
    #[serde(default)]
    pub options: Vec<OptionStatus>,
}

/// Who asked for an option. Each end describes what it wants to do or to receive itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requester {
    /// We asked, the peer answered.
    Us,
    /// The peer asked, we answered.
    Peer,
}

/// What the other end answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionOutcome {
    /// Nothing yet.
    Pending,
    /// Granted (Configure-Ack).
    Acked,
    /// Another value was suggested (Configure-Nak).
    Naked,
    /// The option is unknown or unwanted (Configure-Reject).
    Rejected,
}

/// One option's fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct OptionStatus {
    /// Its name, in RFC words: `IP-Address`, `Magic-Number` …
    pub option: String,
    /// Who asked.
    pub by: Requester,
    /// The value that was asked, if the option carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What came back.
    pub outcome: OptionOutcome,
    /// What the other end suggested instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested: Option<String>,
}
