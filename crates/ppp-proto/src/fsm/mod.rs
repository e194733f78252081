//! The option negotiation automaton (RFC 1661 §4), shared by LCP and every NCP.
//!
//! [`transition`] is the RFC's table. `ControlMachine` walks it with counters, timer and Identifiers; it knows no option.
//! A `ControlProtocol` knows options and no state.

mod machine;
mod protocol;
mod receive;
mod record;
mod state;
mod table;

pub(crate) use machine::{ControlMachine, Layer, Settings};
pub(crate) use protocol::{ControlProtocol, Failure, Reply, ReplyBuilder};
pub use record::{Answer, OptionStatus};
pub use state::{Action, Event, Note, State};
pub use table::{Actions, transition};
