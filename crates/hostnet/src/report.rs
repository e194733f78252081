//! What undoing came to.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// What became of one change when it was to be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was undone.
    Undone,
    /// A dry run: it would have been undone.
    WouldUndo,
    /// There was nothing to undo any more.
    AlreadyGone,
    /// Somebody else changed or uses it since, so it stays.
    Kept {
        /// What was found.
        why: String,
    },
    /// Another session still needs it and will undo it.
    HandedOver {
        /// That session's name.
        to: String,
    },
    /// It could not be undone; the journal is kept for another try.
    Failed {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Undone => f.write_str("undone"),
            Outcome::WouldUndo => f.write_str("would be undone"),
            Outcome::AlreadyGone => f.write_str("already gone"),
            Outcome::Kept { why } => write!(f, "left alone: {why}"),
            Outcome::HandedOver { to } => write!(f, "left to session {to}, which needs it"),
            Outcome::Failed { why } => write!(f, "NOT undone: {why}"),
        }
    }
}

/// One change and its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The change in words.
    pub change: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.change, self.outcome)
    }
}

/// What [`HostNet::undo`](crate::HostNet::undo) did, last change first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UndoReport {
    /// Each change.
    pub changes: Vec<Undone>,
    /// The journal, if it had to be kept.
    pub journal: Option<PathBuf>,
}

impl UndoReport {
    /// Nothing of ours remains.
    pub fn is_clean(&self) -> bool {
        self.journal.is_none()
    }
}

/// What [`cleanup`](crate::cleanup) made of one journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Its session runs: not touched.
    Live,
    /// It belongs to another network namespace: not touched.
    OtherNamespace {
        /// The namespace as `/proc/PID/ns/net` names it.
        namespace: String,
    },
    /// It is from before the last boot, so nothing of it remains: deleted.
    EarlierBoot,
    /// Every change was dealt with: deleted.
    Finished,
    /// Something could not be dealt with: kept.
    Incomplete,
    /// It could not be read: not touched.
    Unreadable {
        /// Why, and what to do.
        why: String,
    },
}

/// One journal in a [`CleanupReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalReport {
    /// The file.
    pub path: PathBuf,
    /// The session's name, if the journal could be read.
    pub session: Option<String>,
    /// Its process.
    pub pid: Option<u32>,
    /// What was made of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Its changes that were still open, last first.
    pub changes: Vec<Undone>,
    /// Lines that could not be read, and kinds this version does not know.
    pub problems: Vec<String>,
}

impl fmt::Display for JournalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let (Some(session), Some(pid)) = (&self.session, self.pid) {
            write!(f, " (session {session}, process {pid})")?;
        }
        match &self.verdict {
            Verdict::Live => write!(f, ": its session is running, not touched")?,
            Verdict::OtherNamespace { namespace } => {
                write!(f, ": made in network namespace {namespace}, not in this one; not touched")?;
            }
            Verdict::EarlierBoot => write!(f, ": from before the last boot, nothing of it remains")?,
            Verdict::Finished => write!(f, ": cleaned up")?,
            Verdict::Incomplete => write!(f, ": kept, not everything could be dealt with")?,
            Verdict::Unreadable { why } => write!(f, ": {why}")?,
        }
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// What [`cleanup`](crate::cleanup) found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CleanupReport {
    /// Each journal, by file name.
    pub journals: Vec<JournalReport>,
    /// Nothing was changed.
    pub dry_run: bool,
}

impl CleanupReport {
    /// Whether nothing is left that somebody should look at.
    pub fn is_clean(&self) -> bool {
        self.journals.iter().all(|journal| match journal.verdict {
            Verdict::Live | Verdict::EarlierBoot | Verdict::Finished => true,
            Verdict::OtherNamespace { .. } | Verdict::Incomplete | Verdict::Unreadable { .. } => false,
        })
    }
}

impl fmt::Display for CleanupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.journals.is_empty() {
            return f.write_str("nothing to clean up");
        }
        for (n, journal) in self.journals.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{journal}")?;
        }
        Ok(())
    }
}

/// How [`cleanup`](crate::cleanup) goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupOptions {
    /// Say what would be done and do nothing.
    pub dry_run: bool,
    /// Undo only what bears pppssh's mark in the kernel (routes and addresses), whatever a journal says.
    ///
    /// For a binary that gained its capabilities from its file: the caller could have written the journal.
    pub only_marked: bool,
    /// Believe journals that belong to other users too. For root, having looked at them.
    pub any_owner: bool,
}
