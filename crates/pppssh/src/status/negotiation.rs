//! What was asked, granted, corrected and refused, by whom.

use ppp_proto::LinkStatus;
use ppp_proto::link::{self as ppp, Answer};
use serde::{Deserialize, Serialize};

/// One control protocol's negotiation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ProtocolStatus {
    /// `LCP`, `IPCP`, `IPV6CP` or `CCP`.
    pub protocol: String,
    /// The automaton's state, in RFC 1661's words: `Opened`, `Req-Sent` …
    pub state: String,
    /// Every option either end asked for, in the order asked.
    #[serde(default)]
    pub options: Vec<OptionStatus>,
    /// Why it gave up, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
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
    /// Who asked.
    pub by: Requester,
    /// What was asked last, in pppd's words: `addr 192.168.1.1`, `mru 1500`.
    pub asked: String,
    /// What came back.
    pub outcome: OptionOutcome,
    /// What the other end last suggested instead, in the same words. It may have been followed since: then `asked` says
    /// the same and `outcome` is `acked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested: Option<String>,
}

/// The protocols of a link, LCP first.
pub(super) fn protocols(link: &LinkStatus) -> Vec<ProtocolStatus> {
    link.protocols().map(protocol).collect()
}

fn protocol(status: &ppp::ProtocolStatus) -> ProtocolStatus {
    let ours = status.ours.iter().map(|option| (Requester::Us, option));
    let peers = status.peers.iter().map(|option| (Requester::Peer, option));
    ProtocolStatus {
        protocol: status.protocol.to_string(),
        state: status.state.to_string(),
        options: ours.chain(peers).map(|(by, option)| fate(by, option)).collect(),
        failure: status.failure.clone(),
    }
}

fn fate(by: Requester, option: &ppp::OptionStatus) -> OptionStatus {
    OptionStatus {
        by,
        asked: option.asked.clone(),
        outcome: match option.answer {
            Answer::Pending => OptionOutcome::Pending,
            Answer::Acked => OptionOutcome::Acked,
            Answer::Naked => OptionOutcome::Naked,
            Answer::Rejected => OptionOutcome::Rejected,
        },
        suggested: option.naked_with.clone(),
    }
}
