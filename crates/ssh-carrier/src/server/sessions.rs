//! The sessions of one client's connection, and how far it has come with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::ChannelId;
use tokio::sync::{mpsc, watch};

use super::channel::{Command, Session};

/// The sessions of one connection, which its handler opens and its task ends.
pub(super) struct Sessions {
    open: Mutex<HashMap<ChannelId, Arc<Session>>>,
    commands: mpsc::UnboundedSender<Command>,
    stage: watch::Sender<Stage>,
}

/// How far a connection has come; each stage has a limit of time, but for `Serving`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not logged in.
    Login,
    /// Logged in, no session yet.
    Idle,
    /// At least one session.
    Serving,
    /// All sessions have ended.
    Ended,
}

impl Sessions {
    /// None yet, nor a login; what they will ask for, and how far the connection is.
    pub(super) fn new() -> (Sessions, mpsc::UnboundedReceiver<Command>, watch::Receiver<Stage>) {
        let (commands, asked) = mpsc::unbounded_channel();
        let (stage, staged) = watch::channel(Stage::Login);
        (Sessions { open: Mutex::default(), commands, stage }, asked, staged)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn logged_in(&self) {
        self.stage.send_replace(Stage::Idle);
    }

    /// Begins a session in a channel.
    pub(super) fn begin(&self, channel: ChannelId) -> Arc<Session> {
        let session = Arc::new(Session::new(channel, self.commands.clone()));
        self.open().insert(channel, Arc::clone(&session));
        self.stage.send_replace(Stage::Serving);
        session
    }

    /// Ends the session of a channel, if it has one.
    pub(super) fn end(&self, channel: ChannelId) -> bool {
        let mut open = self.open();
        let Some(session) = open.remove(&channel) else {
            return false;
        };
        session.close();
        if open.is_empty() {
            self.stage.send_replace(Stage::Ended);
        }
        true
    }

    /// Sessions that have not ended.
    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    pub(super) fn end_all(&self) {
        for (_, session) in self.open().drain() {
            session.close();
        }
    }
}
