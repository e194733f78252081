//! A status in plain sentences, for somebody who wants to know why it does not work.

use super::{DeflateCounters, LinkStatus, Phase, ProtocolStatus};
use crate::{
    fsm::{Answer, State},
    lcp::{AUTHENTICATION_PROTOCOL, MRU_DEFAULT},
};

/// Below this IPv6 does not work (RFC 8200 §5).
const IPV6_MIN_MTU: u16 = 1280;

impl LinkStatus {
    /// What is the matter, one sentence a line, the most important first.
    pub fn explain(&self) -> String {
        let mut lines = vec![self.headline()];
        lines.extend(self.peer.as_ref().map(|peer| format!("The peer proved to be \"{peer}\".")));
        self.explain_networks(&mut lines);
        self.explain_compression(&mut lines);
        for protocol in self.protocols() {
            explain_options(protocol, &mut lines);
        }
        self.explain_quality(&mut lines);
        self.explain_frames(&mut lines);
        lines.join("\n")
    }

    fn headline(&self) -> String {
        match (self.phase, &self.close_reason) {
            (Phase::Dead, Some(reason)) => format!("The link is over: {reason}."),
            (Phase::Terminate, Some(reason)) => format!("The link is closing: {reason}."),
            (Phase::Dead, None) if !self.lower_up => String::from("The link is down: there is no carrier."),
            (Phase::Dead, None) => String::from("The link is down: it has not been opened."),
            (Phase::Terminate, None) => String::from("The link is closing."),
            (Phase::Establish | Phase::Authenticate, _) if self.frames.frames == 0 => {
                String::from("The carrier is up, but not one PPP frame has come from the far end yet.")
            }
            (Phase::Establish, _) => String::from("The two ends are negotiating the link (LCP)."),
            (Phase::Authenticate, _) => String::from("The two ends are proving who they are."),
            (Phase::Network, _) if self.ipv4.is_none() && self.ipv6.is_none() => {
                String::from("The link is established, but no network protocol is up yet.")
            }
            (Phase::Network, _) => match self.last_echo_rtt {
                Some(rtt) => {
                    format!("The link is up; the last echo took {:.1} ms.", rtt.as_secs_f64() * 1000.0)
                }
                None => String::from("The link is up."),
            },
        }
    }

    fn explain_networks(&self, lines: &mut Vec<String>) {
        match (&self.ipv4, &self.ipcp) {
            (Some(ipv4), _) => {
                lines.push(format!("IPv4 is up: this end is {}, the peer is {}.", ipv4.local, ipv4.remote));
            }
            (None, None) => lines.push(String::from("IPv4 is switched off here.")),
            (None, Some(ipcp)) => explain_network("IPv4", ipcp, lines),
        }
        match (&self.ipv6, &self.ipv6cp) {
            (Some((local, remote)), _) => {
                lines.push(format!("IPv6 is up: this end is {local}, the peer is {remote}."));
                if self.mtu < IPV6_MIN_MTU {
                    lines.push(format!(
                        "The peer takes packets of at most {} octets; IPv6 needs {IPV6_MIN_MTU}: raise the MRU there.",
                        self.mtu
                    ));
                }
            }
            (None, None) => lines.push(String::from("IPv6 is switched off here.")),
            (None, Some(ipv6cp)) => explain_network("IPv6", ipv6cp, lines),
        }
    }

    fn explain_quality(&self, lines: &mut Vec<String>) {
        let Some(quality) = &self.quality else { return };
        for (loss, from, to) in
            [(quality.outbound, "this end", "the peer"), (quality.inbound, "the peer", "this end")]
        {
            if loss.packets > 0 {
                lines.push(format!(
                    "Link quality reports: of {} packets that {from} sent, {} did not reach {to}.",
                    loss.packets, loss.packets_lost
                ));
            }
        }
        if quality.good == Some(false) {
            lines.push(String::from(
                "By these reports the link is bad: something on the path loses or changes octets.",
            ));
        }
    }

    fn explain_compression(&self, lines: &mut Vec<String>) {
        let Some(ccp) = &self.ccp else { return };
        match (&ccp.failure, self.compression) {
            (Some(why), _) => lines.push(format!("Packets are not compressed: {why}.")),
            (None, Some(params)) => lines.push(format!("CCP is up: {params}.")),
            (None, None) => lines.push(format!("Packets are not compressed yet ({}).", ccp.state)),
        }
        let counters = &self.counters;
        for (what, deflate) in [("sent", &counters.tx_deflate), ("received", &counters.rx_deflate)] {
            let DeflateCounters { packets, octets, compressed } = deflate;
            if *packets > 0 {
                lines
                    .push(format!("{packets} packets {what} took {compressed} octets in place of {octets}."));
            }
        }
        if counters.rx_deflate_resets > 0 {
            lines.push(format!(
                "What the peer compressed could not be unpacked {} times: frames were lost, or it compresses otherwise.",
                counters.rx_deflate_resets
            ));
        }
    }

    fn explain_frames(&self, lines: &mut Vec<String>) {
        let frames = &self.frames;
        if frames.skipped_octets > 0 && frames.frames == 0 {
            lines.push(format!(
                "The far end sent {} octets that are no PPP: a login message or a shell, perhaps; \
                 see what `ssh HOST COMMAND` prints.",
                frames.skipped_octets
            ));
        } else if frames.skipped_octets > 0 {
            lines.push(format!("{} octets before the first frame were skipped.", frames.skipped_octets));
        }
        if frames.bad_fcs > 0 {
            lines.push(format!(
                "{} frames had a wrong check sequence: something on the path changes octets, \
                 such as a terminal that is not raw.",
                frames.bad_fcs
            ));
        }
        if frames.oversize > 0 {
            lines.push(format!(
                "{} frames were longer than the {} octets this end takes: lower the MTU at the far end.",
                frames.oversize,
                self.mru.max(MRU_DEFAULT)
            ));
        }
        if self.counters.rx_dropped > 0 {
            lines.push(format!(
                "{} packets came in before their protocol was up and were dropped.",
                self.counters.rx_dropped
            ));
        }
        if self.counters.tx_control_dropped > 0 {
            lines.push(format!(
                "The peer asked faster than the carrier takes answers: {} were left out.",
                self.counters.tx_control_dropped
            ));
        }
    }
}

fn explain_network(family: &str, status: &ProtocolStatus, lines: &mut Vec<String>) {
    match (&status.failure, status.state) {
        (Some(why), _) => lines.push(format!("{family} is down: {why}.")),
        (None, State::ReqSent | State::AckRcvd | State::AckSent) => {
            lines.push(format!("{family} is being negotiated ({}).", status.protocol));
        }
        (
            None,
            State::Initial
            | State::Starting
            | State::Closed
            | State::Stopped
            | State::Closing
            | State::Stopping
            | State::Opened,
        ) => lines.push(format!("{family} is down.")),
    }
}

fn explain_options(status: &ProtocolStatus, lines: &mut Vec<String>) {
    let protocol = status.protocol;
    for option in &status.ours {
        match (option.answer, &option.naked_with) {
            (Answer::Rejected, _) => {
                lines.push(format!("{protocol}: the peer rejected our <{}>.", option.asked));
            }
            (Answer::Naked, Some(with)) => {
                lines.push(format!("{protocol}: we asked for <{}>, the peer wants <{with}>.", option.asked));
            }
            (Answer::Acked, Some(with)) if *with != option.asked => {
                lines.push(format!("{protocol}: the peer wanted <{with}>, and took <{}>.", option.asked));
            }
            (Answer::Pending | Answer::Naked | Answer::Acked, _) => {}
        }
    }
    for option in &status.peers {
        match (option.answer, &option.naked_with) {
            (Answer::Rejected, _) if option.kind == AUTHENTICATION_PROTOCOL && status.protocol.is_lcp() => {
                lines.push(format!(
                    "{protocol}: the peer asked for <{}>, for which there is no secret here; \
                     add one, or switch authentication off at the far end (pppd: noauth).",
                    option.asked
                ));
            }
            (Answer::Rejected, _) => {
                lines.push(format!("{protocol}: we rejected the peer's <{}>.", option.asked));
            }
            (Answer::Naked, Some(with)) => {
                lines.push(format!("{protocol}: the peer asked for <{}>, we want <{with}>.", option.asked));
            }
            (Answer::Pending | Answer::Naked | Answer::Acked, _) => {}
        }
    }
}
