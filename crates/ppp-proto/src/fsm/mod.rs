//! The option negotiation automaton (RFC 1661 §4), shared by LCP and every NCP.

mod state;

pub use state::State;
