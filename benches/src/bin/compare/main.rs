//! Compares pppssh with what people use today, in one run: two hosts in network namespaces, the system's OpenSSH
//! between them, and TCP flows and small packets through each way from one to the other.
//!
//! Run as root: `cargo run --release -p pppssh-benches --bin compare`. Prints Markdown. What counts is the ratios of one
//! run; the machine may be busy. docs/performance.md tells the method.

mod args;
mod contender;
mod datagrams;
mod latency;
mod load;
mod pipe;
mod scene;
mod table;
mod tcp;
mod traffic;
mod wireguard;

use clap::Parser as _;
use pppssh_benches::machine;
use pppssh_tests::Carrier;

use crate::args::Arguments;
use crate::contender::Contender;
use crate::scene::Scene;
use crate::table::Cell;

fn main() {
    let arguments = Arguments::parse();
    let machine = machine::describe();
    let scene = Scene::new(arguments.congestion);

    let (there, missing): (Vec<_>, Vec<_>) =
        arguments.contenders.iter().copied().partition(|contender: &Contender| contender.is_installed());
    let mut cells = Vec::new();
    for round in 0..arguments.rounds {
        cells.extend(there.iter().flat_map(|contender| measure(&scene, *contender, round, &arguments)));
    }
    println!(
        "Each load {} × {} s, {}; {machine}\n",
        arguments.rounds,
        arguments.seconds,
        arguments.congestion.name()
    );
    println!("{}\n{}", table::of(&cells, &arguments.loads), table::foot(&missing));
    if arguments.times() {
        times(&scene);
    }
}

/// One contender under all loads, one after the other.
fn measure(scene: &Scene, contender: Contender, round: u32, arguments: &Arguments) -> Vec<Cell> {
    let way = contender.set_up(scene);
    let mut cells = Vec::new();
    for &load in &arguments.loads {
        let Some(traffic) = load.start(scene, &way) else { continue };
        let measured = traffic.measure(arguments.time());
        drop(traffic);
        let cell = Cell { contender, load, round, measured, resident: way.resident(scene) };
        // A run takes minutes: whoever waits for it sees how far it is.
        eprintln!("{:5} {:42} {}", load.name(), contender.title(), cell.arrived());
        cells.push(cell);
    }
    way.take_down(scene);
    cells
}

/// How long until the first packet, and what an idle link costs.
fn times(scene: &Scene) {
    println!("| from the command to the first answer through the link, median of {} | ms |", latency::RUNS);
    println!("|---|---|");
    for (what, median) in latency::first_pings(scene) {
        println!("| {what} | {:.0} |", median.as_secs_f64() * 1e3);
    }

    println!("\n| idle for {} s | CPU ms |", latency::IDLE.as_secs());
    println!("|---|---|");
    let session = scene.connect(Carrier::Native);
    let used = latency::idle(scene);
    println!("| connect and serve together, echo each 15 s | {:.0} |", used.as_secs_f64() * 1e3);
    session.disconnect();
    scene.settle();
}
