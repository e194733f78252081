//! How fast a TCP connection may be, as a choice on the command line.

use clap::ValueEnum;
use netlab::Host;

/// A congestion control of the kernel's.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// Linux's default
    Cubic,
    /// Version 1
    Bbr,
}

impl Congestion {
    /// New connections of the host use it; those that are accepted use what their listener did.
    ///
    /// # Panics
    ///
    /// If the kernel refuses it, with what can be done.
    pub fn use_on(self, host: &Host) {
        let name = self.name();
        if let Err(error) = host.sysctl("net/ipv4/tcp_congestion_control", name) {
            panic!(
                "{error}. Network namespaces have only what this machine allows to users: `modprobe tcp_{name}`, and \
                 add {name} to what `sysctl net.ipv4.tcp_allowed_congestion_control` says"
            );
        }
    }

    /// As the kernel calls it.
    pub fn name(self) -> &'static str {
        match self {
            Congestion::Cubic => "cubic",
            Congestion::Bbr => "bbr",
        }
    }
}
