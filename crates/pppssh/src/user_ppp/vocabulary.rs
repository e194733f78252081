//! The words of the language: its commands, its variables, and how each may be cut short.

/// Every command, with its other names.
pub(super) const COMMANDS: &[&str] = &[
    "accept",
    "add",
    "add!",
    "allow|auth",
    "bg|!bg",
    "clear",
    "clone",
    "close",
    "delete",
    "delete!",
    "deny",
    "dial|call",
    "disable",
    "down",
    "enable",
    "help|?",
    "ident",
    "iface|interface",
    "link|datalink",
    "load",
    "log",
    "nat|alias",
    "open",
    "passwd",
    "quit|bye",
    "rename|mv",
    "remove|rm",
    "resolv",
    "save",
    "set|setup",
    "shell|!",
    "show",
    "term",
];

/// Every variable, with its other names.
pub(super) const VARIABLES: &[&str] = &[
    "accmap",
    "authkey|key",
    "authname",
    "autoload",
    "bandwidth",
    "callback",
    "cbcp",
    "ccpretry|ccpretries",
    "cd",
    "chapretry|chapretries",
    "choked",
    "ctsrts|crtscts",
    "deflate",
    "device|line",
    "dial",
    "dns",
    "echoperiod",
    "enddisc",
    "escape",
    "filter",
    "hangup",
    "ifaddr",
    "ifqueue",
    "ipcpretry|ipcpretries",
    "ipv6cpretry|ipv6cpretries",
    "lcpretry|lcpretries",
    "log",
    "login",
    "logout",
    "lqrperiod",
    "mode",
    "mppe",
    "mrru",
    "mru",
    "mtu",
    "nbns",
    "openmode",
    "papretry|papretries",
    "parity",
    "phone",
    "port_id",
    "pppoe",
    "procname",
    "proctitle|title",
    "rad_alive",
    "rad_port_id",
    "radius",
    "reconnect",
    "recvpipe",
    "redial",
    "sendpipe",
    "server|socket",
    "speed",
    "stopped",
    "timeout",
    "urgent",
    "vj",
];

/// What `set log` may name.
pub(super) const FACILITIES: &[&str] = &[
    "alert", "async", "cbcp", "ccp", "chat", "command", "connect", "debug", "dns", "error", "filter", "hdlc",
    "id0", "ipcp", "ipv6cp", "lcp", "lqm", "phase", "physical", "radius", "sync", "tcp/ip", "timer", "tun",
    "warning",
];

/// Why there is no `nat`, and what to use.
pub(super) const NO_NAT: &str =
    "pppssh does not translate addresses; use nftables (`nft add rule … masquerade`)";

/// The entry of `table` that `word` means: one of its names, or the only entry with a name that `word` begins, in either
/// case. An entry is its names with `|` between them; its first name is returned.
pub(super) fn find<'t>(table: &[&'t str], word: &str) -> Option<&'t str> {
    if word.is_empty() {
        return None;
    }
    let names = |entry: &&'t str| entry.split('|');
    let first = |entry: &&'t str| entry.split('|').next().unwrap_or_default();
    if let Some(entry) = table.iter().find(|entry| names(entry).any(|name| name.eq_ignore_ascii_case(word))) {
        return Some(first(entry));
    }
    let begins = |name: &str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let mut all = table.iter().filter(|entry| names(entry).any(begins));
    all.next().filter(|_| all.next().is_none()).map(first)
}

/// Whether these words run a program: in the background or not, and which.
pub(super) fn shell(words: &[String]) -> Option<(bool, Vec<String>)> {
    let (first, rest) = words.split_first()?;
    match first.as_str() {
        "!" => Some((false, rest.to_vec())),
        // `!command` without a blank.
        glued if glued.starts_with('!') && !glued.eq_ignore_ascii_case("!bg") => {
            let program = std::iter::once(glued[1..].to_owned());
            Some((false, program.chain(rest.iter().cloned()).collect()))
        }
        word => match find(COMMANDS, word)? {
            "shell" => Some((false, rest.to_vec())),
            "bg" => Some((true, rest.to_vec())),
            _ => None,
        },
    }
}
