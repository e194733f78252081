//! pppd's hooks, on a real link.

use pppssh_tests::{Carrier, World};

const TELL: &str =
    "#!/bin/sh\necho \"${0##*/} $* dns=$DNS1 name=$PPPSSH_NAME\" >> /tmp/hooks\necho hook ${0##*/} speaks\n";

#[test]
fn hooks_of_root_are_run_with_pppds_arguments_and_others_are_not() {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "ipparam = \"to saturn\"\ndns-ask = true",
        "dns-offer = [\"192.168.2.53\"]",
    );
    for name in ["ip-up", "ipv6-up", "ip-down"] {
        world.write_as_root(&world.venus, &format!("/etc/pppssh/hooks/{name}"), TELL, 0o755);
    }
    world.write_as_root(&world.venus, "/etc/pppssh/hooks/ipv6-down", TELL, 0o777);
    let session = world.connect(&[]);
    let status = session.wait("ipv4-up");
    session.wait("ipv6-up");
    session.process.says("hook ip-up speaks");
    session.process.says("hook ipv6-up speaks");
    let device = session.device();
    session.disconnect().with_code(5);

    let told = world.read(&world.venus, "/tmp/hooks");
    let line =
        |name: &str| told.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_default();
    let ends = "none 0 192.168.1.1 192.168.2.1 to saturn dns=192.168.2.53 name=saturn";
    assert_eq!(line("ip-up"), format!("ip-up {device} {ends}"), "{told}");
    assert_eq!(line("ip-down"), format!("ip-down {device} {ends}"), "{told}");
    assert!(line("ipv6-up").contains(&format!("ipv6-up {device} none 0 fe80::")), "{told}");
    assert_eq!(line("ipv6-down"), "", "a hook that others may write is not run");
    drop(status);
}
