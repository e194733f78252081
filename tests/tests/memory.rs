//! How much a link costs.

use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, World, processes};

/// The most that `pppssh serve` may hold, in KiB.
const SERVE_MAX: u64 = 12 * 1024;

#[test]
fn serve_stays_small_under_load() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 16 * MIB);
    let serve = &processes(&world.saturn, "pppssh")[0];
    let resident = serve.resident_kib();
    println!("pppssh serve holds {resident} KiB");
    assert!(resident < SERVE_MAX, "pppssh serve holds {resident} KiB, more than {SERVE_MAX} KiB");
}
