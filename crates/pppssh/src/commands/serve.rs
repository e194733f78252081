//! `pppssh serve`: the called end, on standard input and output.

use ssh_carrier::stdio::{self, StdioConfig};

use crate::config;
use crate::exit::ExitCode;
use crate::session::Signals;
use crate::status::Role;
use crate::supervisor::{exit_code, report_end};

use super::context::{Context, Failure, OrExit as _};
use super::setup;

/// The variable in which sshd tells a forced command what the client asked for.
const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";

/// Answers on the standard streams, once.
pub(super) async fn serve(context: &Context, link: &config::LinkFlags) -> Result<ExitCode, Failure> {
    // First of all: nothing printed by mistake may get into the stream.
    let carrier = stdio::open(&StdioConfig::from_env()).or_exit(ExitCode::OptionError)?;
    let original = std::env::var(ORIGINAL_COMMAND).ok();
    let effective =
        config::for_serve(&context.trust, link, original.as_deref()).map_err(super::config_failure)?;
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    // Many clients may be served at once, each by a process of its own.
    let name = format!("{}-{}", effective.name, std::process::id());
    let mut session = setup::open(context, Role::Serve, &name, &effective.profile, signals).await?;
    let end = session.run(carrier).await;
    let code = exit_code(&end);
    report_end(code, &end.why.to_string());
    session.shutdown().await;
    Ok(code)
}
