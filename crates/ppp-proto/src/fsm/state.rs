//! States and events of the automaton, in the RFC's words.

use std::fmt;

/// RFC 1661 §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// 0: the lower layer is down and no Open has occurred.
    Initial,
    /// 1: an Open has been initiated, the lower layer is still down.
    Starting,
    /// 2: the lower layer is up, no Open has occurred.
    Closed,
    /// 3: Finished after an Open: waiting for the peer, or given up.
    Stopped,
    /// 4: a Terminate-Request has been sent; will be Closed.
    Closing,
    /// 5: as Closing, will be Stopped.
    Stopping,
    /// 6: a Configure-Request has been sent, nothing is acknowledged.
    ReqSent,
    /// 7: our Configure-Request has been acknowledged.
    AckRcvd,
    /// 8: the peer's Configure-Request has been acknowledged.
    AckSent,
    /// 9: both are acknowledged.
    Opened,
}

impl State {
    /// All states in the order of the table.
    pub const ALL: [State; 10] = [
        State::Initial,
        State::Starting,
        State::Closed,
        State::Stopped,
        State::Closing,
        State::Stopping,
        State::ReqSent,
        State::AckRcvd,
        State::AckSent,
        State::Opened,
    ];

    /// The number the RFC's table gives it.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether negotiation is under way or done.
    pub const fn is_negotiating(self) -> bool {
        matches!(self, State::ReqSent | State::AckRcvd | State::AckSent | State::Opened)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Initial => "Initial",
            State::Starting => "Starting",
            State::Closed => "Closed",
            State::Stopped => "Stopped",
            State::Closing => "Closing",
            State::Stopping => "Stopping",
            State::ReqSent => "Req-Sent",
            State::AckRcvd => "Ack-Rcvd",
            State::AckSent => "Ack-Sent",
            State::Opened => "Opened",
        })
    }
}
