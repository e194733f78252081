//! How fast a TCP connection may be, as a choice on the command line.

use clap::ValueEnum;

/// A congestion control of the kernel's.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// Linux's default
    Cubic,
    /// Version 1
    Bbr,
}

impl Congestion {
    /// The variable under /proc/sys that holds its name for new connections of a host.
    pub const SYSCTL: &str = "net/ipv4/tcp_congestion_control";

    /// As the kernel calls it.
    pub fn name(self) -> &'static str {
        match self {
            Congestion::Cubic => "cubic",
            Congestion::Bbr => "bbr",
        }
    }
}
