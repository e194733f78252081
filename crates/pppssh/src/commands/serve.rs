//! `pppssh serve`: the called end, on standard input and output.

use ppp_proto::link::LinkConfig;
use ssh_carrier::stdio::{self, StdioConfig};

use crate::cli::ServeArgs;
use crate::config;
use crate::exit::ExitCode;
use crate::session::Signals;
use crate::status::Role;
use crate::supervisor::{exit_code, report_end};

use super::context::{Context, Failure, OrExit as _};
use super::{lane, setup};

/// The variable in which sshd tells a forced command what the client asked for.
const ORIGINAL_COMMAND: &str = "SSH_ORIGINAL_COMMAND";

/// Answers on the standard streams, once; or hands them on to the process that does.
pub(super) async fn serve(context: &Context, args: &ServeArgs) -> Result<ExitCode, Failure> {
    // First of all: nothing printed by mistake may get into the stream.
    let streams = stdio::take(&StdioConfig::from_env()).or_exit(ExitCode::OptionError)?;
    let original = std::env::var(ORIGINAL_COMMAND).ok();
    let (original, is_lane) = match original.as_deref().map(lane::asked_for) {
        Some((command, is_lane)) => (Some(command), is_lane),
        None => (None, args.lane),
    };
    let effective = config::for_serve(&context.trust, &args.link, original).map_err(super::config_failure)?;
    let dirs = context.runtime_dirs(effective.profile.runtime_dir.as_deref());
    if is_lane {
        return lane::hand_on(context, streams, &dirs).await;
    }
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    // Many clients may be served at once, each by a process of its own.
    let name = format!("{}-{}", effective.name, std::process::id());
    let lanes = lane::listen(&dirs);
    let takes_lanes = lanes.is_some();
    let adjust = |link: &mut LinkConfig| {
        if let Some(express) = &mut link.lcp.express {
            express.lanes = takes_lanes;
        }
    };
    let mut session =
        setup::open_with(context, Role::Serve, &name, &effective.profile, signals, adjust).await?;
    let end = session.run(streams.into_carrier(lanes)).await;
    let code = exit_code(&end);
    report_end(code, &end.why.to_string());
    session.shutdown().await;
    Ok(code)
}
