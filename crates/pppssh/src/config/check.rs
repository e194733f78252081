//! Whether the values of a profile go together.

use std::ops::RangeInclusive;
use std::time::Duration;

use ppp_proto::ccp::deflate::{MAX_WINDOW, MIN_WINDOW};
use ppp_proto::vj::{MAX_SLOTS, MIN_SLOTS};

use super::profile::Profile;

/// A key, and what is wrong with its value and what to do.
type Fault = (&'static str, String);

/// RFC 1877 has room for two servers of each kind.
const MAX_SERVERS: usize = 2;
/// Longest interface name, without the terminating zero (Linux `IFNAMSIZ` - 1).
const MAX_IFNAME: usize = 15;
/// The kernel counts milliseconds, and never waits longer than TCP_RTO_MAX (net/tcp.h).
const RTO_MIN_RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(120);

/// Checks everything that one value by itself cannot show.
pub(super) fn check(profile: &Profile) -> Result<(), Fault> {
    let fault = |key, message: &str| Err((key, message.to_owned()));
    let Profile { addresses, local_range, remote_range, dns_offer, nbns_offer, .. } = profile;

    for (key, word) in [("host", &profile.host), ("user", &profile.user)] {
        if word.as_deref().is_some_and(|word| !is_plain_word(word)) {
            return fault(key, "must not be empty, start with `-`, or hold spaces or control characters");
        }
    }
    if !profile.ipv4 && !profile.ipv6 {
        return fault("ipv6", "and `ipv4` are both off: there is nothing to carry; switch one on");
    }
    if profile.ipv6 {
        for (key, size) in [("mtu", profile.mtu), ("mru", profile.mru)] {
            if size.get() < super::PacketSize::MIN_IPV6 {
                return Err((
                    key,
                    format!("is {}, and IPv6 needs 1280: raise it, or set ipv6 = false", size.get()),
                ));
            }
        }
    }
    for (key, address, range) in
        [("local-range", addresses.local, local_range), ("remote-range", addresses.remote, remote_range)]
    {
        if let Some(net) = range.iter().find(|net| **net != net.trunc()) {
            return Err((
                key,
                format!("holds {net} with bits set beyond its prefix: did you mean {}?", net.trunc()),
            ));
        }
        match address {
            Some(address) if !range.is_empty() && !range.iter().any(|net| net.contains(&address)) => {
                return Err((
                    key,
                    format!("does not contain {address}, which `addresses` fixes: drop one of the two"),
                ));
            }
            _ => {}
        }
    }
    for (key, servers) in [("dns-offer", dns_offer), ("nbns-offer", nbns_offer)] {
        if servers.len() > MAX_SERVERS {
            return fault(key, "has more than two servers, and RFC 1877 has room for two: choose two");
        }
    }
    if !is_interface_name(&profile.tun) {
        return fault("tun", "is not an interface name: use 1 to 15 characters without spaces, `/` and `:`");
    }
    if profile.tun_fd.is_some_and(|fd| fd < 3) {
        return fault("tun-fd", "must be 3 or more: 0, 1 and 2 are standard input, output and error");
    }
    for (key, seconds) in [("lcp-restart", profile.lcp_restart), ("connect-timeout", profile.connect_timeout)]
    {
        if seconds.unless_zero().is_none() {
            return fault(key, "must be more than 0 seconds");
        }
    }
    if profile.rto_min.is_some_and(|least| !RTO_MIN_RANGE.contains(&least.get())) {
        return fault("rto-min", "must be from 0.001 to 120 seconds; leave it out for the kernel's own");
    }
    for (key, count) in [
        ("lcp-echo-failure", profile.lcp_echo_failure),
        ("lcp-max-configure", profile.lcp_max_configure),
        ("lcp-max-terminate", profile.lcp_max_terminate),
        ("lcp-max-failure", profile.lcp_max_failure),
    ] {
        if count == 0 {
            return fault(key, "must be 1 or more");
        }
    }
    if !(MIN_SLOTS..=MAX_SLOTS).contains(&profile.vj_max_slots) {
        return fault("vj-max-slots", "must be from 2 to 16");
    }
    for (key, methods) in [("auth-require", &profile.auth_require), ("auth-answer", &profile.auth_answer)] {
        if let Some(method) = methods.iter().find(|method| method.protocol().is_none()) {
            return Err((
                key,
                format!("names {method:?}, which this program was built without (legacy-auth)"),
            ));
        }
    }
    for (key, name) in [("auth-name", &profile.auth_name), ("auth-remote-name", &profile.auth_remote_name)] {
        if name.as_deref().is_some_and(|name| name.is_empty() || name.len() > 255 || name == "*") {
            return fault(key, "must be of 1 to 255 octets, and not `*`");
        }
    }
    for (key, window) in
        [("deflate-receive", profile.deflate_receive), ("deflate-send", profile.deflate_send)]
    {
        if window != 0 && !(MIN_WINDOW..=MAX_WINDOW).contains(&window) {
            return fault(key, "must be from 9 to 15, or 0 for no compression in that direction");
        }
    }
    if profile.deflate && profile.deflate_receive == 0 && profile.deflate_send == 0 {
        return fault("deflate", "has no direction: set `deflate-receive` or `deflate-send` to 15");
    }
    if profile.max_holdoff < profile.holdoff {
        return fault("max-holdoff", "is less than `holdoff`: raise it");
    }
    if !profile.hooks.as_os_str().is_empty() && !profile.hooks.is_absolute() {
        return fault("hooks", "must be an absolute path, or \"\" for none");
    }
    for (key, text) in
        [("ipparam", profile.ipparam.as_deref()), ("remote-command", Some(&*profile.remote_command))]
    {
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return fault(key, "must not hold control characters");
        }
    }
    if let Some(entry) = profile.allow.iter().find(|entry| !is_plain_word(entry.trim_start_matches('@'))) {
        return Err(("allow", format!("holds \"{entry}\": write user names, @groups, or \"*\"")));
    }
    if let Some(record) = profile.record.as_ref().filter(|_| profile.record == profile.pcap) {
        return Err(("pcap", format!("and `record` both name {}: choose two files", record.display())));
    }
    if profile.listen.is_empty() {
        return fault("listen", "is empty: name an address, for example \"[::]:2222\"");
    }
    Ok(())
}

/// What may stand in a command's argument list without being taken for an option.
fn is_plain_word(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && !word.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn is_interface_name(name: &str) -> bool {
    let shown = name.strip_suffix("%d").unwrap_or(name);
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':' | '%');
    (1..=MAX_IFNAME).contains(&name.len()) && shown.chars().all(plain) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(toml: &str) -> Option<&'static str> {
        check(&toml::from_str(toml).unwrap()).err().map(|(key, _)| key)
    }

    #[test]
    fn the_defaults_are_in_order() {
        assert_eq!(check(&Profile::default()), Ok(()));
    }

    #[test]
    fn values_that_do_not_go_together_are_named_by_key() {
        for (toml, key) in [
            ("ipv4 = false\nipv6 = false", "ipv6"),
            ("mtu = 1000", "mtu"),
            ("mru = 296", "mru"),
            ("remote-range = [\"10.0.0.1/8\"]", "remote-range"),
            ("addresses = \":10.0.0.1\"\nremote-range = [\"192.168.0.0/16\"]", "remote-range"),
            ("dns-offer = [\"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\"]", "dns-offer"),
            ("tun = \"../eth0\"", "tun"),
            ("tun = \"a-name-that-is-too-long\"", "tun"),
            ("tun = \"%s\"", "tun"),
            ("tun-fd = 1", "tun-fd"),
            ("host = \"-oProxyCommand=evil\"", "host"),
            ("user = \"\"", "user"),
            ("lcp-restart = 0", "lcp-restart"),
            ("rto-min = 0", "rto-min"),
            ("rto-min = 0.0009", "rto-min"),
            ("rto-min = 120.001", "rto-min"),
            ("lcp-max-configure = 0", "lcp-max-configure"),
            ("auth-name = \"\"", "auth-name"),
            ("auth-remote-name = \"*\"", "auth-remote-name"),
            ("deflate-receive = 8", "deflate-receive"),
            ("deflate-send = 16", "deflate-send"),
            ("deflate = true\ndeflate-receive = 0\ndeflate-send = 0", "deflate"),
            ("holdoff = 90", "max-holdoff"),
            ("hooks = \"hooks\"", "hooks"),
            ("ipparam = \"a\\nb\"", "ipparam"),
            ("allow = [\"@\"]", "allow"),
            ("listen = []", "listen"),
        ] {
            assert_eq!(fault(toml), Some(key), "{toml}");
        }
    }

    #[test]
    fn rto_min_is_a_time_that_tcp_could_wait() {
        for rto_min in ["0.001", "0.3", "120"] {
            assert_eq!(fault(&format!("rto-min = {rto_min}")), None);
        }
    }

    #[test]
    fn small_packets_are_fine_without_ipv6() {
        assert_eq!(fault("ipv6 = false\nmtu = 296\nmru = 68"), None);
        assert_eq!(fault("tun = \"vpn%d\""), None);
    }
}
