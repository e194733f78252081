//! How long until the first packet, and what an idle link costs.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pppssh_tests::{Carrier, processes};

use crate::scene::Scene;
use pppssh_benches::machine;

/// How often each time is taken.
pub(crate) const RUNS: usize = 7;
/// How long an idle link is watched.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

const INSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);

/// The SSH login alone, and each carrier until a first packet came back through the link.
pub(crate) fn first_pings(scene: &Scene) -> Vec<(&'static str, Duration)> {
    let login = median(|| {
        let start = Instant::now();
        let done = scene.ssh(&["saturn", "true"]).stdin(Stdio::null()).status().expect("ssh starts");
        assert!(done.success(), "ssh saturn true: {done}");
        start.elapsed()
    });
    let mut all = vec![("`ssh saturn true`: the login alone", login)];
    for (name, carrier) in
        [("pppssh, native carrier", Carrier::Native), ("pppssh, openssh carrier", Carrier::Openssh)]
    {
        scene.profiles(carrier);
        all.push((name, median(|| first_answer(scene))));
    }
    all
}

fn first_answer(scene: &Scene) -> Duration {
    let start = Instant::now();
    let session = scene.world.connect(&["--quiet"]);
    session.wait("ipv4-up");
    // An answer by saturn's kernel: nothing listens on that port, so a connection is refused. (Not by ICMP, which Linux
    // sends to one address only once a second, icmp(7).)
    let refused = || {
        let attempt = TcpStream::connect_timeout(&SocketAddr::from((INSIDE, 9)), Duration::from_millis(20));
        attempt.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    };
    let took = scene.world.venus.run(|| {
        while !refused() {}
        start.elapsed()
    });
    let took = took.expect("a thread on venus");
    session.disconnect();
    scene.settle();
    took
}

fn median(mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    times[RUNS / 2]
}

/// Processor time of both ends while nothing happens.
pub(crate) fn idle(scene: &Scene) -> Duration {
    let used = || -> Duration {
        [&scene.world.venus, &scene.world.saturn]
            .iter()
            .flat_map(|host| processes(host, "pppssh"))
            .map(|process| machine::used_by(&process.stat()))
            .sum()
    };
    let before = used();
    std::thread::sleep(IDLE);
    used().saturating_sub(before)
}
