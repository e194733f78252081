//! What a process that got capabilities from its file may do, tried with real file capabilities.
//!
//! Each test stages a private mount namespace with an /etc of its own, in which there is a user `vpn`, profiles under
//! /etc/pppssh, and a copy of this very program with `cap_net_admin+ep`. That copy, run as `vpn`, is the probe: it
//! calls the library as the `pppssh` binary does and prints what came of it. Nothing outside the namespace is touched,
//! and the namespace goes with its last process.
//!
//! Needs root, unshare(1) and setpriv(1) of util-linux, and setcap(8) of libcap2-bin.

mod probe;
mod stage;
mod tests;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("probe", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return probe::main(rest);
    }
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let chosen =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let all: Vec<_> = tests::ALL.iter().filter(|(name, _)| chosen(name)).collect();
    if args.iter().any(|arg| arg == "--list") {
        for (name, _) in &all {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, test) in &all {
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("\ntest result: {} passed; {failed} failed", all.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
