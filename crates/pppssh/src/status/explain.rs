//! The status in plain sentences: what happened, who wanted what, and what to look at.

use super::text::{age, bytes};
use super::{
    OptionOutcome, OptionStatus, Path, Phase, ProtocolStatus, Quality, Requester, Role, SessionStatus,
    ToldBy, printable,
};

/// The status as sentences, one a line; `now` in seconds since 1970.
pub fn explain(status: &SessionStatus, now: u64) -> String {
    let peer = peer_name(status);
    let mut said = vec![phase(status, &peer, now)];
    if let Some(tun) = &status.tun {
        said.push(format!("Packets go through the device {} with an MTU of {}.", tun.name, tun.mtu));
    }
    if let Some(ipv4) = &status.ipv4 {
        said.push(format!("We are {}, {peer} is {}.", ipv4.local, ipv4.remote));
        if !ipv4.dns.is_empty() {
            let servers: Vec<String> = ipv4.dns.iter().map(ToString::to_string).collect();
            said.push(format!("{peer} told us the name servers {}.", servers.join(" and ")));
        }
    }
    if let Some(ipv6) = &status.ipv6 {
        said.push(format!("In IPv6 we are {}, {peer} is {}.", ipv6.local, ipv6.remote));
    }
    if !status.routes.is_empty() {
        said.push(format!("This session routes {} into the link.", status.routes.join(", ")));
    }
    if let Some(device) = &status.proxy_arp {
        said.push(format!("On {device} this host answers ARP for {peer}."));
    }
    for protocol in &status.protocols {
        protocol_sentences(&mut said, protocol, &peer);
    }
    traffic(&mut said, status, &peer, now);
    redial(&mut said, status, now);
    if let Some(error) = &status.last_error {
        said.push(format!("The last thing that went wrong: {}.", printable(error).trim_end_matches('.')));
    }
    said.join("\n") + "\n"
}

/// The peer in a sentence: the host for a caller, "the caller" for the called end.
fn peer_name(status: &SessionStatus) -> String {
    match status.role {
        Role::Connect => printable(&status.name),
        Role::Serve | Role::Listen => "the caller".to_owned(),
    }
}

fn phase(status: &SessionStatus, peer: &str, now: u64) -> String {
    let time = age(status.since, now);
    match status.phase {
        Phase::Dead => format!("There has been no link to {peer} for {time}, and none is wanted."),
        Phase::Connecting => format!("We have been logging in to {peer} for {time}."),
        Phase::Establish => {
            format!("The login to {peer} stands; for {time} both ends have been agreeing on the link (LCP).")
        }
        Phase::Authenticate => format!("For {time} one end has been proving who it is."),
        Phase::Network => {
            format!("The link to {peer} stands; for {time} both ends have been agreeing on addresses.")
        }
        Phase::Running => format!("The link to {peer} has been up for {time}."),
        Phase::Terminate => format!("The link to {peer} is being closed."),
        Phase::Holdoff => match status.redial.next_at {
            Some(at) => format!("There is no link to {peer}; we call again in {}.", age(now, at)),
            None => format!("There is no link to {peer}; we will call again."),
        },
    }
}

fn protocol_sentences(said: &mut Vec<String>, protocol: &ProtocolStatus, peer: &str) {
    if protocol.state != "Opened" {
        said.push(format!("{} is not open: its state is {}.", protocol.protocol, protocol.state));
    }
    if let Some(failure) = &protocol.failure {
        said.push(format!("{} gave up: {}.", protocol.protocol, printable(failure).trim_end_matches('.')));
    }
    said.extend(protocol.options.iter().map(|option| option_sentence(option, &protocol.protocol, peer)));
}

fn option_sentence(option: &OptionStatus, protocol: &str, peer: &str) -> String {
    let (asker, answerer, whose) = match option.by {
        Requester::Us => ("we", peer, "our"),
        Requester::Peer => (peer, "we", "its"),
    };
    let what = in_words(&option.asked);
    let suggested = option.suggested.as_deref().map(in_words);
    let sentence = match (option.outcome, suggested) {
        (OptionOutcome::Pending, _) => {
            format!("{asker} asked for {what}; {answerer} {} not answered yet", have(answerer))
        }
        (OptionOutcome::Acked, Some(other)) if other == what => {
            format!("{asker} asked for {what}, as {answerer} had suggested, and {answerer} agreed")
        }
        (OptionOutcome::Acked, _) => format!("{asker} asked for {what} and {answerer} agreed"),
        (OptionOutcome::Naked, Some(other)) => {
            format!("{answerer} refused {whose} {what} and suggested {other}")
        }
        (OptionOutcome::Naked, None) => format!("{answerer} refused {whose} {what}"),
        (OptionOutcome::Rejected, _) => {
            format!("{answerer} {} not want to hear of {what}", if answerer == "we" { "do" } else { "does" })
        }
    };
    format!("{protocol}: {sentence}.")
}

/// pppd's word for an option, in words that say what it is.
fn in_words(option: &str) -> String {
    let (name, value) = option.split_once(' ').unwrap_or((option, ""));
    let name = match name {
        "addr" => "address",
        "mru" => "largest packet",
        "asyncmap" => "control character map",
        "magic" => "magic number",
        "pcomp" => "short protocol fields",
        "accomp" => "leaving out address and control fields",
        "fcs" => "checksum",
        "ms-dns1" => "first name server",
        "ms-dns2" => "second name server",
        "compress" => "header compression",
        "deflate" => "Deflate with window",
        "deflate(old#)" => "Deflate by its draft's number with window",
        "bsd" => "BSD-Compress",
        "predictor" => "Predictor",
        "auth" => "authentication",
        "quality" => "quality reports",
        other => other,
    };
    printable(format!("{name} {value}").trim_end())
}

fn have(who: &str) -> &'static str {
    if who == "we" { "have" } else { "has" }
}

fn traffic(said: &mut Vec<String>, status: &SessionStatus, peer: &str, now: u64) {
    let c = &status.counters;
    said.push(format!("We sent {} and received {}.", bytes(c.bytes_sent), bytes(c.bytes_received)));
    for (what, deflate) in [("sent", c.deflate_sent), ("received", c.deflate_received)] {
        if deflate.packets > 0 {
            said.push(format!(
                "Of what we {what}, {} shrank to {}.",
                bytes(deflate.bytes),
                bytes(deflate.compressed_bytes)
            ));
        }
    }
    if c.deflate_resets > 0 {
        said.push(format!("{} times we could not unpack what {peer} had compressed.", c.deflate_resets));
    }
    let broken = c.frames_bad_fcs + c.frames_aborted + c.frames_runt + c.frames_oversize + c.frames_malformed;
    if broken > 0 {
        said.push(format!(
            "{broken} frames arrived broken ({} with a wrong checksum): something between the two ends changes \
             bytes; a terminal or a chatty shell in the path does that.",
            c.frames_bad_fcs
        ));
    }
    if c.bytes_before_first_flag > 0 {
        said.push(format!(
            "{} arrived before the first frame and were skipped: a banner or a shell's greeting.",
            bytes(c.bytes_before_first_flag)
        ));
    }
    if c.dropped_too_big > 0 {
        said.push(format!("{} packets were too big for {peer} and were dropped.", c.dropped_too_big));
    }
    if let Some(quality) = &status.quality {
        let Quality { packets_out_lost, packets_out, packets_in_lost, packets_in, .. } = quality;
        said.push(format!(
            "By link quality reports, {packets_out_lost} of {packets_out} packets were lost on the way to {peer}, and \
             {packets_in_lost} of {packets_in} on the way back."
        ));
    }
    if let Some(path) = &status.path {
        said.push(path_sentence(path, peer));
    }
    if let Some(heard) = status.keepalive.last_heard {
        let rtt = match status.keepalive.last_rtt_ms {
            Some(ms) => format!("; its last echo took {ms:.1} ms"),
            None => String::new(),
        };
        said.push(format!("We last heard from {peer} {} ago{rtt}.", age(heard, now)));
    }
}

fn path_sentence(path: &Path, peer: &str) -> String {
    let source = match path.told_by {
        ToldBy::Reports => "reports",
        ToldBy::EchoReplies => "answers to our echo requests",
    };
    let known = match (path.rtt_ms, path.bytes_per_second) {
        (Some(ms), Some(rate)) => {
            format!(", that the path takes {ms:.1} ms there and back and passes {} a second", bytes(rate))
        }
        _ => String::new(),
    };
    format!(
        "By its {source} {peer} tells what has arrived{known}; {} are under way, and {} in {} packets wait here.",
        bytes(path.bytes_under_way),
        bytes(path.bytes_waiting),
        path.packets_waiting
    )
}

fn redial(said: &mut Vec<String>, status: &SessionStatus, now: u64) {
    let redial = &status.redial;
    if redial.count > 0 {
        let times = if redial.count == 1 { "once".to_owned() } else { format!("{} times", redial.count) };
        said.push(format!("The link had to be made anew {times}."));
    }
    if let Some(reason) = &redial.last_reason {
        said.push(format!("The last link ended because: {}.", printable(reason).trim_end_matches('.')));
    }
    if let (Some(at), true) = (redial.next_at, status.phase != Phase::Holdoff) {
        said.push(format!("The next call is due in {}.", age(now, at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Deflated, OptionStatus};

    fn option(by: Requester, outcome: OptionOutcome, asked: &str, suggested: Option<&str>) -> OptionStatus {
        OptionStatus { by, asked: asked.into(), outcome, suggested: suggested.map(Into::into) }
    }

    #[test]
    fn a_refused_address_is_told_with_who_refused_it_and_what_was_offered() {
        let naked = option(Requester::Us, OptionOutcome::Naked, "addr 192.168.1.1", Some("addr 10.0.0.2"));
        assert_eq!(
            option_sentence(&naked, "IPCP", "saturn"),
            "IPCP: saturn refused our address 192.168.1.1 and suggested address 10.0.0.2."
        );
        let theirs = option(Requester::Peer, OptionOutcome::Rejected, "addr 192.168.1.1", None);
        assert_eq!(
            option_sentence(&theirs, "IPCP", "saturn"),
            "IPCP: we do not want to hear of address 192.168.1.1."
        );
    }

    #[test]
    fn a_session_waiting_to_redial_says_when_and_why() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        status.phase = Phase::Holdoff;
        status.redial.count = 2;
        status.redial.next_at = Some(1_030);
        status.redial.last_reason = Some("no answer to 3 echo requests".into());
        let text = explain(&status, 1_000);
        assert!(text.contains("we call again in 30 s"), "{text}");
        assert!(text.contains("made anew 2 times"), "{text}");
        assert!(text.contains("because: no answer to 3 echo requests."), "{text}");
    }

    #[test]
    fn losses_that_reports_tell_of_are_told_in_both_directions() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        let quality = Quality { packets_out: 100, packets_out_lost: 3, packets_in: 80, ..Quality::default() };
        status.quality = Some(quality);
        let text = explain(&status, status.since);
        assert!(text.contains("3 of 100 packets were lost on the way to saturn, and 0 of 80 on"), "{text}");
        let table = crate::status::render(&status, status.since);
        assert!(table.contains("to the peer 3 of 100 packets lost, from it 0 of 80 packets lost"), "{table}");
    }

    #[test]
    fn the_path_is_told_with_what_is_on_it_and_what_waits_for_it() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        let mut path = Path {
            told_by: ToldBy::EchoReplies,
            rtt_ms: Some(20.25),
            bytes_per_second: Some(625 << 10),
            bytes_under_way: 24 << 10,
            packets_waiting: 12,
            bytes_waiting: 18 << 10,
        };
        status.path = Some(path);
        let text = explain(&status, status.since);
        assert!(
            text.contains(
                "By its answers to our echo requests saturn tells what has arrived, that the path takes 20.2 ms there and \
                 back and passes 625.0 KiB a second; 24.0 KiB are under way, and 18.0 KiB in 12 packets wait here."
            ),
            "{text}"
        );
        let table = crate::status::render(&status, status.since);
        assert!(
            table.contains("20.2 ms, 625.0 KiB/s, 24.0 KiB under way, 18.0 KiB in 12 packets wait"),
            "{table}"
        );
        (path.told_by, path.rtt_ms) = (ToldBy::Reports, None);
        status.path = Some(path);
        let text = explain(&status, status.since);
        assert!(text.contains("By its reports saturn tells what has arrived; 24.0 KiB are"), "{text}");
    }

    #[test]
    fn compression_is_told_by_what_it_saved() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        status.counters.deflate_received = Deflated { packets: 9, bytes: 4 << 20, compressed_bytes: 1 << 20 };
        status.counters.deflate_resets = 2;
        let text = explain(&status, status.since);
        assert!(text.contains("Of what we received, 4.0 MiB shrank to 1.0 MiB."), "{text}");
        assert!(text.contains("2 times we could not unpack what saturn had compressed."), "{text}");
        assert!(!text.contains("Of what we sent"), "{text}");
    }

    #[test]
    fn broken_frames_come_with_a_place_to_look() {
        let mut status = SessionStatus::new("saturn", Role::Serve);
        status.counters.frames_bad_fcs = 4;
        let text = explain(&status, status.since);
        assert!(text.contains("4 frames arrived broken"), "{text}");
        assert!(text.contains("a terminal"), "{text}");
    }
}
