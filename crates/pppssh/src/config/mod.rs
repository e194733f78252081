//! Profiles: what one link needs, read from files and flags.
//!
//! [`Profile`] holds the values; [`load()`] puts one together from the built-in defaults, `/etc/pppssh/NAME.toml`,
//! `~/.config/pppssh/NAME.toml` and the command line, in this order; [`Effective`] also knows where each value came
//! from. [`Trust`] says whether the caller may decide all that by himself: a binary that has capabilities from its
//! file reads only files that root alone can write, and its caller may narrow a profile but not widen it.
//!
//! The text of each error is complete in itself: it holds the system's reason, and has no `source` to print after it.

mod addresses;
mod check;
mod class;
mod error;
mod file;
pub mod flags;
mod given;
pub mod key_value;
mod load;
mod name;
mod print;
mod profile;
mod request;
mod route;
mod sources;
mod text;
mod trust;
mod trusted;
mod values;

pub use addresses::{Addresses, BadAddresses, BadInterfaceIds, InterfaceIds};
pub use class::Class;
pub use error::ConfigError;
pub use flags::{CallFlags, LinkFlags, ListenFlags};
pub use given::Given;
pub use load::{Effective, Places, SYSTEM_DIR, Wanted, load, open_file, read_text_file};
pub use name::{BadName, ProfileName};
pub use print::example;
pub use profile::{KEYS, Key, Profile};
pub use request::{Target, for_client, for_connect, for_listen, for_serve, for_show, requested};
pub use route::{BadRoute, Route};
pub use sources::{Source, Sources};
pub use trust::{Caller, Trust, TrustError};
pub use trusted::open_trusted;
pub use values::{
    AuthMethod, BadControlMap, BadEscapes, BadPacketSize, BadSeconds, CarrierChoice, ControlMap, Escapes,
    FcsChoice, OffloadChoice, PacketSize, Seconds,
};
