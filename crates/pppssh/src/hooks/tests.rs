use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Ends, HookConfig, HookFacts, Hooks, PRE_UP_PATIENCE, SHUTDOWN_PATIENCE, Usage};

/// A directory of scripts and what they write.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A shell script; `$here` in it is this place.
    fn script(&self, name: &str, body: &str) {
        let text = format!("#!/bin/sh\nhere={}\n{body}\n", self.0.path().display());
        // Written by a process of its own: what this one has open for writing, a child that another test starts at this
        // moment has open too for a while, and a file open for writing cannot be executed.
        let mut shell = Command::new("/bin/sh")
            .args(["-c", r#"cat > "$0" && chmod 755 "$0""#])
            .arg(self.path(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
    }

    fn fifo(&self, name: &str) {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, self.path(name), mode).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn hooks(&self) -> Hooks {
        Hooks::new(HookConfig::in_dir(self.0.path(), false))
    }
}

fn facts() -> HookFacts {
    HookFacts {
        session: "saturn".into(),
        interface: "ppp0".into(),
        ipparam: "two words".into(),
        linkname: None,
        peer: None,
        orig_uid: 1000,
        logname: "vpn".into(),
        usepeerdns: true,
    }
}

fn v4(last: u8) -> Ends {
    Ends::V4 {
        local: Ipv4Addr::new(192, 168, 1, last),
        remote: Ipv4Addr::new(192, 168, 2, 1),
        dns: vec![[10, 0, 0, 53].into(), [10, 0, 0, 54].into()],
    }
}

fn v6() -> Ends {
    Ends::V6 { local: "fe80::1".parse().unwrap(), remote: "fe80::2".parse().unwrap() }
}

#[tokio::test]
async fn ip_up_and_ip_down_get_pppds_arguments_and_environment_and_nothing_else() {
    let place = Place::new();
    let tell =
        r#"for word in "$@"; do echo "<$word>"; done > $here/${0##*/}.args; env | sort > $here/${0##*/}.env"#;
    place.script("ip-up", tell);
    place.script("ip-down", tell);
    let mut hooks = place.hooks();
    hooks.up(&facts(), v4(1));
    let usage = Usage { connect_time: Duration::from_secs(61), bytes_sent: 5, bytes_received: 7 };
    hooks.shutdown(usage, SHUTDOWN_PATIENCE).await;

    let arguments = "<ppp0>\n<none>\n<0>\n<192.168.1.1>\n<192.168.2.1>\n<two words>\n";
    assert_eq!(place.read("ip-up.args"), arguments);
    assert_eq!(place.read("ip-down.args"), arguments);
    let ours = |text: String| -> Vec<String> {
        // The shell itself adds PWD, and some shells SHLVL and _.
        let shells = ["PWD=", "SHLVL=", "_="];
        text.lines().filter(|l| !shells.iter().any(|s| l.starts_with(s))).map(str::to_owned).collect()
    };
    let mut expected = vec![
        "DEVICE=none".to_owned(),
        "DNS1=10.0.0.53".into(),
        "DNS2=10.0.0.54".into(),
        "IFNAME=ppp0".into(),
        "IPLOCAL=192.168.1.1".into(),
        "IPREMOTE=192.168.2.1".into(),
        "ORIG_UID=1000".into(),
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin".into(),
        format!("PPPD_PID={}", std::process::id()),
        "PPPLOGNAME=vpn".into(),
        "PPPSSH_NAME=saturn".into(),
        "SPEED=0".into(),
        "UNIT=0".into(),
        "USEPEERDNS=1".into(),
    ];
    let mut up = ours(place.read("ip-up.env"));
    up.sort();
    assert_eq!(up, expected);
    expected.extend(["BYTES_RCVD=7".into(), "BYTES_SENT=5".into(), "CONNECT_TIME=61".into()]);
    expected.sort();
    let mut down = ours(place.read("ip-down.env"));
    down.sort();
    assert_eq!(down, expected);
}

#[tokio::test]
async fn ip_pre_up_has_ended_before_anything_goes_on_and_finds_the_name_servers_in_their_file() {
    let place = Place::new();
    place.script("ip-pre-up", r#"cat $here/resolv.conf > $here/seen; echo "$@ $DNS1" >> $here/seen"#);
    let resolv_conf = Some(place.path("resolv.conf"));
    let hooks = Hooks::new(HookConfig { resolv_conf, ..HookConfig::in_dir(place.0.path(), false) });
    hooks.pre_up(&facts(), &v4(1), PRE_UP_PATIENCE).await;
    let seen = "nameserver 10.0.0.53\nnameserver 10.0.0.54\nppp0 none 0 192.168.1.1 192.168.2.1 two words 10.0.0.53\n";
    assert_eq!(place.read("seen"), seen);

    let none = Ends::V4 { local: [10, 0, 0, 1].into(), remote: [10, 0, 0, 2].into(), dns: vec![] };
    place.script("ip-pre-up", r#"echo "${USEPEERDNS-unset}" > $here/seen"#);
    hooks.pre_up(&facts(), &none, PRE_UP_PATIENCE).await;
    assert_eq!(place.read("seen"), "unset\n", "there is nothing to use");
    assert_eq!(place.read("resolv.conf").lines().count(), 2, "nor to write");
}

#[tokio::test]
async fn an_ip_pre_up_that_does_not_end_does_not_keep_the_link_down_for_ever() {
    let place = Place::new();
    place.script("ip-pre-up", "sleep 1000; echo never > $here/end");
    place.hooks().pre_up(&facts(), &v4(1), Duration::ZERO).await;
    assert_eq!(place.read("end"), "");
}

#[tokio::test]
async fn auth_up_and_auth_down_get_pppds_arguments_and_the_peers_name() {
    let place = Place::new();
    let tell = r#"echo "$* as $PEERNAME" > $here/${0##*/}.args"#;
    place.script("auth-up", tell);
    place.script("auth-down", tell);
    let mut hooks = place.hooks();
    let facts = HookFacts { peer: Some("saturn".into()), ..facts() };
    hooks.up(&facts, Ends::Peer);
    hooks.peer_gone(Usage::default());
    hooks.peer_gone(Usage::default());
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    let arguments = "ppp0 saturn vpn none 0 as saturn\n";
    assert_eq!(
        (place.read("auth-up.args"), place.read("auth-down.args")),
        (arguments.into(), arguments.into())
    );
}

#[tokio::test]
async fn ipv6_hooks_get_the_link_local_addresses() {
    let place = Place::new();
    place.script("ipv6-up", r#"echo "$@" > $here/args"#);
    let mut hooks = place.hooks();
    hooks.up(&facts(), v6());
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    assert_eq!(
        place.read("args"),
        "ppp0 none 0 fe80::0000:0000:0000:0001 fe80::0000:0000:0000:0002 two words\n"
    );
}

#[tokio::test]
async fn each_familys_scripts_are_told_what_the_other_set_and_a_line_may_have_no_device() {
    let place = Place::new();
    for script in ["ip-up", "ipv6-down"] {
        place.script(script, r#"echo "<$2> <$3> $LLLOCAL $IPLOCAL ${DEVICE-unset}" > $here/${0##*/}.seen"#);
    }
    let config =
        HookConfig { tty: String::new(), speed: "38400".into(), ..HookConfig::in_dir(place.0.path(), false) };
    let mut hooks = Hooks::new(config);
    hooks.up(&facts(), v6());
    hooks.up(&facts(), v4(1));
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    let seen = "<> <38400> fe80::0000:0000:0000:0001 192.168.1.1 unset\n";
    assert_eq!((place.read("ip-up.seen").as_str(), place.read("ipv6-down.seen").as_str()), (seen, seen));
}

#[tokio::test]
async fn ip_down_waits_for_ip_up_while_ipv6_does_not() {
    let place = Place::new();
    place.fifo("gate");
    place.fifo("v6-ran");
    place.script("ip-up", "read go < $here/gate; echo up >> $here/log");
    place.script("ip-down", "echo down >> $here/log");
    place.script("ipv6-up", "echo v6 > $here/v6-ran");
    let mut hooks = place.hooks();
    hooks.up(&facts(), v4(1));
    hooks.ipv4_down(Usage::default());
    hooks.up(&facts(), v6());
    let v6_ran = place.path("v6-ran");
    let seen = tokio::task::spawn_blocking(move || fs::read_to_string(v6_ran).unwrap()).await.unwrap();
    assert_eq!(seen, "v6\n");
    assert_eq!(place.read("log"), "", "ip-up still runs and ip-down waits");
    let gate = place.path("gate");
    tokio::task::spawn_blocking(move || fs::write(gate, "go\n").unwrap()).await.unwrap();
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    assert_eq!(place.read("log"), "up\ndown\n");
}

#[tokio::test]
async fn the_same_ends_again_run_nothing_and_other_ends_run_down_and_up() {
    let place = Place::new();
    place.script("ip-up", "echo up $4 >> $here/log");
    place.script("ip-down", "echo down $4 >> $here/log");
    let mut hooks = place.hooks();
    hooks.up(&facts(), v4(1));
    hooks.up(&facts(), v4(1));
    hooks.up(&facts(), v4(9));
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    assert_eq!(place.read("log"), "up 192.168.1.1\ndown 192.168.1.1\nup 192.168.1.9\ndown 192.168.1.9\n");
}

#[tokio::test]
async fn without_an_up_there_is_no_down() {
    let place = Place::new();
    place.script("ip-down", "echo down >> $here/log");
    let mut hooks = place.hooks();
    hooks.ipv4_down(Usage::default());
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    assert_eq!(place.read("log"), "");
}

#[tokio::test]
async fn a_hook_that_does_not_end_is_killed_with_all_it_started() {
    let place = Place::new();
    place.fifo("started");
    place.script("ip-up", "sleep 1000 & echo $! > $here/started; wait");
    let mut hooks = place.hooks();
    hooks.up(&facts(), v4(1));
    let started = place.path("started");
    let pid = tokio::task::spawn_blocking(move || fs::read_to_string(started).unwrap()).await.unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let sleeper = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    hooks.shutdown(Usage::default(), Duration::ZERO).await;
    let mut end = [rustix::event::PollFd::new(&sleeper, rustix::event::PollFlags::IN)];
    let a_minute = rustix::event::Timespec { tv_sec: 60, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut end, Some(&a_minute)), Ok(1), "what the script started still runs");
}

#[tokio::test]
async fn an_elevated_session_runs_only_what_root_alone_can_change() {
    let place = Place::new();
    place.script("ip-up", "echo ran > $here/log");
    let mut hooks = Hooks::new(HookConfig::in_dir(place.0.path(), true));
    hooks.up(&facts(), v4(1));
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    assert_eq!(place.read("log"), "");
}

#[test]
fn what_a_hook_prints_goes_to_the_log_with_its_name() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let place = Place::new();
    place.script("ip-up", r"echo hello; printf 'bad\033[2J\n' >&2; exit 3");
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut hooks = place.hooks();
            hooks.up(&facts(), v4(1));
            hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
        });
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line_with = |words: &str| text.lines().any(|line| line.contains(words) && line.contains("ip-up"));
    assert!(line_with("hello"), "{text}");
    assert!(line_with(r"bad\u{1b}[2J"), "{text}");
    assert!(line_with("exit status: 3"), "{text}");
}

#[test]
fn pppds_four_names_are_looked_for_in_one_directory() {
    let config = HookConfig::in_dir(Path::new("/etc/pppssh/hooks"), true);
    assert_eq!(config.ip_up, Path::new("/etc/pppssh/hooks/ip-up"));
    assert_eq!(config.ipv6_down, Path::new("/etc/pppssh/hooks/ipv6-down"));
}

#[tokio::test]
async fn programs_in_place_of_a_script_run_in_order_and_only_those_in_front_are_waited_for() {
    let place = Place::new();
    place.fifo("gate");
    place.script("ip-up", "echo never > $here/script");
    let here = place.0.path().display().to_string();
    let shell = move |line: String, background| super::HookCommand {
        argv: vec!["sh".into(), "-c".into(), line],
        background,
    };
    let in_place: super::InPlace = Arc::new(move |script, facts, _, _| {
        let name = script.name();
        let wait = format!("cat {here}/gate >> {here}/told; echo {name} behind >> {here}/told");
        let first = format!("echo {name} {} >> {here}/told", facts.interface);
        let open = format!("echo open > {here}/gate");
        // The first of the two that meet at the gate is in the background; were it waited for, nothing would go on.
        match script {
            super::Script::IpUp => vec![shell(wait, true), shell(first, false)],
            _ => vec![shell(first, false), shell(open, false)],
        }
    });
    let mut hooks =
        Hooks::new(HookConfig { in_place: Some(in_place), ..HookConfig::in_dir(place.0.path(), false) });
    let local = Ipv4Addr::new(192, 168, 1, 1);
    hooks.up(&facts(), Ends::V4 { local, remote: Ipv4Addr::new(192, 168, 2, 1), dns: vec![] });
    hooks.shutdown(Usage::default(), SHUTDOWN_PATIENCE).await;
    let told = place.read("told");
    assert!(told.starts_with("ip-up ppp0\nip-down ppp0\n"), "{told}");
    assert_eq!(place.read("script"), "", "the script itself is not run");
}
