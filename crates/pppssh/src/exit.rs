//! Exit codes: pppd's, so that scripts written around `pppd` go on working.
//!
//! 0 to 19 are in pppd(8), section "EXIT STATUS"; 20 and 21 only in its `pppd.h`.

use std::process::{ExitCode as ProcessExitCode, Termination};

/// Why the process ended, in pppd's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: the link came up and was taken down because one of the two ends asked for it, or the command succeeded.
    Ok = 0,
    /// 1: an immediately fatal error, such as an essential system call failing.
    FatalError = 1,
    /// 2: an error in the options: an unknown flag or key, two that exclude each other, a value out of range.
    OptionError = 2,
    /// 3: this user may not do that (pppd: "not setuid-root and the invoking user is not root").
    NotAllowed = 3,
    /// 4: the kernel does not support what is needed: here, TUN devices.
    NoKernelSupport = 4,
    /// 5: ended by SIGINT, SIGTERM or SIGHUP, or by `pppssh disconnect`.
    UserRequest = 5,
    /// 6: the serial port could not be locked. Here: a session of this name is running already.
    LockFailed = 6,
    /// 7: the serial port could not be opened. Here: the TUN device could not be opened or adopted.
    OpenFailed = 7,
    /// 8: the connect script failed. Here: the SSH login or the remote command failed before any PPP frame came.
    ConnectFailed = 8,
    /// 9: the command given to `pty` could not be run. Here: the `ssh` program could not be started.
    PtyCommandFailed = 9,
    /// 10: PPP negotiation failed: no network protocol came up.
    NegotiationFailed = 10,
    /// 11: the peer failed to authenticate itself, or refused to.
    PeerAuthFailed = 11,
    /// 12: ended because the link was idle.
    Idle = 12,
    /// 13: ended because the connect time limit was reached.
    ConnectTime = 13,
    /// 14: callback was negotiated and an incoming call should follow. Never used here.
    Callback = 14,
    /// 15: the peer no longer answers echo requests.
    PeerDead = 15,
    /// 16: ended by the modem hanging up. Here: the SSH connection ended under the link.
    Hangup = 16,
    /// 17: the negotiation failed because a loop was detected: our own frames come back to us.
    Loopback = 17,
    /// 18: the init script failed. Never used here.
    InitFailed = 18,
    /// 19: we failed to authenticate ourselves to the peer.
    AuthToPeerFailed = 19,
    /// 20: traffic limit reached. Never used here.
    TrafficLimit = 20,
    /// 21: the caller's number is not authorised. Never used here.
    CnidAuthFailed = 21,
}

impl ExitCode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 22] = [
        Self::Ok,
        Self::FatalError,
        Self::OptionError,
        Self::NotAllowed,
        Self::NoKernelSupport,
        Self::UserRequest,
        Self::LockFailed,
        Self::OpenFailed,
        Self::ConnectFailed,
        Self::PtyCommandFailed,
        Self::NegotiationFailed,
        Self::PeerAuthFailed,
        Self::Idle,
        Self::ConnectTime,
        Self::Callback,
        Self::PeerDead,
        Self::Hangup,
        Self::Loopback,
        Self::InitFailed,
        Self::AuthToPeerFailed,
        Self::TrafficLimit,
        Self::CnidAuthFailed,
    ];

    /// The number that the calling shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// One sentence for the log and for `pppssh man`.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Ok => "the link was taken down as asked, or the command succeeded",
            Self::FatalError => "a fatal error, such as an essential system call failing",
            Self::OptionError => "an error in the options or in the configuration",
            Self::NotAllowed => "the calling user is not allowed to do this",
            Self::NoKernelSupport => "the kernel has no TUN devices",
            Self::UserRequest => "ended by a signal or by `pppssh disconnect`",
            Self::LockFailed => "a session of this name is running already",
            Self::OpenFailed => "the TUN device could not be opened",
            Self::ConnectFailed => "the SSH login or the remote command failed",
            Self::PtyCommandFailed => "the ssh program could not be started",
            Self::NegotiationFailed => "the PPP negotiation failed",
            Self::PeerAuthFailed => "the peer failed to authenticate itself",
            Self::Idle => "ended because the link was idle",
            Self::ConnectTime => "ended because the connect time limit was reached",
            Self::Callback => "callback was negotiated",
            Self::PeerDead => "the peer no longer answers echo requests",
            Self::Hangup => "the SSH connection ended under the link",
            Self::Loopback => "our own frames come back: the line is looped",
            Self::InitFailed => "the init script failed",
            Self::AuthToPeerFailed => "we failed to authenticate ourselves to the peer",
            Self::TrafficLimit => "the traffic limit was reached",
            Self::CnidAuthFailed => "the caller's number is not authorised",
        }
    }
}

impl Termination for ExitCode {
    fn report(self) -> ProcessExitCode {
        ProcessExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pppds_from_0_to_21_without_gaps() {
        for (number, code) in ExitCode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.code()), number, "{code:?}");
            assert!(!code.description().is_empty());
        }
    }
}
