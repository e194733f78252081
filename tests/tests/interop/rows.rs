//! The matrix. On venus always is the caller; pppd is real and so is ssh.

use std::fs;
use std::process::Command;

use netlab::Host;
use pppssh_tests::{Running, finish};
use rustix::process::Signal;

use crate::dump;
use crate::hosts::{Hosts, IPV4, IPV6};
use crate::{anew, measured, place, slirp};

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    run: Box<dyn FnOnce() -> [String; 4]>,
}

impl Row {
    pub(crate) fn new(name: &'static str, run: impl FnOnce() -> [String; 4] + 'static) -> Row {
        Row { name, run: Box::new(run) }
    }

    /// The cells behind the name: how the link is joined, IPv4, IPv6, and how pppd or pppssh on venus ended.
    pub(crate) fn run(self) -> [String; 4] {
        (self.run)()
    }
}

/// What pppd gets in every row. Debian's options file says `lock`, for which a kernel without a disk has no place.
pub(crate) const PPPD: &str = "nodetach noauth nolock local debug logfd 2 +ipv6 ipv6 ";
/// What ours gets in every row.
pub(crate) const OURS: &str = "--no-hooks --runtime-dir /run/pppssh -o connect-timeout=60";

/// pppd on venus, and `pppssh serve` as its pty command on saturn.
#[derive(Clone, Copy)]
struct Pair {
    pppd: &'static str,
    ours: &'static str,
    ipv4: bool,
    ipv6: bool,
    /// pppd's exit code, and whether it comes to its end by itself.
    end: i32,
    by_itself: bool,
    /// What pppd must have printed.
    says: &'static [&'static str],
    /// What ours must have printed.
    we_say: &'static [&'static str],
    /// Whether pppd compresses, and whether we do; said of rows that are about it.
    deflate: Option<[bool; 2]>,
}

/// Where ours logs, so that its words are not taken for pppd's.
pub(crate) const OUR_LOG: &str = "/tmp/pppssh.log";

/// As ours and pppd's packets show it, by default.
const VJ: &str = "compress VJ 0f 01";

/// What ours says of a peer whose MRU is too small for IPv6.
const NO_IPV6: &str = "no IPv6 on this link";

const PAIR: Pair = Pair {
    pppd: "",
    ours: "",
    ipv4: true,
    ipv6: true,
    end: 5,
    by_itself: false,
    says: &[],
    we_say: &[],
    deflate: None,
};

pub(crate) fn all() -> Vec<Row> {
    let mut rows = vec![
        Row::new("pppssh connect, native carrier, to pppd", || connect_to_pppd("native")),
        Row::new("pppssh connect, openssh carrier, to pppd", || connect_to_pppd("openssh")),
        Row::new("pppd pty ssh to pppssh serve", || pppd_calls("ssh", "")),
        Row::new("pppd pty ssh -tt to pppssh serve", || pppd_calls("ssh -tt", "")),
        Row::new("pppd pty ssh to a shell with a banner", || {
            pppd_calls("ssh", "echo Welcome to saturn; echo '~~~ be nice ~~~'; exec ")
        }),
    ];
    for (name, carrier) in [
        ("a path measured by pppd's Echo-Replies, native carrier", "native"),
        ("a path measured by pppd's Echo-Replies, openssh carrier", "openssh"),
    ] {
        rows.push(Row::new(name, move || measured::by_echo_replies(carrier)));
    }
    rows.push(Row::new("pppd begins anew on a line that is up", anew::pppd_begins));
    rows.push(Row::new("pppssh begins anew on a line that is up", anew::pppssh_begins));
    rows.push(Row::new("pppssh pppd to slirp", slirp::called));
    rows.push(Row::new("dump and dryrun as the real pppd", dump::row));
    rows.push(Row::new("in pppd's place: scripts, files and words", place::compare));
    rows.push(Row::new("in pppd's place: how links end", place::endings));
    rows.push(Row::new("in pppd's place: routes and proxy ARP", place::network));
    rows.push(Row::new("in pppd's place: OpenWrt's call", place::openwrt));
    rows.extend(pairs().into_iter().map(|(name, pair)| Row::new(name, move || pair.run())));
    rows.extend(crate::authentication::rows());
    rows
}

fn pairs() -> Vec<(&'static str, Pair)> {
    let pppd = |pppd| Pair { pppd, ..PAIR };
    let ours = |pppd, ours| Pair { pppd, ours, ..PAIR };
    let deflate = |pppd, ours, says| Pair { pppd, ours, says, deflate: Some([true, true]), ..PAIR };
    vec![
        ("default options", PAIR),
        ("asyncmap 0", Pair { says: &["<asyncmap 0x0>"], ..pppd("asyncmap 0") }),
        ("asyncmap a0000", Pair { says: &["<asyncmap 0xa0000>"], ..pppd("asyncmap a0000") }),
        ("asyncmap ffffffff", pppd("asyncmap ffffffff")),
        ("default-asyncmap", pppd("default-asyncmap")),
        ("asyncmap ffffffff asked by us", ours("", "--asyncmap ffffffff")),
        ("escape ff,11", pppd("escape ff,11")),
        ("escape ff,11 on our side", ours("", "--escape ff,11")),
        ("noaccomp nopcomp", pppd("noaccomp nopcomp")),
        ("neither compression on our side", ours("", "-o accomp=false -o pcomp=false")),
        ("mru 512", Pair { ipv6: false, says: &["<mru 512>"], we_say: &[NO_IPV6], ..pppd("mru 512") }),
        ("mru 296", Pair { ipv6: false, says: &["<mru 296>"], we_say: &[NO_IPV6], ..pppd("mru 296") }),
        ("mru 1300 and mtu 1280", pppd("mru 1300 mtu 1280")),
        ("a small mru on our side", Pair { ipv6: false, ..ours("noipv6", "--no-ipv6 --mru 296 --mtu 296") }),
        ("nomagic", pppd("nomagic")),
        ("no magic on our side", ours("", "-o magic=false")),
        ("novj", pppd("novj")),
        ("vj offered and rejected", Pair { says: &["rcvd [IPCP ConfRej", VJ], ..PAIR }),
        ("vj taken", Pair { says: &["rcvd [IPCP ConfAck", VJ], ..ours("", "-o vj=true") }),
        ("vj with three slots", ours("vj-max-slots 3", "-o vj=true -o vj-max-slots=3")),
        ("vj without slot compression", ours("novjccomp", "-o vj=true -o vj-cid=false")),
        (
            "deflate and bsd offered",
            Pair {
                says: &["rcvd [LCP ProtRej"],
                deflate: Some([false, false]),
                ..pppd("deflate 15 bsdcomp 15")
            },
        ),
        ("deflate by default", deflate("", "-o deflate=true", &["Deflate (15) compression enabled"])),
        (
            "deflate taken and bsd rejected",
            deflate(
                "deflate 15 bsdcomp 15",
                "-o deflate=true",
                &["rcvd [CCP ConfRej id=0x1 <bsd v1 15>]", "Deflate (15) compression enabled"],
            ),
        ),
        (
            "bsd without deflate",
            Pair {
                deflate: Some([false, false]),
                ..deflate(
                    "nodeflate bsdcomp 15",
                    "-o deflate=true",
                    &["rcvd [CCP ConfRej id=0x1 <bsd v1 15>]", "sent [CCP ConfRej id=0x1 <deflate 15>]"],
                )
            },
        ),
        ("deflate 9,12", deflate("deflate 9,12", "-o deflate=true", &["Deflate (9/12) compression enabled"])),
        (
            "deflate without its draft's number",
            deflate("nodeflatedraft", "-o deflate=true", &["Deflate (15) compression enabled"]),
        ),
        (
            "deflate with small windows on our side",
            deflate(
                "",
                "-o deflate=true -o deflate-receive=10 -o deflate-send=9",
                &["Deflate (15/10) compression enabled"],
            ),
        ),
        (
            "deflate to pppd alone",
            Pair {
                deflate: Some([false, true]),
                ..deflate(
                    "",
                    "-o deflate=true -o deflate-receive=0",
                    &["Deflate (15) receive compression enabled"],
                )
            },
        ),
        (
            "deflate from pppd alone",
            Pair {
                deflate: Some([true, false]),
                ..deflate("deflate 0,15", "-o deflate=true", &["Deflate (15) transmit compression enabled"])
            },
        ),
        (
            "deflate with vj",
            Pair {
                we_say: &["rcvd [IPCP ConfAck", VJ],
                ..deflate("", "-o deflate=true -o vj=true", &["Deflate (15) compression enabled"])
            },
        ),
        (
            "deflate with a small mru",
            Pair {
                ipv6: false,
                we_say: &[NO_IPV6],
                ..deflate("mru 296", "-o deflate=true", &["Deflate (15) compression enabled"])
            },
        ),
        (
            "deflate asked by us, noccp",
            Pair {
                we_say: &["rcvd [LCP ProtRej"],
                deflate: Some([false, false]),
                ..deflate("noccp", "-o deflate=true", &[])
            },
        ),
        ("noip, IPv6 only", Pair { ipv4: false, ..ours("noip", "--no-ipv4") }),
        ("noipv6", Pair { ipv6: false, ..pppd("noipv6") }),
        ("IPv6 rejected by us", Pair { ipv6: false, says: &["rcvd [LCP ProtRej"], ..ours("", "--no-ipv6") }),
        ("IPv4 rejected by pppd", Pair { ipv4: false, ..pppd("noip") }),
        ("noipdefault: we assign", Pair { says: &["<addr 0.0.0.0>"], ..pppd("noipdefault :") }),
        ("we ask, pppd assigns", ours("", "--addresses :")),
        ("both name both addresses", PAIR),
        ("each names its own address", ours("192.168.1.1:", "--addresses 192.168.2.1:")),
        ("each names the other's address", ours(":192.168.2.1", "--addresses :192.168.1.1")),
        (
            "both ask for an address, neither has one",
            Pair {
                ipv4: false,
                ipv6: false,
                // We end first, and take the pty along.
                end: 16,
                by_itself: true,
                says: &["Could not determine local IP address"],
                we_say: &["Could not determine"],
                ..ours("noipdefault noipv6 :", "--no-ipv6 --addresses :")
            },
        ),
        (
            "usepeerdns: we tell name servers",
            Pair {
                says: &["primary   DNS address 192.168.2.53", "secondary DNS address 192.168.2.54"],
                ..ours("usepeerdns", "--dns-offer 192.168.2.53 --dns-offer 192.168.2.54")
            },
        ),
        (
            "ms-dns: pppd tells name servers",
            Pair {
                we_say: &["rcvd [IPCP ConfNak", "<ms-dns1 192.168.1.53> <ms-dns2 192.168.1.54>"],
                ..ours("ms-dns 192.168.1.53 ms-dns 192.168.1.54", "--dns-ask")
            },
        ),
        ("passive", pppd("passive")),
        ("silent", pppd("silent")),
        (
            "lcp-echo-interval 1",
            Pair { says: &["rcvd [LCP EchoRep"], ..pppd("lcp-echo-interval 1 lcp-echo-failure 10") },
        ),
        ("echoes of ours each second", ours("", "--lcp-echo-interval 1 --lcp-echo-failure 20")),
        (
            "maxconnect",
            Pair { end: 13, by_itself: true, says: &["Connect time expired"], ..pppd("maxconnect 20") },
        ),
        ("noccp", pppd("noccp")),
        ("an MRRU offered", Pair { says: &["<mrru 1500>"], ..pppd("multilink mrru 1500") }),
    ]
}

impl Pair {
    fn run(self) -> [String; 4] {
        let hosts = Hosts::new();
        let Pair { pppd, ours, ipv4, ipv6, end, by_itself, says, we_say, deflate } = self;
        // Not pppd's own child: it passes the signal that ends it on to that, and either end might be the first to close.
        let serve = format!(
            "exec setsid --fork --wait nsenter --net={} {} -vv serve --ipv6-ids ::2,::1 {OURS} {} {ours} 2>{OUR_LOG}",
            hosts.saturn.netns_path().display(),
            pppssh(),
            if ours.contains("--addresses") { "" } else { "--addresses 192.168.2.1:192.168.1.1" },
        );
        let mut command = hosts.venus.command("/usr/sbin/pppd");
        command.args(words(PPPD)).arg("::1,::2").args(words(pppd));
        if !pppd.split(' ').any(|word| word.contains(':')) {
            command.arg("192.168.1.1:192.168.2.1");
        }
        command.args(["pty", &serve]);
        let _ours = ShowLog;
        let mut pppd = Running::start("pppd", command);
        let cells = carry(&hosts, &pppd, ipv4, ipv6);
        if let Some(wanted) = deflate {
            carry_text(&hosts, &pppd, wanted);
        }
        let ended = if by_itself { pppd.end() } else { terminate(&mut pppd) };
        let ended = ended.with_code(end).saying("Connection terminated.");
        for words in says {
            ended.saying(words);
        }
        let we_said = fs::read_to_string(OUR_LOG).expect("our log");
        for words in we_say {
            assert!(we_said.contains(words), "we did not say {words:?}");
        }
        let [ipv4, ipv6] = cells;
        ["pty".to_owned(), ipv4, ipv6, end.to_string()]
    }
}

/// Shows what ours said when a row fails.
pub(crate) struct ShowLog;

impl Drop for ShowLog {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("---- pppssh serve said:\n{}", fs::read_to_string(OUR_LOG).unwrap_or_default());
        }
    }
}

fn connect_to_pppd(carrier: &str) -> [String; 4] {
    let hosts = Hosts::new();
    let (_sshd, mut session) = connect(&hosts, carrier);
    let (ipv4, ipv6) = (hosts.carries(&IPV4), hosts.carries(&IPV6));
    terminate(&mut session).with_code(5);
    [format!("ssh, {carrier}"), ipv4, ipv6, "5".to_owned()]
}

/// `pppssh connect` on venus, and pppd as sshd's forced command on saturn; the sshd and the session, whose link is up.
pub(crate) fn connect(hosts: &Hosts, carrier: &str) -> (Running, Running) {
    let sshd = hosts.sshd(&format!("/usr/sbin/pppd notty {PPPD} ::2,::1 192.168.2.1:192.168.1.1"));
    let mut command = hosts.venus.command(pppssh());
    command.args(["-vv", "connect", "saturn", "--no-persist", "--ipv6-ids", "::1,::2"]);
    command.args(["--addresses", "192.168.1.1:192.168.2.1", "--carrier", carrier]);
    command.args(["-o", &format!("ssh-config={}", Hosts::ssh_config())]).args(words(OURS));
    let session = Running::start("pppssh connect", command);
    for family in ["ipv4-up", "ipv6-up"] {
        let mut wait: Command = hosts.venus.command(pppssh());
        wait.args(["status", "saturn", "--wait", family, "--runtime-dir", "/run/pppssh"]);
        assert!(session_lives(&session, &finish("pppssh status", wait)), "no link");
    }
    (sshd, session)
}

/// pppd on venus whose pty command is `ssh`, and `pppssh serve` as sshd's forced command on saturn.
fn pppd_calls(ssh: &str, before: &str) -> [String; 4] {
    let hosts = Hosts::new();
    let serve = "serve --ipv6-ids ::2,::1 --addresses 192.168.2.1:192.168.1.1";
    let _sshd = hosts.sshd(&format!("{before}{} -vv {serve} {OURS} 2>{OUR_LOG}", pppssh()));
    let mut command = hosts.venus.command("/usr/sbin/pppd");
    command.args(words(PPPD)).args(["::1,::2", "192.168.1.1:192.168.2.1", "pty"]);
    // As in a pair: a signal to pppd is none to ssh.
    command.arg(format!("exec setsid --fork --wait {ssh} -F {} saturn anything", Hosts::ssh_config()));
    let _ours = ShowLog;
    let mut pppd = Running::start("pppd", command);
    let [ipv4, ipv6] = carry(&hosts, &pppd, true, true);
    terminate(&mut pppd).with_code(5).saying("Connection terminated.");
    [ssh.to_owned(), ipv4, ipv6, "5".to_owned()]
}

pub(crate) fn carry(hosts: &Hosts, pppd: &Running, ipv4: bool, ipv6: bool) -> [String; 2] {
    let none = || "–".to_owned();
    if ipv4 {
        pppd.says("remote IP address");
    }
    if ipv6 {
        pppd.says("remote LL address");
    }
    let ipv4 = if ipv4 { hosts.carries(&IPV4) } else { none() };
    [ipv4, if ipv6 { hosts.carries(&IPV6) } else { none() }]
}

/// Moves text, and sees by our counters whether pppd compressed what it sent, and we what we did.
fn carry_text(hosts: &Hosts, pppd: &Running, [by_pppd, by_us]: [bool; 2]) {
    let before = counters(hosts);
    hosts.carries_text(&IPV4);
    let after = counters(hosts);
    for (direction, wanted) in [("deflate_received", by_pppd), ("deflate_sent", by_us)] {
        let count = |name: &str| number(&after[direction][name]) - number(&before[direction][name]);
        let (packets, plain, compressed) = (count("packets"), count("bytes"), count("compressed_bytes"));
        println!("{direction}: {plain} octets in {packets} packets became {compressed}");
        if wanted {
            assert!(plain > 4 << 20 && compressed < plain / 2, "text was not compressed");
        } else {
            assert_eq!(packets, 0, "{direction} though not agreed on");
        }
    }
    // No packet is lost, so neither stream may break. But pppd's kernel itself drops what it compressed before CCP was
    // Opened ("compressor dropped pkt"), which is found when it was: once.
    assert!(number(&after["deflate_resets"]) <= 1, "we could not unpack what pppd sent");
    assert!(!pppd.log().contains("sent [CCP ResetReq"), "pppd could not unpack what we sent");
    assert_eq!(pppd.log().contains("compression enabled"), by_pppd || by_us);
}

/// What the only session counted.
fn counters(hosts: &Hosts) -> serde_json::Value {
    status(&hosts.saturn)["counters"].clone()
}

/// What the only session says of itself.
pub(crate) fn status(host: &Host) -> serde_json::Value {
    let mut status = host.command(pppssh());
    status.args(["status", "--json", "--runtime-dir", "/run/pppssh"]);
    let status = finish("pppssh status", status);
    let sessions: serde_json::Value = serde_json::from_str(&status.well().said).expect("JSON");
    sessions[0].clone()
}

pub(crate) fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().expect("a number")
}

fn session_lives(session: &Running, waited: &pppssh_tests::Finished) -> bool {
    if !waited.status.success() {
        println!("{}\n{}", waited.said, session.log());
    }
    waited.status.success()
}

pub(crate) fn terminate(program: &mut Running) -> pppssh_tests::Finished {
    program.signal(Signal::TERM);
    program.end()
}

pub(crate) fn pppssh() -> String {
    std::env::var("PPPSSH_BIN").expect("the program outside names the binary")
}

pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}
