//! Who encrypts for this end goes first, while a transfer keeps the processors busy.
//!
//! `serve` shares its host with an sshd, and `connect` with `carrier = "openssh"` with an ssh. These two have most of the work,
//! and each time they have taken a part of what they were given, or have given something, the kernel wakes this process and lets
//! it interrupt them, thousands of times a second. `SCHED_BATCH` (sched(7)) leaves out just that: this end then runs when they
//! have nothing to do or have had their slice. What that gains is in `docs/performance.md`.
//!
//! A slice is some milliseconds. So that a ping beside others' work never waits for that, the policy is taken only while this end
//! uses a good part of a processor itself.

#[cfg(target_os = "linux")]
mod policy;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use ssh_carrier::CarrierKind;
use tracing::debug;

/// How much time at least lies between two looks at what was used.
const LOOK: Duration = Duration::from_millis(50);
/// From this part of one processor on this end is busy: a fifth …
const BUSY: u32 = 5;
/// … until it uses less than this part of one: a tenth.
const CALM: u32 = 10;

/// Decides whose turn it is, for the thread that has the session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deference(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether an ssh or sshd on this host encrypts for this end.
    beside_ssh: AtomicBool,
    thread: Mutex<Thread>,
}

#[derive(Debug, Default)]
struct Thread {
    usage: Usage,
    is_batch: bool,
    /// The kernel refused, or somebody chose another policy: nothing is tried again.
    refused: bool,
}

impl Deference {
    /// What carries the link from now on, if anything does.
    pub(crate) fn carried_by(&self, kind: Option<CarrierKind>) {
        let beside_ssh =
            matches!(kind, Some(CarrierKind::Openssh | CarrierKind::Command | CarrierKind::Stdio));
        self.0.beside_ssh.store(beside_ssh, Ordering::Relaxed);
        if !beside_ssh {
            // Programs that are started from now on are not to inherit it.
            self.thread().give_way(false);
        }
    }

    /// To be called whenever the thread is about to wait.
    pub(crate) fn look(&self) {
        if !self.0.beside_ssh.load(Ordering::Relaxed) {
            return;
        }
        let mut thread = self.thread();
        if let Some(busy) = thread.usage.look(Instant::now(), processor_time) {
            thread.give_way(busy);
        }
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Thread> {
        self.0.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Thread {
    fn give_way(&mut self, batch: bool) {
        if batch == self.is_batch || self.refused {
            return;
        }
        match change(batch) {
            Ok(()) => self.is_batch = batch,
            Err(error) => {
                debug!(%error, "the scheduling policy stays as it is");
                self.refused = true;
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn change(batch: bool) -> std::io::Result<()> {
    use policy::Policy::{Batch, Other};
    if batch { policy::change(Other, Batch) } else { policy::change(Batch, Other) }
}

#[cfg(not(target_os = "linux"))]
fn change(_: bool) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// How much this thread has used of a processor so far.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Whether a thread is busy, by how much of a processor it used from one look to the next.
#[derive(Debug, Default)]
struct Usage {
    last: Option<(Instant, Duration)>,
    busy: bool,
}

impl Usage {
    /// Whether it is busy, if enough time has passed to say; `used` is the processor time of the thread until `now`.
    fn look(&mut self, now: Instant, used: impl FnOnce() -> Duration) -> Option<bool> {
        let Some((then, used_then)) = self.last else {
            self.last = Some((now, used()));
            return None;
        };
        let passed = now.saturating_duration_since(then);
        if passed < LOOK {
            return None;
        }
        let used = used();
        let part = if self.busy { CALM } else { BUSY };
        self.busy = used.saturating_sub(used_then) * part >= passed;
        self.last = Some((now, used));
        Some(self.busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each 50 ms in which the thread uses so many milliseconds; which of them found it busy.
    fn looks(usage: &mut Usage, from: Instant, used_ms: &[u64]) -> Vec<bool> {
        let mut used = Duration::ZERO;
        let mut now = from;
        assert_eq!(usage.look(now, || used), None, "nothing to compare with");
        used_ms
            .iter()
            .map(|&ms| {
                now += LOOK;
                used += Duration::from_millis(ms);
                usage.look(now, || used).expect("time enough has passed")
            })
            .collect()
    }

    #[test]
    fn a_fifth_of_a_processor_is_busy_until_it_is_less_than_a_tenth() {
        let found = looks(&mut Usage::default(), Instant::now(), &[9, 10, 6, 5, 4, 6, 9, 10]);
        assert_eq!(found, [false, true, true, true, false, false, false, true]);
    }

    #[test]
    fn looks_in_quick_succession_cost_no_system_call() {
        let mut usage = Usage::default();
        let start = Instant::now();
        usage.look(start, || Duration::ZERO);
        assert_eq!(usage.look(start + LOOK / 2, || panic!("too early to ask")), None);
        assert_eq!(usage.look(start + LOOK, || LOOK), Some(true));
    }

    #[test]
    fn what_comes_after_a_long_silence_does_not_find_it_busy() {
        let mut usage = Usage::default();
        let start = Instant::now();
        looks(&mut usage, start, &[50]);
        let used = LOOK + Duration::from_millis(1);
        assert_eq!(usage.look(start + Duration::from_secs(60), || used), Some(false));
    }

    /// This thread's policy, as the kernel shows it (proc(5), field 41 of stat).
    #[cfg(target_os = "linux")]
    fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_the_name = stat.rsplit_once(')').expect("a name in parentheses").1;
        behind_the_name.split_whitespace().nth(38).expect("a policy").to_owned()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_beside_an_ssh_a_busy_thread_gives_way_and_no_longer_than_that() {
        let busy = |deference: &Deference| {
            deference.look();
            let until = Instant::now() + LOOK;
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            deference.look();
        };
        // A policy belongs to a thread: not to that of the test, which others share.
        let seen = std::thread::spawn(move || {
            let mut seen = Vec::new();
            let deference = Deference::default();
            for kind in [CarrierKind::Native, CarrierKind::Server, CarrierKind::Stdio, CarrierKind::Openssh] {
                deference.carried_by(Some(kind));
                busy(&deference);
                seen.push(policy());
                deference.carried_by(None);
                seen.push(policy());
            }
            seen
        });
        assert_eq!(seen.join().unwrap(), ["0", "0", "0", "0", "3", "0", "3", "0"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_policy_that_somebody_chose_stays() {
        let found = std::thread::spawn(|| {
            policy::change(policy::Policy::Other, policy::Policy::Batch).unwrap();
            let mut thread = Thread::default();
            thread.give_way(true);
            thread.give_way(false);
            (thread.refused, policy())
        });
        assert_eq!(found.join().unwrap(), (true, "3".to_owned()));
    }
}
