//! Further channels of one caller's connection, each with a process of its own that only hands on ([`stdio::lanes`]).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use ssh_carrier::stdio::{self, Streams, lanes::LaneListener};
use tracing::debug;

use crate::control::RuntimeDirs;
use crate::exit::ExitCode;

use super::context::{Context, Failure, OrExit as _};

/// The variable in which sshd says which connection a process belongs to: the same for all its channels, and no other's.
const CONNECTION: &str = "SSH_CONNECTION";

/// What a caller says behind the command in a further channel.
pub(super) const ARGUMENT: &str = "--lane";

/// A caller's command without the word that makes it a lane, and whether it had it.
pub(super) fn asked_for(command: &str) -> (&str, bool) {
    match command.trim_end().strip_suffix(ARGUMENT) {
        Some(rest) if rest.ends_with(char::is_whitespace) => (rest.trim_end(), true),
        _ => (command, false),
    }
}

/// Where this process takes further lanes, if sshd started it and there is a place for that.
pub(super) fn listen(dirs: &RuntimeDirs) -> Option<LaneListener> {
    let path = socket_path(dirs)?;
    LaneListener::bind(&path).inspect_err(|error| debug!(%error, "no lanes at {}", path.display())).ok()
}

/// Hands a lane on to the process that listens for it.
pub(super) async fn hand_on(
    context: &Context,
    streams: Streams,
    dirs: &RuntimeDirs,
) -> Result<ExitCode, Failure> {
    context.privileges.give_up().or_exit(ExitCode::FatalError)?;
    let path = socket_path(dirs)
        .ok_or_else(|| anyhow::anyhow!("{ARGUMENT} is for what a caller's pppssh starts through sshd"))
        .or_exit(ExitCode::OptionError)?;
    stdio::lanes::hand_on(streams, &path).await.or_exit(ExitCode::FatalError)?;
    Ok(ExitCode::Ok)
}

fn socket_path(dirs: &RuntimeDirs) -> Option<PathBuf> {
    let connection = std::env::var(CONNECTION).ok()?;
    let dir = dirs.prepare().inspect_err(|error| debug!(%error, "no place for lanes")).ok()?;
    // Two addresses of IPv6 make a longer name than a socket may have.
    let mut digest = DefaultHasher::new();
    connection.hash(&mut digest);
    Some(dir.join(format!("{:016x}.lanes", digest.finish())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_asked_for_behind_any_command() {
        assert_eq!(asked_for("pppssh serve --lane"), ("pppssh serve", true));
        assert_eq!(
            asked_for("/opt/pppssh serve --profile b --lane "),
            ("/opt/pppssh serve --profile b", true)
        );
        for command in
            ["", "pppssh serve", "pppssh serve --profile x--lane", "--lane", "pppssh serve --lane x"]
        {
            assert_eq!(asked_for(command), (command, false));
        }
    }
}
