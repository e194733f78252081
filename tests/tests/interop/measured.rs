//! A real pppd reports nothing, but answers Echo-Requests: what we learn from that, and do with it.

use std::thread;

use netlab::Host;
use pppssh_tests::finish;
use pppssh_tests::traffic::{MIB, connection, receive, send};
use serde_json::Value;

use crate::hosts::Hosts;
use crate::rows::{connect, number, status, terminate};

/// What moves each way, after the other: some seconds' worth.
const OCTETS: u64 = 4 * MIB;
/// Far more than the path holds, which is 15 kB and some that waits for pppd to read it, and far less than its queue would.
const FEW: u64 = 128 * 1024;

/// A slow line with a long queue on either side of it: who fills it makes everybody wait for two seconds.
fn slow_down(host: &Host) {
    // Packets of the wire's size; a super-packet would wait as a whole.
    let run = |program: &str, words: &str| {
        let mut command = host.command(program);
        command.args(words.split(' '));
        finish(program, command).well();
    };
    run("/usr/sbin/ip", "link set eth0 gso_max_segs 1");
    run("/usr/sbin/tc", "qdisc add dev eth0 root netem rate 5mbit delay 10ms limit 1000");
}

/// Towards pppd packets wait in our own queue and not on the line; what comes from it is slowed down.
pub(crate) fn by_echo_replies(carrier: &str) -> [String; 4] {
    let hosts = Hosts::new();
    slow_down(&hosts.venus);
    slow_down(&hosts.saturn);
    let (_sshd, mut session) = connect(&hosts, carrier);

    let up = connection(&hosts.venus, &hosts.saturn, [192, 168, 2, 1].into());
    let seen = while_it_moves(&hosts, &up);
    assert!(!seen.is_empty(), "nothing tells us what has arrived");
    assert!(seen.iter().all(|path| path["told_by"] == "echo_replies"), "{seen:?}");
    let waits_here = seen.iter().filter(|path| number(&path["bytes_waiting"]) > 0).count();
    assert!(waits_here > 0, "nothing ever waited here: {seen:?}");
    let few = seen.iter().filter(|path| number(&path["bytes_under_way"]) < FEW).count();
    assert!(few * 10 > seen.len() * 9, "too much waited elsewhere: {seen:?}");

    let down = (up.1, up.0);
    while_it_moves(&hosts, &down);
    let counters = &status(&hosts.venus)["counters"];
    let governed = number(&counters["dropped_by_governor"]) + number(&counters["marked_by_governor"]);
    assert!(governed > 0, "no sender was told to slow down: {counters}");

    terminate(&mut session).with_code(5);
    [format!("ssh, {carrier}"), "4 MiB, then 4 MiB back".to_owned(), "–".to_owned(), "5".to_owned()]
}

/// Moves octets through a connection, and sees that they arrive; what was known of the path meanwhile.
fn while_it_moves(hosts: &Hosts, (from, to): &(std::net::TcpStream, std::net::TcpStream)) -> Vec<Value> {
    thread::scope(|scope| {
        let sent = scope.spawn(|| send(from, OCTETS, 1));
        let received = scope.spawn(|| receive(to, OCTETS));
        let mut seen = Vec::new();
        while !received.is_finished() {
            seen.push(status(&hosts.venus)["path"].clone());
        }
        assert_eq!(received.join().unwrap(), sent.join().unwrap(), "what arrived is not what was sent");
        seen.retain(|path| !path.is_null());
        seen
    })
}
