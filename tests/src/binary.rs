//! The program under test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The program: `$PPPSSH_BIN`, or built now, optimised if its caller is or
/// `$PPPSSH_TEST_RELEASE` is set.
pub fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os("PPPSSH_BIN").map_or_else(build, PathBuf::from))
}

/// Whether the program under test is an optimised one.
pub fn is_optimised() -> bool {
    path().components().any(|part| part.as_os_str() == "release")
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "-p",
        "pppssh",
        "--bin",
        "pppssh",
        "--message-format=json-render-diagnostics",
    ]);
    if cfg!(not(debug_assertions)) || std::env::var_os("PPPSSH_TEST_RELEASE").is_some() {
        command.arg("--release");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("cargo can be run");
    assert!(output.status.success(), "pppssh does not build");
    let messages = String::from_utf8(output.stdout).expect("cargo writes JSON");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the program that it built")
}
