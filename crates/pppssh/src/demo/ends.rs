//! The two ends of the link: this program as `pppssh listen` on saturn and as `pppssh connect` on venus.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use netlab::Host;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

use super::world::{self, World};
use crate::config::CarrierChoice;
use crate::control::{Condition, RuntimeDirs, client};
use crate::keys::{self, KeygenArgs};
use crate::status::SessionStatus;

/// The session's name on venus.
const SESSION: &str = "saturn";
/// How long an end may take to say goodbye; it sends two Terminate-Requests, 3 s apart (RFC 1661 §4.6), at worst.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long after other work has failed an end may turn out to have been the reason.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What is kept of what an end says, in lines, to be shown if it fails.
const TAIL: usize = 30;

/// Both ends, and the files they need. Dropped, they are killed and the files removed.
pub(super) struct Ends {
    listen: End,
    connect: End,
    /// When venus began to call.
    pub(super) called_at: Instant,
    control: RuntimeDirs,
    _files: TempDir,
}

impl Ends {
    /// Lets saturn listen, then venus call.
    pub(super) async fn start(world: &World, carrier: CarrierChoice) -> anyhow::Result<Ends> {
        let files = tempfile::Builder::new()
            .prefix("pppssh-demo-")
            .tempdir()
            .context("making a directory for keys")?;
        let paths = Paths::prepare(files.path())?;
        let mut listen = End::start("saturn", &world.saturn, &paths.listen_arguments())?;
        listen.said("listening on").await?;
        let called_at = Instant::now();
        let connect = End::start("venus", &world.venus, &paths.connect_arguments(carrier))?;
        let control = RuntimeDirs::at(&paths.control_venus);
        Ok(Ends { listen, connect, called_at, control, _files: files })
    }

    /// The status of venus's end once IPv4 is up.
    pub(super) async fn up(&mut self) -> anyhow::Result<SessionStatus> {
        let (dirs, name) = (self.control.clone(), Some(SESSION));
        // On the heap: it holds the buffer of a directory watch.
        let up = Box::pin(client::report(&dirs, name, client::Format::Json, Some(Condition::Ipv4Up)));
        self.unless_one_ends(async { up.await.context("asking venus's end how it is") }).await?;
        self.status().await
    }

    /// The status of venus's end.
    pub(super) async fn status(&self) -> anyhow::Result<SessionStatus> {
        let session = client::find(&self.control, Some(SESSION)).await?;
        Ok(session.status().await?)
    }

    /// `work`, given up when one of the ends comes to its own, which is then the reason.
    pub(super) async fn unless_one_ends<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let mut one_ends = std::pin::pin!(async {
            tokio::select! {
                broken = self.connect.ended() => broken,
                broken = self.listen.ended() => broken,
            }
        });
        tokio::select! {
            done = work => match done {
                Ok(done) => Ok(done),
                Err(error) => Err(tokio::time::timeout(LAST_WORDS, one_ends).await.unwrap_or(error)),
            },
            broken = &mut one_ends => Err(broken),
        }
    }

    /// Takes the link down politely.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let connect = self.connect.stop().await?;
        let listen = self.listen.stop().await?;
        tracing::debug!(%connect, %listen, "both ends are done");
        Ok(())
    }
}

/// Where the files are.
struct Paths {
    client_key: PathBuf,
    host_key: PathBuf,
    authorized_keys: PathBuf,
    known_hosts: PathBuf,
    /// Without profiles: what lies in /etc/pppssh on this machine is no part of the demo.
    profiles: PathBuf,
    control_venus: PathBuf,
    control_saturn: PathBuf,
}

impl Paths {
    /// Makes keys, and lets each end know the other's.
    fn prepare(dir: &Path) -> anyhow::Result<Paths> {
        let at = |name: &str| dir.join(name);
        let paths = Paths {
            client_key: at("venus_ed25519"),
            host_key: at("saturn_ed25519"),
            authorized_keys: at("authorized_keys"),
            known_hosts: at("known_hosts"),
            profiles: at("profiles"),
            control_venus: at("venus"),
            control_saturn: at("saturn"),
        };
        fs::DirBuilder::new().mode(0o700).create(&paths.profiles)?;
        let client = make_key(&paths.client_key, "venus")?;
        let host = make_key(&paths.host_key, "saturn")?;
        fs::write(&paths.authorized_keys, format!("restrict,from=\"{}\" {client}", world::VENUS))?;
        fs::write(&paths.known_hosts, format!("{} {host}", world::SATURN))?;
        Ok(paths)
    }

    fn listen_arguments(&self) -> Arguments {
        let (local, remote) = (world::SATURN_INSIDE, world::VENUS_INSIDE);
        Arguments::new("listen")
            .told("--addresses", format!("{local}:{remote}"))
            .told("--route", world::V_NET)
            .shown("--forward")
            .told("--listen", format!("{}:22", world::SATURN))
            .hidden("--host-key", &self.host_key)
            .hidden("--authorized-keys", &self.authorized_keys)
            .hidden("--runtime-dir", &self.control_saturn)
            .hidden("--config-dir", &self.profiles)
            .flag("--no-hooks")
    }

    fn connect_arguments(&self, carrier: CarrierChoice) -> Arguments {
        let (local, remote) = (world::VENUS_INSIDE, world::SATURN_INSIDE);
        let carrier = match carrier {
            CarrierChoice::Native => "native",
            CarrierChoice::Openssh => "openssh",
        };
        Arguments::new("connect")
            .shown(SESSION)
            .told("--host", world::SATURN.to_string())
            .told("--addresses", format!("{local}:{remote}"))
            .told("--route", world::S_NET)
            .shown("--forward")
            .told("--carrier", carrier)
            .hidden("--identity", &self.client_key)
            .hidden("--known-hosts", &self.known_hosts)
            .hidden("--ssh-config", "none")
            .hidden("--runtime-dir", &self.control_venus)
            .hidden("--config-dir", &self.profiles)
            .flag("--no-hooks")
            .flag("--no-persist")
    }
}

/// Makes a key pair; returns the public half as a line.
fn make_key(file: &Path, comment: &str) -> anyhow::Result<String> {
    let args = KeygenArgs { file: Some(file.to_owned()), comment: Some(comment.to_owned()) };
    keys::keygen(&args, None, &mut std::io::sink())?;
    Ok(fs::read_to_string(file.with_extension("pub"))?)
}

/// Arguments of an end, of which those are shown that somebody would type.
struct Arguments {
    all: Vec<std::ffi::OsString>,
    shown: String,
}

impl Arguments {
    fn new(verb: &str) -> Arguments {
        Arguments { all: vec![verb.into()], shown: format!("pppssh {verb}") }
    }

    fn shown(mut self, word: &str) -> Arguments {
        self.all.push(word.into());
        self.shown.extend([" ", word]);
        self
    }

    fn told(self, flag: &str, value: impl AsRef<str>) -> Arguments {
        self.shown(flag).shown(value.as_ref())
    }

    fn flag(mut self, flag: &str) -> Arguments {
        self.all.push(flag.into());
        self
    }

    fn hidden(mut self, flag: &str, value: impl AsRef<std::ffi::OsStr>) -> Arguments {
        self.all.push(flag.into());
        self.all.push(value.as_ref().to_owned());
        self
    }
}

/// One end, as a child process.
struct End {
    host: &'static str,
    child: Child,
    said: Rc<RefCell<VecDeque<String>>>,
    /// Counts the lines it said.
    lines: watch::Receiver<usize>,
}

impl End {
    fn start(host_name: &'static str, host: &Host, arguments: &Arguments) -> anyhow::Result<End> {
        println!("  {host_name}# {}", arguments.shown);
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = host.command(program);
        command.args(&arguments.all).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // What the user has set up for himself is no part of the demo; nor do his Ctrl-Cs go to the ends.
        command.env_remove("SSH_AUTH_SOCK").env_remove("RUST_LOG").env("NO_COLOR", "1").process_group(0);
        let mut child = spawn(command).with_context(|| format!("starting {host_name}'s end"))?;

        let said = Rc::new(RefCell::new(VecDeque::new()));
        let (count, lines) = watch::channel(0);
        let mut from = BufReader::new(child.stderr.take().context("reading what the end says")?).lines();
        let kept = Rc::clone(&said);
        tokio::task::spawn_local(async move {
            while let Ok(Some(line)) = from.next_line().await {
                tracing::debug!("{host_name}: {line}");
                let mut kept = kept.borrow_mut();
                if kept.len() == TAIL {
                    kept.pop_front();
                }
                kept.push_back(line);
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(End { host: host_name, child, said, lines })
    }

    /// Waits until it says a line with `words` in it.
    async fn said(&mut self, words: &str) -> anyhow::Result<()> {
        let mut lines = self.lines.clone();
        let said = Rc::clone(&self.said);
        let heard = async {
            while lines.changed().await.is_ok() {
                if said.borrow().iter().any(|line| line.contains(words)) {
                    return;
                }
            }
            // It will say nothing more; how it ended is said below.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = heard => Ok(()),
            broken = self.ended() => Err(broken),
        }
    }

    /// Waits until it ends by itself, which it should not.
    async fn ended(&mut self) -> anyhow::Error {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        // Its last words may still be on their way.
        while self.lines.changed().await.is_ok() {}
        let said: Vec<String> = self.said.borrow().iter().map(|line| format!("    {line}")).collect();
        anyhow::anyhow!("{}'s end ended by itself ({status}). It said:\n{}", self.host, said.join("\n"))
    }

    /// Asks it to end, and waits until it has.
    async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(pid, Signal::TERM)?;
        }
        match tokio::time::timeout(FAREWELL, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{}'s end does not end", self.host),
        }
    }
}

/// Starts a child that goes with this process, however that goes. It is tied to the thread that starts it: `main`'s.
fn spawn(mut command: Command) -> std::io::Result<Child> {
    netlab::die_with_parent(&mut command);
    tokio::process::Command::from(command).kill_on_drop(true).spawn()
}
