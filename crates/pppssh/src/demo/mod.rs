//! The demo.

use crate::cli::DemoArgs;
use crate::exit::ExitCode;

/// Runs the demo.
pub fn run(_: &DemoArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the demo is being built")
}
