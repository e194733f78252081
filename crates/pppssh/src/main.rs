//! The `pppssh` command: parses its arguments and leaves the rest to the library.

use clap::Parser;
use pppssh::{cli::Cli, commands, exit::ExitCode};

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
