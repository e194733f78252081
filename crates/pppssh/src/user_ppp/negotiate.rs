//! `enable`, `disable`, `accept` and `deny`.
//!
//! The first two say what this end asks for, the others what it grants when the peer asks. Where pppssh has one switch for
//! both, it is on only if both are.

use super::vocabulary::{NO_NAT, find};

/// What is said about one option; `None`: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stance {
    /// `enable` or `disable`.
    pub ask: Option<bool>,
    /// `accept` or `deny`.
    pub grant: Option<bool>,
}

impl Stance {
    /// Asked for, or granted, in so many words.
    pub fn wanted(self) -> bool {
        (self.ask == Some(true) || self.grant == Some(true))
            && self.ask != Some(false)
            && self.grant != Some(false)
    }

    /// Asked for, unless nothing was said for it at all.
    pub fn asks(self) -> bool {
        (self.ask == Some(true) || self.grant == Some(true)) && self.ask != Some(false)
    }

    /// Granted to a peer that asks, likewise.
    pub fn grants(self) -> bool {
        (self.ask == Some(true) || self.grant == Some(true)) && self.grant != Some(false)
    }

    /// Neither refused to the peer nor left unasked.
    pub fn not_refused(self) -> bool {
        self.ask != Some(false) && self.grant != Some(false)
    }
}

/// The options that mean something here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Negotiable {
    /// Address and control field compression.
    pub acfcomp: Stance,
    /// Protocol field compression.
    pub protocomp: Stance,
    /// Van Jacobson's compression of headers.
    pub vjcomp: Stance,
    /// Deflate, RFC 1979's option.
    pub deflate: Stance,
    /// Deflate, by the number that pppd once used.
    pub deflate24: Stance,
    /// Link quality reports.
    pub lqr: Stance,
    /// Echo requests.
    pub echo: Stance,
    /// Name servers.
    pub dns: Stance,
    /// IPCP.
    pub ipcp: Stance,
    /// IPV6CP.
    pub ipv6cp: Stance,
    /// PAP.
    pub pap: Stance,
    /// Lowering the maximum segment size of TCP.
    pub tcpmssfixup: Stance,
    /// CHAP with MD5.
    pub chap: Stance,
    /// MS-CHAPv2.
    pub chap81: Stance,
}

/// Everything that the four commands know.
pub(super) const OPTIONS: &[&str] = &[
    "acfcomp",
    "chap|chap05",
    "mschap|chap80nt",
    "lanman|chap80lm",
    "mschapv2|chap81",
    "deflate",
    "deflate24",
    "dns",
    "echo",
    "enddisc",
    "filter-decapsulation",
    "force-scripts",
    "idcheck",
    "iface-alias",
    "ipcp",
    "ipv6cp",
    "keep-session",
    "loopback",
    "lqr",
    "mppe",
    "nas-identifier",
    "nas-ip-address",
    "nas-port-id",
    "nas-port-type",
    "pap",
    "passwdauth",
    "pred1|predictor1",
    "protocomp",
    "proxy",
    "proxyall",
    "shortseq",
    "sroutes",
    "tcpmssfixup",
    "throughput",
    "utmp",
    "vjcomp",
];

impl Negotiable {
    /// Obeys `command` (one of the four) for the option `word`.
    pub(super) fn obey(&mut self, command: &str, word: &str) -> Result<(), String> {
        let option = find(OPTIONS, word).ok_or_else(|| format!("there is no option `{word}`"))?;
        let on = matches!(command, "enable" | "accept");
        let asks = matches!(command, "enable" | "disable");
        let stance = match option {
            "acfcomp" => &mut self.acfcomp,
            "protocomp" => &mut self.protocomp,
            "vjcomp" => &mut self.vjcomp,
            "deflate" => &mut self.deflate,
            "deflate24" => &mut self.deflate24,
            "lqr" => &mut self.lqr,
            "echo" => &mut self.echo,
            "dns" => &mut self.dns,
            "ipcp" => &mut self.ipcp,
            "ipv6cp" => &mut self.ipv6cp,
            "pap" => &mut self.pap,
            "tcpmssfixup" => &mut self.tcpmssfixup,
            "chap" => &mut self.chap,
            "mschapv2" => &mut self.chap81,
            other => return if on { without(other, asks) } else { Ok(()) },
        };
        *(if asks { &mut stance.ask } else { &mut stance.grant }) = Some(on);
        #[cfg(not(feature = "legacy-auth"))]
        if option == "mschapv2" && on && asks {
            return Err("this program was built without MS-CHAPv2: use chap".to_owned());
        }
        Ok(())
    }
}

/// What to do about an option that pppssh has not, when it is switched on. (Off, it needs nothing.)
fn without(option: &str, asks: bool) -> Result<(), String> {
    let why = match option {
        // Peers do without them; routes are always put back; the rest is about logs and the terminal.
        "pred1" | "enddisc" | "shortseq" | "idcheck" | "keep-session" | "loopback" | "sroutes"
        | "throughput" | "utmp" | "nas-identifier" | "nas-ip-address" | "nas-port-id" | "nas-port-type" => {
            return Ok(());
        }
        // We are merely ready to be asked for them, and shall not be.
        "mschap" | "lanman" | "mppe" if !asks => return Ok(()),
        "mschap" | "lanman" => "it is broken (RFC 2433's hashes can be looked up); use chap or mschapv2",
        "mppe" => "SSH encrypts already, and better",
        "iface-alias" => NO_NAT,
        "passwdauth" => "passwords of this host's users do not go through a link; SSH has checked who calls",
        "proxy" | "proxyall" => {
            "ARP for the other end belongs to this host's own network; use a route there, or `ip neigh add proxy`"
        }
        "force-scripts" => "there are no chat scripts",
        "filter-decapsulation" => "there are no packet filters; use nftables",
        _ => "it is not supported",
    };
    Err(why.to_owned())
}
