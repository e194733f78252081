//! The `pppssh` command: parses its arguments and leaves the rest to the library.

use clap::Parser;
use pppssh::{cli::Cli, commands, exit::ExitCode};

fn main() -> ExitCode {
    // By the name of pppd, or as `pppssh pppd`, every word is pppd's.
    match pppssh::pppd::words(std::env::args_os()) {
        Some(words) => commands::pppd(&words),
        None => commands::run(Cli::parse()),
    }
}
