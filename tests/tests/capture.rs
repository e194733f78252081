//! Captures, read by the programs they are for.

use std::process::Command;

use netlab::Host;
use pppssh_tests::traffic::ping;
use pppssh_tests::{Carrier, World, finish};

/// What `program` makes of a capture on `host`.
fn read(host: &Host, program: &str, arguments: &[&str]) -> String {
    let mut command: Command = host.command(program);
    command.args(arguments);
    finish(program, command).well().said.clone()
}

#[test]
fn pppdump_and_tcpdump_read_what_was_captured() {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "record = \"/tmp/%s.record\"\npcap = \"/tmp/%s.pcap\"\npcap-type = \"pppd\"",
        "",
    );
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    session.disconnect().with_code(5);

    let packets = read(&world.venus, "/usr/sbin/pppdump", &["-p", "/tmp/saturn.record"]);
    for direction in ["sent", "rcvd"] {
        // Control packets, and IPv4, in hexadecimal: pppdump -p takes the frames apart and checks them.
        for start in ["c0 21 01", "80 21 01", "21 45"] {
            let seen = packets.lines().any(|line| line.starts_with(direction) && line.contains(start));
            assert!(seen, "no {start} {direction} in:\n{packets}");
        }
    }
    assert!(packets.contains("end send") && packets.contains("end recv"), "{packets}");
    assert!(!packets.contains("BAD FCS"), "{packets}");

    let packets = read(&world.venus, "/usr/bin/tcpdump", &["-n", "-r", "/tmp/saturn.pcap"]);
    for words in ["LCP, Conf-Request", "IPCP, Conf-Ack", "ICMP echo request", "ICMP echo reply", "Term-Ack"] {
        assert!(packets.contains(words), "no {words} in:\n{packets}");
    }
}

#[test]
fn a_caller_of_a_privileged_binary_names_no_file() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let ended = world.connect_in_vain(&["--record", "/tmp/record"]);
    ended.with_code(3).saying("record");
}
