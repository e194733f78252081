use std::time::Duration;

use ppp_proto::link::LinkConfig;
use ppp_proto::{DeflateConfig, LocalAddress, RemoteAddress};

use super::table::{ENTRIES, Kind};
use super::*;
use crate::foreign::Detach;
use crate::session::link_config;

fn nowhere() -> Places {
    Places { system: "/nonexistent".into(), home: None }
}

fn reader(line: &str) -> Result<Reader, OptionError> {
    let mut reader = Reader::new(nowhere());
    let words: Vec<String> = Words::new(line.as_bytes()).collect();
    reader.read(&words).map(|()| reader)
}

fn options(line: &str) -> Options {
    reader(line).unwrap_or_else(|error| panic!("{line}: {error}")).options
}

fn gateway(metric: u32) -> DefaultRoute {
    DefaultRoute { interface: "eth0".into(), gateway: [192, 0, 2, 1].into(), metric }
}

fn error(line: &str) -> String {
    reader(line).expect_err(line).to_string()
}

fn link(options: &Options) -> LinkConfig {
    let mut link = link_config(&options.profile, "ppp", 1);
    options.adjust(&mut link, None, "ppp7");
    link
}

#[test]
fn the_defaults_are_pppds() {
    let options = options("");
    assert_eq!((options.detach, options.profile.maxfail, options.profile.persist), (Detach::Now, 10, false));
    let link = link(&options);
    assert!(link.echo.is_none() && link.ipv6.is_some());
    let ipv4 = link.ipv4.unwrap();
    assert!(ipv4.vj.is_some());
    assert_eq!((ipv4.local, ipv4.remote), (LocalAddress::Ask, RemoteAddress::Any));
    assert_eq!(ipv4.remote_fallback, Some([10, 64, 64, 71].into()), "of ppp7");
    assert_eq!((link.lcp.mru, link.lcp.accm.0), (1500, 0));
    assert_eq!(options.profile.hooks, Path::new("/etc/ppp"));
}

/// Every option of the list of those that people use, and what it changes.
#[test]
fn each_option_that_people_use_with_ssh_does_what_it_says() {
    let is = |line: &str, holds: &dyn Fn(&Options) -> bool| {
        assert!(!holds(&options("")), "`{line}` is tested for what holds without it");
        assert!(holds(&options(line)), "{line}");
    };
    is("pty 'ssh saturn'", &|o| o.pty.as_deref() == Some("ssh saturn"));
    is("notty", &|o| o.notty);
    is("connect-delay 5000", &|o| o.connect_delay == Duration::from_secs(5));
    is("pty cat", &|o| link(o).lcp.start_delay == Duration::from_secs(1));
    is("nodetach", &|o| o.detach == Detach::No);
    is("updetach", &|o| o.detach == Detach::WhenUp);
    is("noauth", &|o| o.auth.wanted == Some(false));
    is("noauth auth", &|o| o.auth.wanted == Some(true));
    is("persist", &|o| o.profile.persist);
    assert!(!options("persist nopersist").profile.persist);
    is("demand", &|o| o.demand && o.profile.persist);
    assert!(!options("demand nopersist").profile.persist);
    let made_up = ([10, 64, 64, 67].into(), [10, 112, 112, 115].into());
    assert_eq!(options("demand unit 3").first_addresses(None), made_up);
    is("demand unit 3", &|o| link(o).ipv4.unwrap().remote == RemoteAddress::Prefer(made_up.1));
    is("maxfail 3", &|o| o.profile.maxfail == 3);
    is("holdoff 7", &|o| o.profile.holdoff.get() == Duration::from_secs(7));
    is("idle 60", &|o| o.limits.idle == Some(Duration::from_secs(60)));
    is("maxconnect 60", &|o| o.limits.connect == Some(Duration::from_secs(60)));
    is("lcp-echo-interval 30", &|o| link(o).echo.is_some_and(|echo| echo.interval.as_secs() == 30));
    is("lcp-echo-interval 30 lcp-echo-failure 4", &|o| link(o).echo.is_some_and(|echo| echo.failure == 4));
    is("lcp-echo-interval 30 lcp-echo-adaptive", &|o| link(o).echo.is_some_and(|echo| echo.adaptive));
    is("lcp-restart 5", &|o| link(o).timers.restart == Duration::from_secs(5));
    is("lcp-max-configure 4", &|o| link(o).timers.max_configure == 4);
    is("lcp-max-terminate 4", &|o| link(o).timers.max_terminate == 4);
    is("lcp-max-failure 4", &|o| link(o).timers.max_failure == 4);
    let ipcp = |o: &Options| link(o).ipcp_timers.unwrap();
    is("ipcp-restart 7", &|o| ipcp(o).restart == Duration::from_secs(7));
    is("ipcp-max-configure 7", &|o| ipcp(o).max_configure == 7);
    is("ipcp-max-terminate 7", &|o| ipcp(o).max_terminate == 7);
    is("ipcp-max-failure 7", &|o| ipcp(o).max_failure == 7);
    let ipv6cp = |o: &Options| link(o).ipv6cp_timers.unwrap();
    is("ipv6cp-restart 7", &|o| ipv6cp(o).restart == Duration::from_secs(7));
    is("ipv6cp-max-configure 7", &|o| ipv6cp(o).max_configure == 7);
    is("ipv6cp-max-terminate 7", &|o| ipv6cp(o).max_terminate == 7);
    is("ipv6cp-max-failure 7", &|o| ipv6cp(o).max_failure == 7);
    is("+ipv6 ipv6cp-accept-local", &|o| link(o).ipv6.is_some_and(|ipv6| ipv6.accept_local));
    is("+ipv6 ipv6cp-accept-remote", &|o| link(o).ipv6.is_some_and(|ipv6| ipv6.accept_remote));
    is("ipparam 'to saturn'", &|o| o.profile.ipparam.as_deref() == Some("to saturn"));
    is("mtu 1400", &|o| link(o).lcp.mtu == Some(1400));
    is("mru 1400", &|o| link(o).lcp.mru == 1400);
    is("asyncmap a0000", &|o| link(o).lcp.accm.0 == 0x000a_0000);
    is("default-asyncmap", &|o| link(o).lcp.accm.0 == u32::MAX);
    is("escape 11,ff", &|o| o.profile.escape.0 == [0x11, 0xff]);
    is("novj", &|o| link(o).ipv4.unwrap().vj.is_none());
    is("novjccomp", &|o| !link(o).ipv4.unwrap().vj.unwrap().slot_id);
    is("vj-max-slots 4", &|o| link(o).ipv4.unwrap().vj.unwrap().slots == 4);
    let deflate = |o: &Options| link(o).ccp.map(|ccp| (ccp.receive, ccp.send));
    let window = |window, draft| Some(DeflateConfig { window, standard: true, draft });
    is("deflate 15", &|o| deflate(o) == Some((window(15, true), window(15, true))));
    is("deflate 9,0xc", &|o| deflate(o) == Some((window(9, true), window(12, true))));
    is("deflate 8,0", &|o| deflate(o) == Some((window(9, true), None)));
    is("deflate 15 nodeflatedraft", &|o| deflate(o) == Some((window(15, false), window(15, false))));
    for off in [
        "deflate 0",
        "deflate 15 nodeflate",
        "deflate 15 -deflate",
        "deflate 15 noccp",
        "bsdcomp 15 predictor1",
    ] {
        assert_eq!(deflate(&options(off)), None, "{off}");
    }
    is("nobsdcomp", &|o| o.ignored == ["nobsdcomp"]);
    is("nopcomp", &|o| !link(o).lcp.pfc);
    is("noaccomp", &|o| !link(o).lcp.acfc);
    is("nomagic", &|o| !link(o).lcp.magic);
    is("noip", &|o| link(o).ipv4.is_none());
    is("noipv6", &|o| link(o).ipv6.is_none());
    assert!(link(&options("noipv6 +ipv6")).ipv6.is_some());
    is("ipv6 ::1,::2", &|o| link(o).ipv6.is_some_and(|ipv6| ipv6.local.is_some() && ipv6.remote.is_some()));
    assert!(link(&options("+ipv6 noipv6")).ipv6.is_none());
    is("noipdefault", &|o| o.no_ip_default);
    let addresses = "10.0.0.1:10.0.0.2";
    let local = "10.0.0.1".parse().unwrap();
    let remote = "10.0.0.2".parse().unwrap();
    is(addresses, &|o| {
        let ipv4 = link(o).ipv4.unwrap();
        (ipv4.local, ipv4.remote) == (LocalAddress::Fixed(local), RemoteAddress::Fixed(remote))
    });
    is(&format!("{addresses} ipcp-accept-local"), &|o| {
        link(o).ipv4.unwrap().local == LocalAddress::Prefer(local)
    });
    is(&format!("{addresses} ipcp-accept-remote"), &|o| {
        link(o).ipv4.unwrap().remote == RemoteAddress::Prefer(remote)
    });
    is("ms-dns 10.0.0.53", &|o| o.profile.dns_offer == ["10.0.0.53".parse::<std::net::Ipv4Addr>().unwrap()]);
    is("usepeerdns", &|o| link(o).ipv4.unwrap().ask_dns);
    is("defaultroute", &|o| o.routes(&[], &[]).0.len() == 1);
    is("defaultroute defaultroute-metric 50", &|o| {
        o.routes(&[gateway(100)], &[]).0[..].first().is_some_and(|r| r.metric == Some(50))
    });
    is("defaultroute replacedefaultroute", &|o| {
        o.routes(&[gateway(0)], &[]).1.first().is_some_and(|w| w.contains("is kept"))
    });
    is("proxyarp", &|o| o.profile.proxy_arp);
    assert!(!options("proxyarp noproxyarp").profile.proxy_arp);
    is("up_sdnotify", &|o| o.notify && o.detach == Detach::No);
    is("updetach up_sdnotify", &|o| o.detach == Detach::No);
    is("linkname office", &|o| o.linkname.as_deref() == Some("office"));
    is("unit 7", &|o| o.profile.tun == "ppp7");
    is("ifname vpn0", &|o| o.profile.tun == "vpn0");
    is("ifname vpn0 unit 7", &|o| o.profile.tun == "vpn0" && o.unit == Some(7));
    is("115200", &|o| o.speed == "115200");
    is("passive", &|o| link(o).lcp.passive);
    is("silent", &|o| link(o).lcp.silent);
    is("local", &|o| o.ignored == ["local"]);
    is("logfile /tmp/x", &|o| o.log == LogTo::File("/tmp/x".into()));
    is("logfd 2", &|o| o.log == LogTo::Fd(2));
    is("debug debug", &|o| o.debug == 2);
    is("dump", &|o| o.dump);
    is("dryrun", &|o| o.dryrun);
    is("user me", &|o| o.auth.user.as_deref() == Some("me"));
    is("name me", &|o| o.auth.name.as_deref() == Some("me"));
    is("remotename you", &|o| o.auth.remote_name.as_deref() == Some("you"));
    is("password secret", &|o| o.auth.password == Some("secret".into()));
    assert!(!format!("{:?}", options("password geheim")).contains("geheim"));
    for required in ["require-pap", "require-chap", "require-mschap-v2"] {
        is(required, &|o| o.auth.wanted == Some(true) && o.auth.require.len() == 1);
    }
    for refused in ["refuse-pap", "refuse-chap", "refuse-mschap-v2"] {
        is(refused, &|o| o.auth.refuse.len() == 1);
    }
    is("refuse-mschap refuse-eap hide-password show-password", &|o| o.ignored.len() == 4);
    is("allow-ip 10.0.0.0/8 allow-ip !10.1.0.0/16", &|o| o.auth.allow_ip.len() == 2);
    is("usehostname", &|o| o.auth.use_host_name);
    is("domain example.net", &|o| o.auth.domain.is_some());
    is("set A=b set C=d unset C", &|o| o.environment == [("A".to_owned(), "b".to_owned())]);
    is("crtscts modem lock 115200 nolock", &|o| o.ignored.len() == 5);
}

#[test]
fn every_option_is_there_once_and_in_the_document() {
    let document = include_str!("../../../../docs/pppd.md");
    for (index, entry) in ENTRIES.iter().enumerate() {
        assert_eq!(ENTRIES.iter().position(|other| other.name == entry.name), Some(index), "{}", entry.name);
        assert!(ENTRIES.iter().any(|other| other.name == entry.of), "{} is of nothing", entry.name);
        if !matches!(entry.kind, Kind::Addresses | Kind::Device | Kind::Speed) {
            assert!(document.contains(&format!("`{}`", entry.name)), "docs/pppd.md has no `{}`", entry.name);
        }
    }
}

#[test]
fn mistakes_are_named_in_pppds_words() {
    assert_eq!(error("foo"), "unrecognized option 'foo'");
    assert_eq!(error("mru"), "too few parameters for option mru");
    assert_eq!(error("mru many"), "invalid numeric parameter 'many' for mru option");
    assert_eq!(error("mru 100"), "mru value must be between 128 and 16384");
    assert_eq!(error("unit -1"), "unit value must be >= 0");
    for windows in ["deflate 16", "deflate 5,9", "deflate 15,7"] {
        assert_eq!(error(windows), "deflate option values must be 0 or 8 .. 15");
    }
    for word in ["x", "0x", "15,", ",15", "15x", "15,15,15", "''"] {
        assert_eq!(
            error(&format!("deflate {word}")),
            format!("invalid parameter '{}' for deflate option", word.trim_matches('\''))
        );
    }
    assert_eq!(error("vj-max-slots 17"), "vj-max-slots value must be between 2 and 16");
    assert_eq!(error("call ../x"), "call option value may not contain .. or start with /");
    assert_eq!(error("call /x"), "call option value may not contain .. or start with /");
    assert_eq!(error("127.0.0.1:"), "bad local IP address 127.0.0.1");
    assert_eq!(error("escape 5e"), "can't escape character 0x5e");
    assert_eq!(error("escape zz"), "escape parameter contains invalid hex number 'zz'");
    assert_eq!(error("ipv6 ::1,fe80::2"), "Illegal interface identifier (remote): fe80::2");
    assert_eq!(error("set A"), "missing = in name=value: A");
    assert_eq!(error("ms-dns ''"), "invalid address parameter '' for ms-dns option");
    assert_eq!(
        error("file /nonexistent/x"),
        "Can't open options file /nonexistent/x: No such file or directory"
    );
    assert!(error("require-mschap").contains("require-mschap-v2"));
    assert!(error("papcrypt").contains("crypt()"));
    assert_eq!(error("allow-ip 10.0.0.0/40"), "invalid address length 40 in auth. address list");
    assert!(error("multilink").starts_with("the multilink option cannot be obeyed here: "));
    assert!(error("/dev/ttyS0").contains("no serial lines"));
    assert!(error("linkname a/b").contains("cannot be part of a file's name"));
    assert!(error("ifname ../x").contains("cannot be the name of an interface"));
    let check = |line: &str| options(line).check().unwrap_err();
    assert_eq!(check("pty x notty"), "pty option is incompatible with notty option");
    assert!(check("").contains("no device specified"));
    assert!(check("notty ipv6 ::1 ipv6 ,::1").contains("interface identifier are the same"));
    assert_eq!(check("notty demand"), "demand-dialling is incompatible with notty");
    assert!(check("pty x demand").contains("LL address required"));
    assert!(check("pty x demand noip ipv6 ::1,::2").contains("noip"));
    assert!(check("notty noip noipv6").contains("nothing would pass"));
    assert_eq!(error("nodefaultroute defaultroute"), "defaultroute option is disabled");
    assert_eq!(error("nodefaultroute6 defaultroute6"), "defaultroute6 option is disabled");
    assert_eq!(error("-proxyarp proxyarp"), "proxyarp option is disabled");
}

#[test]
fn numbers_are_cs() {
    assert_eq!(options("idle 0x10").limits.idle, Some(Duration::from_secs(16)));
    assert_eq!(options("idle 010").limits.idle, Some(Duration::from_secs(8)));
    assert_eq!(options("idle 10s").limits.idle, Some(Duration::from_secs(10)));
    assert_eq!(options("asyncmap 0xffffffff").profile.asyncmap.0, u32::MAX);
    assert_eq!(options("idle 99999999999999999999").limits.idle, None);
}

#[test]
fn files_come_first_and_the_command_line_counts() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("etc/options", "auth\nmru 1000\nmtu 1000\nidle 10 # seconds\n");
    write("home/.ppprc", "mtu 1100\nidle 20\n");
    write("etc/peers/isp/main", "noauth\npty \"ssh saturn\"\nfile extra-does-not-matter\n");
    let places = Places { system: dir.path().join("etc"), home: Some(dir.path().join("home")) };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();

    let mut reader = Reader::new(places.clone());
    reader.read(&words("idle 30")).unwrap();
    let read = &reader.options;
    assert_eq!((read.profile.mru.get(), read.profile.mtu.get()), (1000, 1100));
    assert_eq!((read.limits.idle, read.auth.wanted), (Some(Duration::from_secs(30)), Some(true)));

    let mut reader = Reader::new(places.clone());
    let error = reader.read(&words("call isp/main")).unwrap_err().to_string();
    assert!(error.starts_with("Can't open options file extra-does-not-matter: "), "{error}");
    write("etc/peers/isp/main", "noauth\npty \"ssh saturn\"\nnonsense 1\n");
    let error = Reader::new(places.clone()).read(&words("call isp/main")).unwrap_err();
    let file = dir.path().join("etc/peers/isp/main");
    assert_eq!(error.to_string(), format!("In file {}: unrecognized option 'nonsense'", file.display()));
    assert!(matches!(error, OptionError::Bad(_)));
    write("etc/peers/isp/main", "noauth\npty \"ssh saturn\"\n");
    let mut reader = Reader::new(places);
    reader.read(&words("call isp/main idle 5")).unwrap();
    assert_eq!(reader.options.call.as_deref(), Some("isp/main"));
    assert_eq!(
        (reader.options.auth.wanted, reader.options.pty.as_deref()),
        (Some(false), Some("ssh saturn"))
    );
}

#[test]
fn files_that_name_each_other_come_to_an_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("file {}", file.path().display())).unwrap();
    assert!(error(&format!("file {}", file.path().display())).contains("name each other"));
}

#[test]
fn a_dump_is_as_pppd_prints_it() {
    let mut reader = Reader::new(nowhere());
    reader.text(b"asyncmap 0\nauth\nlcp-echo-interval 30\npassword secret\n", "/etc/ppp/options").unwrap();
    let line = r#"nodetach noauth -d debug 10.0.0.1:10.0.0.2 pty "say \"hi\"" mru 0x400 asyncmap a0000 escape ff,1
        ms-dns 10.0.0.53 ms-dns 10.0.0.54 set A=b set C=d set A=e unset C lock ipv6 ::1 proxyarp noproxyarp"#;
    let words: Vec<String> = Words::new(line.as_bytes()).collect();
    reader.command_line(&words).unwrap();
    let expected = "\
pppd options in effect:
debug debug\t\t# (from command line)
nodetach\t\t# (from command line)
set A=e\t\t# (from command line)
unset C\t\t# (from command line)
noauth\t\t# (from command line)
password ??????\t\t# (from /etc/ppp/options)
pty say \\\"hi\\\"\t\t# (from command line)
escape 1,ff\t\t# (from command line)
asyncmap a0000\t\t# (from command line)
mru 1024\t\t# (from command line)
lcp-echo-interval 30\t\t# (from /etc/ppp/options)
ms-dns 10.0.0.53\t\t# (from command line)
ms-dns 10.0.0.54\t\t# (from command line)
noproxyarp\t\t# (from command line)
10.0.0.1:10.0.0.2\t\t# (from command line)
ipv6 fe80::0000:0000:0000:0001,\t\t# (from command line)
";
    assert_eq!(reader.dump(), expected);
}

#[test]
fn a_default_route_that_is_there_stays() {
    let routes = |line: &str, there: &[DefaultRoute]| options(line).routes(there, &[]);
    let there = [gateway(100)];
    let words = "not replacing default route to eth0 [192.0.2.1]";
    assert_eq!(routes("defaultroute", &there), (vec![], vec![words.to_owned()]));
    assert_eq!(routes("defaultroute defaultroute-metric 100", &there).1, [words]);
    assert_eq!(routes("defaultroute defaultroute-metric 0", &there).0[0].metric, Some(0));
    assert_eq!(routes("defaultroute defaultroute6 +ipv6", &[]).0.len(), 2);
    assert_eq!(routes("defaultroute nodefaultroute replacedefaultroute", &[]).0, []);
}

#[test]
fn the_name_of_the_program_decides() {
    let words = |line: &str| words(line.split(' ').map(OsString::from));
    assert_eq!(words("/usr/sbin/pppd notty noauth").unwrap(), ["notty", "noauth"]);
    assert_eq!(words("pppssh pppd notty").unwrap(), ["notty"]);
    assert!(words("pppssh connect pppd").is_none());
    assert!(words("pppssh").is_none());
}

#[test]
fn whatever_stands_in_a_file_is_taken_or_named() {
    for text in [
        &b"\xff\xfe \0 \\"[..],
        b"\"",
        b"mru \\x",
        b": ::1,::2 ipv6 ,",
        b"file \0",
        b"call \0",
        b"9999999999999",
    ] {
        let mut reader = Reader::new(nowhere());
        let _ = reader.text(text, "x");
        let _ = reader.dump();
    }
}
