//! `pppssh demo`: two hosts that exist only for it, the link between them, and what it can do.
//!
//! `world` makes the hosts, `ends` runs this very program as both ends of the link, `measure` sends data and
//! `ping` pings from one network to the other, `report` prints what came of it. Hosts and ends go when the process
//! does, however it ends; only the directory with the keys of that one run stays if it is killed outright.

#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod ping;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod story;
#[cfg(target_os = "linux")]
mod world;

#[cfg(target_os = "linux")]
pub use story::run;

/// Runs the demo.
#[cfg(not(target_os = "linux"))]
pub fn run(_: &crate::cli::DemoArgs) -> anyhow::Result<crate::exit::ExitCode> {
    anyhow::bail!("the demo's hosts are network namespaces, which only Linux has")
}
