//! Any command as a carrier: pppd's `pty`, user-ppp's `set device !…`.
//!
//! The stream is the command's standard input and output, which are pipes. What it prints on standard error is logged.
//! When the carrier is dropped, the command sees the end of its input and is asked to leave.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::openssh::args;
use crate::program::find_program;
use crate::ssh_config::SshConfig;
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, child};

/// Runs `line` by the shell.
pub fn shell(line: &str) -> Result<Carrier, CarrierError> {
    run("/bin/sh".into(), vec!["-c".into(), line.into()], line)
}

/// Runs `program`, looked up in `PATH` if it is a mere name; `peer` is the other end in words.
pub fn run(program: PathBuf, args: Vec<OsString>, peer: &str) -> Result<Carrier, CarrierError> {
    let info = CarrierInfo { kind: CarrierKind::Command, peer: peer.to_owned(), address: None, cipher: None };
    child::start(program, args, None, info)
}

/// The address that an `ssh` with these words will connect to, as far as `ssh -G` foresees it; of other programs nothing
/// is known.
pub async fn address(argv: &[String]) -> Option<IpAddr> {
    let (program, words) = argv.split_first()?;
    let program = find_program(Path::new(program)).ok()?;
    if !program.file_name()?.to_string_lossy().contains("ssh") {
        return None;
    }
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    args::address(&SshConfig::ask_about(&program, &words).await?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_reach_the_program_as_they_are() {
        let words = ["%s|", "a b", "$HOME", "*"].map(OsString::from);
        let mut carrier = run("printf".into(), words.into(), "printf").unwrap();
        assert_eq!(carrier.rx.recv().await.unwrap().unwrap(), "a b|$HOME|*|");
    }

    #[tokio::test]
    async fn the_address_of_an_ssh_is_foreseen() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let ssh = "ssh -F none -e none -o HostName=127.0.0.1 vpn@nowhere ppp -direct vpn-in";
        assert_eq!(address(&words(ssh)).await, Some("127.0.0.1".parse().unwrap()));
        let hidden = "ssh -F none -o HostName=127.0.0.1 -o ProxyCommand=true nowhere";
        assert_eq!(address(&words(hidden)).await, None, "the proxy's address is not known");
        assert_eq!(address(&words("cat 127.0.0.1")).await, None);
    }

    #[tokio::test]
    async fn what_goes_in_comes_back_and_the_exit_status_ends_the_stream() {
        let mut carrier = shell("read line; echo \"$line and more\"; echo sorry >&2; exit 3").unwrap();
        carrier.tx.send("word\n".into()).await.unwrap();
        assert_eq!(carrier.rx.recv().await.unwrap().unwrap(), "word and more\n");
        let error = carrier.rx.recv().await.unwrap_err();
        assert!(matches!(error, CarrierError::Exited { status: Some(3), .. }), "{error:?}");
        assert!(error.to_string().contains("sorry"), "{error}");
    }

    #[tokio::test]
    async fn status_255_is_no_failure_of_ssh() {
        let mut carrier = shell("exit 255").unwrap();
        let error = carrier.rx.recv().await.unwrap_err();
        assert!(matches!(error, CarrierError::Exited { status: Some(255), .. }), "{error:?}");
    }
}
