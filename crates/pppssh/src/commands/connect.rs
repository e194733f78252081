//! `pppssh connect`: the calling end.

use crate::config::{self, Target};
use crate::exit::ExitCode;
use crate::session::Signals;
use crate::status::Role;
use crate::supervisor::{Policy, keep_up};

use super::context::{Context, Failure, OrExit as _};
use super::dial::Dialler;
use super::setup;

/// Calls `target` and keeps the link up.
pub(super) async fn connect(
    context: &Context,
    target: &Target,
    call: &config::CallFlags,
    link: &config::LinkFlags,
) -> Result<ExitCode, Failure> {
    let effective = config::for_connect(&context.trust, target, call, link).map_err(super::config_failure)?;
    let profile = &effective.profile;
    let dirs = context.runtime_dirs(profile.runtime_dir.as_deref());
    let dialler =
        Dialler::new(profile, effective.ssh_config(&context.trust), &dirs).or_exit(ExitCode::OptionError)?;
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    let name = effective.name.to_string();
    let mut session = setup::open(context, Role::Connect, &name, profile, signals).await?;
    let code = keep_up(&mut session, Policy::of(profile), async || dialler.dial().await).await;
    session.shutdown().await;
    Ok(code)
}
