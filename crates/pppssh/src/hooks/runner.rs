//! Runs the scripts, those of one matter (the peer's name, IPv4, IPv6) beside the others', one after the other.

use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::open_trusted;

use super::environment::{HookFacts, Usage, variables};
use super::output::Output;
use super::{Ends, HookCommand, HookConfig, Script, arguments, resolv};

/// Scripts of one matter that may wait behind a slow one: the ups and downs of a link that flaps meanwhile.
const WAITING_MAX: usize = 32;

/// The session's handle on its hooks. Starting one never waits.
#[derive(Debug)]
pub struct Hooks {
    auth: Matter,
    v4: Matter,
    v6: Matter,
    config: Arc<HookConfig>,
    kill: watch::Sender<bool>,
    expecting: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Matter {
    queue: mpsc::Sender<Job>,
    worker: JoinHandle<()>,
    /// What the last `-up` was told: its `-down` is told the same.
    up: Option<(HookFacts, Ends)>,
    /// The last ends of this family.
    last: Option<Ends>,
}

#[derive(Debug)]
struct Job {
    script: Script,
    facts: HookFacts,
    ends: Ends,
    /// The last ends of the other family.
    other: Option<Ends>,
    usage: Option<Usage>,
}

impl Job {
    fn all_ends(&self) -> Vec<Ends> {
        std::iter::once(&self.ends).chain(&self.other).cloned().collect()
    }
}

impl Hooks {
    /// Ready to run the scripts of `config`, on the runtime that calls it.
    pub fn new(config: HookConfig) -> Self {
        let config = Arc::new(config);
        let kill = watch::Sender::new(false);
        let matter = || {
            let (queue, jobs) = mpsc::channel(WAITING_MAX);
            let worker = tokio::spawn(work(config.clone(), jobs, kill.subscribe()));
            Matter { queue, worker, up: None, last: None }
        };
        let (auth, v4, v6, expecting) = (matter(), matter(), matter(), config.expecting.clone());
        Hooks { auth, v4, v6, config, kill, expecting }
    }

    /// IPv4 is about to come up: writes the file for the resolver, then runs `ip-pre-up` and waits for it,
    /// or kills it after `patience`.
    pub async fn pre_up(&self, facts: &HookFacts, ends: &Ends, patience: Duration) {
        let config = &self.config;
        if let (Some(path), Ends::V4 { dns, .. }) = (&config.resolv_conf, ends)
            && !dns.is_empty()
            && let Err(error) = resolv::write(path, dns)
        {
            tracing::error!("Failed to create {}: {error}", path.display());
        }
        if config.in_place.is_some() {
            return;
        }
        let other = self.v6.last.clone();
        let job =
            Job { script: Script::IpPreUp, facts: facts.clone(), ends: ends.clone(), other, usage: None };
        let (kill, mut killed) = watch::channel(false);
        let mut running = pin!(attend(job.script.name(), || start(config, &job), &mut killed));
        if tokio::time::timeout(patience, &mut running).await.is_err() {
            kill.send_replace(true);
            running.await;
        }
    }

    /// What `ends` is about came up: runs `auth-up`, `ip-up` or `ipv6-up`, after `-down` if it was up with other ends.
    pub fn up(&mut self, facts: &HookFacts, ends: Ends) {
        if self.expecting.load(Ordering::Relaxed) {
            return;
        }
        let script = match ends {
            Ends::Peer => Script::AuthUp,
            Ends::V4 { .. } => Script::IpUp,
            Ends::V6 { .. } => Script::Ipv6Up,
        };
        let now = (facts.clone(), ends);
        if self.matter(script).up.as_ref() == Some(&now) {
            return;
        }
        self.down(script, Usage::default());
        let (facts, ends) = now.clone();
        let other = self.other(script);
        let matter = self.matter(script);
        matter.up = Some(now);
        matter.last = Some(ends.clone());
        matter.start(Job { script, facts, ends, other, usage: None });
    }

    /// Who the peer is counts no more: runs `auth-down` if `auth-up` was due before.
    pub fn peer_gone(&mut self, usage: Usage) {
        self.down(Script::AuthDown, usage);
    }

    /// IPv4 went down: runs `ip-down` if `ip-up` was due before.
    pub fn ipv4_down(&mut self, usage: Usage) {
        self.down(Script::IpDown, usage);
    }

    /// IPv6 went down: runs `ipv6-down` if `ipv6-up` was due before.
    pub fn ipv6_down(&mut self, usage: Usage) {
        self.down(Script::Ipv6Down, usage);
    }

    fn down(&mut self, script: Script, usage: Usage) {
        let other = self.other(script);
        let matter = self.matter(script);
        if let Some((facts, ends)) = matter.up.take() {
            let script = match ends {
                Ends::Peer => Script::AuthDown,
                Ends::V4 { .. } => Script::IpDown,
                Ends::V6 { .. } => Script::Ipv6Down,
            };
            matter.start(Job { script, facts, ends, other, usage: Some(usage) });
        }
    }

    /// What the scripts of one family are told of the other.
    fn other(&self, script: Script) -> Option<Ends> {
        match script {
            Script::AuthUp | Script::AuthDown => None,
            Script::IpPreUp | Script::IpUp | Script::IpDown => self.v6.last.clone(),
            Script::Ipv6Up | Script::Ipv6Down => self.v4.last.clone(),
        }
    }

    fn matter(&mut self, script: Script) -> &mut Matter {
        match script {
            Script::AuthUp | Script::AuthDown => &mut self.auth,
            Script::IpPreUp | Script::IpUp | Script::IpDown => &mut self.v4,
            Script::Ipv6Up | Script::Ipv6Down => &mut self.v6,
        }
    }

    /// Runs the `-down` scripts that are due, waits for all to end, and after `patience` kills what still runs.
    pub async fn shutdown(mut self, usage: Usage, patience: Duration) {
        self.ipv4_down(usage);
        self.ipv6_down(usage);
        self.peer_gone(usage);
        let Hooks { auth, v4, v6, kill, .. } = self;
        drop((auth.queue, v4.queue, v6.queue));
        let mut workers = pin!(async { tokio::join!(auth.worker, v4.worker, v6.worker) });
        if tokio::time::timeout(patience, &mut workers).await.is_err() {
            // What runs is killed and ends; what is still queued is not started any more.
            kill.send_replace(true);
            let _ = workers.await;
        }
    }
}

impl Matter {
    fn start(&self, job: Job) {
        let script = job.script.name();
        if self.queue.try_send(job).is_err() {
            tracing::error!(script, "not run: {WAITING_MAX} scripts already wait for the one that runs");
        }
    }
}

async fn work(config: Arc<HookConfig>, mut jobs: mpsc::Receiver<Job>, mut kill: watch::Receiver<bool>) {
    while let Some(job) = jobs.recv().await {
        let Some(in_place) = &config.in_place else {
            attend(job.script.name(), || start(&config, &job), &mut kill).await;
            continue;
        };
        for HookCommand { argv, background } in in_place(job.script, &job.facts, &job.ends, job.usage) {
            let name = argv.first().cloned().unwrap_or_default();
            if background {
                // It may outlive us, so nobody listens to it.
                let child = start_command(&config, &job, &argv, Stdio::null);
                child.map(|mut child| tokio::spawn(async move { child.wait().await }));
            } else {
                attend(&name, || start_command(&config, &job, &argv, Stdio::piped), &mut kill).await;
            }
        }
    }
}

/// Starts one program and waits for its end.
async fn attend(name: &str, start: impl FnOnce() -> Option<Child>, kill: &mut watch::Receiver<bool>) {
    if *kill.borrow() {
        tracing::warn!(script = name, "not run: the session could not wait longer");
        return;
    }
    let Some(mut child) = start() else { return };
    let pid = child.id();
    let stdout = child.stdout.take().map(|output| Output::log(name, output));
    let stderr = child.stderr.take().map(|output| Output::log(name, output));
    let in_time = tokio::select! {
        ended = child.wait() => Some(ended),
        () = killed(kill) => None,
    };
    let ended = if let Some(ended) = in_time {
        ended
    } else {
        tracing::warn!(script = name, "killed: it did not end in time");
        kill_group(pid);
        child.wait().await
    };
    for output in [stdout, stderr].into_iter().flatten() {
        output.drained().await;
    }
    match ended {
        Ok(status) => log_end(name, status),
        Err(error) => tracing::error!(script = name, %error, "cannot learn how it ended"),
    }
}

/// Ends when the scripts are to be killed, or never, if the session leaves them alone.
async fn killed(kill: &mut watch::Receiver<bool>) {
    if kill.wait_for(|kill| *kill).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Starts one script; `None` if it is not there (which is not an error, as in pppd) or may not be run.
fn start(config: &HookConfig, job: &Job) -> Option<Child> {
    let name = job.script.name();
    let path = config.path(job.script);
    if !path.exists() {
        tracing::debug!(script = name, path = %path.display(), "not there");
        return None;
    }
    if config.trusted_only {
        // Where root alone can change the file and every directory above it, root alone can change what the path means
        // from here on: it may be executed by its path, and finds its own name in `$0`.
        if let Err(error) = open_trusted(path) {
            tracing::error!(script = name, "not run: {error}");
            return None;
        }
    }
    let mut command = std::process::Command::new(path);
    command.args(arguments(config, &job.facts, &job.ends));
    spawn(config, job, name, command, Stdio::piped)
}

/// Starts a program that stands for a script.
fn start_command(config: &HookConfig, job: &Job, argv: &[String], output: fn() -> Stdio) -> Option<Child> {
    let (program, arguments) = argv.split_first()?;
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    spawn(config, job, program, command, output)
}

fn spawn(
    config: &HookConfig,
    job: &Job,
    name: &str,
    mut command: std::process::Command,
    output: fn() -> Stdio,
) -> Option<Child> {
    command
        .env_clear()
        .envs(config.environment.iter().map(|(name, value)| (name, value)))
        .envs(variables(config, &job.facts, &job.all_ends(), job.usage))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output())
        .stderr(output());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let prepared = match &config.prepare {
        Some(prepare) => prepare(&mut command),
        None => Ok(()),
    };
    match prepared.and_then(|()| Command::from(command).spawn()) {
        Ok(child) => {
            tracing::debug!(script = name, pid = child.id(), "started");
            Some(child)
        }
        Err(error) => {
            tracing::error!(script = name, %error, "cannot be started");
            None
        }
    }
}

fn log_end(script: &str, status: ExitStatus) {
    if status.success() {
        tracing::debug!(script, "ended");
    } else {
        tracing::warn!(script, "ended with {status}");
    }
}

/// Kills a script and what it started, all in the process group it leads.
fn kill_group(pid: Option<u32>) {
    let group = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}
