//! Two pppssh with file capabilities that prove themselves inside PPP, by secrets of root's.

use pppssh_tests::{Carrier, World};

const SECRETS: &str = "venus saturn 'one' 192.168.1.1\nsaturn venus 'two' *\n";
const VENUS: &str = "auth-name = \"venus\"\nauth-require = [\"chap\"]";
const SATURN: &str = "auth-name = \"saturn\"\nauth-require = [\"mschap-v2\", \"chap\"]";

fn secrets(world: &World, venus: &str) {
    world.write_as_root(&world.venus, "/etc/pppssh/chap-secrets", venus, 0o644);
    world.write_as_root(&world.saturn, "/etc/pppssh/chap-secrets", SECRETS, 0o644);
}

#[test]
fn each_end_learns_who_the_other_one_is_and_tells_its_hooks_and_its_status() {
    let (world, _sshd) = World::ready(Carrier::Native, VENUS, SATURN);
    secrets(&world, SECRETS);
    let tell = "#!/bin/sh\necho \"${0##*/} $* as $PEERNAME\" >> /tmp/hooks\necho hook ${0##*/} speaks\n";
    for name in ["auth-up", "auth-down", "ip-up"] {
        world.write_as_root(&world.venus, &format!("/etc/pppssh/hooks/{name}"), tell, 0o755);
    }
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    assert_eq!(session.status()["peer"], "saturn");
    session.process.says("hook auth-up speaks");
    session.process.says("hook ip-up speaks");
    let device = session.device();
    session.disconnect().with_code(5).saying("CHAP peer authentication succeeded for saturn");
    let told = world.read(&world.venus, "/tmp/hooks");
    for line in [
        format!("auth-up {device} saturn vpn none 0 as saturn"),
        format!("ip-up {device} none 0 192.168.1.1 192.168.2.1  as saturn"),
        format!("auth-down {device} saturn vpn none 0 as saturn"),
    ] {
        assert!(told.lines().any(|told| told == line), "{line:?} is not in {told}");
    }
}

#[test]
fn a_wrong_secret_ends_the_call_with_pppds_code() {
    let (world, _sshd) = World::ready(Carrier::Native, VENUS, SATURN);
    secrets(&world, "venus saturn 'wrong' *\nsaturn venus 'two' *\n");
    world.connect_in_vain(&[]).with_code(19).saying("failed to authenticate itself to the peer by MS-CHAPv2");
    secrets(&world, "venus saturn 'one' *\nsaturn venus 'wrong' *\n");
    world.connect_in_vain(&[]).with_code(11).saying("failed to authenticate itself by CHAP");
}

#[test]
fn an_end_that_could_let_nobody_in_says_so_at_once() {
    let (world, _sshd) = World::ready(Carrier::Native, VENUS, "");
    secrets(&world, "venus saturn 'one'\n");
    world.connect_in_vain(&[]).with_code(2).saying("add a line CLIENT venus SECRET ADDRESSES");
}

#[test]
fn a_file_that_others_than_root_can_write_holds_no_secrets() {
    let (world, _sshd) = World::ready(Carrier::Native, VENUS, SATURN);
    secrets(&world, SECRETS);
    world.write_as_root(&world.venus, "/etc/pppssh/chap-secrets", SECRETS, 0o664);
    world.connect_in_vain(&[]).with_code(3).saying("chap-secrets may be written by others than root");
}
