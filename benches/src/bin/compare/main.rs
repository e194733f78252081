//! Compares pppssh with what people use today, in one run: two hosts in network namespaces, the system's OpenSSH
//! between them, one TCP flow each way.
//!
//! Run as root: `cargo run --release -p pppssh-benches --bin compare [SECONDS]`. Prints Markdown. What counts is the
//! ratios of one run; the machine may be busy.

mod contender;
mod flow;
mod latency;

use std::time::Duration;

use contender::{Contender, Scene};
use pppssh_benches::machine;
use pppssh_tests::Carrier;

/// The flow's length unless another is asked for.
const SECONDS: u64 = 4;

fn main() {
    let seconds = match std::env::args().nth(1).map(|text| text.parse()) {
        None => SECONDS,
        Some(Ok(seconds @ 1..=600)) => seconds,
        Some(_) => {
            eprintln!("usage: compare [SECONDS], from 1 to 600");
            std::process::exit(2);
        }
    };
    let time = Duration::from_secs(seconds);
    let scene = Scene::new();

    println!("One TCP flow for {seconds} s each way; {}\n", machine::describe());
    println!(
        "| through | up Gb/s | down Gb/s | up × ssh -w | down × ssh -w | CPU s/GiB up | down | RSS caller MiB | called |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut reference = None;
    for contender in Contender::ALL {
        let row = scene.measure(contender, time);
        if contender == Contender::SshTunnel {
            reference = Some((row.up.rate, row.down.rate));
        }
        let ratio = |rate: f64, reference: Option<f64>| {
            reference.map_or_else(|| "–".to_owned(), |reference| format!("{:.1}", rate / reference))
        };
        println!(
            "| {} | {:.2} | {:.2} | {} | {} | {:.2} | {:.2} | {} | {} |",
            contender.name(),
            row.up.rate / 1e9,
            row.down.rate / 1e9,
            ratio(row.up.rate, reference.map(|(up, _)| up)),
            ratio(row.down.rate, reference.map(|(_, down)| down)),
            row.up.cpu_per_gib,
            row.down.cpu_per_gib,
            mib(row.rss_caller),
            mib(row.rss_called),
        );
    }

    println!("\n| from the command to the first answer through the link, median of {} | ms |", latency::RUNS);
    println!("|---|---|");
    for (what, median) in latency::first_pings(&scene) {
        println!("| {what} | {:.0} |", median.as_secs_f64() * 1e3);
    }

    println!("\n| idle for {} s | CPU ms |", latency::IDLE.as_secs());
    println!("|---|---|");
    let session = scene.connect(Carrier::Native);
    let used = latency::idle(&scene);
    println!("| connect and serve together, echo each 15 s | {:.0} |", used.as_secs_f64() * 1e3);
    session.disconnect();
    scene.settle();
}

fn mib(kib: Option<u64>) -> String {
    kib.map_or_else(|| "–".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0))
}
