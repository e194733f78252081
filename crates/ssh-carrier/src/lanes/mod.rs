//! One stream to the far command through several channels of one connection.
//!
//! sshd grants 2 MiB of a channel ahead and no more, whatever the path holds: 84 Mb/s through 200 ms. Each channel has a window
//! of its own, so a caller who is kept waiting by it opens another one, in which the far command is started once more, only to
//! hand on to the first one what comes. All channels share one TCP connection and so one path; only what may be under way on it
//! is more.
//!
//! The stream is cut into stripes that go through the lanes by turns. Nothing marks them, since both ends count:
//!
//! ```text
//!            where the second joins       the third
//!                      v                      v
//! lane 1  ─────────────┐      ┌──────┐        ┌ ┐      ┌─────
//! lane 2               └──────┘      └────────┘ │      │
//! lane 3                                        └──────┘
//! ```
//!
//! In a new channel the far end speaks first ([`HELLO`]), so the caller knows whom he has. He then says at which octet of the
//! stream the lane joins, eight octets in network order, and sends nothing from there on until it is [`AGREED`] to: what the far
//! end reads by then, it knows the way of.

mod stripes;

pub(crate) use stripes::Stripes;

/// Octets that go through a lane before the next has its turn.
const STRIPE: u64 = 256 * 1024;

/// Lanes of a stream at most: OpenSSH allows ten sessions in a connection (`MaxSessions`).
pub(crate) const MOST: usize = 8;

/// What the far end says in a new lane.
pub(crate) const HELLO: &[u8] = b"pppssh lane 1\n";

/// What the far end says when it knows where the lane joins.
pub(crate) const AGREED: &[u8] = b"agreed\n";

/// Octets in which the caller says where a lane joins.
pub(crate) const PLACE_LEN: usize = size_of::<u64>();
