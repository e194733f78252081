//! How much a link costs.

use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, World, is_optimised, processes};

/// The most that `pppssh serve` may hold, in KiB.
const SERVE_MAX: u64 = 24 * 1024;

#[test]
fn serve_stays_small_under_load() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 16 * MIB);
    let serve = &processes(&world.saturn, "pppssh")[0];
    // Of a program that is not optimised only what it allocates is worth measuring: its code alone is larger.
    let field = if is_optimised() { "VmRSS" } else { "RssAnon" };
    let held = serve.memory_kib(field);
    println!("pppssh serve holds {held} KiB ({field})");
    assert!(held < SERVE_MAX, "pppssh serve holds {held} KiB ({field}), more than {SERVE_MAX} KiB");
}
