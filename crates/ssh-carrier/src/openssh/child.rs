//! The running `ssh`, its pipes and its end.

use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::OpensshConfig;
use crate::ending::{self, Ending, EndingRx, EndingTx, Opening};
use crate::fd::{FdRx, FdTx};
use crate::stderr::Stderr;
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};

/// How long `ssh` may take to leave when asked to.
const TERMINATE_PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for the rest of standard error once `ssh` has exited: something it started may hold it open.
const STDERR_PATIENCE: Duration = Duration::from_millis(500);

/// OpenSSH's exit status for failures of its own: ssh(1), EXIT STATUS.
const SSH_FAILED: i32 = 255;

/// Starts `ssh` with Ctrl-C switched off for it: on a terminal the signal reaches the whole process group, and the
/// carrier must live on to let the caller say goodbye to the other end. `ssh` respects a signal that is ignored.
const IGNORE_INTERRUPT: &str = r#"trap '' INT; exec "$@""#;

pub(super) fn start(
    program: PathBuf,
    args: Vec<OsString>,
    config: &OpensshConfig,
    address: Option<IpAddr>,
) -> Result<Carrier, CarrierError> {
    let spawn = |source| CarrierError::Spawn { program: program.clone(), source };
    let (child_stdin, our_end) = io::pipe().map_err(spawn)?;
    let tx = FdTx::new(nonblocking(our_end.into()).map_err(spawn)?).map_err(spawn)?;
    let (our_end, child_stdout) = io::pipe().map_err(spawn)?;
    let rx = FdRx::new(nonblocking(our_end.into()).map_err(spawn)?).map_err(spawn)?;

    tracing::debug!(program = %program.display(), ?args, "starting ssh");
    let mut child = Command::new("/bin/sh")
        .args(["-c", IGNORE_INTERRUPT, "sh"])
        .arg(&program)
        .args(args)
        .stdin(Stdio::from(OwnedFd::from(child_stdin)))
        .stdout(Stdio::from(OwnedFd::from(child_stdout)))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(spawn)?;

    let peer = peer(config);
    let stderr = Stderr::new(&peer);
    let (ending_tx, ending) = ending::channel();
    let stop = CancellationToken::new();
    let pipe = child.stderr.take();
    tokio::spawn(attend(child, pipe, stderr.clone(), program, stop.clone(), ending_tx));

    let guard = Arc::new(stop.drop_guard());
    Ok(Carrier {
        tx: Box::new(OpensshTx {
            fd: tx,
            ending: ending.clone(),
            stderr: stderr.clone(),
            _guard: Arc::clone(&guard),
        }),
        rx: Box::new(OpensshRx {
            fd: rx,
            ending,
            stderr,
            opening: Opening::default(),
            exited: false,
            _guard: guard,
        }),
        info: CarrierInfo { kind: CarrierKind::Openssh, peer, address, cipher: None },
    })
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    // Nobody else holds our end, so there is nothing to restore.
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}

fn peer(config: &OpensshConfig) -> String {
    match (&config.user, config.port) {
        (Some(user), Some(port)) => format!("{user}@{}:{port}", config.host),
        (Some(user), None) => format!("{user}@{}", config.host),
        (None, Some(port)) => format!("{}:{port}", config.host),
        (None, None) => config.host.clone(),
    }
}

/// Reads the child's standard error, waits for its end or ends it, and reaps it.
async fn attend(
    mut child: Child,
    pipe: Option<ChildStderr>,
    stderr: Stderr,
    program: PathBuf,
    stop: CancellationToken,
    ending: EndingTx,
) {
    let lines = tokio::spawn(read_stderr(pipe, stderr));
    let status = tokio::select! {
        status = child.wait() => status,
        () = stop.cancelled() => terminate(&mut child).await,
    };
    let abort = lines.abort_handle();
    if tokio::time::timeout(STDERR_PATIENCE, lines).await.is_err() {
        abort.abort();
    }
    ending.tell(match status {
        Ok(status) if status.code() == Some(SSH_FAILED) => Ending::SshFailed { program },
        Ok(status) if status.success() => Ending::Clean,
        Ok(status) => exited(status),
        Err(error) => Ending::Ssh {
            host: program.display().to_string(),
            reason: format!("cannot wait for it: {error}"),
        },
    });
}

fn exited(status: ExitStatus) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    Ending::Exited {
        status: status.code().and_then(|code| code.try_into().ok()),
        signal: status.signal().map(|signal| format!("{signal} (of the ssh here)")),
    }
}

/// Asks the child to leave, so that it can end its ProxyCommand too, then makes it.
async fn terminate(child: &mut Child) -> io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
        // Not reaped yet, so the number is still this child's.
        let _ = kill_process(pid, Signal::TERM);
    }
    if let Ok(status) = tokio::time::timeout(TERMINATE_PATIENCE, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}

async fn read_stderr(pipe: Option<ChildStderr>, stderr: Stderr) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 1024];
    while let Ok(n) = pipe.read(&mut buffer).await
        && n > 0
    {
        stderr.push(&buffer[..n]);
    }
}

struct OpensshTx {
    fd: FdTx,
    ending: EndingRx,
    stderr: Stderr,
    /// The last of the two to go ends the child.
    _guard: Arc<DropGuard>,
}

impl OpensshTx {
    /// A pipe that broke means that `ssh` is leaving: why is what the caller wants to know.
    fn poll_reason(&mut self, cx: &mut Context<'_>, error: io::Error) -> Poll<Result<(), CarrierError>> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Poll::Ready(Err(CarrierError::io("writing to ssh", error)));
        }
        let ending = ready!(self.ending.poll(cx));
        let reason = ending.map_or(Ok(()), |ending| ending.into_result(&self.stderr, None));
        Poll::Ready(Err(reason.err().unwrap_or_else(|| CarrierError::io("writing to ssh", error))))
    }
}

impl CarrierTx for OpensshTx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        match ready!(self.fd.poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_reason(cx, error),
        }
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.fd.start_send(chunk);
        Ok(())
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        match ready!(self.fd.poll_finish(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_reason(cx, error),
        }
    }
}

struct OpensshRx {
    fd: FdRx,
    ending: EndingRx,
    stderr: Stderr,
    opening: Opening,
    /// The pipe is at its end, or `ssh` was gone before the last look at it.
    exited: bool,
    _guard: Arc<DropGuard>,
}

impl CarrierRx for OpensshRx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        loop {
            match self.fd.poll_recv(cx) {
                Poll::Ready(Ok(Some(chunk))) => {
                    self.opening.note(&chunk);
                    return Poll::Ready(Ok(Some(chunk)));
                }
                // The exit status follows.
                Poll::Ready(Ok(None)) => self.exited = true,
                // An `ssh` that is gone ends the stream even if something it started holds the pipe open, but only
                // after one more look at the pipe: it may have written between the last look and its end.
                Poll::Pending => {}
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(CarrierError::io("reading from ssh", error)));
                }
            }
            let ending = ready!(self.ending.poll(cx));
            if self.exited {
                let ending = ending.unwrap_or(Ending::Exited { status: None, signal: None });
                return Poll::Ready(
                    ending.into_result(&self.stderr, self.opening.text().as_deref()).map(|()| None),
                );
            }
            self.exited = true;
        }
    }
}
