//! What a link does to the latency of what goes through it: a grid of lines (rate, round trip, loss), pppssh and what
//! people use instead of it, with and without load.
//!
//! Run as root: `cargo run --release -p pppssh-benches --bin lab-latency`. Outside, this program boots for each line a
//! kernel that has PPP and netem, collects what its first process says, writes it down and judges it. That first
//! process is this program, too: it makes venus, saturn and the line between them, and measures. With `--here` there is
//! no such kernel, but a process of this machine's, and the line is made by this program. docs/latency.md tells the method.

mod args;
mod contender;
mod emulated;
mod here;
mod inside;
mod joined;
mod judge;
mod line;
mod load;
mod outside;
mod plot;
mod probe;
mod record;
mod statistics;
mod table;

use std::process::ExitCode;

use clap::Parser as _;
use pppssh_tests::lab_kernel::{first_process, is_first_process, mount_empty};

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    // That one is the first process, too, but not of a kernel.
    if here::is_inside() {
        mount_empty(&["/run", "/tmp"]);
        inside::measure(&arguments);
        return ExitCode::SUCCESS;
    }
    if is_first_process() {
        first_process(|| inside::measure(&arguments))
    }
    outside::run(arguments)
}
