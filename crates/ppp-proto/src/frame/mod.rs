//! HDLC-like framing (RFC 1662): frames out of octets and octets out of frames, for any chunking of the stream.
//!
//! ```text
//! +----------+----------+----------+----------+------------+--------+----------+
//! |   Flag   | Address  | Control  | Protocol | Information|  FCS   |   Flag   |
//! | 01111110 | 11111111 | 00000011 | 8/16 bits|      *     |0/16/32 | 01111110 |
//! +----------+----------+----------+----------+------------+--------+----------+
//!              `---- left out by ACFC ---´  `- 8 bits by PFC
//! ```
//!
//! [`FrameEncoder`] appends whole frames to a chunk, [`FrameDecoder`] finds frames in chunks. Both follow a [`Framing`],
//! which LCP negotiates for each direction on its own. Neither fails: what is wrong with a stream is dropped and counted
//! in [`FrameStats`].

mod accm;
mod decoder;
mod encoder;
mod fcs;

pub use accm::{Accm, EscapeError, ExtraEscapes};
pub use decoder::{Frame, FrameDecoder, FrameStats};
pub use encoder::FrameEncoder;
pub use fcs::Fcs;
pub use hdlc_simd::{ESCAPE, ESCAPE_XOR, FLAG};

/// The All-Stations address (RFC 1662 §3.1).
pub const ADDRESS: u8 = 0xff;
/// Unnumbered Information (RFC 1662 §3.1).
pub const CONTROL: u8 = 0x03;

/// How frames of one direction look; LCP negotiates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// Control characters that are sent escaped; in the receive direction those that are dropped when they arrive bare.
    pub accm: Accm,
    /// Octets to escape on sending beyond the ACCM; without meaning in the receive direction.
    pub escape: ExtraEscapes,
    /// Send protocol numbers below 0x100 as one octet (RFC 1661 §6.5). Both forms are always accepted.
    pub pfc: bool,
    /// Leave out Address and Control (RFC 1661 §6.6). Both forms are always accepted.
    pub acfc: bool,
    /// The frame check sequence (RFC 1662 appendix C, RFC 1570 §2.1).
    pub fcs: Fcs,
}

impl Framing {
    /// Before anything is negotiated (RFC 1662 §7): every control character escaped, nothing compressed, 16-bit FCS.
    pub const DEFAULT: Framing =
        Framing { accm: Accm::DEFAULT, escape: ExtraEscapes::NONE, pfc: false, acfc: false, fcs: Fcs::Fcs16 };
}

impl Default for Framing {
    fn default() -> Framing {
        Framing::DEFAULT
    }
}
