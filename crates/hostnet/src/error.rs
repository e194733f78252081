//! What can go wrong, and what to do about it.

use std::{io, net::IpAddr, path::PathBuf};

/// Why a change could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel says this process may not.
    #[error(
        "{what}: not permitted: this needs the capability cap_net_admin \
         (`setcap cap_net_admin+ep` on the binary, or AmbientCapabilities=CAP_NET_ADMIN in its unit), \
         or prepare it beforehand as root with `{command}`"
    )]
    NotPermitted {
        /// What was tried.
        what: String,
        /// The command that prepares it.
        command: String,
    },
    /// Another route holds the same place in the table.
    #[error("the route {wanted} cannot be added: there is already `{existing}`; {advice}")]
    RouteConflict {
        /// The route asked for, as ip-route(8) writes it.
        wanted: String,
        /// The one that is there.
        existing: String,
        /// The way out.
        advice: &'static str,
    },
    /// The address is in use in a way that excludes this one.
    #[error("the address {wanted} cannot be added: {existing}; {advice}")]
    AddressConflict {
        /// The address asked for.
        wanted: String,
        /// What is there.
        existing: String,
        /// The way out.
        advice: String,
    },
    /// The route or address would carry the SSH connection into the tunnel that it carries.
    #[error(
        "{what} would lead the SSH connection to {carrier} into its own tunnel; choose an address other \
         than the SSH server's, or leave that route out"
    )]
    SwallowsCarrier {
        /// The route or address.
        what: String,
        /// The SSH server's address.
        carrier: IpAddr,
    },
    /// There is no such device.
    #[error("there is no network device {0} in this network namespace (any more)")]
    NoSuchDevice(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// IPv6 is switched off.
    #[error(
        "IPv6 is switched off on {0}: `sysctl -w net/ipv6/conf/{0}/disable_ipv6=0`, and an MTU of at least \
         1280, switch it on; or leave IPv6 out of this link"
    )]
    Ipv6Off(String),
    /// A switch below /proc/sys could not be read or written.
    #[error("/proc/sys/{name}: {source}{hint}")]
    Sysctl {
        /// Its path below /proc/sys.
        name: String,
        /// The system's word.
        source: io::Error,
        /// What to do, if that is known.
        hint: &'static str,
    },
    /// The kernel refused over netlink.
    #[error("{what}: {source}{}", detail.as_ref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Netlink {
        /// What was tried.
        what: String,
        /// The error number's meaning.
        source: io::Error,
        /// The kernel's own words, where it gave any (`NLMSGERR_ATTR_MSG`).
        detail: Option<String>,
    },
    /// A change of this session could not be undone, and is still journalled.
    #[error("{what}, and that could not be undone: {why}")]
    NotUndone {
        /// The change.
        what: String,
        /// Why.
        why: String,
    },
    /// The journal's directory will not do.
    #[error("the journal directory {}: {why}", path.display())]
    JournalDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        why: String,
    },
    /// The journal could not be written, so the change was not made.
    #[error("the journal {}: {source}; without a journal no change is made", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// This system is not supported.
    #[error("{what}: not supported on this system: {reason}")]
    Unsupported {
        /// What was tried.
        what: String,
        /// Why not, and what to do instead.
        reason: &'static str,
    },
}
