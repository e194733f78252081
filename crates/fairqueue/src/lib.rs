//! FQ-CoDel over IP packets, without I/O: the one queue of a link that may stand.
//!
//! A [`FairQueue`] holds what is to be sent while the link takes nothing. Each flow has a queue of its own; they take turns
//! by octets, and a flow that has sent little lately (a ping, a name lookup, the first packets of a connection) goes
//! before those that fill the link (RFC 8290). CoDel watches the delay of each and drops or marks packets where it stands,
//! so that senders slow down (RFC 8289). Packets and the time go in as arguments; the crate never reads a clock, owns a
//! socket or spawns a task, allocates nothing per packet once it runs, and no packet makes it panic or grow beyond its
//! limits. It parses IP headers just far enough to tell flows apart and to mark.
//!
//! The main types: [`Config`] says how much may wait and how long, [`FairQueue`] is the queue, [`Stats`] what it has done.
//! [`Policer`] is CoDel behind a queue that is somebody else's.
//!
//! The loop of an owner who has a device to read, and a carrier that says how many octets it will take:
//!
//! ```
//! use std::time::Instant;
//! use fairqueue::{Config, FairQueue};
//!
//! let mut queue = FairQueue::new(Config::default());
//! queue.set_rate_hint(125_000, 1500); // 1 Mbit/s
//!
//! // Whenever the device has packets: it never waits for the carrier.
//! let ping = *b"\x45\0\0\x1c\0\0\0\0\x40\x01\0\0\xc0\xa8\x01\x01\xc0\xa8\x02\x01\x08\0\0\0\0\0\0\0";
//! queue.enqueue(Instant::now(), &ping, ());
//!
//! // Whenever the carrier may take more.
//! let mut credit = 2000;
//! while let Some(packet) = queue.peek(Instant::now()).filter(|packet| packet.bytes.len() <= credit) {
//!     credit -= packet.bytes.len();
//!     let packet = queue.dequeue(Instant::now()).expect("it was there");
//!     assert_eq!(packet.bytes, ping); // to be framed and sent
//! }
//! assert_eq!(queue.stats().dequeued.packets, 1);
//! ```

#![forbid(unsafe_code)]

mod backlog;
mod codel;
mod config;
mod ecn;
mod flow_key;
mod flows;
mod police;
mod pool;
mod queue;
mod stats;

pub use codel::{INTERVAL, TARGET};
pub use config::Config;
pub use police::{Policer, Verdict, mark};
pub use pool::MAX_PACKET_LEN;
pub use queue::{Enqueued, FairQueue, Packet};
pub use stats::{Count, Stats};
