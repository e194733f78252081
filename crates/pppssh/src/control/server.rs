//! The session's end of the control socket.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use super::{Command, Condition, ControlError, REQUEST_MAX, Request, Response, RuntimeDirs, check_name};
use crate::status::SessionStatus;

/// How many clients may be served at once; more are told so and closed.
const CLIENTS_MAX: usize = 16;
/// How long a client may take for its request, or for reading one answer line.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a reader of the status waits for the session to bring its counters up to date.
const PUBLISH_PATIENCE: Duration = Duration::from_millis(250);
/// Commands that may wait for the session: one a client.
const COMMANDS_MAX: usize = CLIENTS_MAX;

/// Where a session publishes its status. Cheap to clone; works without a server too.
#[derive(Clone, Debug)]
pub struct StatusHandle(Arc<watch::Sender<SessionStatus>>);

impl StatusHandle {
    /// A handle that nobody listens to yet.
    pub fn new(status: SessionStatus) -> Self {
        StatusHandle(Arc::new(watch::Sender::new(status)))
    }

    /// Changes the published status and wakes those who watch it.
    pub fn update(&self, change: impl FnOnce(&mut SessionStatus)) {
        self.0.send_modify(change);
    }

    /// The status as published.
    pub fn get(&self) -> SessionStatus {
        self.0.borrow().clone()
    }

    /// Follows the status within this process.
    pub fn subscribe(&self) -> watch::Receiver<SessionStatus> {
        self.0.subscribe()
    }
}

/// The three ends that [`ControlServer::bind`] gives.
#[derive(Debug)]
pub struct Control {
    /// Keep it as long as the session lives; dropping it removes the socket.
    pub server: ControlServer,
    /// Publish through it.
    pub status: StatusHandle,
    /// Obey it.
    pub commands: mpsc::Receiver<Command>,
}

/// A listening control socket. Dropping it closes every client and removes the socket.
#[derive(Debug)]
pub struct ControlServer {
    dirs: RuntimeDirs,
    socket: PathBuf,
    task: JoinHandle<()>,
    _name: NameLock,
}

impl ControlServer {
    /// Takes the session's name and listens, on the runtime that calls it.
    ///
    /// The socket of a dead session is replaced; a live one is [`ControlError::AlreadyRunning`].
    pub fn bind(dirs: &RuntimeDirs, initial: SessionStatus) -> Result<Control, ControlError> {
        check_name(&initial.name)?;
        let dir = dirs.prepare()?;
        let name = NameLock::take(&dir, &initial.name)?;
        let socket = socket_path(&dir, &initial.name);
        let io_error = |action| {
            let path = socket.clone();
            move |source| ControlError::Io { action, path, source }
        };
        match std::fs::remove_file(&socket) {
            Ok(()) => tracing::debug!(path = %socket.display(), "replaced the socket of a dead session"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("remove the stale socket")(error)),
        }
        let listener = UnixListener::bind(&socket).map_err(io_error("listen on"))?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
            .map_err(io_error("restrict"))?;

        let status = StatusHandle::new(initial);
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let task = tokio::spawn(accept(listener, status.clone(), sender));
        Ok(Control {
            server: ControlServer { dirs: dirs.clone(), socket, task, _name: name },
            status,
            commands,
        })
    }

    /// The directories that it was made from, where this user's other sessions are too.
    pub fn dirs(&self) -> &RuntimeDirs {
        &self.dirs
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        // The lock is still held, so the path cannot be another session's by now.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// The path of a session's socket.
fn socket_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

/// The right to a name: an exclusive flock on `NAME.lock`, which holds the owner's pid. The kernel gives it up when the
/// process dies, however it dies.
#[derive(Debug)]
struct NameLock {
    path: PathBuf,
    _file: File,
}

impl NameLock {
    fn take(dir: &Path, name: &str) -> Result<NameLock, ControlError> {
        let path = dir.join(format!("{name}.lock"));
        let io_error = |action| {
            let path = path.clone();
            move |source: io::Error| ControlError::Io { action, path, source }
        };
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
                .map_err(|errno| io_error("open")(errno.into()))?;
            let mut file = File::from(fd);
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let mut pid = String::new();
                    let _ = file.read_to_string(&mut pid);
                    let pid = if pid.is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
                    return Err(ControlError::AlreadyRunning { name: name.to_owned(), pid });
                }
                Err(errno) => return Err(io_error("lock")(errno.into())),
            }
            // Between open and flock the owner before us may have removed the file: then we hold a lock on nothing.
            let held = file.metadata().map_err(io_error("look at"))?;
            let named = match std::fs::metadata(&path) {
                Ok(named) => named,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error("look at")(error)),
            };
            if (held.dev(), held.ino()) != (named.dev(), named.ino()) {
                continue;
            }
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", std::process::id()))
                .map_err(io_error("write"))?;
            return Ok(NameLock { path, _file: file });
        }
    }
}

impl Drop for NameLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, status: StatusHandle, commands: mpsc::Sender<Command>) {
    // Clients live in this set so that dropping the server closes them.
    let mut clients = tokio::task::JoinSet::new();
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a control client");
                    tokio::time::sleep(CLIENT_PATIENCE).await;
                    continue;
                }
            },
            Some(_) = clients.join_next() => continue,
        };
        if let Err(reason) = may_talk(&stream) {
            tracing::warn!("refused a control client: {reason}");
            refuse(&stream, &reason);
            continue;
        }
        let Ok(place) = places.clone().try_acquire_owned() else {
            refuse(&stream, "too many clients; try again later");
            continue;
        };
        let client =
            Client { stream: BufReader::new(stream), status: status.subscribe(), commands: commands.clone() };
        clients.spawn(async move {
            if let Err(error) = client.serve().await {
                tracing::debug!(%error, "control client went away");
            }
            drop(place);
        });
    }
}

/// Only the session's own user and root may talk to it, whatever the modes on the path.
fn may_talk(stream: &UnixStream) -> Result<(), String> {
    let uid = stream.peer_cred().map_err(|error| format!("no peer credentials: {error}"))?.uid();
    let own = rustix::process::geteuid().as_raw();
    if uid == own || uid == 0 {
        return Ok(());
    }
    Err(format!("uid {uid} may not control a session of uid {own}"))
}

/// Says no without waiting: what does not fit into the socket's buffer is not worth waiting for.
fn refuse(stream: &UnixStream, reason: &str) {
    let _ = stream.try_write(&line(&Response::Error(reason.to_owned())));
}

fn line(response: &Response) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(response).expect("a response is plain data");
    bytes.push(b'\n');
    bytes
}

struct Client {
    stream: BufReader<UnixStream>,
    status: watch::Receiver<SessionStatus>,
    commands: mpsc::Sender<Command>,
}

impl Client {
    async fn serve(mut self) -> io::Result<()> {
        match self.request().await? {
            Ok(Request::Status) => {
                self.refresh().await;
                self.send_status().await
            }
            Ok(Request::Watch) => loop {
                self.send_status().await?;
                self.changed().await?;
            },
            Ok(Request::Wait { condition }) => self.wait(condition).await,
            Ok(Request::Disconnect) => self.command(Command::Disconnect).await,
            Ok(Request::Redial) => self.command(Command::Redial).await,
            Ok(Request::GiveWay) => self.command(Command::GiveWay).await,
            Err(reason) => self.send(&Response::Error(reason)).await,
        }
    }

    /// Reads the one request line; `Err` inside is the client's fault and is told to it.
    async fn request(&mut self) -> io::Result<Result<Request, String>> {
        let mut text = Vec::new();
        let limit = REQUEST_MAX as u64 + 1;
        let mut bounded = (&mut self.stream).take(limit);
        patiently(bounded.read_until(b'\n', &mut text)).await?;
        if text.len() > REQUEST_MAX {
            return Ok(Err(format!("a request is one line of at most {REQUEST_MAX} octets")));
        }
        Ok(serde_json::from_slice(&text).map_err(|error| format!("not a request: {error}")))
    }

    /// Asks the session to publish fresh counters, and gives it a moment to do so.
    async fn refresh(&mut self) {
        self.status.mark_unchanged();
        if self.commands.try_send(Command::Publish).is_ok() {
            let _ = tokio::time::timeout(PUBLISH_PATIENCE, self.status.changed()).await;
        }
    }

    async fn wait(&mut self, condition: Condition) -> io::Result<()> {
        while !condition.holds(&self.status.borrow_and_update()) {
            self.changed().await?;
        }
        self.send_status().await
    }

    /// Waits for the status to change or the client to leave.
    async fn changed(&mut self) -> io::Result<()> {
        let mut scratch = [0; 64];
        loop {
            tokio::select! {
                changed = self.status.changed() => {
                    return changed.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe));
                }
                read = self.stream.read(&mut scratch) => {
                    if read? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    async fn command(&mut self, command: Command) -> io::Result<()> {
        if self.commands.send(command).await.is_err() {
            return self.send(&Response::Error("the session is already ending".into())).await;
        }
        self.send(&Response::Accepted {}).await?;
        // The client learns of the end by the socket's end, or leaves before it.
        loop {
            self.changed().await?;
        }
    }

    async fn send_status(&mut self) -> io::Result<()> {
        let status = self.status.borrow_and_update().clone();
        self.send(&Response::Status(Box::new(status))).await
    }

    async fn send(&mut self, response: &Response) -> io::Result<()> {
        patiently(self.stream.get_mut().write_all(&line(response))).await
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(CLIENT_PATIENCE, work).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
