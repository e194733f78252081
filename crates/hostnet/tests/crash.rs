//! Sessions that die, and several at once: what cleanup does and what it leaves alone.
#![cfg(target_os = "linux")]

mod common;

use std::{
    fs,
    io::Read,
    net::IpAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use common::{
    CHILD, Session, assert_same, get, in_namespace, ip, journals, make_ppp0, make_uplink, run, set, snapshot,
};
use hostnet::{
    CleanupOptions, CleanupReport, Error, Family, Forwarding, HostNet, Outcome, Route, Verdict, cleanup,
};

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn clean(dir: &Path) -> CleanupReport {
    cleanup(dir, CleanupOptions::default()).await.unwrap()
}

/// Everything a session does to a host, over devices that outlive it.
async fn whole_session(host: &mut HostNet) -> Result<(), Error> {
    let ppp0 = host.index_of("ppp0").await?;
    host.disable_auto_link_local(ppp0).await?;
    host.link_up(ppp0, Some(1400)).await?;
    host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await?;
    host.add_address_p2p(ppp0, addr("fe80::1"), addr("fe80::2")).await?;
    host.protect_carrier(addr("10.9.9.2")).await?;
    host.add_route(Route::new("10.0.0.0/8".parse().unwrap(), ppp0)).await?;
    host.add_route(Route::new("2001:db8:8::/48".parse().unwrap(), ppp0)).await?;
    host.add_proxy_arp([192, 0, 2, 77].into()).await?;
    host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await?;
    host.enable_forwarding(Family::Ipv6, Forwarding::Everywhere).await
}

/// Not a test of its own: the session that the tests here start as a process, which does as `CHILD` says, tells
/// that it is ready, and undoes its changes when its standard input ends.
#[test]
fn child() {
    let Ok(role) = std::env::var(CHILD) else { return };
    let dir = PathBuf::from(std::env::var_os("HOSTNET_TEST_DIR").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut host = HostNet::open(&dir, &role).await.unwrap();
        match role.as_str() {
            "whole" => whole_session(&mut host).await.unwrap(),
            "forward" => host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap(),
            "ready-made" => {
                let error = whole_session(&mut host).await.unwrap_err();
                assert!(matches!(error, Error::NotPermitted { .. }), "{error:?}");
                println!("{error}");
                assert!(host.undo().await.changes.is_empty());
            }
            // Over and over, until it is killed in the middle.
            "churn" => {
                println!("\nREADY");
                loop {
                    whole_session(&mut host).await.unwrap();
                    assert!(host.undo().await.is_clean());
                }
            }
            other => panic!("no such role: {other}"),
        }
        println!("\nREADY");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        let report = host.undo().await;
        assert!(report.is_clean(), "{report:#?}");
    });
}

#[test]
fn after_kill_9_cleanup_leaves_the_host_exactly_as_it_was() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        let session = Session::start("whole", dir.path());
        let during = snapshot();
        assert_ne!(before, during);

        let report = clean(dir.path()).await;
        assert_eq!(report.journals.len(), 1, "{report}");
        assert_eq!(report.journals[0].verdict, Verdict::Live, "{report}");
        assert_same(&during, &snapshot());

        let pid = session.pid();
        session.kill();
        let dry = cleanup(dir.path(), CleanupOptions { dry_run: true, ..Default::default() }).await.unwrap();
        assert_eq!(dry.journals[0].pid, Some(pid));
        assert!(dry.journals[0].changes.len() >= 9, "{dry}");
        assert!(dry.journals[0].changes.iter().all(|c| c.outcome == Outcome::WouldUndo), "{dry}");
        assert_same(&during, &snapshot());

        let report = clean(dir.path()).await;
        assert_eq!(report.journals[0].verdict, Verdict::Finished, "{report}");
        assert!(report.journals[0].changes.iter().all(|c| c.outcome == Outcome::Undone), "{report}");
        assert!(report.is_clean());
        assert_same(&before, &snapshot());
        assert!(journals(dir.path()).is_empty());
        // And again.
        assert_eq!(clean(dir.path()).await.to_string(), "nothing to clean up");
        assert_same(&before, &snapshot());
    });
}

#[test]
fn killed_in_the_middle_of_any_change_or_undo_it_is_cleaned_up() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        let lines = || {
            let text = fs::read_to_string(dir.path().join(journals(dir.path()).first()?)).ok()?;
            Some(text.lines().count())
        };
        // A line for itself, two for each change, and one more for its undo.
        let session = Session::start("whole", dir.path());
        let full = lines().unwrap();
        session.end();
        for wanted in 1..full + (full - 1) / 2 {
            let session = Session::start("churn", dir.path());
            let deadline = Instant::now() + Duration::from_secs(60);
            while lines().is_none_or(|lines| lines < wanted) {
                assert!(Instant::now() < deadline, "no journal of {wanted} lines came by");
            }
            session.kill();
            let report = clean(dir.path()).await;
            // None at all if it was killed right after it had removed its journal.
            assert!(report.journals.iter().all(|journal| journal.verdict == Verdict::Finished), "{report}");
            assert_same(&before, &snapshot());
        }
    });
}

#[test]
fn a_journal_cut_at_any_line_still_cleans_up_what_was_made_by_then() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        Session::start("whole", dir.path()).kill();
        let name = journals(dir.path()).remove(0);
        let text = fs::read_to_string(dir.path().join(&name)).unwrap();
        // Marks of "done" are a convenience: the intents alone are enough, and a torn last line is no harm.
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"mark\"")).collect();
        lines.push("{\"seq\":99,\"chan");
        fs::write(dir.path().join(&name), lines.join("\n")).unwrap();
        let report = clean(dir.path()).await;
        assert_eq!(report.journals[0].verdict, Verdict::Finished, "{report}");
        assert_same(&before, &snapshot());
    });
}

#[test]
fn a_recycled_process_number_does_not_keep_a_journal_alive() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        let session = Session::start("whole", dir.path());
        let dead = session.pid();
        session.kill();
        let path = dir.path().join(journals(dir.path()).remove(0));
        let text = fs::read_to_string(&path).unwrap();
        let me = std::process::id();

        // This very process, by number and start time: alive.
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let started = stat.rsplit(") ").next().unwrap().split_whitespace().nth(19).unwrap().to_owned();
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let alive = text.replacen(&format!("\"pid\":{dead}"), &format!("\"pid\":{me}"), 1).replacen(
            &format!("\"started\":{}", header["started"]),
            &format!("\"started\":{started}"),
            1,
        );
        fs::write(&path, &alive).unwrap();
        assert_eq!(clean(dir.path()).await.journals[0].verdict, Verdict::Live);

        // A lock that is held says so too, where the number means nothing (another PID namespace, a fork since).
        let holder = fs::File::open(&path).unwrap();
        holder.lock().unwrap();
        fs::write(&path, text.replacen(&format!("\"pid\":{dead}"), "\"pid\":4194305", 1)).unwrap();
        assert_eq!(clean(dir.path()).await.journals[0].verdict, Verdict::Live);
        drop(holder);

        // The same number, started at another time: dead.
        let recycled = text.replacen(&format!("\"pid\":{dead}"), &format!("\"pid\":{me}"), 1);
        fs::write(&path, recycled).unwrap();
        let report = clean(dir.path()).await;
        assert_eq!(report.journals[0].verdict, Verdict::Finished, "{report}");
        assert_same(&before, &snapshot());
    });
}

#[test]
fn a_journal_of_another_namespace_or_an_earlier_boot_changes_nothing_here() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().to_owned();
    in_namespace(async || {
        make_ppp0();
        make_uplink();
        Session::start("whole", &other).kill();
    });
    let path = dir.path().join(journals(dir.path()).remove(0));
    let text = fs::read_to_string(&path).unwrap();
    in_namespace(async || {
        make_ppp0();
        make_uplink();
        set("net/ipv4/ip_forward", "1");
        let before = snapshot();
        // The kernel may give the same number to the new namespace's file.
        let namespace = regex_free_replace(&text, "\"ino\":", "1");
        fs::write(&path, namespace).unwrap();
        let report = clean(dir.path()).await;
        assert!(matches!(report.journals[0].verdict, Verdict::OtherNamespace { .. }), "{report}");
        assert!(report.to_string().contains("net:[1]"), "{report}");
        assert!(!report.is_clean());
        assert_same(&before, &snapshot());

        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let earlier = text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
        fs::write(&path, earlier).unwrap();
        let report = clean(dir.path()).await;
        assert_eq!(report.journals[0].verdict, Verdict::EarlierBoot, "{report}");
        assert!(report.journals[0].changes.is_empty());
        assert_same(&before, &snapshot());
        assert!(journals(dir.path()).is_empty());
    });
}

/// Replaces the number behind `key`.
fn regex_free_replace(text: &str, key: &str, number: &str) -> String {
    let at = text.find(key).unwrap() + key.len();
    let end = at + text[at..].find(|c: char| !c.is_ascii_digit()).unwrap();
    format!("{}{number}{}", &text[..at], &text[end..])
}

#[test]
fn damaged_journals_are_reported_and_kept_and_do_what_they_can() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        Session::start("whole", dir.path()).kill();
        let path = dir.path().join(journals(dir.path()).remove(0));
        let text = fs::read_to_string(&path).unwrap();
        let (header, rest) = text.split_once('\n').unwrap();
        let later = "{\"seq\":77,\"change\":{\"kind\":\"resolver\",\"file\":\"/etc/resolv.conf\"}}";
        fs::write(&path, format!("{header}\n{rest}\u{0}\u{1}garbage\n{later}\n{{\"seq\":78,\"chan")).unwrap();
        for (name, content) in [
            ("empty.journal", &b""[..]),
            ("noise.journal", &[0xff; 4096][..]),
            ("later.journal", b"{\"pppssh-journal\":2}\n"),
            ("short.journal", b"{\"pppssh-journal\":1}\n"),
        ] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.journal")).unwrap();
        fs::create_dir(dir.path().join("directory.journal")).unwrap();
        fs::write(dir.path().join("unrelated.txt"), "").unwrap();

        let report = clean(dir.path()).await;
        assert_eq!(report.journals.len(), 7, "{report}");
        for journal in &report.journals {
            let name = journal.path.file_name().unwrap().to_str().unwrap();
            if name.starts_with("whole") {
                assert_eq!(journal.verdict, Verdict::Incomplete, "{report}");
                assert!(journal.problems.iter().any(|p| p.contains("resolver")), "{report}");
                assert!(journal.problems.iter().any(|p| p.starts_with("line ")), "{report}");
                assert!(journal.changes.iter().all(|c| c.outcome == Outcome::Undone), "{report}");
            } else {
                assert!(matches!(journal.verdict, Verdict::Unreadable { .. }), "{report}");
            }
        }
        assert_same(&before, &snapshot());
        assert_eq!(journals(dir.path()).len(), 8);
        // What was undone is so marked: a second run has nothing left to undo.
        let report = clean(dir.path()).await;
        assert!(report.journals.iter().all(|journal| journal.changes.is_empty()), "{report}");
        // And the torn line did not run into the first of those marks.
        assert!(report.journals.iter().all(|journal| journal.problems.len() <= 2), "{report}");
    });
}

#[test]
fn two_sessions_share_forwarding_and_the_last_one_switches_it_off() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        let before = snapshot();
        let first = Session::start("forward", dir.path());
        let second = Session::start("forward", dir.path());
        first.end();
        assert_eq!(get("net/ipv4/ip_forward"), "1");
        second.end();
        assert_same(&before, &snapshot());

        // The same with a first one that is killed.
        let first = Session::start("forward", dir.path());
        let second = Session::start("forward", dir.path());
        first.kill();
        let report = clean(dir.path()).await;
        let handed = report.journals.iter().flat_map(|j| &j.changes).next().unwrap();
        assert_eq!(handed.outcome, Outcome::HandedOver { to: "forward".into() }, "{report}");
        assert_eq!(get("net/ipv4/ip_forward"), "1");
        second.end();
        assert_same(&before, &snapshot());

        // And with one that comes when the first is dead already.
        Session::start("forward", dir.path()).kill();
        let second = Session::start("forward", dir.path());
        second.end();
        assert_same(&before, &snapshot());
        let report = clean(dir.path()).await;
        assert_eq!(report.journals[0].changes[0].outcome, Outcome::AlreadyGone, "{report}");

        // Forwarding that was on before stays on.
        set("net/ipv4/ip_forward", "1");
        Session::start("forward", dir.path()).end();
        assert_eq!(get("net/ipv4/ip_forward"), "1");
    });
}

#[test]
fn a_session_takes_over_a_dead_ones_device_and_cleanup_leaves_it_to_that_one() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        Session::start("whole", dir.path()).kill();
        let during = snapshot();
        let heir = Session::start("whole", dir.path());
        assert_same(&during, &snapshot());
        let report = clean(dir.path()).await;
        assert_same(&during, &snapshot());
        assert!(
            report
                .journals
                .iter()
                .flat_map(|j| &j.changes)
                .all(|c| matches!(c.outcome, Outcome::HandedOver { .. })),
            "{report}"
        );
        heir.end();
        assert_same(&before, &snapshot());
        assert!(journals(dir.path()).is_empty());
    });
}

#[test]
fn a_dropped_session_keeps_its_journal_for_cleanup() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        let mut host = HostNet::open(dir.path(), "../saturn").await.unwrap();
        whole_session(&mut host).await.unwrap();
        let path = host.journal_path().unwrap();
        assert_eq!(path.parent(), Some(dir.path()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        // A second one of the same name in the same process has a journal of its own.
        let mut twin = HostNet::open(dir.path(), "../saturn").await.unwrap();
        whole_session(&mut twin).await.unwrap();
        assert_ne!(twin.journal_path().unwrap(), path);
        drop(host);
        assert!(path.exists());
        assert!(twin.undo().await.is_clean());
        // Its process, this one, runs: so it counts as alive.
        assert!(clean(dir.path()).await.journals.iter().all(|j| j.verdict == Verdict::Live));
    });
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut host = HostNet::open(dir.path(), "x").await.unwrap();
        let index = host.index_of("ppp0").await.unwrap();
        let error = host.link_up(index, None).await.unwrap_err();
        assert!(error.to_string().contains("chmod go-w"), "{error}");
        assert!(cleanup(dir.path(), CleanupOptions::default()).await.is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(
            cleanup(&link, CleanupOptions::default())
                .await
                .unwrap_err()
                .to_string()
                .contains("symbolic link")
        );
        assert!(clean(&dir.path().join("none")).await.journals.is_empty());
    });
}

#[test]
fn without_room_for_the_journal_no_change_is_made_and_no_half_line_stays() {
    in_namespace(async || {
        // SAFETY: a new mount namespace concerns this thread alone and takes no descriptor from any other.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.unwrap();
        run("mount", "--make-rprivate /");
        let dir = tempfile::tempdir().unwrap();
        // Two pages: one for the ballast, one for the journal.
        run("mount", &format!("-t tmpfs -o size=8k,mode=700 tmpfs {}", dir.path().display()));
        let ballast = dir.path().join("ballast");
        fs::write(&ballast, [0; 4096]).unwrap();
        make_ppp0();
        let before = snapshot();
        let mut host = HostNet::open(dir.path(), "saturn").await.unwrap();
        let ppp0 = host.index_of("ppp0").await.unwrap();
        let mut mtu = 1300;
        let error = loop {
            let made = snapshot();
            match host.set_mtu(ppp0, mtu).await {
                Ok(()) => mtu += 1,
                Err(error) => {
                    assert_same(&made, &snapshot());
                    break error;
                }
            }
        };
        assert!(matches!(error, Error::Journal { .. }), "{error:?}");
        let text = fs::read_to_string(host.journal_path().unwrap()).unwrap();
        assert!(text.ends_with('\n'), "{text}");
        fs::remove_file(ballast).unwrap();
        host.set_mtu(ppp0, mtu).await.unwrap();
        let text = fs::read_to_string(host.journal_path().unwrap()).unwrap();
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        }
        assert!(host.undo().await.is_clean());
        assert_same(&before, &snapshot());
        drop(host);
        run("umount", &dir.path().display().to_string());
    });
}

/// User and group nobody, who owns nothing.
const NOBODY: u32 = 65534;

/// This binary where nobody may run it, and a directory that is nobody's.
fn for_nobody() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("session");
    // By a process of its own: a file that a child of another test still has open for writing cannot be executed.
    assert!(
        Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap().success()
    );
    let run = dir.path().join("run");
    fs::create_dir(&run).unwrap();
    std::os::unix::fs::chown(&run, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).unwrap();
    (dir, program, run)
}

/// A command that runs `program` as nobody with these further words for setpriv(1).
fn as_nobody(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
    command.args(words).arg("--").arg(program);
    command
}

#[test]
fn cap_net_admin_is_enough_whether_ambient_or_from_the_file() {
    in_namespace(async || {
        let (_dir, program, run_dir) = for_nobody();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        for ambient in [true, false] {
            let words: &[&str] =
                if ambient { &["--inh-caps=+net_admin", "--ambient-caps=+net_admin"] } else { &[] };
            if !ambient {
                run("setcap", &format!("cap_net_admin+ep {}", program.display()));
            }
            let session = Session::spawn(as_nobody(&program, words), "whole", &run_dir);
            assert!(snapshot().contains("inet 192.168.1.1 peer 192.168.2.1/32"));
            assert_eq!(get("net/ipv4/ip_forward"), "1");
            session.end();
            assert_same(&before, &snapshot());
            assert!(journals(&run_dir).is_empty());
        }
    });
}

#[test]
fn root_believes_a_journal_of_another_user_only_where_the_kernel_bears_the_mark() {
    in_namespace(async || {
        let (_dir, program, run_dir) = for_nobody();
        make_ppp0();
        make_uplink();
        let before = snapshot();
        let words = ["--inh-caps=+net_admin", "--ambient-caps=+net_admin"];
        Session::spawn(as_nobody(&program, &words), "whole", &run_dir).kill();
        let report = clean(&run_dir).await;
        assert_eq!(report.journals[0].verdict, Verdict::Incomplete, "{report}");
        for change in &report.journals[0].changes {
            let marked = ["address", "route", "proxy"].iter().any(|word| change.change.starts_with(word));
            assert_eq!(change.outcome == Outcome::Undone, marked, "{change}");
        }
        assert_eq!(get("net/ipv4/ip_forward"), "1");
        let options = CleanupOptions { any_owner: true, ..Default::default() };
        let report = cleanup(&run_dir, options).await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_same(&before, &snapshot());
    });
}

#[test]
fn a_forged_journal_cannot_write_other_switches_or_take_what_is_not_marked() {
    in_namespace(async || {
        let dir = tempfile::tempdir().unwrap();
        make_ppp0();
        make_uplink();
        ip("neigh add proxy 192.0.2.9 dev eth0");
        Session::start("forward", dir.path()).kill();
        let path = dir.path().join(journals(dir.path()).remove(0));
        let text = fs::read_to_string(&path).unwrap();
        let header = text.lines().next().unwrap();
        let index = HostNet::open(dir.path(), "x").await.unwrap().index_of("eth0").await.unwrap();
        let device = format!("\"device\":{{\"index\":{index},\"name\":\"eth0\"}}");
        let changes = [
            "{\"kind\":\"sysctl\",\"name\":\"kernel/core_pattern\",\"before\":\"1\",\"after\":\"core\"}"
                .to_owned(),
            "{\"kind\":\"sysctl\",\"name\":\"net/ipv4/../../kernel/panic\",\"before\":\"9\",\"after\":\"0\"}"
                .to_owned(),
            format!("{{\"kind\":\"address\",{device},\"local\":\"192.0.2.2\",\"prefix\":24}}"),
            format!(
                "{{\"kind\":\"route\",{device},\"dst\":\"0.0.0.0/0\",\"via\":\"192.0.2.1\",\"metric\":0,\"table\":254}}"
            ),
            format!("{{\"kind\":\"proxy-arp\",{device},\"address\":\"192.0.2.9\"}}"),
        ];
        let lines: Vec<String> =
            changes.iter().enumerate().map(|(n, c)| format!("{{\"seq\":{n},\"change\":{c}}}\n")).collect();
        let lines = lines.concat();
        fs::write(&path, format!("{header}\n{lines}")).unwrap();
        let before = snapshot();
        let panic = get("kernel/panic");
        let report = clean(dir.path()).await;
        assert!(report.journals[0].changes.iter().all(|c| c.outcome != Outcome::Undone), "{report}");
        assert_same(&before, &snapshot());
        assert_eq!(get("kernel/panic"), panic);
        set("net/ipv4/ip_forward", "0");
    });
}

#[test]
fn without_the_capability_a_ready_made_device_works_and_the_rest_says_what_to_prepare() {
    in_namespace(async || {
        let (_dir, program, run_dir) = for_nobody();
        make_ppp0();
        make_uplink();
        set("net/ipv6/conf/ppp0/addr_gen_mode", "1");
        ip("link set ppp0 up mtu 1400");
        ip("address add 192.168.1.1 peer 192.168.2.1/32 dev ppp0");
        ip("address add fe80::1 peer fe80::2/128 dev ppp0");
        let before = snapshot();
        // Everything up to the guard for the carrier is there.
        Session::spawn(as_nobody(&program, &[]), "ready-made", &run_dir).end();
        assert_same(&before, &snapshot());
        assert!(journals(&run_dir).is_empty());
    });
}
