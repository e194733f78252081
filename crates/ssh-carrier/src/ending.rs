//! How a far command ended: found out once, told to both halves of a carrier.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use tokio::sync::watch;

use crate::CarrierError;
use crate::stderr::{Stderr, printable};

/// What became of the far command.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// It exited with status 0.
    Clean,
    Exited {
        status: Option<u32>,
        signal: Option<String>,
    },
    /// The system's `ssh` failed by itself.
    SshFailed {
        program: PathBuf,
    },
    /// The SSH connection failed.
    Ssh {
        host: String,
        reason: String,
    },
    ExecRefused {
        host: String,
    },
}

impl Ending {
    /// The clean end, or the error that both halves report.
    pub(crate) fn into_result(self, stderr: &Stderr, said: Option<&str>) -> Result<(), CarrierError> {
        let stderr = || {
            let mut text = stderr.text();
            if let Some(said) = said {
                text.extend(["it printed: ", said, "\n"]);
            }
            text
        };
        Err(match self {
            Self::Clean => return Ok(()),
            Self::Exited { status, signal } => CarrierError::Exited { status, signal, stderr: stderr() },
            Self::SshFailed { program } => CarrierError::SshFailed { program, stderr: stderr() },
            Self::Ssh { host, reason } => CarrierError::Ssh { host, reason },
            Self::ExecRefused { host } => CarrierError::ExecRefused { host },
        })
    }
}

type Waiting = Pin<Box<dyn Future<Output = Option<Ending>> + Send + Sync>>;

/// Waits for the ending; each half of a carrier has one.
pub(crate) struct EndingRx {
    watch: watch::Receiver<Option<Ending>>,
    waiting: Option<Waiting>,
}

/// Tells the ending. The first word counts. There is one, of him who must tell it; others have a [`WeakEndingTx`].
#[derive(Debug)]
pub(crate) struct EndingTx(Arc<watch::Sender<Option<Ending>>>);

pub(crate) fn channel() -> (EndingTx, EndingRx) {
    let (tx, watch) = watch::channel(None);
    (EndingTx(Arc::new(tx)), EndingRx { watch, waiting: None })
}

/// The same for one who is not waited for: that nobody else is left to tell is an ending, too.
#[derive(Clone, Debug)]
pub(crate) struct WeakEndingTx(Weak<watch::Sender<Option<Ending>>>);

impl WeakEndingTx {
    pub(crate) fn tell(&self, ending: Ending) {
        if let Some(tx) = self.0.upgrade() {
            EndingTx(tx).tell(ending);
        }
    }
}

impl EndingTx {
    pub(crate) fn downgrade(&self) -> WeakEndingTx {
        WeakEndingTx(Arc::downgrade(&self.0))
    }

    pub(crate) fn tell(&self, ending: Ending) {
        self.0.send_if_modified(|told| {
            let first = told.is_none();
            if first {
                *told = Some(ending);
            }
            first
        });
    }
}

impl Clone for EndingRx {
    fn clone(&self) -> Self {
        Self { watch: self.watch.clone(), waiting: None }
    }
}

impl EndingRx {
    /// Ready when the ending is known; `None` if whoever was to tell it is gone.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        let waiting = self.waiting.get_or_insert_with(|| {
            let mut watch = self.watch.clone();
            Box::pin(async move { watch.wait_for(Option::is_some).await.ok().and_then(|told| told.clone()) })
        });
        let ending = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(ending)
    }
}

/// The first bytes of the stream, in case they turn out to be a message for people.
///
/// A login that is forbidden or a shell that greets says so on standard output, where nobody looks.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    bytes: Vec<u8>,
    total: usize,
}

impl Opening {
    /// More than this is no message.
    const MOST: usize = 512;

    pub(crate) fn note(&mut self, chunk: &[u8]) {
        if self.total <= Self::MOST {
            let room = Self::MOST - self.bytes.len();
            self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            self.total = self.total.saturating_add(chunk.len());
        }
    }

    /// The message, if all that came is text.
    pub(crate) fn text(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.bytes).ok()?.trim();
        let is_message = self.total <= Self::MOST
            && !text.is_empty()
            && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
        is_message
            .then(|| text.lines().map(|line| printable(line.as_bytes())).collect::<Vec<_>>().join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_talks_is_quoted_and_frames_are_not() {
        let mut opening = Opening::default();
        opening.note(b"This account is ");
        opening.note(b"currently not available.\r\n");
        assert_eq!(opening.text().unwrap(), "This account is currently not available.");
        opening.note(&[0x7e, 0xff, 0x7d, 0x23]);
        assert_eq!(opening.text(), None);
        let mut opening = Opening::default();
        opening.note(&[b'x'; 5000]);
        assert_eq!(opening.text(), None);
    }

    #[tokio::test]
    async fn it_is_an_ending_if_nobody_is_left_who_must_tell_it() {
        let (tx, mut rx) = channel();
        let weak = tx.downgrade();
        drop(tx);
        assert!(std::future::poll_fn(|cx| rx.poll(cx)).await.is_none());
        weak.tell(Ending::Clean);
    }

    #[tokio::test]
    async fn the_first_word_about_the_ending_counts_for_both_halves() {
        let (tx, mut one) = channel();
        let mut other = one.clone();
        tx.tell(Ending::Clean);
        tx.tell(Ending::Ssh { host: "x".into(), reason: "late".into() });
        assert!(matches!(std::future::poll_fn(|cx| one.poll(cx)).await, Some(Ending::Clean)));
        drop(tx);
        assert!(matches!(std::future::poll_fn(|cx| other.poll(cx)).await, Some(Ending::Clean)));
    }
}
