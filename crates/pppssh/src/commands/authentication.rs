//! What a link needs to authenticate: secrets from their files, and random bits.

use anyhow::{Context as _, anyhow};
use ppp_proto::auth::{AuthConfig, Entropy};
use tracing::warn;

use super::context::{Context, Failure, OrExit as _};
use crate::config::Profile;
use crate::exit::ExitCode;
use crate::secrets::SecretsFiles;
use crate::session::auth_config;

/// 256 random bits.
pub(super) fn entropy() -> Result<Entropy, Failure> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).context("asking the kernel for random bits").or_exit(ExitCode::FatalError)?;
    Ok(Entropy::new(bits))
}

/// This host's name.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What a profile says of it. The files are read only if it says something.
pub(super) fn of_profile(context: &Context, profile: &Profile) -> Result<Option<AuthConfig>, Failure> {
    if profile.auth_require.is_empty() && profile.auth_name.is_none() {
        return Ok(None);
    }
    let dir = &profile.auth_secrets;
    let files = SecretsFiles::read(&context.trust, dir, &|_| None).map_err(super::config_failure)?;
    for warning in &files.warnings {
        warn!("{warning}");
    }
    let Some(auth) = auth_config(profile, &host_name(), files, entropy()?) else { return Ok(None) };
    let file = dir.display();
    if !auth.require.is_empty() && !auth.require.iter().any(|method| auth.can_check(*method)) {
        return Err(Failure::new(
            ExitCode::OptionError,
            anyhow!(
                "`auth-require`: no secret in {file}/pap-secrets or {file}/chap-secrets lets anybody prove himself to \
                 \"{}\": add a line CLIENT {} SECRET ADDRESSES there, or say `auth-name`",
                auth.name,
                auth.name
            ),
        ));
    }
    if auth.require.is_empty() && auth.provable().is_empty() {
        warn!("`auth-name`: no secret in {file} lets this end prove itself as \"{}\"", auth.user);
    }
    Ok(Some(auth))
}
