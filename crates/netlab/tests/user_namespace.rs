//! A lab without root: this program re-runs itself as an ordinary user, before it has a second thread.
//! Needs root to become that user.
#![cfg(target_os = "linux")]

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use netlab::Lab;

const ORDINARY_USER: u32 = 65534;

fn as_ordinary_user() -> Result<(), netlab::LabError> {
    netlab::enter_user_namespace()?;
    assert!(netlab::in_user_namespace());
    let lab = Lab::new()?;
    let (venus, saturn) = (lab.host("venus")?, lab.host("saturn")?);
    lab.wire(&venus, "eth0", &saturn, "eth0")?;
    venus.address("eth0", "10.0.0.1/24")?;
    saturn.address("eth0", "10.0.0.2/24")?;
    saturn.forwarding(true)?;
    let pinged = venus.command("ping").args(["-c", "1", "-W", "5", "-q", "10.0.0.2"]).status();
    assert!(pinged.expect("this test needs the program `ping`").success());
    Ok(())
}

fn as_root() {
    assert!(!netlab::in_user_namespace(), "this test must begin in the first user namespace");
    let me = std::env::current_exe().unwrap();
    // The program may lie where that user cannot go.
    let copy = std::env::temp_dir().join(format!("netlab-user-{}", std::process::id()));
    std::fs::copy(me, &copy).unwrap();
    let status = Command::new(&copy)
        .env("NETLAB_AS_USER", "1")
        .current_dir("/")
        .gid(ORDINARY_USER)
        .uid(ORDINARY_USER)
        .status();
    std::fs::remove_file(copy).unwrap();
    assert!(status.expect("this test needs root").success(), "the lab of an ordinary user failed");
}

/// The test harness would have threads.
fn main() -> ExitCode {
    if std::env::var_os("NETLAB_AS_USER").is_some() {
        if let Err(error) = as_ordinary_user() {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    } else {
        as_root();
        println!("an ordinary user has a lab in a user namespace ... ok");
    }
    ExitCode::SUCCESS
}
