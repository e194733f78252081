//! What a hook is told through its environment: the variables of pppd(8), SCRIPTS, and one of our own.

use std::time::Duration;

use super::{Ends, HookConfig, link_local};

/// The tty argument of a link that has none.
pub(super) const NO_TTY: &str = "none";
/// The speed argument of a link that has no tty.
pub(super) const NO_SPEED: &str = "0";
/// The only directories a hook finds programs in unless it says otherwise.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What does not change between `ip-up` and `ip-down`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFacts {
    /// The session's name, `PPPSSH_NAME`.
    pub session: String,
    /// The TUN device.
    pub interface: String,
    /// The sixth argument, pppd's `ipparam`.
    pub ipparam: String,
    /// `LINKNAME`, if one was given.
    pub linkname: Option<String>,
    /// `PEERNAME`: who the peer proved to be, if it did.
    pub peer: Option<String>,
    /// `ORIG_UID`: the real user id of who started us.
    pub orig_uid: u32,
    /// `PPPLOGNAME`: that user's name.
    pub logname: String,
    /// `USEPEERDNS`: the peer's name servers were asked for.
    pub usepeerdns: bool,
}

/// What went through the link, for the `-down` scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Since the negotiation began.
    pub connect_time: Duration,
    /// Octets handed to the carrier.
    pub bytes_sent: u64,
    /// Octets taken from the carrier.
    pub bytes_received: u64,
}

/// The whole environment of a hook. `ends` are those of each family so far: as with pppd, what one family set is told to
/// the other's scripts, too.
pub(super) fn variables(
    config: &HookConfig,
    facts: &HookFacts,
    ends: &[Ends],
    usage: Option<Usage>,
) -> Vec<(&'static str, String)> {
    let mut vars = vec![
        ("PATH", PATH.to_owned()),
        ("PPPSSH_NAME", facts.session.clone()),
        ("PPPD_PID", std::process::id().to_string()),
        ("SPEED", config.speed.clone()),
        ("IFNAME", facts.interface.clone()),
        ("ORIG_UID", facts.orig_uid.to_string()),
        ("PPPLOGNAME", facts.logname.clone()),
    ];
    if !config.tty.is_empty() {
        vars.push(("DEVICE", config.tty.clone()));
    }
    // Not in pppd(8), but set by pppd since 2.4.9.
    let unit = facts.interface.strip_prefix("ppp").filter(|unit| unit.parse::<u32>().is_ok());
    vars.extend(unit.map(|unit| ("UNIT", unit.to_owned())));
    for ends in ends {
        match ends {
            Ends::Peer => {}
            Ends::V4 { local, remote, dns } => {
                vars.push(("IPLOCAL", local.to_string()));
                vars.push(("IPREMOTE", remote.to_string()));
                vars.extend(["DNS1", "DNS2"].into_iter().zip(dns.iter().map(ToString::to_string)));
                // As in pppd: only where there is something to use.
                if facts.usepeerdns && !dns.is_empty() {
                    vars.push(("USEPEERDNS", "1".to_owned()));
                }
            }
            Ends::V6 { local, remote } => {
                // Not in pppd(8), but set by pppd since 2.4.2.
                vars.push(("LLLOCAL", link_local(*local)));
                vars.push(("LLREMOTE", link_local(*remote)));
            }
        }
    }
    if let Some(peer) = &facts.peer {
        vars.push(("PEERNAME", peer.clone()));
    }
    if let Some(linkname) = &facts.linkname {
        vars.push(("LINKNAME", linkname.clone()));
    }
    if let Some(usage) = usage {
        vars.push(("CONNECT_TIME", usage.connect_time.as_secs().to_string()));
        vars.push(("BYTES_SENT", usage.bytes_sent.to_string()));
        vars.push(("BYTES_RCVD", usage.bytes_received.to_string()));
    }
    vars
}
