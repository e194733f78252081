//! A network namespace for each test, and what the host says about itself in it.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::{
    fmt::Write as _,
    fs,
    future::Future,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hostnet::HostNet;

/// Runs `test` on a thread of its own in a new network namespace, which ends with the thread.
pub(crate) fn in_namespace<F, T>(test: F)
where
    F: FnOnce() -> T + Send,
    T: Future<Output = ()>,
{
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: a new network namespace concerns this thread alone and takes no descriptor from any other.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
                .expect("this test needs root: it makes a network namespace");
            // Addresses are usable at once, and the kernel makes none of its own that come and go.
            set("net/ipv6/conf/default/accept_dad", "0");
            set("net/ipv6/conf/default/router_solicitations", "0");
            ip("link set lo up");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(test());
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Runs `ip` with these words; it must succeed.
pub(crate) fn ip(words: &str) -> String {
    run("ip", words)
}

pub(crate) fn run(program: &str, words: &str) -> String {
    let output = Command::new(program)
        .args(words.split_whitespace())
        .output()
        .unwrap_or_else(|e| panic!("this test needs {program}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

pub(crate) fn set(switch: &str, value: &str) {
    fs::write(Path::new("/proc/sys").join(switch), value).unwrap_or_else(|e| panic!("{switch}: {e}"));
}

pub(crate) fn get(switch: &str) -> String {
    fs::read_to_string(Path::new("/proc/sys").join(switch))
        .unwrap_or_else(|e| panic!("{switch}: {e}"))
        .trim()
        .into()
}

/// A device `ppp0` that stays whatever happens to its session (one end of a veth pair; the other is `far0`, up).
pub(crate) async fn ppp0(host: &HostNet) -> u32 {
    make_ppp0();
    host.index_of("ppp0").await.unwrap()
}

pub(crate) fn make_ppp0() {
    ip("link add ppp0 type veth peer name far0");
    set("net/ipv6/conf/far0/addr_gen_mode", "1");
    set("net/ipv6/conf/ppp0/addr_gen_mode", "0");
    ip("link set far0 up");
    // A device that was never up has the qdisc `noop`, which no `down` brings back.
    ip("link set ppp0 up");
    settle();
    ip("link set ppp0 down");
}

/// Waits for what the kernel does by and by: notice which ends of cables (veth pairs) are up, and make the local
/// routes of IPv6 addresses.
fn settle() {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = ip("-o link show type veth");
        // "3: ppp0@far0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode …"
        let devices: Vec<(&str, &str, bool, &str)> = text
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (name, peer) = words[1].trim_end_matches(':').split_once('@').unwrap();
                let up = words[2].trim_matches(['<', '>']).split(',').any(|flag| flag == "UP");
                let state = words.iter().position(|word| *word == "state").unwrap();
                (name, peer, up, words[state + 1])
            })
            .collect();
        let is_up = |name: &str| devices.iter().any(|device| device.0 == name && device.2);
        let unsettled = devices.iter().find(|(_, peer, up, state)| match (up, is_up(peer)) {
            (false, _) => *state != "DOWN",
            (true, true) => *state != "UP",
            (true, false) => *state != "LOWERLAYERDOWN",
        });
        let local = ip("-6 route show table local");
        // "3: ppp0    inet6 fe80::1 peer fe80::2/128 scope link …"
        let addresses = ip("-6 -o address show");
        let routeless = addresses.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (device, address) = (words[1], words[3].split('/').next().unwrap());
            let carries = devices.iter().any(|(name, _, _, state)| *name == device && *state == "UP");
            carries && !local.contains(&format!("local {address} dev {device} "))
        });
        let Some(what) = unsettled.map(|device| device.0).or(routeless) else { return };
        assert!(Instant::now() < deadline, "{what} does not settle:\n{text}{addresses}{local}");
        std::thread::yield_now();
    }
}

/// An uplink `eth0` with 192.0.2.2/24 and a default route by 192.0.2.1.
pub(crate) fn make_uplink() {
    ip("link add eth0 type veth peer name gw0");
    set("net/ipv6/conf/gw0/addr_gen_mode", "1");
    set("net/ipv6/conf/eth0/addr_gen_mode", "1");
    ip("link set gw0 up");
    ip("link set eth0 up");
    ip("address add 192.0.2.2/24 dev eth0");
    ip("route add default via 192.0.2.1 dev eth0");
    ip("address add 2001:db8:1::2/64 dev eth0 nodad");
    ip("route add default via 2001:db8:1::1 dev eth0");
}

/// Addresses, routes, rules and the switches that this crate may touch, as text to compare.
pub(crate) fn snapshot() -> String {
    settle();
    let mut text = String::new();
    for words in [
        "-d address",
        "route show table all",
        "-6 route show table all",
        "rule",
        "-6 rule",
        "neigh show proxy",
    ] {
        write!(text, "# ip {words}\n{}", ip(words)).unwrap();
    }
    let mut switches = vec!["net/ipv4/ip_forward".to_owned()];
    for family in ["ipv4", "ipv6"] {
        for device in fs::read_dir(format!("/proc/sys/net/{family}/conf")).unwrap() {
            let device = device.unwrap().file_name().into_string().unwrap();
            for switch in ["forwarding", "force_forwarding", "accept_redirects", "accept_ra", "addr_gen_mode"]
            {
                let name = format!("net/{family}/conf/{device}/{switch}");
                if Path::new("/proc/sys").join(&name).exists() {
                    switches.push(name);
                }
            }
        }
    }
    switches.sort();
    for name in switches {
        writeln!(text, "{name} = {}", get(&name)).unwrap();
    }
    text
}

#[track_caller]
pub(crate) fn assert_same(before: &str, after: &str) {
    let gone: Vec<_> = before.lines().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.lines().filter(|line| !before.contains(line)).collect();
    assert!(before == after, "gone: {gone:#?}\nnew: {new:#?}");
}

/// The same, where the test itself made addresses or routes anew and so changed their order.
#[track_caller]
pub(crate) fn assert_same_in_any_order(before: &str, after: &str) {
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    assert_same(&sorted(before), &sorted(after));
}

pub(crate) fn journals(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The variable that tells this test binary to be a session of its own, and which.
pub(crate) const CHILD: &str = "HOSTNET_TEST_CHILD";

/// A session in another process (this same binary, running only the test `child`), ready when this returns.
pub(crate) struct Session(Child);

impl Session {
    pub(crate) fn start(role: &str, dir: &Path) -> Session {
        let program = std::env::current_exe().unwrap();
        Session::spawn(Command::new(program), role, dir)
    }

    pub(crate) fn spawn(mut command: Command, role: &str, dir: &Path) -> Session {
        let mut child = command
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, role)
            .env("HOSTNET_TEST_DIR", dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("READY"));
        assert!(ready, "the session {role} ended before it was ready: {:?}", child.wait());
        // Whatever else it prints must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Session(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Lets it undo its changes and end.
    pub(crate) fn end(mut self) {
        drop(self.0.stdin.take());
        let status = self.0.wait().unwrap();
        assert!(status.success(), "the session ended with {status}");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
