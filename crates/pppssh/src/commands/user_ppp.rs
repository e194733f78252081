//! `pppssh user-ppp`: a session from FreeBSD's `ppp.conf`.

use std::cell::Cell;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ppp_proto::link::LinkConfig;
use ssh_carrier::stdio::{self, StdioConfig};
use ssh_carrier::{Carrier, CarrierError, command};
use tracing::{debug, info, warn};
use tunio::Tun;

use super::authentication;
use super::context::{Context, Failure, OrExit as _};
use super::setup;
use crate::config::{PacketSize, ProfileName, Trust};
use crate::exit::ExitCode;
use crate::foreign::{Detached, Pidfile, RUN};
use crate::hooks::{self, HookCommand, HookConfig, HookFacts, Script};
use crate::session::{Limits, Request, Session, Signals};
use crate::status::Role;
use crate::supervisor::{Occasion, Outcome, exit_code, pause, report_end, see_through};
use crate::user_ppp::{self, Facts, LinkScript, LoadError, Loaded, Mode, Plan};

/// Reads what the words behind `user-ppp` ask for.
pub(super) fn load(trust: &Trust, words: &[String]) -> Result<Loaded, Failure> {
    let request = user_ppp::Request::parse(words).or_exit(ExitCode::OptionError)?;
    user_ppp::load(trust, &request).map_err(|error| match error {
        LoadError::File(error) => super::config_failure(error),
        LoadError::Refused { .. } | LoadError::Caller(_) => Failure::new(ExitCode::NotAllowed, error),
        LoadError::Request(_) | LoadError::Missing(_) | LoadError::Lines { .. } => {
            Failure::new(ExitCode::OptionError, error)
        }
    })
}

/// Whether the mode leaves the terminal to whoever sits at it.
pub(super) fn detaches(plan: &Plan) -> bool {
    matches!(plan.mode, Mode::Auto | Mode::Background | Mode::Ddial)
}

/// Answers or calls, as the plan says. `detached` is for whoever waits for a process that has left the terminal.
pub(super) async fn run(
    context: &Context,
    loaded: Loaded,
    detached: Option<Detached>,
) -> Result<ExitCode, Failure> {
    let waiting = Waiting(Arc::new(Mutex::new(detached)));
    match loaded.plan.mode {
        Mode::Direct => Box::pin(answer(context, loaded)).await,
        _ => Box::pin(call(context, loaded, &waiting)).await,
    }
}

/// The process that started this one. It waits for a word, or for our end.
#[derive(Clone)]
struct Waiting(Arc<Mutex<Option<Detached>>>);

impl Waiting {
    fn well(&self) {
        let mut detached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = detached.as_mut().map(Detached::up) {
            warn!(%error, "could not leave the terminal");
        }
    }
}

/// `-direct`: on standard input and output, once.
async fn answer(context: &Context, loaded: Loaded) -> Result<ExitCode, Failure> {
    // First of all: nothing printed by mistake may get into the stream.
    let carrier = stdio::open(&StdioConfig::from_env()).or_exit(ExitCode::OptionError)?;
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    let name = format!("{}-{}", session_name(&loaded.plan.label), std::process::id());
    let (mut session, ..) = open(context, Role::Serve, &name, loaded, signals).await?;
    let end = session.run(carrier).await;
    let code = exit_code(&end);
    report_end(code, &end.why.to_string());
    session.shutdown().await;
    Ok(code)
}

/// The modes that call.
async fn call(context: &Context, loaded: Loaded, waiting: &Waiting) -> Result<ExitCode, Failure> {
    let mode = loaded.plan.mode;
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    let name = session_name(&loaded.plan.label);
    let (mut session, plan, expecting) = open(context, Role::Connect, &name, loaded, signals).await?;
    let interface = session.status().get().tun.map(|tun| tun.name).unwrap_or_default();
    let _pidfile = pidfile(&plan, &interface);
    let dialler = Dialler { plan: plan.clone(), interface, calls: Cell::new(0) };
    let dial = async || dialler.dial().await;
    let occasion = occasion(&plan);
    let code = match mode {
        Mode::Auto => match on_demand(&mut session, &dialler, occasion, waiting, &expecting).await {
            Ok(code) => code,
            Err(failure) => {
                session.shutdown().await;
                return Err(failure);
            }
        },
        Mode::Ddial => {
            waiting.well();
            loop {
                if see_through(&mut session, occasion, dial).await == Outcome::Told {
                    break ExitCode::UserRequest;
                }
                if pause(&mut session, occasion.pause).await == Outcome::Told {
                    break ExitCode::UserRequest;
                }
            }
        }
        Mode::Background | Mode::Foreground | Mode::Direct => {
            let up = waiting.clone();
            session.on_settled(move || up.well());
            match see_through(&mut session, occasion, dial).await {
                Outcome::Told => ExitCode::UserRequest,
                Outcome::Over(code) => code,
            }
        }
    };
    session.shutdown().await;
    Ok(code)
}

/// For scripts. Users without the right to make it do without.
fn pidfile(plan: &Plan, interface: &str) -> Option<Pidfile> {
    let written = detaches(plan).then(|| Pidfile::of_interface(Path::new(RUN), interface))?;
    written.inspect_err(|error| debug!(%error, "no pidfile in {RUN}")).ok()
}

/// `-auto`: a packet to the other end starts a call, and a link that was idle makes place for the next one.
async fn on_demand(
    session: &mut Session<Tun>,
    dialler: &Dialler,
    occasion: Occasion,
    waiting: &Waiting,
    expecting: &AtomicBool,
) -> Result<ExitCode, Failure> {
    let plan = &dialler.plan;
    let (local, remote) = plan.ifaddr.first_guess().unwrap_or((Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED));
    let mtu = plan.profile.mtu.min(PacketSize::DEFAULT).get();
    let carrier = dialler.address().await;
    expecting.store(true, Ordering::Relaxed);
    session.expect(local, remote, mtu, carrier).await.or_exit(ExitCode::FatalError)?;
    expecting.store(false, Ordering::Relaxed);
    waiting.well();
    loop {
        info!("waiting for a packet to {remote}");
        match session.wait_for_packet().await.or_exit(ExitCode::FatalError)? {
            Some(Request::End(_) | Request::GiveWay) => return Ok(ExitCode::UserRequest),
            Some(Request::Redial(message)) => info!("{message}: calling"),
            Some(Request::Publish) | None => info!("a packet wants to leave: calling"),
        }
        match see_through(session, occasion, async || dialler.dial().await).await {
            Outcome::Told => return Ok(ExitCode::UserRequest),
            Outcome::Over(ExitCode::Ok | ExitCode::Idle) => {}
            // What wants to leave still does.
            Outcome::Over(_) => {
                if pause(session, occasion.pause).await == Outcome::Told {
                    return Ok(ExitCode::UserRequest);
                }
            }
        }
    }
}

/// Calls with one command after the other.
struct Dialler {
    plan: Rc<Plan>,
    interface: String,
    calls: Cell<usize>,
}

impl Dialler {
    fn command(&self, n: usize) -> Vec<String> {
        self.plan.command(n, &self.interface, std::process::id()).unwrap_or_default()
    }

    /// Where the first call goes, as far as that can be foreseen.
    async fn address(&self) -> Option<IpAddr> {
        let address = command::address(&self.command(0)).await;
        let default = |route: &crate::config::Route| route.to.prefix_len() == 0;
        if address.is_none() && self.plan.profile.routes.iter().any(default) {
            warn!(
                "where `{}` connects to is not known: give its host a route of its own",
                self.command(0).join(" ")
            );
        }
        address
    }

    async fn dial(&self) -> Result<Carrier, CarrierError> {
        let n = self.calls.get();
        self.calls.set(n.wrapping_add(1));
        let argv = self.command(n);
        info!("calling: {}", argv.join(" "));
        let address = command::address(&argv).await;
        let (program, words) = argv
            .split_first()
            .ok_or_else(|| CarrierError::Config("there is no command to call with".to_owned()))?;
        let words = words.iter().map(OsString::from).collect();
        let mut carrier = command::run(program.into(), words, &argv.join(" "))?;
        carrier.info.address = address;
        Ok(carrier)
    }
}

fn occasion(plan: &Plan) -> Occasion {
    let for_ever = plan.mode == Mode::Ddial;
    Occasion {
        attempts: if for_ever { 0 } else { plan.redial.attempts },
        pause: plan.redial.pause,
        most: plan.redial.most.max(plan.redial.pause),
        reconnects: if for_ever { u32::MAX } else { plan.reconnect.1 },
        reconnect_pause: plan.reconnect.0,
    }
}

/// The session of a plan, with its link scripts in place of pppd's hooks.
async fn open(
    context: &Context,
    role: Role,
    name: &str,
    loaded: Loaded,
    signals: Signals,
) -> Result<(Session<Tun>, Rc<Plan>, Arc<AtomicBool>), Failure> {
    let Loaded { plan, secrets, linkup, linkdown } = loaded;
    let auth = plan.auth_config(secrets, &authentication::host_name(), authentication::entropy()?);
    let plan = Rc::new(plan);
    let elevated = context.trust.is_elevated();
    let in_place = in_place(&plan, linkup, linkdown);
    let expecting = Arc::new(AtomicBool::new(false));
    let set_hooks = |config: &mut HookConfig| {
        config.in_place = Some(in_place);
        config.expecting = expecting.clone();
        if elevated {
            // What they run is named by root but need not be root's: it gets the caller's rights and no more.
            config.prepare = None;
        }
    };
    let adjust = |link: &mut LinkConfig, _: &str| {
        plan.adjust(link);
        link.auth = Some(auth);
    };
    let mut session =
        setup::open_fully(context, role, name, &plan.profile, signals, adjust, set_hooks).await?;
    session.set_limits(Limits { idle: plan.idle, least: plan.least, connect: None });
    Ok((session, plan, expecting))
}

fn in_place(plan: &Plan, linkup: LinkScript, linkdown: LinkScript) -> hooks::InPlace {
    let (label, authname, with_ipv4) = (plan.label.clone(), plan.authname.clone(), plan.profile.ipv4);
    let scripts = Mutex::new((linkup, linkdown));
    Arc::new(move |script: Script, facts: &HookFacts, ends: &hooks::Ends, usage: Option<hooks::Usage>| {
        let scripts = scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let (linkup, linkdown) = &*scripts;
        let script = match script {
            Script::IpUp | Script::Ipv6Up => linkup,
            Script::IpDown | Script::Ipv6Down => linkdown,
            // ppp has no scripts for these.
            Script::IpPreUp | Script::AuthUp | Script::AuthDown => return Vec::new(),
        };
        let seconds = |time: Duration| time.as_secs();
        let facts = Facts {
            ends: match ends {
                hooks::Ends::Peer => return Vec::new(),
                hooks::Ends::V4 { local, remote, dns } => {
                    user_ppp::Ends::V4 { local: *local, remote: *remote, dns: dns.clone() }
                }
                hooks::Ends::V6 { local, remote } => user_ppp::Ends::V6 { local: *local, remote: *remote },
            },
            interface: facts.interface.clone(),
            label: label.clone(),
            authname: authname.clone(),
            user: facts.peer.clone().unwrap_or_default(),
            pid: std::process::id(),
            with_ipv4,
            usage: usage.map(|usage| (usage.bytes_received, usage.bytes_sent, seconds(usage.connect_time))),
        };
        let commands = script.commands(&facts).into_iter();
        commands.map(|command| HookCommand { argv: command.argv, background: command.background }).collect()
    })
}

/// A label as the name of a session: with what cannot stand in a file name replaced.
fn session_name(label: &str) -> String {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    // Room for the process id of an answering one.
    let name: String = label.chars().take(48).map(|c| if letters(c) { c } else { '_' }).collect();
    name.parse::<ProfileName>().map_or_else(|_| format!("ppp{name}"), |name| name.to_string())
}
