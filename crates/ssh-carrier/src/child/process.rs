//! A program that runs: its input and output, its standard error, and its end.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::sync::CancellationToken;

use crate::CarrierError;
use crate::ending::{self, Ending, EndingRx, EndingTx, WeakEndingTx};
use crate::fd::{FdRx, FdTx, PIPE};
use crate::stderr::Stderr;

/// How long the child may take to leave when asked to.
const TERMINATE_PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for the rest of standard error once the child has exited: something it started may hold it open.
const STDERR_PATIENCE: Duration = Duration::from_millis(500);

/// OpenSSH's exit status for failures of its own: ssh(1), EXIT STATUS.
const SSH_FAILED: i32 = 255;

/// Starts the child with Ctrl-C switched off for it: on a terminal the signal reaches the whole process group, and the
/// carrier must live on to let the caller say goodbye to the other end. `ssh` respects a signal that is ignored.
const IGNORE_INTERRUPT: &str = r#"trap '' INT; exec "$@""#;

/// A child that was started.
pub(crate) struct Running {
    pub(crate) input: FdTx,
    pub(crate) output: FdRx,
    /// How it ends.
    pub(crate) ending: EndingRx,
    /// The same may be said by others.
    pub(crate) tell: WeakEndingTx,
}

/// Runs `program` until it ends or is told to `stop`.
pub(crate) fn run(
    program: PathBuf,
    args: Vec<OsString>,
    is_ssh: bool,
    stderr: Stderr,
    stop: CancellationToken,
) -> Result<Running, CarrierError> {
    let spawn = |source| CarrierError::Spawn { program: program.clone(), source };
    let (child_stdin, our_end) = one_way(is_ssh).map_err(spawn)?;
    let input = FdTx::new(nonblocking(our_end).map_err(spawn)?).map_err(spawn)?;
    let (our_end, child_stdout) = one_way(is_ssh).map_err(spawn)?;
    let output = FdRx::new(nonblocking(our_end).map_err(spawn)?).map_err(spawn)?;

    tracing::debug!(program = %program.display(), ?args, "starting");
    let mut child = Command::new("/bin/sh")
        .args(["-c", IGNORE_INTERRUPT, "sh"])
        .arg(&program)
        .args(args)
        .stdin(Stdio::from(child_stdin))
        .stdout(Stdio::from(child_stdout))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(spawn)?;

    let (ending_tx, ending) = ending::channel();
    let tell = ending_tx.downgrade();
    let pipe = child.stderr.take();
    tokio::spawn(attend(child, pipe, stderr, Program { program, is_ssh }, stop, ending_tx));
    Ok(Running { input, output, ending, tell })
}

/// The two ends of the child's input or output: for reading, and for writing.
fn one_way(is_ssh: bool) -> io::Result<(OwnedFd, OwnedFd)> {
    if !is_ssh {
        // Commands may open /dev/stdin, which cannot be done if that is a socket.
        let (read, write) = io::pipe()?;
        return Ok((read.into(), write.into()));
    }
    // A pipe is filled and emptied page by page, and wakes whoever waits for each of them (docs/performance.md).
    let (read, write) = UnixStream::pair()?;
    // As much as a pipe shall. The system need not allow it.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&write, PIPE);
    Ok((read.into(), write.into()))
}

fn nonblocking(fd: OwnedFd) -> io::Result<OwnedFd> {
    // Nobody else holds our end, so there is nothing to restore.
    rustix::io::ioctl_fionbio(&fd, true)?;
    Ok(fd)
}

/// What runs, for the message about its end.
struct Program {
    program: PathBuf,
    is_ssh: bool,
}

/// Reads the child's standard error, waits for its end or ends it, and reaps it.
async fn attend(
    mut child: Child,
    pipe: Option<ChildStderr>,
    stderr: Stderr,
    Program { program, is_ssh }: Program,
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
        Ok(status) if is_ssh && status.code() == Some(SSH_FAILED) => Ending::SshFailed { program },
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
        signal: status.signal().map(|signal| format!("{signal} (of the command here)")),
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
