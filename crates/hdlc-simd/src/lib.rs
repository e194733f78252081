//! The work that HDLC-like framing does on every octet, with the vector instructions the processor has: stuffing and
//! its undoing (RFC 1662 §4.2), and the bulk of a frame check sequence (RFC 1662 appendix C).
//!
//! [`Class`] is the set of octets that may not stand bare on the wire, and stuffs and unstuffs; [`Folding`] shortens a
//! message without changing its CRC; [`Isa`] names the instruction sets. Of frames, protocols and negotiation this crate
//! knows nothing.
//!
//! It is a crate of its own so that `unsafe` stays here and `ppp-proto` can go on forbidding it. Every instruction set
//! has a file, whose functions are reached through safe ones only, and only on a processor that has it. The plain twin
//! of them all is `portable`, and `tests/` holds each against an even plainer one.

#![deny(unsafe_code)]
// Elsewhere the portable twin works alone.
#![cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code, unused_variables, clippy::unused_self)
)]

mod class;
mod fold;
mod isa;
mod portable;
mod tables;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use class::{Class, Unstuffed};
pub use fold::Folding;
pub use isa::Isa;

/// Begins and ends each frame (RFC 1662 §3.1).
pub const FLAG: u8 = 0x7e;
/// Control Escape: the next octet is to be XORed with [`ESCAPE_XOR`] (RFC 1662 §4.2).
pub const ESCAPE: u8 = 0x7d;
/// Complements bit 6 of an escaped octet (RFC 1662 §4.2).
pub const ESCAPE_XOR: u8 = 0x20;
