//! `pppssh pppd`: a session from pppd's options.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::anyhow;
use ppp_proto::AuthProtocol;
use ppp_proto::auth::AuthConfig;
use ppp_proto::link::{CloseReason, LinkConfig};
use rustix::process::{geteuid, getuid};
use ssh_carrier::stdio::{self, StdioConfig};
use ssh_carrier::{Carrier, CarrierError, command};
use tokio::task::LocalSet;
use tracing::{debug, error, info, warn};

use super::context::{Context, Failure, OrExit as _};
use super::setup;
use super::{authentication, inherited};
use crate::config::{Caller, PacketSize, Trust};
use crate::deference::Deference;
use crate::exit::ExitCode;
use crate::foreign::{Detach, Detached, Pidfile, RUN, detach, notify_ready};
use crate::hooks::HookConfig;
use crate::pppd::{
    Ask, Host, Log, OptionError, Options, Places, Reader, SYSTEM, USAGE, VERSION, default_routes,
    default_routes6, resolve,
};
use crate::privilege::{Privileges, clean_environment};
use crate::secrets::SecretsFiles;
use crate::session::{End, Limit, PumpError, Request, Signals, Why};
use crate::status::Role;
use crate::supervisor::{Outcome, exit_code, pause};

/// Where pppd's files are.
const ETC_PPP: &str = "/etc/ppp";

/// Does what pppd would with these words. Must be called first in `main`, while there is one thread.
pub fn run(words: &[String]) -> ExitCode {
    match start(words) {
        Ok(code) => code,
        Err(Failure { code, error }) => {
            eprintln!("pppd: {error:#}");
            code
        }
    }
}

fn start(words: &[String]) -> Result<ExitCode, Failure> {
    let trust = Trust::detect().or_exit(ExitCode::NotAllowed)?;
    if trust.is_elevated() {
        // Its options would let the caller of a binary with capabilities widen what root allowed.
        let why = "pppd's command line is not for a binary with file capabilities, whose callers may only do what a \
                   profile says: use `pppssh connect` or `serve`, or run this as root or with ambient capabilities";
        return Err(Failure::new(ExitCode::NotAllowed, anyhow!(why)));
    }
    clean_environment(&trust).or_exit(ExitCode::NotAllowed)?;
    let privileges = Privileges::reduce().or_exit(ExitCode::NotAllowed)?;

    let home = Caller::current().ok().and_then(|caller| caller.home);
    let mut reader = Reader::new(Places { system: ETC_PPP.into(), home });
    if let Err(error) = reader.read(words) {
        eprintln!("pppd: {error}");
        if let OptionError::Unrecognized(_) = error {
            eprint!("pppd version {VERSION}\n{USAGE}");
        }
        return Ok(ExitCode::OptionError);
    }
    match reader.ask {
        Some(Ask::Help) => {
            eprint!("pppd version {VERSION}\n{USAGE}");
            return Ok(ExitCode::Ok);
        }
        Some(Ask::Version) => {
            println!("pppd version {VERSION}");
            return Ok(ExitCode::Ok);
        }
        None => {}
    }
    reader.options.check().map_err(anyhow::Error::msg).or_exit(ExitCode::OptionError)?;
    let (auth, warnings) = authentication(&trust, &reader.options)?;
    let log = Log::open(&reader.options, inherited::take);
    log.or_exit(ExitCode::OptionError)?.install(reader.options.debug);
    if reader.options.dump || reader.options.dryrun {
        reader.dump().lines().for_each(|line| info!(target: "pppd", "{line}"));
    }
    if reader.options.dryrun {
        return Ok(ExitCode::Ok);
    }
    for option in &reader.options.ignored {
        debug!(target: "pppd", "{option}: without effect here");
    }

    for warning in warnings {
        warn!(target: "pppd", "{warning}");
    }

    let mut options = reader.options;
    // Whoever talks to us on our own streams would lose them.
    let when = if options.notty { Detach::No } else { options.detach };
    let (routes, kept) = options.routes(&default_routes(), &default_routes6());
    options.profile.routes = routes;
    // While there is one thread.
    let detached = detach(when).or_exit(ExitCode::FatalError)?;
    let who = Caller::current().map_or_else(|_| "(unknown)".to_owned(), |caller| caller.label());
    info!(target: SYSTEM, "pppd {VERSION} started by {who}, uid {}", getuid().as_raw());
    let context = Context { trust, privileges, deference: Deference::default() };
    let runtime = super::runtime(&context.deference).or_exit(ExitCode::FatalError)?;
    let done =
        LocalSet::new().block_on(&runtime, Box::pin(run_link(&context, &options, auth, &kept, detached)));
    runtime.shutdown_background();
    let code = done.unwrap_or_else(|Failure { code, error }| {
        error!(target: "pppd", "{error:#}");
        code
    });
    info!(target: SYSTEM, "Exit.");
    Ok(code)
}

/// What the options and the secrets of /etc/ppp come to, and what is to be said about the files. Nobody is let in who
/// should prove who he is and cannot: pppd's words, and its exit code for them.
fn authentication(trust: &Trust, options: &Options) -> Result<(AuthConfig, Vec<String>), Failure> {
    let host = Host {
        name: &authentication::host_name(),
        is_root: geteuid().is_root(),
        has_default_route: !default_routes().is_empty(),
    };
    let mut files =
        SecretsFiles::read(trust, Path::new(ETC_PPP), &resolve).unwrap_or_else(|error| SecretsFiles {
            // Without them there is just nothing to prove anything by.
            warnings: vec![error.to_string()],
            ..SecretsFiles::default()
        });
    let warnings = std::mem::take(&mut files.warnings);
    let config = options.auth.config(options.profile.ipv4, &host, files, authentication::entropy()?);
    let config = config.map_err(|words| Failure::new(ExitCode::FatalError, anyhow!(words)))?;
    Ok((config, warnings))
}

/// `kept` is what to say of the default routes that stay.
async fn run_link(
    context: &Context,
    options: &Options,
    auth: AuthConfig,
    kept: &[String],
    detached: Detached,
) -> Result<ExitCode, Failure> {
    // First of all: nothing printed by mistake may get into the stream.
    let mut given = if options.notty {
        Some(stdio::open(&StdioConfig::from_env()).or_exit(ExitCode::OptionError)?)
    } else {
        None
    };
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    tell(signals.clone());
    let own = options.own_address();
    let role = if options.notty { Role::Serve } else { Role::Connect };
    let name = options.session_name();
    let profile = &options.profile;
    let adjust = |link: &mut LinkConfig, interface: &str| {
        options.adjust(link, own, interface);
        link.auth = Some(auth);
    };
    let expecting = Arc::new(AtomicBool::new(false));
    let hooks = |config: &mut HookConfig| {
        hooks(options, config);
        config.expecting = expecting.clone();
    };
    let mut session = setup::open_fully(context, role, &name, profile, signals, adjust, hooks).await?;
    session.set_limits(options.limits);
    let interface = session.status().get().tun.map(|tun| tun.name).unwrap_or_default();
    info!(target: "pppd", "Using interface {interface}");
    let _pidfiles = pidfiles(options, &interface);
    let mut detached = detached;
    let notify = options.notify && !detached.is_awaited();
    session.on_settled(move || {
        if detached.is_awaited() {
            debug!(target: "pppd", "updetach is set. Now detaching.");
        }
        if let Err(error) = detached.up() {
            warn!(%error, "could not leave the terminal");
        }
        if notify {
            debug!(target: "pppd", "up_sdnotify is set. Now notifying systemd: READY=1");
            match notify_ready() {
                Ok(true) => {}
                Ok(false) => debug!(target: "pppd", "up_sdnotify: NOTIFY_SOCKET is not set, nobody waits"),
                Err(error) => warn!(target: "pppd", "up_sdnotify: cannot tell NOTIFY_SOCKET: {error}"),
            }
        }
    });

    if options.demand {
        let (local, remote) = options.first_addresses(own);
        let mtu = profile.mtu.min(PacketSize::DEFAULT).get();
        let carrier = carrier_address(options).await;
        expecting.store(true, Ordering::Relaxed);
        session.expect(local, remote, mtu, carrier).await.or_exit(ExitCode::FatalError)?;
        expecting.store(false, Ordering::Relaxed);
    }

    let mut failures = 0;
    let code = loop {
        failures += 1;
        if options.demand {
            match session.wait_for_packet().await.or_exit(ExitCode::FatalError)? {
                Some(Request::End(_) | Request::GiveWay) => break ExitCode::UserRequest,
                Some(Request::Redial(_) | Request::Publish) | None => {
                    info!(target: "pppd", "Starting link");
                }
            }
        }
        let carrier = match given.take() {
            Some(carrier) => Ok(carrier),
            None => dial(options).await,
        };
        let mut holdoff = profile.holdoff.get();
        let (code, quits) = match carrier {
            Ok(carrier) => {
                let device = if options.notty { "stdin" } else { "pty" };
                info!(target: "pppd", "Connect: {interface} <--> {device}");
                for words in kept {
                    error!(target: "pppd", "{words}");
                }
                let end = session.run(carrier).await;
                if end.was_up {
                    failures = 0;
                }
                if end.limit == Some(Limit::Idle) {
                    // Nothing failed.
                    holdoff = Duration::ZERO;
                }
                (report(&end), matches!(end.asked, Some(Request::End(_) | Request::GiveWay)))
            }
            Err(error) => {
                error!(target: "pppd", "{error}");
                (ExitCode::PtyCommandFailed, false)
            }
        };
        let worn_out = profile.maxfail > 0 && failures >= profile.maxfail;
        if quits || !profile.persist || worn_out || options.notty {
            break code;
        }
        if pause(&mut session, holdoff).await == Outcome::Told {
            break ExitCode::UserRequest;
        }
    };
    session.shutdown().await;
    Ok(code)
}

/// Says which signal came, when it comes.
fn tell(mut signals: Signals) {
    tokio::spawn(async move {
        loop {
            match signals.number().await {
                1 => info!(target: "pppd", "Hangup (SIGHUP)"),
                number => info!(target: "pppd", "Terminating on signal {number}"),
            }
        }
    });
}

/// Runs the pty command.
async fn dial(options: &Options) -> Result<Carrier, CarrierError> {
    let mut carrier = command::shell(options.pty.as_deref().unwrap_or_default())?;
    carrier.info.address = carrier_address(options).await;
    Ok(carrier)
}

/// Where the pty command leads, as far as that can be seen: a default route through the link must not swallow the link.
async fn carrier_address(options: &Options) -> Option<IpAddr> {
    let line = options.pty.as_deref().unwrap_or_default();
    let is_plain = !line.contains(|char: char| "\"'\\$`;|&<>()*?[]{}~#\n".contains(char));
    if !is_plain || options.profile.routes.is_empty() {
        return None;
    }
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    command::address(&words).await
}

fn hooks(options: &Options, config: &mut HookConfig) {
    if let Some(script) = &options.ip_up {
        config.ip_up.clone_from(script);
    }
    if let Some(script) = &options.ip_down {
        config.ip_down.clone_from(script);
    }
    // Where pppd has it, and its own scripts look.
    config.resolv_conf = options.profile.dns_ask.then(|| Path::new(ETC_PPP).join("resolv.conf"));
    // As pppd tells of a pty.
    config.tty = String::new();
    config.speed.clone_from(&options.speed);
    config.environment.clone_from(&options.environment);
    let unit = options.unit.map(|unit| unit.to_string());
    let more = [("LINKNAME", &options.linkname), ("CALL_FILE", &options.call), ("UNIT", &unit)];
    let more = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    config.environment.extend(more);
}

/// The files by which scripts find this process. pppd goes on without them, too.
fn pidfiles(options: &Options, interface: &str) -> Vec<Pidfile> {
    let run = Path::new(RUN);
    let of_link = options.linkname.as_ref().map(|name| Pidfile::of_link(run, name, interface));
    let written = [Some(Pidfile::of_interface(run, interface)), of_link].into_iter().flatten();
    let failed = |error: &io::Error| error!(target: "pppd", "Failed to create pid file in {RUN}: {error}");
    written.filter_map(|file| file.inspect_err(failed).ok()).collect()
}

/// Says how a link ended, in pppd's words; its exit code.
fn report(end: &End) -> ExitCode {
    match (&end.limit, &end.why) {
        (Some(Limit::Idle), _) => {
            info!(target: "pppd", "Terminating connection due to lack of activity.");
        }
        (Some(Limit::Connect), _) => info!(target: "pppd", "Connect time expired"),
        (None, Why::Closed(reason)) => match reason {
            CloseReason::Local { .. } => {}
            CloseReason::PeerTerminated { message } if message.is_empty() => {
                info!(target: "pppd", "LCP terminated by peer");
            }
            CloseReason::PeerTerminated { message } => {
                info!(target: "pppd", "LCP terminated by peer ({message})");
            }
            CloseReason::PeerDead => info!(target: "pppd", "Serial link appears to be disconnected."),
            CloseReason::PeerRefusedAuth => {
                warn!(target: "pppd", "peer refused to authenticate: terminating link");
            }
            CloseReason::PeerAuthFailed { by: AuthProtocol::Pap, name: Some(name), .. } => {
                warn!(target: "pppd", "PAP peer authentication failed for {name}");
            }
            CloseReason::PeerAuthFailed { name: Some(name), why, .. } => {
                warn!(target: "pppd", "Peer {name} failed CHAP authentication: {why}");
            }
            CloseReason::AuthToPeerFailed { by, why } => {
                error!(target: "pppd", "{} authentication failed: {why}", by.family());
            }
            CloseReason::LoopDetected => info!(target: "pppd", "Serial line is looped back."),
            reason => error!(target: "pppd", "{reason}"),
        },
        (None, Why::CarrierEnded) => {}
        (None, why) => error!(target: "pppd", "{why}"),
    }
    let hung_up = matches!(end.why, Why::CarrierEnded | Why::Carrier(PumpError::Carrier(_)));
    if hung_up {
        info!(target: "pppd", "Modem hangup");
    }
    if end.was_up {
        // In tenths of a minute.
        let tenths = end.usage.connect_time.as_secs().div_ceil(6);
        info!(target: "pppd", "Connect time {}.{} minutes.", tenths / 10, tenths % 10);
        let (sent, received) = (end.usage.bytes_sent, end.usage.bytes_received);
        info!(target: "pppd", "Sent {sent} bytes, received {received} bytes.");
    }
    info!(target: "pppd", "Connection terminated.");
    match (hung_up, &end.asked) {
        (_, Some(Request::Redial(_))) => ExitCode::UserRequest,
        (true, None) => ExitCode::Hangup,
        _ => exit_code(end),
    }
}
