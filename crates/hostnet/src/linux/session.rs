//! One session's changes: made with an entry in the journal first, and taken back.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    journal::{Directory, Header, Locked, Mark, Writer},
    netlink::Kernel,
    refusal::explain,
    sysctl,
    undo::Undoing,
};
use crate::{Change, Error, Outcome, UndoReport, Undone};

#[derive(Debug)]
pub(crate) struct Session {
    path: PathBuf,
    header: Header,
    directory: Option<Arc<Directory>>,
    journal: Option<Writer>,
    entries: Vec<Entry>,
    last_seq: u64,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    change: Change,
    /// Keeps the SSH connection out of the tunnel, so it is the last thing to go.
    guard: bool,
}

/// What the directory says while its lock is held: nobody else makes or undoes anything meanwhile.
#[derive(Debug)]
pub(crate) struct Scene {
    /// `None` while there is no directory.
    lock: Option<Locked>,
    others: Vec<Other>,
}

/// Another session's journal.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) session: String,
    pub(crate) live: bool,
    pub(crate) changes: Vec<Change>,
}

impl Session {
    pub(crate) fn new(path: &Path, name: &str) -> Result<Session, Error> {
        let header = Header::current(name).map_err(|source| Error::Netlink {
            what: "finding out who and where this process is".into(),
            source,
            detail: None,
        })?;
        Ok(Session {
            path: path.to_owned(),
            header,
            directory: None,
            journal: None,
            entries: Vec::new(),
            last_seq: 0,
        })
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.entries.iter().map(|entry| &entry.change)
    }

    /// The changes that guard the SSH connection.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Change> {
        self.entries.iter().filter(|entry| entry.guard).map(|entry| &entry.change)
    }

    pub(crate) fn is_guard(&self, change: &Change) -> bool {
        self.guards().any(|guard| guard.same_object(change))
    }

    pub(crate) fn journal_path(&self) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.path_of(&self.journal.as_ref()?.name))
    }

    /// Takes the lock and reads the other journals.
    pub(crate) async fn begin(&mut self) -> Result<Scene, Error> {
        if self.directory.is_none() {
            // One that will not do is an error once there is something to write into it, and not before.
            self.directory = Directory::open(&self.path).unwrap_or(None).map(Arc::new);
        }
        match self.directory.clone() {
            Some(directory) => self.scene(&directory).await,
            None => Ok(Scene { lock: None, others: Vec::new() }),
        }
    }

    async fn scene(&self, directory: &Arc<Directory>) -> Result<Scene, Error> {
        let lock = directory.lock().await?;
        let mut others = Vec::new();
        let journals = directory.journals(&lock).map_err(|error| Error::JournalDir {
            path: self.path.clone(),
            why: format!("it cannot be read: {error}"),
        })?;
        for found in journals {
            if self.journal.as_ref().is_some_and(|own| own.name == found.name) {
                continue;
            }
            let Ok(contents) = found.contents else { continue };
            if contents.header.same_place(&self.header) {
                others.push(Other {
                    session: contents.header.session,
                    live: found.live,
                    changes: contents.open.into_iter().filter_map(|open| open.change.ok()).collect(),
                });
            }
        }
        Ok(Scene { lock: Some(lock), others })
    }

    /// Makes the change, unless things are as wanted (`there`) already.
    ///
    /// What is there already and another session made is journalled here as well: whichever of the two ends
    /// later undoes it.
    pub(crate) async fn ensure(
        &mut self,
        kernel: &Kernel,
        scene: &mut Scene,
        change: Change,
        there: bool,
    ) -> Result<(), Error> {
        self.ensure_as(kernel, scene, change, there, false).await
    }

    /// The same, for a change that guards the SSH connection.
    pub(crate) async fn ensure_guard(
        &mut self,
        kernel: &Kernel,
        scene: &mut Scene,
        change: Change,
        there: bool,
    ) -> Result<(), Error> {
        self.ensure_as(kernel, scene, change, there, true).await
    }

    async fn ensure_as(
        &mut self,
        kernel: &Kernel,
        scene: &mut Scene,
        mut change: Change,
        there: bool,
        guard: bool,
    ) -> Result<(), Error> {
        let inherited = inherit(&mut change, scene);
        if there && (!inherited || self.changes().any(|own| own.same_object(&change))) {
            return Ok(());
        }
        let seq = self.record(scene, &change).await?;
        // Before the change is made: if this future is dropped in the middle, the change still counts as made.
        self.entries.push(Entry { seq, change: change.clone(), guard });
        if !there && let Err(error) = self.apply(kernel, &change).await {
            self.entries.retain(|entry| entry.seq != seq);
            self.mark(seq, Mark::Failed, Some(error.to_string()));
            return Err(error);
        }
        self.mark(
            seq,
            Mark::Done,
            there.then(|| "made by another session, which is to end first".to_owned()),
        );
        tracing::debug!("{change}");
        Ok(())
    }

    /// Writes the intent, into a journal that is made for it if need be.
    async fn record(&mut self, scene: &mut Scene, change: &Change) -> Result<u64, Error> {
        let directory = match &self.directory {
            Some(directory) => Arc::clone(directory),
            None => Arc::clone(self.directory.insert(Arc::new(Directory::create(&self.path)?))),
        };
        let lock = match &mut scene.lock {
            Some(lock) => lock,
            none => none.insert(directory.lock().await?),
        };
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => {
                let journal = Writer::create(&directory, lock, &self.header)
                    .map_err(|source| Error::Journal { path: self.path.clone(), source })?;
                none.insert(journal)
            }
        };
        self.last_seq += 1;
        journal
            .intent(self.last_seq, change)
            .map_err(|source| Error::Journal { path: directory.path_of(&journal.name), source })?;
        Ok(self.last_seq)
    }

    /// A mark that cannot be written leaves the change open in the journal: cleanup then finds out by looking.
    fn mark(&mut self, seq: u64, mark: Mark, note: Option<String>) {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.mark(seq, mark, note)
        {
            tracing::warn!("the journal {}: {error}", self.path.join(&journal.name).display());
        }
    }

    /// Makes a change, no questions asked.
    pub(crate) async fn apply(&self, kernel: &Kernel, change: &Change) -> Result<(), Error> {
        match change {
            Change::LinkUp { device } => kernel.set_up(device.index, true).await,
            Change::Mtu { device, after, .. } => kernel.set_mtu(device.index, *after).await,
            Change::AddrGenMode { device, after, .. } => kernel.set_addr_gen_mode(device.index, *after).await,
            Change::Address { device, local, peer, prefix } => {
                kernel.add_address(device.index, *local, *peer, *prefix).await
            }
            Change::Route { .. } => kernel.add_route(change).await,
            Change::ProxyArp { device, address } => kernel.add_proxy(device.index, *address).await,
            Change::Sysctl { name, after, .. } => return sysctl::write(name, after),
        }
        .map_err(|error| explain(change, &error))
    }

    /// Undoes one of this session's changes.
    pub(crate) async fn take_back(
        &mut self,
        kernel: &Kernel,
        scene: &Scene,
        change: &Change,
    ) -> Result<(), Error> {
        self.take_back_from(kernel, &scene.others, change).await
    }

    /// Undoes one of this session's changes even if others have it too, because it is of no use to anyone.
    pub(crate) async fn withdraw(&mut self, kernel: &Kernel, change: &Change) -> Result<(), Error> {
        self.take_back_from(kernel, &[], change).await
    }

    async fn take_back_from(
        &mut self,
        kernel: &Kernel,
        others: &[Other],
        change: &Change,
    ) -> Result<(), Error> {
        let Some(entry) = self.entries.iter().rev().find(|entry| entry.change.same_object(change)) else {
            return Ok(());
        };
        match self.dispose(kernel, others, entry.seq, entry.change.clone()).await {
            Outcome::Failed { why } => Err(Error::NotUndone { what: change.to_string(), why }),
            _ => Ok(()),
        }
    }

    async fn dispose(&mut self, kernel: &Kernel, others: &[Other], seq: u64, change: Change) -> Outcome {
        let outcome = if let Some(to) = claimed(&change, others) {
            Outcome::HandedOver { to }
        } else {
            let ours: Vec<Change> = self.changes().cloned().collect();
            Undoing { kernel, dry_run: false, only_marked: None, ours: &ours }.undo(&change).await
        };
        tracing::debug!("{change}: {outcome}");
        if let Some((mark, note)) = mark_for(&outcome) {
            self.entries.retain(|entry| entry.seq != seq);
            self.mark(seq, mark, note);
        }
        outcome
    }

    pub(crate) async fn undo(&mut self, kernel: &Kernel) -> UndoReport {
        let mut report = UndoReport::default();
        let mut order: Vec<(bool, u64, Change)> =
            self.entries.iter().map(|e| (e.guard, e.seq, e.change.clone())).collect();
        // The SSH connection's guards go last: until then packets of it may have to leave.
        order.sort_by_key(|(guard, seq, _)| (*guard, std::cmp::Reverse(*seq)));
        match self.begin().await {
            Ok(scene) => {
                for (_, seq, change) in order {
                    let words = change.to_string();
                    let outcome = self.dispose(kernel, &scene.others, seq, change).await;
                    report.changes.push(Undone { change: words, outcome });
                }
                if self.entries.is_empty() {
                    self.remove_journal();
                }
            }
            Err(error) => {
                for (_, _, change) in order {
                    let outcome = Outcome::Failed { why: error.to_string() };
                    report.changes.push(Undone { change: change.to_string(), outcome });
                }
            }
        }
        if !self.entries.is_empty() {
            report.journal = self.journal_path();
        }
        report
    }

    fn remove_journal(&mut self) {
        if let (Some(directory), Some(journal)) = (&self.directory, self.journal.take())
            && let Err(error) = directory.remove(&journal.name)
        {
            tracing::warn!("the journal {}: {error}", directory.path_of(&journal.name).display());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.entries.is_empty() {
            self.remove_journal();
            return;
        }
        let journal = self.journal_path().unwrap_or_default();
        tracing::warn!(
            "{} changes to the network were not undone; `pppssh cleanup` does it, from {}",
            self.entries.len(),
            journal.display()
        );
    }
}

/// Takes over the value before from a session that made this change first. Says whether there is one.
fn inherit(change: &mut Change, scene: &Scene) -> bool {
    for theirs in scene.others.iter().flat_map(|other| &other.changes) {
        if !theirs.same_object(change) {
            continue;
        }
        match (&mut *change, theirs) {
            // They made what is there now, or what is wanted now.
            (Change::Mtu { before, .. }, Change::Mtu { before: first, after, .. }) if *before == *after => {
                *before = *first;
            }
            (Change::AddrGenMode { before, .. }, Change::AddrGenMode { before: first, after, .. })
                if *before == *after =>
            {
                *before = *first;
            }
            (
                Change::Sysctl { before, along, .. },
                Change::Sysctl { before: first, after, along: first_along, .. },
            ) if *before == *after => {
                before.clone_from(first);
                along.clone_from(first_along);
            }
            (Change::Mtu { .. } | Change::AddrGenMode { .. } | Change::Sysctl { .. }, _) => continue,
            _ => {}
        }
        return true;
    }
    false
}

/// The session that runs and needs this change too.
pub(crate) fn claimed(change: &Change, others: &[Other]) -> Option<String> {
    let after = |change: &Change| match change {
        Change::Mtu { after, .. } => Some(after.to_string()),
        Change::AddrGenMode { after, .. } => Some(after.to_string()),
        Change::Sysctl { after, .. } => Some(after.clone()),
        _ => None,
    };
    let claims = |theirs: &Change| theirs.same_object(change) && after(theirs) == after(change);
    let other = others.iter().find(|other| other.live && other.changes.iter().any(claims))?;
    Some(other.session.clone())
}

/// How the journal records an outcome; not at all if the change is still to be undone.
pub(crate) fn mark_for(outcome: &Outcome) -> Option<(Mark, Option<String>)> {
    match outcome {
        Outcome::Undone => Some((Mark::Undone, None)),
        Outcome::AlreadyGone | Outcome::Kept { .. } | Outcome::HandedOver { .. } => {
            Some((Mark::Released, Some(outcome.to_string())))
        }
        Outcome::WouldUndo | Outcome::Failed { .. } => None,
    }
}
