//! The other end of the control socket: `pppssh status`, `pppssh disconnect`, and whoever waits for a link.

use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{Condition, ControlError, Request, Response, RuntimeDirs, check_name};
use crate::status::{SessionStatus, explain, render, unix_now};

/// The longest answer line read, in octets. A status has a few KiB.
const RESPONSE_MAX: u64 = 1 << 20;

/// How `pppssh status` prints what it learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A short table.
    Table,
    /// JSON: one object for a named session, an array for all.
    Json,
    /// Plain sentences.
    Sentences,
}

/// A session that answered on its control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Its socket.
    pub path: PathBuf,
    owner: u32,
}

/// What `pppssh status [NAME]` prints: one session, or all of them when no name is given.
///
/// With `wait` it first waits until the named session is there and the condition holds; without a name, the only one.
pub async fn report(
    dirs: &RuntimeDirs,
    name: Option<&str>,
    format: Format,
    wait: Option<Condition>,
) -> Result<String, ControlError> {
    let all = match (name, wait) {
        (_, Some(condition)) => vec![waited(dirs, name, condition).await?],
        (Some(_), None) => vec![find(dirs, name).await?.status().await?],
        (None, None) => statuses(dirs).await?,
    };
    if all.is_empty() && format != Format::Json {
        return Err(ControlError::NoSession);
    }
    let now = unix_now();
    Ok(match format {
        Format::Table => all.iter().map(|status| render(status, now)).collect::<Vec<_>>().join("\n"),
        Format::Sentences => all.iter().map(|status| explain(status, now)).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            let text = match all.as_slice() {
                [one] if name.is_some() || wait.is_some() => serde_json::to_string_pretty(one),
                all => serde_json::to_string_pretty(all),
            };
            text.expect("a status is plain data") + "\n"
        }
    })
}

async fn waited(
    dirs: &RuntimeDirs,
    name: Option<&str>,
    condition: Condition,
) -> Result<SessionStatus, ControlError> {
    let session = match name {
        // One that is not there is down, and will not say so.
        Some(name) if condition != Condition::Down => await_session(dirs, name).await?,
        _ => find(dirs, name).await?,
    };
    match session.wait(condition).await? {
        Some(status) => Ok(status),
        None => Err(ControlError::Ended { last_error: None }),
    }
}

async fn statuses(dirs: &RuntimeDirs) -> Result<Vec<SessionStatus>, ControlError> {
    let mut all = Vec::new();
    for session in sessions(dirs).await {
        match session.status().await {
            Ok(status) => all.push(status),
            // It ended while we were asking the others.
            Err(ControlError::Ended { .. } | ControlError::Io { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The sessions that are alive, by name.
pub async fn sessions(dirs: &RuntimeDirs) -> Vec<Session> {
    let mut found = Vec::new();
    for (dir, owner) in dirs.existing() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".sock")) else { continue };
            if check_name(name).is_err() {
                continue;
            }
            let session = Session { name: name.to_owned(), path: entry.path(), owner };
            if session.connect().await.is_ok() {
                found.push(session);
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The session named `name`, or the only one there is.
pub async fn find(dirs: &RuntimeDirs, name: Option<&str>) -> Result<Session, ControlError> {
    let mut running = sessions(dirs).await;
    let names = |running: &[Session]| running.iter().map(|session| session.name.clone()).collect();
    match name {
        Some(name) => {
            check_name(name)?;
            let running_names = names(&running);
            running
                .into_iter()
                .find(|session| session.name == name)
                .ok_or_else(|| ControlError::NoSuchSession { name: name.to_owned(), running: running_names })
        }
        None if running.len() > 1 => Err(ControlError::Ambiguous(names(&running))),
        None => running.pop().ok_or(ControlError::NoSession),
    }
}

/// The session named `name`, as soon as it is there: for scripts that start one in the background.
pub async fn await_session(dirs: &RuntimeDirs, name: &str) -> Result<Session, ControlError> {
    use rustix::fs::inotify;
    use tokio::net::unix::pipe;

    check_name(name)?;
    let dir = dirs.prepare()?;
    let io_error = |action| {
        let path = dir.clone();
        move |source: io::Error| ControlError::Io { action, path, source }
    };
    let watcher = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .map_err(|errno| io_error("watch")(errno.into()))?;
    // The socket gets its mode just after it is made, and its listener before: ATTRIB is the moment it is ready.
    inotify::add_watch(&watcher, &dir, inotify::WatchFlags::CREATE | inotify::WatchFlags::ATTRIB)
        .map_err(|errno| io_error("watch")(errno.into()))?;
    // Not a pipe, but read like one: its events come by read(2).
    let mut events = pipe::Receiver::from_owned_fd_unchecked(watcher).map_err(io_error("watch"))?;
    loop {
        match find(dirs, Some(name)).await {
            Err(ControlError::NoSuchSession { .. }) => {}
            other => return other,
        }
        events.read(&mut [0; 4096]).await.map_err(io_error("watch"))?;
    }
}

impl Session {
    /// Its status now, with fresh counters.
    pub async fn status(&self) -> Result<SessionStatus, ControlError> {
        self.ask(Request::Status).await?.status().await
    }

    /// Its status as soon as `condition` holds. A session that ends is [`Condition::Down`] and nothing else.
    pub async fn wait(&self, condition: Condition) -> Result<Option<SessionStatus>, ControlError> {
        match self.ask(Request::Wait { condition }).await?.status().await {
            Err(ControlError::Ended { .. }) if condition == Condition::Down => Ok(None),
            other => other.map(Some),
        }
    }

    /// Follows its status.
    pub async fn watch(&self) -> Result<Watch, ControlError> {
        Ok(Watch { lines: self.ask(Request::Watch).await?, last_error: None })
    }

    /// Makes it hang up, and returns when it has ended.
    pub async fn disconnect(&self) -> Result<(), ControlError> {
        self.end(Request::Disconnect).await
    }

    /// Ends it at once, without taking leave of its peer, and waits until it has.
    pub async fn give_way(&self) -> Result<(), ControlError> {
        self.end(Request::GiveWay).await
    }

    async fn end(&self, request: Request) -> Result<(), ControlError> {
        let mut lines = self.ask(request).await?;
        lines.accepted().await?;
        loop {
            match lines.next().await {
                Ok(_) => {}
                Err(ControlError::Ended { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes it hang up and call again.
    pub async fn redial(&self) -> Result<(), ControlError> {
        self.ask(Request::Redial).await?.accepted().await
    }

    async fn connect(&self) -> Result<UnixStream, ControlError> {
        let io_error = |source| ControlError::Io { action: "connect to", path: self.path.clone(), source };
        let stream = UnixStream::connect(&self.path).await.map_err(io_error)?;
        let uid = stream.peer_cred().map_err(io_error)?.uid();
        if uid != self.owner {
            return Err(ControlError::ForeignPeer { path: self.path.clone(), uid });
        }
        Ok(stream)
    }

    async fn ask(&self, request: Request) -> Result<Lines, ControlError> {
        let io_error = |source| ControlError::Io { action: "write to", path: self.path.clone(), source };
        let mut stream = self.connect().await?;
        let mut text = serde_json::to_vec(&request).expect("a request is plain data");
        text.push(b'\n');
        stream.write_all(&text).await.map_err(io_error)?;
        Ok(Lines { path: self.path.clone(), stream: BufReader::new(stream) })
    }
}

/// The changes of a session's status, one after the other; several may have become one.
#[derive(Debug)]
pub struct Watch {
    lines: Lines,
    last_error: Option<String>,
}

impl Watch {
    /// The next status, the first one at once.
    pub async fn next(&mut self) -> Result<SessionStatus, ControlError> {
        match self.lines.status().await {
            Ok(status) => {
                self.last_error.clone_from(&status.last_error);
                Ok(status)
            }
            Err(ControlError::Ended { .. }) => {
                Err(ControlError::Ended { last_error: self.last_error.take() })
            }
            Err(error) => Err(error),
        }
    }

    /// The first status that `wanted` says yes to.
    pub async fn until(
        &mut self,
        mut wanted: impl FnMut(&SessionStatus) -> bool,
    ) -> Result<SessionStatus, ControlError> {
        loop {
            let status = self.next().await?;
            if wanted(&status) {
                return Ok(status);
            }
        }
    }
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Lines {
    async fn next(&mut self) -> Result<Response, ControlError> {
        let mut text = Vec::new();
        match (&mut self.stream).take(RESPONSE_MAX).read_until(b'\n', &mut text).await {
            Ok(0) => return Err(ControlError::Ended { last_error: None }),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(ControlError::Ended { last_error: None });
            }
            Err(source) => {
                return Err(ControlError::Io { action: "read from", path: self.path.clone(), source });
            }
            Ok(_) => {}
        }
        match serde_json::from_slice(&text) {
            Ok(Response::Error(reason)) => Err(ControlError::Refused(reason)),
            Ok(response) => Ok(response),
            Err(error) => Err(ControlError::Refused(format!("something that is not an answer ({error})"))),
        }
    }

    async fn status(&mut self) -> Result<SessionStatus, ControlError> {
        match self.next().await? {
            Response::Status(status) => Ok(*status),
            other => Err(ControlError::Refused(format!("{other:?} where a status was due"))),
        }
    }

    async fn accepted(&mut self) -> Result<(), ControlError> {
        match self.next().await? {
            Response::Accepted {} => Ok(()),
            other => Err(ControlError::Refused(format!("{other:?} where a yes or no was due"))),
        }
    }
}
