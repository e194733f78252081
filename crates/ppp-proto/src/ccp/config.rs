//! What may be compressed, and what was agreed on.

use std::fmt;

use super::deflate::{MAX_WINDOW, MIN_WINDOW};

/// CCP's side of a [`LinkConfig`](crate::LinkConfig). With neither direction, all that the peer asks for is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CcpConfig {
    /// What the peer is asked to send.
    pub receive: Option<DeflateConfig>,
    /// What is sent to a peer that asks for it.
    pub send: Option<DeflateConfig>,
}

/// Deflate in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateConfig {
    /// The base-two logarithm of the window, from [`MIN_WINDOW`] to [`MAX_WINDOW`].
    pub window: u8,
    /// Under the number that RFC 1979 gives it.
    pub standard: bool,
    /// Under the number of its drafts, which pppd offers as well.
    pub draft: bool,
}

impl Default for CcpConfig {
    /// Both directions; asked for by the standard's number, granted by either.
    fn default() -> CcpConfig {
        let deflate = DeflateConfig { window: MAX_WINDOW, standard: true, draft: true };
        CcpConfig { receive: Some(DeflateConfig { draft: false, ..deflate }), send: Some(deflate) }
    }
}

impl DeflateConfig {
    /// The window, as far as it can be.
    pub(super) fn usable_window(self) -> u8 {
        self.window.clamp(MIN_WINDOW, MAX_WINDOW)
    }
}

/// What CCP settled: the base-two logarithms of the windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CcpParams {
    /// The peer's, if it compresses.
    pub receive: Option<u8>,
    /// Ours, if we compress.
    pub send: Option<u8>,
}

impl fmt::Display for CcpParams {
    /// In pppd's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.receive, self.send) {
            (Some(receive), Some(send)) if receive == send => {
                write!(f, "Deflate ({receive}) compression enabled")
            }
            (Some(receive), Some(send)) => write!(f, "Deflate ({receive}/{send}) compression enabled"),
            (Some(receive), None) => write!(f, "Deflate ({receive}) receive compression enabled"),
            (None, Some(send)) => write!(f, "Deflate ({send}) transmit compression enabled"),
            (None, None) => f.write_str("no compression"),
        }
    }
}
