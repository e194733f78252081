//! What a host and a user may be called.

use crate::CarrierError;

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
