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

    /// Whether negotiation is under way, neither done nor over.
    pub const fn is_under_way(self) -> bool {
        matches!(self, State::ReqSent | State::AckRcvd | State::AckSent)
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

/// RFC 1661 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The lower layer is ready.
    Up,
    /// The lower layer is no longer ready.
    Down,
    /// The link may be opened.
    Open,
    /// The link may not be opened.
    Close,
    /// The restart timer ran out, and the restart counter is above zero.
    ToPlus,
    /// The restart timer ran out, and the restart counter is zero.
    ToMinus,
    /// Receive-Configure-Request, acceptable.
    RcrPlus,
    /// Receive-Configure-Request, to be naked or rejected.
    RcrMinus,
    /// Receive-Configure-Ack.
    Rca,
    /// Receive-Configure-Nak or -Reject.
    Rcn,
    /// Receive-Terminate-Request.
    Rtr,
    /// Receive-Terminate-Ack.
    Rta,
    /// Receive-Unknown-Code.
    Ruc,
    /// Receive-Code-Reject or -Protocol-Reject of something that can be done without.
    RxjPlus,
    /// Receive-Code-Reject or -Protocol-Reject of something that cannot.
    RxjMinus,
    /// Receive-Echo-Request, -Echo-Reply or -Discard-Request.
    Rxr,
}

impl Event {
    /// All events in the order of the table.
    pub const ALL: [Event; 16] = [
        Event::Up,
        Event::Down,
        Event::Open,
        Event::Close,
        Event::ToPlus,
        Event::ToMinus,
        Event::RcrPlus,
        Event::RcrMinus,
        Event::Rca,
        Event::Rcn,
        Event::Rtr,
        Event::Rta,
        Event::Ruc,
        Event::RxjPlus,
        Event::RxjMinus,
        Event::Rxr,
    ];
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Event::Up => "Up",
            Event::Down => "Down",
            Event::Open => "Open",
            Event::Close => "Close",
            Event::ToPlus => "TO+",
            Event::ToMinus => "TO-",
            Event::RcrPlus => "RCR+",
            Event::RcrMinus => "RCR-",
            Event::Rca => "RCA",
            Event::Rcn => "RCN",
            Event::Rtr => "RTR",
            Event::Rta => "RTA",
            Event::Ruc => "RUC",
            Event::RxjPlus => "RXJ+",
            Event::RxjMinus => "RXJ-",
            Event::Rxr => "RXR",
        })
    }
}

/// RFC 1661 §4.4, by the names its table gives them.
#[expect(non_camel_case_types, reason = "the table is to read as the RFC's")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// This-Layer-Up
    tlu,
    /// This-Layer-Down
    tld,
    /// This-Layer-Started
    tls,
    /// This-Layer-Finished
    tlf,
    /// Initialize-Restart-Count
    irc,
    /// Zero-Restart-Count
    zrc,
    /// Send-Configure-Request
    scr,
    /// Send-Configure-Ack
    sca,
    /// Send-Configure-Nak or -Reject
    scn,
    /// Send-Terminate-Request
    str,
    /// Send-Terminate-Ack
    sta,
    /// Send-Code-Reject
    scj,
    /// Send-Echo-Reply
    ser,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The letters in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// r: an Open may be taken as Down and Up.
    Restart,
    /// p: one may stay and wait for the peer.
    Passive,
    /// x: an answer where none was due, as when two links are crossed.
    Crossed,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Note::Restart => "r",
            Note::Passive => "p",
            Note::Crossed => "x",
        })
    }
}
