//! What `connect`, `serve` and `listen` share: from a profile to a session.

use std::sync::Arc;

use anyhow::Context as _;
use ppp_proto::link::LinkConfig;
use tunio::{Tun, TunConfig, TunError};

use super::context::{Context, Failure, OrExit as _};
use crate::capture::Capture;
use crate::config::{Caller, Profile};
use crate::control::{ControlError, ControlServer};
use crate::exit::ExitCode;
use crate::hooks::{HookConfig, HookFacts, Hooks};
use crate::session::{Network, Pump, Session, Signals, link_config};
use crate::status::{Role, SessionStatus, TunStatus};

/// Makes the device, the control socket and the journal of a session called `name`.
pub(super) async fn open(
    context: &Context,
    role: Role,
    name: &str,
    profile: &Profile,
    signals: Signals,
) -> Result<Session<Tun>, Failure> {
    open_with(context, role, name, profile, signals, |_| {}).await
}

/// The same, with a last word on the link's configuration.
pub(super) async fn open_with(
    context: &Context,
    role: Role,
    name: &str,
    profile: &Profile,
    signals: Signals,
    adjust: impl FnOnce(&mut LinkConfig),
) -> Result<Session<Tun>, Failure> {
    open_fully(context, role, name, profile, signals, |link, _| adjust(link), |_| {}).await
}

/// The same, with the device's name for that last word, and one on the hooks too.
pub(super) async fn open_fully(
    context: &Context,
    role: Role,
    name: &str,
    profile: &Profile,
    signals: Signals,
    adjust: impl FnOnce(&mut LinkConfig, &str),
    hooks: impl FnOnce(&mut HookConfig),
) -> Result<Session<Tun>, Failure> {
    let dirs = context.runtime_dirs(profile.runtime_dir.as_deref());
    let control = ControlServer::bind(&dirs, SessionStatus::new(name, role)).map_err(|error| {
        let code = match &error {
            ControlError::AlreadyRunning { .. } => ExitCode::LockFailed,
            ControlError::BadName(_) => ExitCode::OptionError,
            _ => ExitCode::FatalError,
        };
        Failure::new(code, error)
    })?;
    let device = open_tun(profile).map_err(|error| {
        let code = match error {
            TunError::NoDriver => ExitCode::NoKernelSupport,
            _ => ExitCode::OpenFailed,
        };
        let held = context.privileges.describe();
        Failure::new(code, anyhow::Error::new(error).context(format!("opening the TUN device ({held})")))
    })?;
    control.status.update(|status| {
        status.tun = Some(TunStatus {
            name: device.name().to_owned(),
            index: device.index(),
            mtu: device.mtu().unwrap_or_default(),
        });
    });

    let journal_dir = dirs.prepare().or_exit(ExitCode::FatalError)?;
    let mut hook_config = hook_config(context, profile);
    hooks(&mut hook_config);
    let hooks = Hooks::new(hook_config);
    let facts = hook_facts(name, device.name(), profile);
    let seed = getrandom::u64().context("asking the kernel for random bits").or_exit(ExitCode::FatalError)?;
    let mut link = link_config(profile, name, seed);
    link.auth = super::authentication::of_profile(context, profile)?;
    adjust(&mut link, device.name());
    let network = Network::open(profile, &journal_dir, device.index(), facts, hooks)
        .await
        .or_exit(ExitCode::FatalError)?;

    let mut pump = Pump::new(link);
    pump.clamp_mss(profile.mss_clamp);
    pump.set_capture(Capture::open(profile, name).or_exit(ExitCode::FatalError)?);
    let mut session = Session::new(pump, device, network, control, signals);
    session.set_deference(context.deference.clone());
    if profile.drop_privileges {
        let privileges = context.privileges.clone();
        session.on_settled(move || match privileges.give_up() {
            Ok(()) => tracing::info!("gave all capabilities up"),
            Err(error) => tracing::error!(%error, "could not give the capabilities up"),
        });
    }
    Ok(session)
}

/// The device that the profile names: passed as an open file, there already, or made now.
fn open_tun(profile: &Profile) -> Result<Tun, TunError> {
    let mut tun = match profile.tun_fd {
        Some(fd) => {
            let doing = format!("take over descriptor {fd} (tun-fd)");
            Tun::adopt(super::inherited::take(fd).map_err(|source| TunError::Io { doing, source })?)?
        }
        None => open_named(&profile.tun)?,
    };
    tun.set_offload(profile.offload.wanted())?;
    Ok(tun)
}

fn open_named(name: &str) -> Result<Tun, TunError> {
    let create =
        || Tun::create(&TunConfig { name: Some(name.to_owned()), offload: true, ..TunConfig::default() });
    if name.contains('%') {
        return create();
    }
    match Tun::attach_offload(name) {
        Err(TunError::NotFound { .. }) => create(),
        other => other,
    }
}

fn hook_facts(name: &str, interface: &str, profile: &Profile) -> HookFacts {
    let caller = Caller::current().ok();
    HookFacts {
        session: name.to_owned(),
        interface: interface.to_owned(),
        ipparam: profile.ipparam.clone().unwrap_or_default(),
        linkname: None,
        // Known once it has proved who it is.
        peer: None,
        orig_uid: rustix::process::getuid().as_raw(),
        logname: caller.map(|caller| caller.label()).unwrap_or_default(),
        usepeerdns: profile.dns_ask,
    }
}

fn hook_config(context: &Context, profile: &Profile) -> HookConfig {
    let privileges = context.privileges.clone();
    HookConfig {
        prepare: Some(Arc::new(move |command| {
            privileges.hand_on(command);
            Ok(())
        })),
        ..HookConfig::in_dir(&profile.hooks, context.trust.is_elevated())
    }
}
