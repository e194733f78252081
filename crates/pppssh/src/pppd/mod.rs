//! pppd's command line: its words, option files and messages, so that what was written around `pppd` goes on working.
//!
//! [`Reader`] takes the words in and leaves [`Options`]; [`Log`] says what happens as pppd would. What runs the link is
//! the same as elsewhere (`commands/pppd.rs`).

mod auth;
mod dump;
mod files;
mod host;
mod log;
mod options;
mod table;
mod values;
mod words;

use std::ffi::OsString;
use std::path::Path;

pub use auth::{AuthOptions, Host};
pub use files::{Ask, OptionError, Places, Reader};
pub use host::{DefaultRoute, default_routes, default_routes6};
pub use log::{Log, SYSTEM};
pub use options::{LogTo, Options, is_usable};
pub use values::resolve;
pub use words::{MAX_WORD, Words};

/// The version that is imitated, as `--version` says it.
pub const VERSION: &str = "2.4.9";

/// What pppd prints when it is asked for help, or does not know a word.
pub const USAGE: &str = "\
Usage: pppd [ options ], where options are:
\t<loc>:<rem>\tSet the local and/or remote interface IP
\t\t\taddresses.  Either one may be omitted.
\tpty <p>\t\tTalk to the command <p>, such as an ssh
\tnotty\t\tTalk on standard input and output
\tauth\t\tRequire authentication from peer
\tcall <n>\tTake options from /etc/ppp/peers/<n>
\tfile <f>\tTake options from file <f>
\tnodetach\tStay in the foreground
\tdefaultroute\tAdd default route through interface
\tmru <n>\t\tSet MRU value to <n> for negotiation
See pppd(8) and docs/pppd.md for more options.
";

/// pppd's own words, if this program was called as `pppd` or as `pppssh pppd`.
pub fn words(mut arguments: impl Iterator<Item = OsString>) -> Option<Vec<String>> {
    let program = arguments.next()?;
    let is_pppd = Path::new(&program).file_name().is_some_and(|name| name == "pppd");
    if !is_pppd && arguments.next()? != "pppd" {
        return None;
    }
    Some(arguments.map(|word| word.to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests;
