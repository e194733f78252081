//! Control packets in the words of pppd's `debug` option, so that its readers can read ours.
//!
//! `[LCP ConfReq id=0x1 <asyncmap 0x0> <magic 0x1234abcd> <pcomp> <accomp>]`

use std::{fmt, net::Ipv4Addr};

use tracing::debug;

use super::{Code, ControlPacket, Options, RawOption};
use crate::{
    Express,
    auth::{chap::ChapPacket, pap::PapPacket},
    ccp::{self, DeflateNumber},
    frame::{Accm, Fcs},
    ipcp::{self, IpcpOption, Place},
    ipv6cp,
    lcp::{self, LcpOption},
    protocol,
};

/// Octets of a rejected packet or of echo data that are shown.
const MAX_DUMP: usize = 32;

/// Shows a control packet of the protocol of this number.
#[derive(Debug, Clone, Copy)]
pub struct TracePacket<'a>(pub u16, pub ControlPacket<'a>);

/// Shows one option of the protocol of this number: `mru 1500`.
#[derive(Debug, Clone, Copy)]
pub struct TraceOption<'a>(pub u16, pub RawOption<'a>);

impl TracePacket<'_> {
    /// Logs a packet that is sent.
    pub(crate) fn sent(number: u16, octets: &[u8]) {
        if let Ok(packet) = ControlPacket::parse(octets) {
            debug!(target: "ppp", "sent {}", TracePacket(number, packet));
        }
    }
}

impl fmt::Display for TracePacket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TracePacket(number, packet @ ControlPacket { code, id, data }) = *self;
        if number == protocol::PAP || number == protocol::CHAP {
            return authentication(f, number, packet);
        }
        match protocol::name(number) {
            Some(name) => write!(f, "[{name}")?,
            None => write!(f, "[{number:#06x}")?,
        }
        // The protocol has no such code, whatever another one means by it.
        let foreign = match u8::from(code) {
            1..=7 => false,
            14 | 15 => number != protocol::CCP,
            _ => number != protocol::LCP,
        };
        match word(code).filter(|_| !foreign) {
            Some(word) => write!(f, " {word} id={id:#x}")?,
            None => write!(f, " code={:#x} id={id:#x}", u8::from(code))?,
        }
        match code {
            Code::ConfigureRequest | Code::ConfigureAck | Code::ConfigureNak | Code::ConfigureReject => {
                match Options::parse(data) {
                    Ok(options) => {
                        options.iter().try_for_each(|o| write!(f, " <{}>", TraceOption(number, o)))?;
                    }
                    Err(_) => dump(f, data)?,
                }
            }
            Code::TerminateRequest | Code::TerminateAck if data.is_empty() => {}
            Code::TerminateRequest | Code::TerminateAck => write!(f, " \"{}\"", data.escape_ascii())?,
            Code::EchoRequest | Code::EchoReply | Code::DiscardRequest if !foreign => {
                let rest = magic(f, data)?;
                dump(f, rest)?;
            }
            Code::Identification if !foreign => {
                let text = magic(f, data)?;
                write!(f, " \"{}\"", text.escape_ascii())?;
            }
            Code::TimeRemaining if !foreign => {
                let rest = magic(f, data)?;
                if let Some((seconds, text)) = rest.split_first_chunk() {
                    write!(f, " seconds={} \"{}\"", u32::from_be_bytes(*seconds), text.escape_ascii())?;
                }
            }
            Code::CodeReject
            | Code::ProtocolReject
            | Code::EchoRequest
            | Code::EchoReply
            | Code::DiscardRequest
            | Code::Identification
            | Code::TimeRemaining
            | Code::ResetRequest
            | Code::ResetAck
            | Code::Other(_) => dump(f, data)?,
        }
        f.write_str("]")
    }
}

/// PAP and CHAP, whose codes are their own. What does not parse is not dumped: there may be a password in it.
fn authentication(f: &mut fmt::Formatter<'_>, number: u16, packet: ControlPacket<'_>) -> fmt::Result {
    let code = u8::from(packet.code);
    let (name, words) = match number {
        protocol::PAP => ("PAP", ["AuthReq", "AuthAck", "AuthNak", ""]),
        _ => ("CHAP", ["Challenge", "Response", "Success", "Failure"]),
    };
    let word =
        usize::from(code).checked_sub(1).and_then(|place| words.get(place)).filter(|word| !word.is_empty());
    match word {
        Some(word) => write!(f, "[{name} {word} id={:#x}", packet.id)?,
        None => write!(f, "[{name} code={code:#x} id={:#x}", packet.id)?,
    }
    let shown = match number {
        protocol::PAP => PapPacket::parse(packet).map(|packet| packet.to_string()),
        _ => ChapPacket::parse(packet).map(|packet| packet.to_string()),
    };
    match shown {
        Some(shown) => write!(f, " {shown}]"),
        None => write!(f, " ({} octets)]", packet.data.len()),
    }
}

/// pppd's word for a code.
fn word(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::ConfigureRequest => "ConfReq",
        Code::ConfigureAck => "ConfAck",
        Code::ConfigureNak => "ConfNak",
        Code::ConfigureReject => "ConfRej",
        Code::TerminateRequest => "TermReq",
        Code::TerminateAck => "TermAck",
        Code::CodeReject => "CodeRej",
        Code::ProtocolReject => "ProtRej",
        Code::EchoRequest => "EchoReq",
        Code::EchoReply => "EchoRep",
        Code::DiscardRequest => "DiscReq",
        Code::Identification => "Ident",
        Code::TimeRemaining => "TimeRem",
        Code::ResetRequest => "ResetReq",
        Code::ResetAck => "ResetAck",
        Code::Other(_) => return None,
    })
}

/// Shows the Magic-Number in front of `data`; returns what follows it.
fn magic<'a>(f: &mut fmt::Formatter<'_>, data: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    match data.split_first_chunk() {
        Some((magic, rest)) => {
            write!(f, " magic={:#x}", u32::from_be_bytes(*magic))?;
            Ok(rest)
        }
        None => Ok(data),
    }
}

fn dump(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().take(MAX_DUMP).try_for_each(|octet| write!(f, " {octet:02x}"))?;
    if octets.len() > MAX_DUMP { f.write_str(" ...") } else { Ok(()) }
}

impl fmt::Display for TraceOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TraceOption(number, option) = *self;
        match number {
            protocol::LCP => lcp_option(f, option),
            protocol::IPCP => ipcp_option(f, option),
            protocol::IPV6CP => match ipv6cp::identifier(option) {
                Some(id) => write!(f, "addr {id}"),
                None => raw(f, option),
            },
            protocol::CCP => ccp_option(f, option),
            _ => raw(f, option),
        }
    }
}

fn lcp_option(f: &mut fmt::Formatter<'_>, option: RawOption<'_>) -> fmt::Result {
    match LcpOption::parse(option) {
        Some(LcpOption::Mru(mru)) => write!(f, "mru {mru}"),
        Some(LcpOption::Accm(Accm(map))) => write!(f, "asyncmap {map:#x}"),
        Some(LcpOption::AuthenticationProtocol(data)) => write!(f, "auth {}", lcp::auth_name(&data)),
        Some(LcpOption::MagicNumber(magic)) => write!(f, "magic {magic:#x}"),
        Some(LcpOption::Pfc) => f.write_str("pcomp"),
        Some(LcpOption::Acfc) => f.write_str("accomp"),
        Some(LcpOption::Express(Express { offload, reports, headers, lanes })) => {
            f.write_str("express")?;
            let words =
                [(offload, " offload"), (reports, " reports"), (headers, " headers"), (lanes, " lanes")];
            words.into_iter().filter(|(said, _)| *said).try_for_each(|(_, word)| f.write_str(word))
        }
        Some(LcpOption::FcsAlternatives(Fcs::Null)) => f.write_str("fcs null"),
        Some(LcpOption::FcsAlternatives(Fcs::Fcs16)) => f.write_str("fcs 16"),
        Some(LcpOption::FcsAlternatives(Fcs::Fcs32)) => f.write_str("fcs 32"),
        Some(LcpOption::QualityProtocol(data)) => match data.split_first_chunk::<2>() {
            Some((&LQR, period)) => {
                f.write_str("quality lqr")?;
                dump(f, period)
            }
            _ => raw(f, option),
        },
        None => raw(f, option),
    }
}

/// Link Quality Report in a Quality-Protocol option (RFC 1989).
const LQR: [u8; 2] = protocol::LQR.to_be_bytes();
/// Van Jacobson compression in an IP-Compression-Protocol option (RFC 1332 §4).
const VJ: [u8; 2] = protocol::VJ_COMPRESSED.to_be_bytes();

fn ipcp_option(f: &mut fmt::Formatter<'_>, option: RawOption<'_>) -> fmt::Result {
    let word = match IpcpOption::parse(option) {
        Some(IpcpOption::Address(_)) => "addr",
        Some(IpcpOption::Dns(Place::Primary, _)) => "ms-dns1",
        Some(IpcpOption::Dns(Place::Secondary, _)) => "ms-dns2",
        Some(IpcpOption::Nbns(Place::Primary, _)) => "ms-wins1",
        Some(IpcpOption::Nbns(Place::Secondary, _)) => "ms-wins2",
        Some(IpcpOption::Vj(_)) | None => {
            return match (option.kind, option.data.split_first_chunk::<2>()) {
                (ipcp::IP_COMPRESSION_PROTOCOL, Some((&VJ, slots))) => {
                    f.write_str("compress VJ")?;
                    dump(f, slots)
                }
                _ => raw(f, option),
            };
        }
    };
    write!(f, "{word}")?;
    option.data.first_chunk::<4>().map_or(Ok(()), |octets| write!(f, " {}", Ipv4Addr::from(*octets)))
}

fn ccp_option(f: &mut fmt::Formatter<'_>, option: RawOption<'_>) -> fmt::Result {
    match (option.kind, option.data, DeflateNumber::of(option.kind)) {
        (ccp::BSD_COMPRESS, [terms], _) => write!(f, "bsd v{} {}", terms >> 5, terms & 0x1f),
        (ccp::PREDICTOR_1, [], _) => f.write_str("predictor 1"),
        (ccp::PREDICTOR_2, [], _) => f.write_str("predictor 2"),
        (_, [terms, check], Some(number)) => {
            let old = if number == DeflateNumber::Draft { "(old#)" } else { "" };
            write!(f, "deflate{old} {}", (terms >> 4) + 8)?;
            if terms & 0x0f != 8 {
                write!(f, " method {}", terms & 0x0f)?;
            }
            if *check != 0 { write!(f, " check {check}") } else { Ok(()) }
        }
        _ => raw(f, option),
    }
}

/// An option nobody knows, as pppd shows it: type, length, data.
fn raw(f: &mut fmt::Formatter<'_>, RawOption { kind, data }: RawOption<'_>) -> fmt::Result {
    write!(f, " {kind:02x} {:02x}", data.len() + 2)?;
    dump(f, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: u16, octets: &[u8]) -> String {
        TracePacket(number, ControlPacket::parse(octets).unwrap()).to_string()
    }

    #[test]
    fn lcp_reads_as_pppd_writes_it() {
        let request = [1, 1, 0, 24, 1, 4, 5, 220, 2, 6, 0, 0, 0, 0, 5, 6, 0x12, 0x34, 0xab, 0xcd, 7, 2, 8, 2];
        assert_eq!(
            shown(0xc021, &request),
            "[LCP ConfReq id=0x1 <mru 1500> <asyncmap 0x0> <magic 0x1234abcd> <pcomp> <accomp>]"
        );
        assert_eq!(
            shown(
                0xc021,
                &[5, 2, 0, 16, b'U', b's', b'e', b'r', b' ', b'r', b'e', b'q', b'u', b'e', b's', b't']
            ),
            "[LCP TermReq id=0x2 \"User request\"]"
        );
        assert_eq!(shown(0xc021, &[6, 2, 0, 4]), "[LCP TermAck id=0x2]");
        assert_eq!(
            shown(0xc021, &[9, 0, 0, 8, 0x12, 0x34, 0xab, 0xcd]),
            "[LCP EchoReq id=0x0 magic=0x1234abcd]"
        );
        assert_eq!(shown(0xc021, &[8, 3, 0, 8, 0x80, 0xfd, 1, 1]), "[LCP ProtRej id=0x3 80 fd 01 01]");
        assert_eq!(shown(0xc021, &[1, 1, 0, 9, 3, 5, 0xc2, 0x23, 5]), "[LCP ConfReq id=0x1 <auth chap MD5>]");
        assert_eq!(shown(0xc021, &[1, 1, 0, 8, 17, 4, 5, 0xea]), "[LCP ConfReq id=0x1 < 11 04 05 ea>]");
        assert_eq!(shown(0xc021, &[200, 1, 0, 6, 1, 2]), "[LCP code=0xc8 id=0x1 01 02]");
    }

    #[test]
    fn the_network_protocols_read_as_pppd_writes_them() {
        assert_eq!(
            shown(0x8021, &[3, 2, 0, 10, 3, 6, 192, 168, 1, 1]),
            "[IPCP ConfNak id=0x2 <addr 192.168.1.1>]"
        );
        assert_eq!(
            shown(0x8021, &[1, 1, 0, 22, 2, 6, 0, 0x2d, 0x0f, 1, 129, 6, 0, 0, 0, 0, 131, 6, 9, 9, 9, 9]),
            "[IPCP ConfReq id=0x1 <compress VJ 0f 01> <ms-dns1 0.0.0.0> <ms-dns2 9.9.9.9>]"
        );
        assert_eq!(
            shown(0x8057, &[1, 1, 0, 14, 1, 10, 0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55]),
            "[IPV6CP ConfReq id=0x1 <addr fe80::0211:22ff:fe33:4455>]"
        );
        assert_eq!(
            shown(0x80fd, &[1, 1, 0, 17, 0x1a, 4, 0x78, 0, 0x18, 4, 0x78, 0, 0x15, 3, 0x2f, 1, 2]),
            "[CCP ConfReq id=0x1 <deflate 15> <deflate(old#) 15> <bsd v1 15> <predictor 1>]"
        );
        assert_eq!(
            shown(0x80fd, &[1, 1, 0, 14, 0x1a, 4, 0x77, 1, 18, 6, 1, 0, 0, 0x40]),
            "[CCP ConfReq id=0x1 <deflate 15 method 7 check 1> < 12 06 01 00 00 40>]"
        );
        assert_eq!(shown(0x80fd, &[14, 1, 0, 4]), "[CCP ResetReq id=0x1]");
        assert_eq!(shown(0x80fd, &[15, 1, 0, 6, 7, 8]), "[CCP ResetAck id=0x1 07 08]");
        assert_eq!(shown(0xc021, &[14, 1, 0, 4]), "[LCP code=0xe id=0x1]");
        assert_eq!(shown(0x8021, &[9, 1, 0, 4]), "[IPCP code=0x9 id=0x1]");
    }

    #[test]
    fn authentication_reads_as_pppd_writes_it_without_the_password() {
        assert_eq!(
            shown(0xc023, &[1, 1, 0, 13, 1, b'u', 6, b's', b'e', b'c', b'r', b'e', b't']),
            "[PAP AuthReq id=0x1 user=\"u\" password=<hidden>]"
        );
        assert_eq!(shown(0xc023, b"\x02\x01\x00\x07\x02ok"), "[PAP AuthAck id=0x1 \"ok\"]");
        assert_eq!(
            shown(0xc223, &[1, 5, 0, 8, 1, 0x0f, b's', b'a']),
            "[CHAP Challenge id=0x5 <0f>, name = \"sa\"]"
        );
        assert_eq!(shown(0xc223, b"\x03\x05\x00\x0eAccess gra"), "[CHAP Success id=0x5 \"Access gra\"]");
        assert_eq!(shown(0xc023, b"\x01\x01\x00\x0d\x01u\xffgeheim"), "[PAP AuthReq id=0x1 (9 octets)]");
        assert_eq!(shown(0xc223, &[7, 1, 0, 4]), "[CHAP code=0x7 id=0x1 (0 octets)]");
    }

    #[test]
    fn what_the_peer_says_cannot_drive_the_terminal() {
        assert_eq!(shown(0xc021, b"\x05\x02\x00\x08\x1b[2\x07"), "[LCP TermReq id=0x2 \"\\x1b[2\\x07\"]");
    }
}
