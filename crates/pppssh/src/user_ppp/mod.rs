//! The configuration of FreeBSD's user-ppp: `ppp.conf`, `ppp.secret`, `ppp.linkup` and `ppp.linkdown`.
//!
//! [`Sections`] reads a file, [`Plan`] makes a profile of the sections that are asked for, and [`LinkScript`] says what to
//! run when the link comes up or goes down. Nothing here runs anything: `commands::user_ppp` does.
//!
//! A command that cannot be obeyed is a [`Problem`] with its file and line, and all of them are found before dialling. What
//! cannot matter on a link without a modem is taken in silence. `docs/user-ppp.md` lists every command.

mod access;
mod addresses;
mod authenticate;
mod draft;
mod linkup;
mod load;
mod mode;
mod negotiate;
mod obey;
mod plan;
mod request;
mod routes;
mod sections;
mod set;
mod vocabulary;
mod words;

use std::fmt;

pub use access::Access;
pub use addresses::IfAddr;
pub use authenticate::secrets;
pub use draft::{AuthKey, Redial};
pub use linkup::{Ends, Facts, LinkScript, ShellCommand};
pub use load::{LoadError, Loaded, SYSTEM_DIR, load};
pub use mode::Mode;
pub use negotiate::{Negotiable, Stance};
pub use plan::{BadPlan, Plan};
pub use request::{BadRequest, Request};
pub use sections::{Line, Sections};
pub use words::{BadWords, split};

/// Where a command stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; the first of a command that goes over several.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line that cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{command}`: {why}")]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The command as ppp reads it, its words joined by blanks. A secret is left out.
    pub command: String,
    /// What is wrong with it, and what to do.
    pub why: String,
}

impl Problem {
    fn of(line: &Line, why: impl Into<String>) -> Self {
        Self { place: line.place.clone(), command: line.shown(), why: why.into() }
    }
}

#[cfg(test)]
mod tests;
