//! One byte stream to the other end, over SSH.
//!
//! A [`Carrier`] is a pair of halves, [`CarrierTx`] and [`CarrierRx`], that move chunks of bytes and know nothing
//! of what is in them. It is made by one of:
//!
//! - [`client`]: an SSH client inside this process (russh), which executes a command on the server;
//! - [`openssh`]: the system's `ssh` as a child process;
//! - [`command`]: any other command as a child process;
//! - [`stdio`]: this process's own standard input and output, the end that sshd's forced command sees;
//! - [`server`]: an SSH server inside this process (russh), one carrier for each accepted exec request.
//!
//! Nothing here queues more than a chunk or two of its own: the only queue that may stand is the caller's.

#![deny(unsafe_code)]

pub mod authorized_keys;
mod carrier;
mod child;
mod ciphers;
pub mod client;
pub mod command;
mod destination;
mod ending;
mod error;
mod fd;
mod lanes;
mod memory;
pub mod openssh;
mod program;
pub mod ring;
pub mod server;
mod ssh_config;
mod stderr;
pub mod stdio;
mod tcp;

pub use carrier::{Carrier, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};
pub use error::{CarrierError, HostKeyError, HostKeyProblem};

/// The channel window that both ends in this process grant, in octets (RFC 4254 §5.2).
///
/// russh fills it up once half is used, and the other end hears of that half a round trip later: so half of it may pass in a round
/// trip, which makes 168 Mb/s through 200 ms. (OpenSSH grants 2 MiB, and fills up in smaller steps.) How much is under way
/// is not decided here: `credit` and the fair queue see to that.
pub const CHANNEL_WINDOW: u32 = 8 << 20;

/// Messages of a channel that the caller has not read yet, for a window of so many octets; beyond, the whole connection waits for him,
/// and with it the room for what he sends himself. Half a KiB each: OpenSSH's are 32 KiB at most, and 4 KiB from a pipe that is
/// always full.
const fn unread(window: u32) -> usize {
    window as usize / 512 + 1
}
