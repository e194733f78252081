//! What the kernel leaves to whoever reads a device with offload: checksums and segmentation. Pure: packets in,
//! packets out.
//!
//! In front of each packet stands a [`VirtioHeader`], which says what is still to be done. [`validate`] makes a
//! [`Checked`] of the two, whoever wrote them; from there a packet goes on
//!
//! - whole, if the other end takes such packets: [`Checked::header`] and [`Checked::packet`];
//! - as packets that any wire takes: [`Checked::split`];
//! - in smaller portions with their own headers: [`Checked::split_at`].
//!
//! [`Merger`] goes the other way: it makes one packet of consecutive ones, so that the kernel is called once.
//!
//! ```
//! use tunio::offload::{Merger, VirtioHeader, validate};
//!
//! # fn forward(header: &VirtioHeader, packet: &[u8]) -> Result<(), tunio::offload::Refusal> {
//! let mut merger = Merger::default();
//! let mut sent = Vec::new();
//! let mut send = |header: &VirtioHeader, packet: &[u8]| {
//!     sent.push((*header, packet.to_vec()));
//!     Ok::<(), std::convert::Infallible>(())
//! };
//!
//! let mut segments = validate(header, packet)?.split();
//! let mut segment = Vec::new();
//! while segments.next_into(&mut segment) {
//!     let Ok(()) = merger.push(&VirtioHeader::NONE, &segment, &mut send);
//! }
//! let Ok(()) = merger.flush(&mut send);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub(crate) mod checksum;
mod header;
pub(crate) mod ip;
mod merge;
mod refusal;
mod split;
pub(crate) mod validate;

pub use checksum::ones_complement_sum;
pub use header::{GsoType, VirtioHeader};
pub use merge::Merger;
pub use refusal::Refusal;
pub use split::{Split, SplitAt};
pub use validate::{Checked, validate};

/// The longest packet a TUN device can hand over: an IP packet of 65535 octets, also the largest MTU.
pub(crate) const MAX_PACKET: usize = 65535;
