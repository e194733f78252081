use std::net::Ipv4Addr;
use std::time::Duration;

use ppp_proto::link::{LinkConfig, Timers};
use ppp_proto::{DeflateConfig, Ipv4Range, LocalAddress, RemoteAddress};

use super::super::words::substitute;
use super::super::{BadPlan, Ends, Facts, LinkScript, Mode, ShellCommand};
use super::{Files, vpn};
use crate::session::link_config;

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The addresses of `set ifaddr` as the link negotiates them.
fn ends(words: &str) -> (LocalAddress, RemoteAddress) {
    let plan = vpn(&format!(" set ifaddr {words}\n"));
    let mut link = LinkConfig::default();
    plan.adjust(&mut link);
    let ipv4 = link.ipv4.unwrap();
    (ipv4.local, ipv4.remote)
}

#[test]
fn ifaddr_without_bits_fixes_both_ends() {
    let (one, two) = (ip("192.168.1.1"), ip("192.168.2.1"));
    assert_eq!(ends("192.168.1.1 192.168.2.1"), (LocalAddress::Fixed(one), RemoteAddress::Fixed(two)));
    assert_eq!(ends("192.168.1.1/32 192.168.2.1/32 255.255.255.255").0, LocalAddress::Fixed(one));
    assert_eq!(ends("0 0"), (LocalAddress::Ask, RemoteAddress::Any));
    assert_eq!(ends(""), (LocalAddress::Ask, RemoteAddress::Any));
    assert_eq!(ends("0xc0a80101").0, LocalAddress::Fixed(one));
}

#[test]
fn ifaddr_with_bits_leaves_a_range_to_the_peer() {
    // The handbook's line: begin with these two, take whatever comes; ask with 0.0.0.0.
    let (local, remote) = ends("10.0.0.1/0 10.0.0.2/0 255.255.255.0 0.0.0.0");
    assert_eq!((local, remote), (LocalAddress::Ask, RemoteAddress::Prefer(ip("10.0.0.2"))));
    let (local, remote) = ends("10.0.0.1/0 10.0.0.2/24");
    assert_eq!(local, LocalAddress::Prefer(ip("10.0.0.1")));
    let RemoteAddress::Ranges(ranges) = remote else { panic!("{remote:?}") };
    assert_eq!(ranges[0].first, ip("10.0.0.2"), "the address itself is proposed first");
    assert!(ranges.iter().any(|range| range.contains(ip("10.0.0.200"))));
    assert!(!ranges.iter().any(|range| range.contains(ip("10.0.1.2"))));
    assert_eq!(ends("10.0.0.1/8 10.1.0.1 0 10.9.9.9").0, LocalAddress::Prefer(ip("10.9.9.9")), "the trigger");
    let plan = vpn(" set ifaddr 10.0.0.1/8 0\n");
    assert_eq!(plan.profile.local_range, ["10.0.0.0/8".parse().unwrap()]);
}

#[test]
fn ifaddr_takes_a_pool_for_the_peer() {
    let (_, remote) = ends("10.0.0.1 10.0.0.10-10.0.0.12,10.0.0.20");
    let range = |first, last| Ipv4Range { first: ip(first), last: ip(last) };
    assert_eq!(
        remote,
        RemoteAddress::Ranges(vec![range("10.0.0.10", "10.0.0.12"), range("10.0.0.20", "10.0.0.20")])
    );
}

#[test]
fn timeout_is_three_minutes_unless_said_and_never_for_ddial() {
    let idle = |lines: &str, mode| {
        let text = format!("vpn:\n set device !ssh\n set ifaddr 10.0.0.1 10.0.0.2\n{lines}");
        let plan = Files::new([("ppp.conf", &text)]).plan(mode, &["vpn"]).unwrap();
        (plan.idle.map(|idle| idle.as_secs()), plan.least.as_secs())
    };
    assert_eq!(idle("", Mode::Auto), (Some(180), 0));
    assert_eq!(idle(" set timeout 0\n", Mode::Auto), (None, 0));
    assert_eq!(idle(" set timeout 60 300\n", Mode::Background), (Some(60), 300));
    assert_eq!(idle(" set timeout 60\n", Mode::Ddial), (None, 0));
}

#[test]
fn redial_and_reconnect_say_when_to_call_again() {
    let plan = vpn("");
    assert_eq!((plan.redial.pause.as_secs(), plan.redial.attempts, plan.reconnect.1), (30, 1, 0));
    let plan = vpn(" set redial 15+5-4.2 0\n set reconnect 2 7\n");
    assert_eq!((plan.redial.pause.as_secs(), plan.redial.most.as_secs(), plan.redial.attempts), (15, 35, 0));
    assert_eq!(plan.reconnect, (Duration::from_secs(2), 7));
    assert_eq!((plan.profile.holdoff.get().as_secs(), plan.profile.max_holdoff.get().as_secs()), (15, 35));
    assert_eq!(vpn(" set redial random 3\n").redial.attempts, 3);
    assert!(vpn("").profile.persist, "-ddial calls for ever");
}

#[test]
fn the_link_gets_what_set_says() {
    let plan = vpn(
        " set mru 1400\n set mtu maximum 1300\n set accmap 000a0000\n set escape ff 0x11 11\n set vj slots 8\n \
         set vj slotcomp off\n set lcpretry 5 7 9\n set ipcpretry 4 6\n set ipv6cpretries 2\n set openmode passive\n set authname venus\n set authkey geheim\n \
         set nbns 10.0.0.53\n ident I am venus\n",
    );
    let profile = &plan.profile;
    assert_eq!((profile.mru.get(), profile.mtu.get(), profile.asyncmap.0), (1400, 1300, 0x000a_0000));
    assert_eq!(profile.escape.0, [0x11, 0xff]);
    assert_eq!((profile.vj_max_slots, profile.vj_cid), (8, false));
    assert_eq!(
        (profile.lcp_restart.get().as_secs(), profile.lcp_max_configure, profile.lcp_max_terminate),
        (5, 7, 9)
    );
    assert_eq!((plan.authname.as_str(), plan.authkey.0.as_str()), ("venus", "geheim"));
    assert_eq!(profile.nbns_offer, [ip("10.0.0.53")]);
    let mut link = LinkConfig::default();
    plan.adjust(&mut link);
    assert!(link.lcp.silent);
    let counters = |timers: Option<Timers>| {
        timers.map(|timers| (timers.restart.as_secs(), timers.max_configure, timers.max_terminate))
    };
    assert_eq!(
        (counters(link.ipcp_timers), counters(link.ipv6cp_timers)),
        (Some((4, 6, 5)), Some((2, 5, 5)))
    );
    assert_eq!(link.lcp.identification.as_deref(), Some("I am venus"));
    assert!(!format!("{plan:?}").contains("geheim"), "a key is not for logs");
    assert_eq!(vpn(" set mru 0\n set mtu 0\n").profile.mru.get(), 1500);
    assert!(!vpn(" set openmode passive\n set openmode active 3\n").silent);
}

#[test]
fn deflate_goes_by_the_numbers_and_in_the_directions_that_are_named() {
    let ccp = |lines: &str| {
        let plan = vpn(lines);
        let mut link = link_config(&plan.profile, "vpn", 1);
        plan.adjust(&mut link);
        let shown = |deflate: DeflateConfig| (deflate.window, deflate.standard, deflate.draft);
        link.ccp.map(|ccp| (ccp.receive.map(shown), ccp.send.map(shown)))
    };
    assert_eq!(ccp(""), None, "off, unless asked for");
    assert_eq!(ccp(" set deflate 12 10\n disable deflate\n deny deflate24\n"), None);
    let both = Some((Some((15, true, false)), Some((15, true, false))));
    assert_eq!(ccp(" enable deflate\n"), both);
    assert_eq!(ccp(" accept deflate\n"), both);
    assert_eq!(ccp(" enable deflate\n deny deflate\n"), Some((Some((15, true, false)), None)));
    assert_eq!(ccp(" accept deflate\n disable deflate\n"), Some((None, Some((15, true, false)))));
    assert_eq!(
        ccp(" set deflate 12 8\n enable deflate deflate24\n deny deflate\n"),
        Some((Some((12, true, true)), Some((9, false, true))))
    );
    assert_eq!(
        ccp(" set deflate 9 0\n enable deflate\n"),
        Some((Some((9, true, false)), Some((15, true, false))))
    );
}

#[test]
fn enable_and_accept_switch_on_and_disable_or_deny_switches_off() {
    let plan = vpn("");
    assert!(plan.profile.accomp && plan.profile.pcomp && plan.profile.ipv4 && plan.profile.ipv6);
    assert!(!plan.profile.vj && !plan.profile.dns_ask);
    let plan =
        vpn(" disable acfcomp\n deny protocomp\n enable vjcomp dns\n accept vjcomp\n disable ipv6cp\n");
    assert!(!plan.profile.accomp && !plan.profile.pcomp && !plan.profile.ipv6);
    assert!(plan.profile.vj && plan.profile.dns_ask);
    assert!(!vpn(" enable vjcomp\n deny vjcomp\n").profile.vj, "what is denied is off, whoever asks");
    assert!(vpn(" disable vjcomp\n enable vjcomp\n").profile.vj, "the last word counts");
    assert!(!vpn(" disable ipcp\n").profile.ipv4);
    assert!(plan.profile.mss_clamp && vpn(" enable tcpmssfixup\n").profile.mss_clamp);
    assert!(!vpn(" disable tcpmssfixup\n").profile.mss_clamp);
    // What is merely accepted and what is off needs no support.
    vpn(
        " accept pred1 mppe mschap\n enable sroutes idcheck throughput utmp\n disable nas-port-id proxy mppe lanman\n",
    );
}

#[test]
fn name_servers_are_told_to_a_peer_that_may_ask() {
    let servers = [ip("10.0.0.53"), ip("10.0.0.54")];
    assert_eq!(vpn(" set dns 10.0.0.53 10.0.0.54\n accept dns\n").profile.dns_offer, servers);
    assert!(vpn(" set dns 10.0.0.53\n").profile.dns_offer.is_empty(), "ppp does not tell by itself");
}

#[test]
fn echo_requests_go_every_period() {
    let echo = |lines| {
        let profile = vpn(lines).profile;
        (profile.lcp_echo_interval.get().as_secs(), profile.lcp_echo_failure)
    };
    assert_eq!(echo(""), (15, 4), "pppssh's own");
    assert_eq!(echo(" enable echo\n"), (30, 5));
    assert_eq!(echo(" set lqrperiod 10\n accept lqr\n enable echo\n"), (10, 5));
    assert_eq!(echo(" set lqrperiod 10\n set echoperiod 7\n enable echo\n"), (7, 5));
    assert_eq!(echo(" disable echo\n").0, 0);
    assert_eq!(echo(" enable lqr\n"), (30, 5), "reports find no dead peer here");
    assert_eq!(echo(" enable lqr\n disable echo\n").0, 0);
}

#[test]
fn link_quality_reports_are_asked_for_and_granted_as_said() {
    let lqm = |lines| {
        let plan = vpn(lines);
        let mut link = link_config(&plan.profile, "vpn", 1);
        plan.adjust(&mut link);
        (link.lcp.lqm.period.map(|period| period.as_secs()), link.lcp.lqm.answer)
    };
    assert_eq!(lqm(""), (None, true), "as in ppp: disabled and accepted");
    assert_eq!(lqm(" enable lqr\n"), (Some(30), true));
    assert_eq!(lqm(" enable lqr\n set lqrperiod 10\n"), (Some(10), true));
    assert_eq!(lqm(" set lqrperiod 10\n deny lqr\n"), (None, false));
    assert_eq!(lqm(" enable lqr\n disable lqr\n accept lqr\n"), (None, true));
}

#[test]
fn log_facilities_become_levels() {
    let level = |words: &str| vpn(&format!(" set log {words}\n")).verbosity;
    assert_eq!(vpn("").verbosity, 0);
    assert_eq!(level("Phase Chat LCP IPCP CCP tun command"), 1);
    assert_eq!(level("+hdlc"), 2);
    assert_eq!(level("all"), 2);
    assert_eq!(level("lcp\n set log -lcp"), 0);
    assert_eq!(level("lcp\n set log phase"), 0, "without a sign the list is new");
    assert_eq!(level("all -all +phase"), 0);
    assert_eq!(level("local debug"), 0, "there is no prompt");
}

fn routes(lines: &str) -> Vec<String> {
    vpn(&format!(" set ifaddr 10.0.0.1 10.0.0.2\n{lines}"))
        .profile
        .routes
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn routes_go_to_the_other_end_however_that_is_written() {
    let written = " add 192.168.2.0/24 HISADDR\n add 192.168.3.0 255.255.255.0 INTERFACE\n add 192.168.4.7 10.0.0.2\n \
                   add! default hisaddr\n add 0 0 HISADDR\n add fd00:1::/32 HISADDR6\n add default6 HISADDR6\n \
                   add HISADDR/24 INTERFACE\n";
    assert_eq!(
        routes(written),
        [
            "192.168.2.0/24",
            "192.168.3.0/24",
            "192.168.4.7/32",
            "0.0.0.0/0",
            "fd00:1::/32",
            "::/0",
            "10.0.0.0/24"
        ]
    );
}

#[test]
fn delete_takes_back_what_was_added() {
    assert_eq!(
        routes(" add 10.1.0.0/16 HISADDR\n add default HISADDR\n delete 10.1.0.0/16\n"),
        ["0.0.0.0/0"]
    );
    assert_eq!(routes(" add 10.1.0.0/16 HISADDR\n delete ALL\n delete! default\n"), [""; 0]);
}

#[test]
fn load_obeys_other_sections_in_its_place() {
    let conf = "default:\n set mru 1400\nvpn:\n load more common\n set mtu 1300\nmore:\n set mru 1450\n set mtu 1450\n\
                common:\n set device !ssh\n";
    let plan = Files::new([("ppp.conf", conf)]).plan(Mode::Ddial, &["vpn"]).unwrap();
    assert_eq!((plan.profile.mru.get(), plan.profile.mtu.get()), (1450, 1300));
}

#[test]
fn labels_are_loaded_in_turn_and_the_last_one_names_the_link() {
    let conf = "a:\n set device !ssh\n set mru 1400\nb:\n set mru 1450\n";
    let plan = Files::new([("ppp.conf", conf)]).plan(Mode::Ddial, &["a", "b"]).unwrap();
    assert_eq!((plan.profile.mru.get(), plan.label.as_str()), (1450, "b"));
    let missing = Files::new([("ppp.conf", conf)]).plan(Mode::Ddial, &["c"]);
    assert_eq!(missing, Err(BadPlan::NoSection("c".to_owned())));
}

#[test]
fn devices_are_commands_tried_in_turn_with_what_is_known_put_in() {
    let plan = vpn(
        " set device \"!ssh -i ~/.ssh/key saturn \\\"ppp -direct LABEL\\\"\" \"!nc HISADDR INTERFACE\"\n",
    );
    let command = |n| plan.command(n, "tun0", 7).unwrap();
    assert_eq!(command(0), ["ssh", "-i", "/home/vpn/.ssh/key", "saturn", "ppp -direct vpn"]);
    assert_eq!(command(1), ["nc", "HISADDR", "tun0"]);
    assert_eq!(command(2), command(0));
    let direct = Files::new([("ppp.conf", "in:\n")]).plan(Mode::Direct, &["in"]).unwrap();
    assert_eq!(direct.command(0, "tun0", 7), None);
}

#[test]
fn what_a_mode_needs_is_asked_for() {
    let plan = |mode, conf| Files::new([("ppp.conf", conf)]).plan(mode, &["a"]);
    assert_eq!(plan(Mode::Background, "a:\n"), Err(BadPlan::NoDevice));
    assert_eq!(plan(Mode::Auto, "a:\n set device !ssh\n"), Err(BadPlan::NoAddresses));
    assert!(plan(Mode::Auto, "a:\n set device !ssh\n set ifaddr 10.0.0.1/0 10.0.0.2/0\n").is_ok());
    assert_eq!(plan(Mode::Direct, "a:\n disable ipcp ipv6cp\n"), Err(BadPlan::NoFamily));
}

fn facts(local: &str) -> Facts {
    Facts {
        ends: Ends::V4 { local: ip(local), remote: ip("10.0.0.2"), dns: vec![ip("10.0.0.53")] },
        interface: "tun0".to_owned(),
        label: "vpn".to_owned(),
        authname: "venus".to_owned(),
        user: "saturn".to_owned(),
        pid: 42,
        with_ipv4: true,
        usage: Some((1, 2, 3)),
    }
}

fn script(text: &str) -> LinkScript {
    LinkScript(Files::new([("ppp.linkup", text)]).sections("ppp.linkup"))
}

fn run(text: &str, facts: &Facts) -> Vec<String> {
    script(text).commands(facts).iter().map(|command| command.argv.join(" ")).collect()
}

#[test]
fn the_section_of_the_own_address_counts_then_the_label_then_myaddr() {
    let all = "MYADDR:\n ! c\nvpn:\n ! b\n10.0.0.1:\n ! a\n";
    assert_eq!(run(all, &facts("10.0.0.1")), ["a"]);
    assert_eq!(run(all, &facts("10.0.0.9")), ["b"]);
    assert_eq!(run("MYADDR:\n ! c\nother:\n ! b\n", &facts("10.0.0.9")), ["c"]);
    assert!(run("other:\n ! b\n", &facts("10.0.0.9")).is_empty());
}

#[test]
fn ipv6_has_sections_of_its_own_unless_it_is_alone() {
    let v6 = |with_ipv4| {
        let ends = Ends::V6 { local: "fe80::1".parse().unwrap(), remote: "fe80::2".parse().unwrap() };
        Facts { ends, with_ipv4, ..facts("10.0.0.1") }
    };
    let all = "vpn:\n ! label\nMYADDR:\n ! four\nMYADDR6:\n ! six MYADDR6 HISADDR6 MYADDR.\n";
    assert_eq!(run(all, &v6(true)), ["six fe80::1 fe80::2 ."]);
    assert_eq!(run(all, &v6(false)), ["label"]);
    assert_eq!(run("fe80::1:\n ! own\nvpn:\n ! label\n", &v6(true)), ["own"]);
}

#[test]
fn variables_are_put_into_the_arguments_once_and_only_as_whole_words() {
    let line = "vpn:\n !bg sh -c \"MYADDR HISADDR:INTERFACE LABEL AUTHNAME USER PROCESSID DNS0 DNS1. MYADDRS X_MYADDR \
                OCTETSIN OCTETSOUT UPTIME\"\n";
    assert_eq!(
        run(line, &facts("10.0.0.1")),
        ["sh -c 10.0.0.1 10.0.0.2:tun0 vpn venus saturn 42 10.0.0.53 . MYADDRS X_MYADDR 1 2 3"]
    );
    let value = |name: &str| (name == "A").then(|| "A B".to_owned());
    assert_eq!(substitute("A \\A B", &value), "A B A B");
    assert_eq!(substitute("", &value), "");
    assert_eq!(substitute("é A é", &value), "é A B é");
}

#[test]
fn a_program_is_waited_for_unless_it_is_in_the_background() {
    let text = "vpn:\n ! a 1\n !b 2\n !bg c 3\n bg d\n shell e\n add default HISADDR\n";
    let commands = script(text).commands(&facts("10.0.0.1"));
    let background: Vec<_> =
        commands.iter().map(|ShellCommand { argv, background }| (argv[0].as_str(), *background)).collect();
    assert_eq!(background, [("a", false), ("b", false), ("c", true), ("d", true), ("e", false)]);
}

#[test]
fn routes_of_ppp_linkup_are_added_with_those_of_ppp_conf() {
    let routes = |conf: &str, linkup: &str| {
        let files = Files::new([("ppp.conf", conf), ("ppp.linkup", linkup)]);
        files
            .plan(Mode::Ddial, &["vpn"])
            .map(|plan| plan.profile.routes.iter().map(|route| route.to.to_string()).collect::<Vec<_>>())
    };
    let fixed = "vpn:\n set device !ssh\n set ifaddr 10.0.0.1 10.0.0.2\n";
    let open = "vpn:\n set device !ssh\n set ifaddr 10.0.0.1/24 10.0.0.2\n";
    let linkup = "MYADDR:\n delete ALL\n add 0 0 HISADDR\n";
    assert_eq!(routes(fixed, linkup).unwrap(), ["0.0.0.0/0"]);
    assert_eq!(routes(open, linkup).unwrap(), ["0.0.0.0/0"]);
    let by_address = "10.0.0.1:\n add 10.1.0.0/16 HISADDR\nvpn:\n add 10.2.0.0/16 HISADDR\n";
    assert_eq!(routes(fixed, by_address).unwrap(), ["10.1.0.0/16"]);
    // Which of the two, the negotiation will show: too late to say that one cannot be obeyed.
    let error = routes(open, by_address).unwrap_err().to_string();
    assert!(error.starts_with("ppp.linkup:2: `add 10.1.0.0/16 HISADDR`: "), "{error}");
    let elsewhere = "10.9.9.9:\n add 10.1.0.0/16 HISADDR\n";
    assert_eq!(routes(open, elsewhere).unwrap(), [""; 0], "outside of the range: never");
}
