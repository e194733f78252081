//! Programs in the background, their words, and their ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

/// After this long without the event that a test waits for, it never comes. Far more than anything takes here.
pub const NEVER: Duration = Duration::from_mins(3);

/// A program that runs beside the test. It is killed when the test ends.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    open_pipes: usize,
}

impl Log {
    /// Also after a failed assertion, which some tests survive.
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Starts `command` and listens to what it says on both outputs. Its input is a pipe in which nothing comes.
    pub fn start(name: &str, mut command: Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Log::default());
        log.lock().open_pipes = 2;
        listen(log.clone(), child.stdout.take().expect("piped"));
        listen(log.clone(), child.stderr.take().expect("piped"));
        Running { name: name.to_owned(), child, log }
    }

    /// Waits until it says a line that contains `words`.
    pub fn says(&self, words: &str) {
        self.says_times(words, 1);
    }

    /// Waits until it has said so many lines that contain `words`.
    pub fn says_times(&self, words: &str, times: usize) {
        let deadline = Instant::now() + NEVER;
        let mut state = self.log.lock();
        while state.lines.iter().filter(|line| line.contains(words)).count() < times {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && state.open_pipes > 0,
                "{} never said {words:?}; it said:\n{}",
                self.name,
                state.lines.join("\n")
            );
            state = self.log.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().lines.join("\n")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, whatever its children do.
    pub fn has_ended(&self) -> bool {
        let this =
            pidfd_open(self.id(), PidfdFlags::empty()).expect("an unwaited child is there, dead or alive");
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&this, PollFlags::IN)], Some(&at_once)).expect("children can be asked") > 0
    }

    /// Waits until it ends or `other` does; whether it was this one.
    pub(crate) fn ends_before(&self, other: &Running) -> bool {
        let [this, other] = [self, other].map(|running| {
            pidfd_open(running.id(), PidfdFlags::empty()).expect("an unwaited child is there, dead or alive")
        });
        let mut ends = [PollFd::new(&this, PollFlags::IN), PollFd::new(&other, PollFlags::IN)];
        let patience = Timespec { tv_sec: NEVER.as_secs().cast_signed(), tv_nsec: 0 };
        let ended = poll(&mut ends, Some(&patience)).expect("children can be waited for");
        assert!(ended > 0, "{} and {:?} go on and on", self.name, ends);
        !ends[0].revents().is_empty()
    }

    fn id(&self) -> Pid {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, signal)
            .unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }

    /// Waits for its end; what it said and how it ended.
    pub fn end(&mut self) -> Finished {
        let status = self.child.wait().expect("a child can be waited for");
        let mut state = self.log.lock();
        // A grandchild may hold the pipes for longer; what the program itself said is in them.
        while state.open_pipes > 0 {
            let (next, wait) = self.log.changed.wait_timeout(state, Duration::from_secs(1)).unwrap();
            state = next;
            if wait.timed_out() {
                break;
            }
        }
        Finished { name: self.name.clone(), status, said: state.lines.join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}\n----", self.name, self.log());
        }
    }
}

fn listen(log: Arc<Log>, pipe: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { break };
            log.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
            log.changed.notify_all();
        }
        log.lock().open_pipes -= 1;
        log.changed.notify_all();
    });
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    name: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it said on both outputs.
    pub said: String,
}

impl Finished {
    /// It must have ended well.
    #[track_caller]
    pub fn well(&self) -> &Finished {
        assert!(self.status.success(), "{} ended with {}; it said:\n{}", self.name, self.status, self.said);
        self
    }

    /// It must have ended with this exit code.
    #[track_caller]
    pub fn with_code(&self, code: i32) -> &Finished {
        assert_eq!(self.status.code(), Some(code), "{} said:\n{}", self.name, self.said);
        self
    }

    /// It must have ended badly.
    #[track_caller]
    pub fn badly(&self) -> &Finished {
        assert!(!self.status.success(), "{} ended well; it said:\n{}", self.name, self.said);
        self
    }

    /// It must have said this.
    #[track_caller]
    pub fn saying(&self, words: &str) -> &Finished {
        assert!(self.said.contains(words), "{} did not say {words:?}; it said:\n{}", self.name, self.said);
        self
    }
}

/// Runs `command` to its end.
pub fn finish(name: &str, command: Command) -> Finished {
    Running::start(name, command).end()
}
