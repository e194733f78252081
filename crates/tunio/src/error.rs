//! What can go wrong before the first packet, and what to do about it.

use std::io;

/// Why there is no device. Each text says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunError {
    /// /dev/net/tun is missing, or nothing stands behind it.
    #[error(
        "there is no /dev/net/tun here: load the driver (`modprobe tun`), or give it to the container \
         (`--device /dev/net/tun`)"
    )]
    NoDriver,

    /// /dev/net/tun may not be opened.
    #[error(
        "this user may not open /dev/net/tun ({0}): allow it (`chmod 0666 /dev/net/tun`, which gives nobody a \
         device by itself), or, in a container, pass `--device /dev/net/tun`"
    )]
    DriverDenied(io::Error),

    /// A new device may not be made.
    #[error(
        "this user may not create the TUN device {name}: give the program the capability \
         (`setcap cap_net_admin+ep PROGRAM`), or make the device for the user beforehand \
         (`ip tuntap add dev NAME mode tun user USER`) and name it"
    )]
    CreateDenied {
        /// The name asked for.
        name: String,
    },

    /// A new device cannot be made because an interface has the name.
    #[error(
        "an interface {name} exists already: choose another name, or attach to it if it is a pre-made TUN"
    )]
    Exists {
        /// The name asked for.
        name: String,
    },

    /// An existing device belongs to somebody else.
    #[error(
        "the TUN device {name} belongs to another user: make it again for this one \
         (`ip tuntap del dev {name} mode tun; ip tuntap add dev {name} mode tun user USER`), or give the program the capability \
         (`setcap cap_net_admin+ep PROGRAM`)"
    )]
    AttachDenied {
        /// The device's name.
        name: String,
    },

    /// An existing device is held by another process.
    #[error("the TUN device {name} is in use by another process: end that one, or use another device")]
    InUse {
        /// The device's name.
        name: String,
    },

    /// There is no device to attach to.
    #[error(
        "there is no TUN device {name} to attach to: make it (`ip tuntap add dev {name} mode tun user USER`)"
    )]
    NotFound {
        /// The device's name.
        name: String,
    },

    /// The interface is something else.
    #[error(
        "{name} is not a plain TUN device (it is another kind of interface, a TAP, or was made with `multi_queue`): \
         make one with `ip tuntap add dev NAME mode tun user USER`"
    )]
    NotTun {
        /// The interface's name.
        name: String,
    },

    /// The name cannot be an interface's.
    #[error("{name:?} cannot be an interface's name: {why}")]
    InvalidName {
        /// The name asked for.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },

    /// The descriptor passed in is not a usable TUN device.
    #[error("the descriptor passed in cannot be used as a TUN device: {0}")]
    BadDescriptor(&'static str),

    /// The device of the descriptor passed in is not in sight.
    #[error(
        "the TUN device {name} of the descriptor passed in is not in this network namespace: start in its namespace"
    )]
    ElsewhereNamed {
        /// The device's name in its own namespace.
        name: String,
    },

    /// Outside a tokio runtime.
    #[error("a TUN device must be opened inside a tokio runtime with its I/O driver enabled")]
    NoRuntime,

    /// This operating system cannot do it.
    #[error("not possible on this operating system: {0}")]
    Unsupported(&'static str),

    /// Anything else.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What came of it.
        source: io::Error,
    },
}

impl TunError {
    pub(crate) fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> TunError {
        TunError::Io { doing: doing.into(), source: source.into() }
    }
}
