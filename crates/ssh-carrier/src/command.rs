//! Any command as a carrier: pppd's `pty`, user-ppp's `set device !…`.
//!
//! The stream is the command's standard input and output, which are pipes. What it prints on standard error is logged.
//! When the carrier is dropped, the command sees the end of its input and is asked to leave.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, child};

/// Runs `line` by the shell.
pub fn shell(line: &str) -> Result<Carrier, CarrierError> {
    run("/bin/sh".into(), vec!["-c".into(), line.into()], line)
}

/// Runs `program`, looked up in `PATH` if it is a mere name; `peer` is the other end in words.
pub fn run(program: PathBuf, args: Vec<OsString>, peer: &str) -> Result<Carrier, CarrierError> {
    let info = CarrierInfo { kind: CarrierKind::Command, peer: peer.to_owned(), address: None, cipher: None };
    child::start(program, args, info)
}

#[cfg(test)]
mod tests {
    use super::*;

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
