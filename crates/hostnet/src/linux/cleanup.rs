//! Undoing what dead sessions left.

use std::{path::Path, sync::Arc};

use super::{
    journal::{Contents, Directory, Found, Header, Locked},
    netlink::Kernel,
    session::{Other, claimed, mark_for},
    undo::Undoing,
};
use crate::{Change, CleanupOptions, CleanupReport, Error, JournalReport, Outcome, Undone, Verdict};

/// Undoes what the journals in `journal_dir` of sessions that no longer run still hold, and removes those journals.
///
/// Safe while other sessions run, and safe to repeat. Works in the calling thread's network namespace; journals
/// of another one are left alone, and said so.
pub async fn cleanup(journal_dir: &Path, options: CleanupOptions) -> Result<CleanupReport, Error> {
    let mut report = CleanupReport { journals: Vec::new(), dry_run: options.dry_run };
    let Some(directory) = Directory::open(journal_dir)?.map(Arc::new) else { return Ok(report) };
    let failed = |why: String| Error::JournalDir { path: journal_dir.to_owned(), why };
    let here = Header::current("").map_err(|e| failed(format!("finding out where this process is: {e}")))?;
    let lock = directory.lock().await?;
    let journals = directory.journals(&lock).map_err(|e| failed(format!("it cannot be read: {e}")))?;
    let others = live_sessions(&journals, &here);
    let run = Run { kernel: Kernel::open()?, here, others, options, directory };
    for found in journals {
        report.journals.push(run.journal(&lock, found).await);
    }
    Ok(report)
}

struct Run {
    kernel: Kernel,
    here: Header,
    others: Vec<Other>,
    options: CleanupOptions,
    directory: Arc<Directory>,
}

impl Run {
    async fn journal(&self, _lock: &Locked, found: Found) -> JournalReport {
        let mut report = JournalReport {
            path: self.directory.path_of(&found.name),
            session: None,
            pid: None,
            verdict: Verdict::Live,
            changes: Vec::new(),
            problems: Vec::new(),
        };
        let contents = match found.contents {
            Ok(contents) => contents,
            Err(_) if found.live => return report,
            Err(why) => {
                report.verdict =
                    Verdict::Unreadable { why: format!("{why}; delete it once you know it is of no use") };
                return report;
            }
        };
        report.session = Some(contents.header.session.clone());
        report.pid = Some(contents.header.process.pid);
        if found.live {
            return report;
        }
        report.problems.clone_from(&contents.damaged);
        for open in &contents.open {
            if let Err(text) = &open.change {
                report.problems.push(format!("this version does not know how to undo {text}"));
            }
        }
        if contents.header.boot != self.here.boot {
            // What this version knows lives in the kernel and died with it; what it does not know may not have.
            report.verdict =
                if report.problems.is_empty() { Verdict::EarlierBoot } else { Verdict::Incomplete };
        } else if contents.header.netns != self.here.netns {
            report.verdict = Verdict::OtherNamespace { namespace: contents.header.netns.to_string() };
            return report;
        } else {
            self.replay(&found.name, found.owner, &contents, &mut report).await;
            let failed = report.changes.iter().any(|c| matches!(c.outcome, Outcome::Failed { .. }));
            report.verdict =
                if failed || !report.problems.is_empty() { Verdict::Incomplete } else { Verdict::Finished };
        }
        if !self.options.dry_run
            && report.verdict != Verdict::Incomplete
            && let Err(error) = self.directory.remove(&found.name)
        {
            report.problems.push(format!("the journal cannot be removed: {error}"));
            report.verdict = Verdict::Incomplete;
        }
        report
    }

    async fn replay(&self, name: &str, owner: u32, contents: &Contents, report: &mut JournalReport) {
        let mut journal = match self.directory.resume(name, contents.whole) {
            _ if self.options.dry_run => None,
            Ok(journal) => Some(journal),
            Err(error) => {
                report.problems.push(format!("it cannot be written to: {error}"));
                None
            }
        };
        let foreign = format!(
            "the journal belongs to user {owner}, who could have written anything, and the kernel keeps no mark to \
             tell: run cleanup as that user, or, having looked at it, with --any-owner"
        );
        let only_marked = if self.options.only_marked {
            Some("only what bears pppssh's mark is undone here: run cleanup as root with --any-owner")
        } else if owner != rustix::process::geteuid().as_raw() && !self.options.any_owner {
            Some(foreign.as_str())
        } else {
            None
        };
        let ours: Vec<Change> = contents.open.iter().filter_map(|open| open.change.clone().ok()).collect();
        let undoing =
            Undoing { kernel: &self.kernel, dry_run: self.options.dry_run, only_marked, ours: &ours };
        for open in contents.open.iter().rev() {
            let Ok(change) = &open.change else { continue };
            let outcome = match claimed(change, &self.others) {
                Some(to) => Outcome::HandedOver { to },
                None => undoing.undo(change).await,
            };
            if let (Some(journal), Some((mark, note))) = (&mut journal, mark_for(&outcome))
                && let Err(error) = journal.mark(open.seq, mark, note)
            {
                report.problems.push(format!("it cannot be written to: {error}"));
            }
            report.changes.push(Undone { change: change.to_string(), outcome });
        }
    }
}

/// The sessions that run in this namespace, with what they need.
fn live_sessions(journals: &[Found], here: &Header) -> Vec<Other> {
    let mut live = Vec::new();
    for found in journals.iter().filter(|found| found.live) {
        if let Ok(contents) = &found.contents
            && contents.header.same_place(here)
        {
            live.push(Other {
                session: contents.header.session.clone(),
                live: true,
                changes: contents.open.iter().filter_map(|open| open.change.clone().ok()).collect(),
            });
        }
    }
    live
}
