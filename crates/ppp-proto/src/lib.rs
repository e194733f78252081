//! PPP in user space, without I/O.
//!
//! `Link` is one end of a PPP link: bytes and the time go in as arguments, frames, events and the next timeout
//! come out. It never reads a clock, owns a socket or spawns a task.

#![forbid(unsafe_code)]

pub mod frame;
pub mod link;
pub mod protocol;
