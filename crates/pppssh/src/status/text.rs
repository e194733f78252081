//! The table that `pppssh status` prints.

use std::fmt::Write;

use super::{OptionOutcome, OptionStatus, Path, ProtocolStatus, Requester, Role, SessionStatus, printable};

/// The status as a short table; `now` in seconds since 1970.
pub fn render(status: &SessionStatus, now: u64) -> String {
    let mut out = String::new();
    let role = match status.role {
        Role::Connect => "connect",
        Role::Serve => "serve",
        Role::Listen => "listen",
    };
    let _ = writeln!(
        out,
        "{}: {} for {} ({role}, pid {})",
        printable(&status.name),
        status.phase.word(),
        age(status.since, now),
        status.pid
    );
    if let Some(carrier) = &status.carrier {
        let cipher = carrier.cipher.as_ref().map_or_else(String::new, |c| format!(", {}", printable(c)));
        let channels = carrier.channels.filter(|channels| *channels > 1);
        let channels = channels.map_or_else(String::new, |channels| format!(", {channels} channels"));
        line(
            &mut out,
            "carrier",
            &format!("{} to {}{cipher}{channels}", carrier.kind, printable(&carrier.peer)),
        );
    }
    if let Some(tun) = &status.tun {
        line(&mut out, "device", &format!("{} (index {}), mtu {}", tun.name, tun.index, tun.mtu));
    }
    if let Some(peer) = &status.peer {
        line(&mut out, "proved", &format!("the peer is {}", printable(peer)));
    }
    if let Some(ipv4) = &status.ipv4 {
        line(&mut out, "ipv4", &format!("{} peer {}", ipv4.local, ipv4.remote));
        if !ipv4.dns.is_empty() {
            line(&mut out, "dns", &join(&ipv4.dns));
        }
    }
    if let Some(ipv6) = &status.ipv6 {
        line(&mut out, "ipv6", &format!("{} peer {}", ipv6.local, ipv6.remote));
    }
    if !status.routes.is_empty() {
        line(&mut out, "routes", &join(&status.routes));
    }
    if let Some(device) = &status.proxy_arp {
        line(&mut out, "proxy arp", device);
    }
    counters(&mut out, status);
    let keepalive = &status.keepalive;
    if let Some(heard) = keepalive.last_heard {
        let rtt = keepalive.last_rtt_ms.map_or_else(String::new, |ms| format!(", echo in {ms:.1} ms"));
        line(&mut out, "peer", &format!("last heard {} ago{rtt}", age(heard, now)));
    }
    if let Some(quality) = &status.quality {
        let of = |lost, packets| format!("{lost} of {packets} packets lost");
        let (sent, received) = (
            of(quality.packets_out_lost, quality.packets_out),
            of(quality.packets_in_lost, quality.packets_in),
        );
        line(&mut out, "quality", &format!("to the peer {sent}, from it {received}"));
    }
    if let Some(path) = &status.path {
        line(&mut out, "path", &path_words(path));
    }
    for protocol in &status.protocols {
        negotiation(&mut out, protocol);
    }
    if status.redial.count > 0 || status.redial.next_at.is_some() {
        redial(&mut out, status, now);
    }
    if let Some(error) = &status.last_error {
        line(&mut out, "error", &printable(error));
    }
    out
}

fn line(out: &mut String, label: &str, text: &str) {
    let _ = writeln!(out, "  {label:<9}{text}");
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(|item| printable(&item.to_string())).collect::<Vec<_>>().join(", ")
}

fn counters(out: &mut String, status: &SessionStatus) {
    let c = &status.counters;
    line(out, "sent", &format!("{} in {} packets", bytes(c.bytes_sent), c.packets_sent));
    line(out, "received", &format!("{} in {} packets", bytes(c.bytes_received), c.packets_received));
    for (label, deflate) in [("packed", c.deflate_sent), ("unpacked", c.deflate_received)] {
        if deflate.packets > 0 {
            let (before, after) = (bytes(deflate.bytes), bytes(deflate.compressed_bytes));
            line(out, label, &format!("{before} as {after} in {} packets", deflate.packets));
        }
    }
    let troubles: Vec<String> = [
        ("to a family that is not up", c.dropped_not_up),
        ("too big for the peer", c.dropped_too_big),
        ("dropped to keep delays short", c.dropped_by_queue),
        ("dropped to slow their senders down", c.dropped_by_governor),
        ("refused by the device", c.dropped_by_device),
        ("from a family that is not up", c.dropped_received_not_up),
        ("with a bad FCS", c.frames_bad_fcs),
        ("aborted", c.frames_aborted),
        ("too short", c.frames_runt),
        ("too long", c.frames_oversize),
        ("malformed", c.frames_malformed),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(why, count)| format!("{count} {why}"))
    .collect();
    if !troubles.is_empty() {
        line(out, "dropped", &troubles.join(", "));
    }
}

fn negotiation(out: &mut String, protocol: &ProtocolStatus) {
    let granted = |by: Requester| -> String {
        let words: Vec<String> =
            protocol.options.iter().filter(|option| option.by == by).map(option_words).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    };
    let text =
        format!("{}; ours: {}; theirs: {}", protocol.state, granted(Requester::Us), granted(Requester::Peer));
    line(out, &protocol.protocol.to_ascii_lowercase(), &text);
    if let Some(failure) = &protocol.failure {
        line(out, "", &printable(failure));
    }
}

fn path_words(path: &Path) -> String {
    let length = path.rtt_ms.map_or_else(String::new, |ms| format!("{ms:.1} ms, "));
    let rate = path.bytes_per_second.map_or_else(String::new, |rate| format!("{}/s, ", bytes(rate)));
    let under_way = bytes(path.bytes_under_way);
    format!(
        "{length}{rate}{under_way} under way, {} in {} packets wait",
        bytes(path.bytes_waiting),
        path.packets_waiting
    )
}

fn option_words(option: &OptionStatus) -> String {
    let outcome = match option.outcome {
        OptionOutcome::Acked => String::new(),
        OptionOutcome::Pending => " (no answer yet)".to_owned(),
        OptionOutcome::Naked => match &option.suggested {
            Some(other) => format!(" (naked: {})", printable(other)),
            None => " (naked)".to_owned(),
        },
        OptionOutcome::Rejected => " (rejected)".to_owned(),
    };
    format!("{}{outcome}", printable(&option.asked))
}

fn redial(out: &mut String, status: &SessionStatus, now: u64) {
    let redial = &status.redial;
    let mut text = format!("{} so far", redial.count);
    if let Some(at) = redial.next_at {
        let _ = write!(text, ", next in {}", span(at.saturating_sub(now)));
    }
    if let Some(reason) = &redial.last_reason {
        let _ = write!(text, "; the last link ended: {}", printable(reason));
    }
    line(out, "redials", &text);
}

/// How long ago `then` was, in words.
pub(super) fn age(then: u64, now: u64) -> String {
    span(now.saturating_sub(then))
}

/// A span in the two largest units it needs: `3 d 2 h`, `41 s`.
fn span(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{} d {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// An octet count with a binary unit: `1.5 MiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{CarrierStatus, Deflated, Ipv4Status, Phase, TunStatus};

    #[test]
    fn the_table_names_what_a_reader_looks_for() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        status.phase = Phase::Running;
        status.since = 1_000;
        status.pid = 42;
        status.carrier = Some(CarrierStatus {
            kind: "native".into(),
            peer: "vpn@saturn:22".into(),
            cipher: Some("aes128-gcm@openssh.com".into()),
            channels: Some(2),
        });
        status.tun = Some(TunStatus { name: "ppp0".into(), index: 7, mtu: 1500 });
        status.ipv4 = Some(Ipv4Status {
            local: [192, 168, 1, 1].into(),
            remote: [192, 168, 2, 1].into(),
            dns: vec![[10, 0, 0, 53].into()],
        });
        status.counters.bytes_sent = 3 << 20;
        status.counters.packets_sent = 2100;
        status.counters.frames_bad_fcs = 2;
        status.counters.deflate_sent = Deflated { packets: 2000, bytes: 2 << 20, compressed_bytes: 1 << 19 };
        let text = render(&status, 1_000 + 3 * 3600 + 120);
        for expected in [
            "saturn: running for 3 h 2 min (connect, pid 42)",
            "native to vpn@saturn:22, aes128-gcm@openssh.com, 2 channels",
            "ppp0 (index 7), mtu 1500",
            "192.168.1.1 peer 192.168.2.1",
            "10.0.0.53",
            "3.0 MiB in 2100 packets",
            "packed   2.0 MiB as 512.0 KiB in 2000 packets",
            "2 with a bad FCS",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn spans_and_sizes_read_like_words() {
        assert_eq!(span(41), "41 s");
        assert_eq!(span(61), "1 min 1 s");
        assert_eq!(span(90_000), "1 d 1 h");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
    }
}
