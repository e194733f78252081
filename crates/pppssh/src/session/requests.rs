//! What a session is asked to do from outside: by signals and by the control socket.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::control::Command;

/// Something a session should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Hang up politely and end, because of what the text says.
    End(&'static str),
    /// Hang up and call again, because of what the text says.
    Redial(&'static str),
    /// Bring the published status up to date.
    Publish,
    /// End at once, without taking leave of the peer.
    GiveWay,
}

/// How often each signal came. A counter, since two of a kind in a row are two requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    end: u32,
    hangup: u32,
    /// The number of the last one.
    last: i32,
}

/// The signals of this process, as all its sessions see them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signals {
    seen: watch::Receiver<Seen>,
    obeyed: Seen,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT and SIGHUP.
    pub fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (sender, receiver) = watch::channel(Seen::default());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => sender.send_modify(|seen| (seen.end, seen.last) = (seen.end + 1, 15)),
                    _ = interrupt.recv() => sender.send_modify(|seen| (seen.end, seen.last) = (seen.end + 1, 2)),
                    _ = hangup.recv() => sender.send_modify(|seen| (seen.hangup, seen.last) = (seen.hangup + 1, 1)),
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Self { seen: receiver, obeyed: Seen::default() })
    }

    /// The next signal's number. Cancel-safe.
    pub async fn number(&mut self) -> i32 {
        self.next().await;
        self.obeyed.last
    }

    /// The next signal, as a request. Cancel-safe.
    pub async fn next(&mut self) -> Request {
        let obeyed = self.obeyed;
        let Ok(seen) = self.seen.wait_for(|seen| *seen != obeyed).await.map(|seen| *seen) else {
            // The runtime is shutting down; nothing more will come.
            return std::future::pending().await;
        };
        self.obeyed = seen;
        if seen.end == obeyed.end { Request::Redial("Hangup (SIGHUP)") } else { Request::End("User request") }
    }
}

/// Everything that one session is asked.
#[derive(Debug)]
pub struct Requests {
    signals: Signals,
    commands: mpsc::Receiver<Command>,
}

impl Requests {
    /// Requests by the process's signals and by a session's control socket.
    pub fn new(signals: Signals, commands: mpsc::Receiver<Command>) -> Self {
        Self { signals, commands }
    }

    /// The next request. Cancel-safe.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            request = self.signals.next() => request,
            Some(command) = self.commands.recv() => match command {
                Command::Disconnect => Request::End("Disconnected"),
                Command::Redial => Request::Redial("Redial requested"),
                Command::Publish => Request::Publish,
                Command::GiveWay => Request::GiveWay,
            },
        }
    }
}
