//! TUN devices: create, attach, adopt, and move packets in and out of them.
//!
//! [`Tun`] is one device, registered with tokio's reactor. Packets are read many at a time into a
//! [`PacketBatch`], whose storage is reused, and written one at a time by [`Tun::send`]. Everything that
//! can go wrong before the first packet is a [`TunError`], whose text says what to do about it.
//!
//! The crate never sets an address, a route or a link flag, and nothing but [`offload`] and [`mss`] looks into a packet.
//!
//! # Linux, and the `tun` crate
//!
//! On Linux the device is driven by this crate's own `linux` module, also for its creation: the
//! [`tun`](https://docs.rs/tun) crate has no way to attach to a pre-made device without privilege, to insist
//! that a name is new, to verify an adopted descriptor, or to set TUNSETOFFLOAD, and those are four of
//! the five things needed here. On macOS and FreeBSD `tun` does the work behind the very same [`Tun`];
//! its synchronous device sits in our own `AsyncFd`, so its `async` feature is not needed.
//!
//! # Offload
//!
//! A device always carries bare IP packets (IFF_NO_PI). With [`TunConfig::offload`] each has a virtio header in front
//! (IFF_VNET_HDR), and the kernel leaves checksums and segmentation undone where it can: a packet may be 64 KiB long
//! and stand for many of TCP or UDP, whatever the MTU is. [`PacketBatch::with_headers`] gives packets with their
//! headers; one system call reads both into the batch, where the header stays apart from its packet.
//! [`offload::validate`] then says what is to be done, `split` does it, and [`offload::Merger`] and
//! [`Tun::send_offload`] are the way back.
//!
//! What a device does is asked of the kernel step by step and can be changed at any time ([`Tun::set_offload`]):
//! Linux before 6.2 has no segmentation of UDP. Other systems, and devices without a header, have none at all; their
//! packets come complete, and [`Tun::send_offload`] cuts what it is given. Without offload nothing here is done.

#![deny(unsafe_code)]

pub mod ack;
mod batch;
mod device;
mod error;
mod features;
pub mod mss;
pub mod offload;

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod sys;

#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod sys;

pub use batch::{PacketBatch, Packets};
pub use device::{Tun, TunConfig, drops_packet};
pub use error::TunError;
pub use features::Offload;
