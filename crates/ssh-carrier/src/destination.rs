//! What a host and a user may be called, and what a caller said of them, as ssh(1) takes it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::CarrierError;

/// What both clients are told of a destination besides its name.
pub(crate) struct Said<'a> {
    pub(crate) user: &'a Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) identities: &'a [PathBuf],
    pub(crate) jump: &'a Option<String>,
    pub(crate) config_file: &'a Option<PathBuf>,
    pub(crate) options: &'a [String],
}

impl Said<'_> {
    /// The same as arguments for `ssh`.
    pub(crate) fn args(&self) -> Vec<OsString> {
        let mut args = Vec::new();
        let mut push = |flag: &str, value: OsString| args.extend([OsString::from(flag), value]);
        if let Some(file) = self.config_file {
            push("-F", file.into());
        }
        for option in self.options {
            push("-o", option.into());
        }
        if let Some(user) = self.user {
            push("-l", user.into());
        }
        if let Some(port) = self.port {
            push("-p", port.to_string().into());
        }
        for identity in self.identities {
            push("-i", identity.into());
        }
        if let Some(jump) = self.jump {
            push("-J", jump.into());
        }
        args
    }
}

/// Refuses host names that a program or a shell could take for something else. A scope (`%eth0`) is allowed.
pub(crate) fn check_host(host: &str) -> Result<(), CarrierError> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || host.starts_with('-') || !host.chars().all(allowed) {
        return Err(CarrierError::Config(format!(
            "{host:?} is not a host name: expected letters, digits and . - _ : with no - in front"
        )));
    }
    Ok(())
}

/// Refuses user names in the same way; these characters are the ones that ssh(1) refuses too.
pub(crate) fn check_user(user: &str) -> Result<(), CarrierError> {
    let forbidden = |c: char| c.is_control() || "'`\";&<>|(){}$".contains(c);
    if user.is_empty() || user.starts_with('-') || user.ends_with('\\') || user.chars().any(forbidden) {
        return Err(CarrierError::Config(format!(
            "{user:?} is not a user name that a shell would leave alone"
        )));
    }
    Ok(())
}
