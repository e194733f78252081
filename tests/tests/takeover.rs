//! A caller who comes back before his last link is known to be dead.

use pppssh_tests::traffic::ping;
use pppssh_tests::{Carrier, Running, World, finish, processes};
use rustix::process::Signal;

#[test]
fn a_caller_who_comes_back_takes_the_place_of_his_stale_link() {
    // The route on saturn is what the second link would fail on, were the first one still there.
    let (world, _sshd) = World::ready(Carrier::Native, "", "routes = [\"192.168.1.0/24\"]");
    world.profile(
        &world.venus,
        "again",
        "host = \"saturn\"\nallow = [\"vpn\"]\naddresses = \"192.168.1.1:192.168.2.1\"\n",
    );
    let mut first = world.connect(&[]);
    first.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");

    let device = first.device();
    // From saturn's point of view this is a host that fell off the net: its TCP connection stays, and nothing comes.
    first.process.signal(Signal::STOP);
    let mut ip = world.venus.command("/sbin/ip");
    ip.args(["link", "delete", &device]);
    finish("ip link delete", ip).well();
    let stale = processes(&world.saturn, "pppssh");
    assert_eq!(stale.len(), 1);

    let mut second = Running::start("pppssh connect again", world.pppssh(&["connect", "again"]));
    finish("pppssh status", world.pppssh(&["status", "again", "--wait", "ipv4-up"])).well();
    for process in stale {
        process.until_gone();
    }
    assert_eq!(processes(&world.saturn, "pppssh").len(), 1, "the second link's end is the only one");

    ping(&world.venus, "192.168.2.1");
    ping(&world.saturn, "192.168.1.1");
    finish("pppssh disconnect", world.pppssh(&["disconnect", "again"])).well();
    second.end().with_code(5);
    first.process.signal(Signal::KILL);
    first.process.end();
}
