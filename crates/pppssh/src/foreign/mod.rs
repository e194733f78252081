//! What running a session from another program's configuration takes, pppd's or user-ppp's: a command as the carrier
//! ([`ssh_carrier::command`]), leaving the terminal or telling who waits, and files that tell scripts which process holds a
//! link.

mod detach;
mod notify;
mod pidfile;

pub use detach::{Detach, Detached, detach};
pub use notify::notify_ready;
pub use pidfile::{Pidfile, RUN};
