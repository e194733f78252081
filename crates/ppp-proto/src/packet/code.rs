//! The Code field.

/// What a control packet is: 1 to 7 for every protocol (RFC 1661 §5), 8 to 13 for LCP only (§5.7 to §5.9, RFC 1570
/// §1), 14 and 15 for CCP only (RFC 1962 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// 1
    ConfigureRequest,
    /// 2
    ConfigureAck,
    /// 3
    ConfigureNak,
    /// 4
    ConfigureReject,
    /// 5
    TerminateRequest,
    /// 6
    TerminateAck,
    /// 7
    CodeReject,
    /// 8
    ProtocolReject,
    /// 9
    EchoRequest,
    /// 10
    EchoReply,
    /// 11
    DiscardRequest,
    /// 12
    Identification,
    /// 13
    TimeRemaining,
    /// 14
    ResetRequest,
    /// 15
    ResetAck,
    /// Any other.
    Other(u8),
}

impl From<u8> for Code {
    fn from(number: u8) -> Code {
        match number {
            1 => Code::ConfigureRequest,
            2 => Code::ConfigureAck,
            3 => Code::ConfigureNak,
            4 => Code::ConfigureReject,
            5 => Code::TerminateRequest,
            6 => Code::TerminateAck,
            7 => Code::CodeReject,
            8 => Code::ProtocolReject,
            9 => Code::EchoRequest,
            10 => Code::EchoReply,
            11 => Code::DiscardRequest,
            12 => Code::Identification,
            13 => Code::TimeRemaining,
            14 => Code::ResetRequest,
            15 => Code::ResetAck,
            other => Code::Other(other),
        }
    }
}

impl From<Code> for u8 {
    fn from(code: Code) -> u8 {
        match code {
            Code::ConfigureRequest => 1,
            Code::ConfigureAck => 2,
            Code::ConfigureNak => 3,
            Code::ConfigureReject => 4,
            Code::TerminateRequest => 5,
            Code::TerminateAck => 6,
            Code::CodeReject => 7,
            Code::ProtocolReject => 8,
            Code::EchoRequest => 9,
            Code::EchoReply => 10,
            Code::DiscardRequest => 11,
            Code::Identification => 12,
            Code::TimeRemaining => 13,
            Code::ResetRequest => 14,
            Code::ResetAck => 15,
            Code::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_round_trip() {
        for number in 0..=u8::MAX {
            assert_eq!(u8::from(Code::from(number)), number);
        }
    }
}
