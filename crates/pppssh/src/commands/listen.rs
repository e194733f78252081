//! `pppssh listen`: the called end with an SSH server of its own, many clients at once.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;

use ppp_proto::{Ipv4Range, RemoteAddress};
use ssh_carrier::CarrierError;
use ssh_carrier::server::{HostKey, Incoming, Server, ServerConfig, generate_host_key};
use tokio::task::JoinSet;
use tracing::{info, info_span, warn};

use crate::capture::is_per_session;
use crate::config::{self, Effective, Profile};
use crate::control::StatusHandle;
use crate::exit::ExitCode;
use crate::session::{Request, Signals, ipv4_range};
use crate::status::Role;
use crate::supervisor::{exit_code, report_end};

use super::context::{Context, Failure, OrExit as _};
use super::setup;
use tracing::Instrument as _;

/// Serves whoever logs in, until a signal comes.
pub(super) async fn listen(
    context: Rc<Context>,
    server_flags: &config::ListenFlags,
    link: &config::LinkFlags,
) -> Result<ExitCode, Failure> {
    let effective = config::for_listen(&context.trust, server_flags, link).map_err(super::config_failure)?;
    for (key, path) in [("record", &effective.profile.record), ("pcap", &effective.profile.pcap)] {
        if let Some(path) = path.as_deref().filter(|path| !is_per_session(path)) {
            let advice = "each client has a capture of its own: put %s into the name, for its session";
            let error = anyhow::anyhow!("{key}: {}: {advice}", path.display());
            return Err(Failure::new(ExitCode::OptionError, error));
        }
    }
    let signals = Signals::listen().or_exit(ExitCode::FatalError)?;
    let mut server = bind(&context, &effective.profile).await.or_exit(ExitCode::OpenFailed)?;
    for address in server.addresses() {
        info!("listening on {address}");
    }

    let base = Rc::new(effective);
    let link = Rc::new(link.clone());
    let leases = Leases::default();
    let mut sessions = JoinSet::new();
    let mut stop = signals.clone();
    let mut number = 0_u64;
    loop {
        tokio::select! {
            incoming = server.accept() => {
                let incoming = incoming.or_exit(ExitCode::FatalError)?;
                number += 1;
                let name = format!("{}-{number}", base.name);
                let span = info_span!("client", %name, user = %incoming.user, peer = %incoming.peer);
                let client = Client {
                    context: context.clone(),
                    base: base.clone(),
                    link: link.clone(),
                    leases: leases.clone(),
                    signals: signals.clone(),
                    name,
                };
                sessions.spawn_local(client.serve(incoming).instrument(span));
            }
            Some(ended) = sessions.join_next() => {
                if let Err(error) = ended {
                    warn!(%error, "a client's session broke");
                }
            }
            request = stop.next() => match request {
                Request::End(message) => {
                    info!("{message}: closing all links");
                    break;
                }
                // The sessions hang up; their clients call again. authorized_keys is read at each login anyway.
                Request::Redial(_) | Request::Publish | Request::GiveWay => {}
            },
        }
    }
    // The sessions saw the signal too.
    while sessions.join_next().await.is_some() {}
    server.shutdown().await;
    Ok(ExitCode::UserRequest)
}

async fn bind(context: &Context, profile: &Profile) -> Result<Server, CarrierError> {
    let mut host_keys = Vec::new();
    for path in &profile.host_key {
        host_keys.push(HostKey::load(path)?);
    }
    if host_keys.is_empty() {
        host_keys.push(own_host_key(context)?);
    }
    for key in &host_keys {
        info!("host key {}", key.fingerprint());
    }
    let keys = vec![profile.authorized_keys.clone()];
    let congestion_control = profile.carrier_cc.clone();
    let config =
        ServerConfig { congestion_control, ..ServerConfig::new(profile.listen.clone(), host_keys, keys) };
    Server::bind(config).await
}

/// The host key in the user's configuration, made if it is missing.
fn own_host_key(context: &Context) -> Result<HostKey, CarrierError> {
    let home = context.trust.home().ok_or_else(|| {
        CarrierError::Config(
            "there is no home directory to keep a host key in: name one with --host-key".to_owned(),
        )
    })?;
    let path: PathBuf = home.join(".config/pppssh/host_ed25519");
    if path.exists() {
        return HostKey::load(&path);
    }
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)
            .map_err(|error| CarrierError::Config(format!("cannot make {}: {error}", dir.display())))?;
    }
    info!("making the host key {}", path.display());
    generate_host_key(&path)
}

/// What one client's session needs.
struct Client {
    context: Rc<Context>,
    base: Rc<Effective>,
    link: Rc<config::LinkFlags>,
    leases: Leases,
    signals: Signals,
    name: String,
}

impl Client {
    async fn serve(self, incoming: Incoming) {
        info!(key = %incoming.key_fingerprint, comment = %incoming.key_comment, "logged in");
        let Incoming { carrier, command, reply, .. } = incoming;
        let code = match Box::pin(self.run(carrier, &command)).await {
            Ok(code) => code,
            Err(failure) => {
                let text = format!("{:#}", failure.error);
                warn!("{text}");
                reply.stderr(&format!("pppssh: {text}\n"));
                failure.code
            }
        };
        reply.exit(code.code().into());
    }

    async fn run(self, carrier: ssh_carrier::Carrier, command: &str) -> Result<ExitCode, Failure> {
        let selected = config::for_client(&self.context.trust, &self.base, &self.link, command)
            .map_err(super::config_failure)?;
        let profile = &selected.profile;
        let lease = self.leases.take(profile).ok_or_else(|| {
            let error =
                anyhow::anyhow!("every address of remote-range is in use: widen it, or disconnect a client");
            Failure::new(ExitCode::NegotiationFailed, error)
        })?;
        let mut session =
            setup::open_with(&self.context, Role::Listen, &self.name, profile, self.signals, |link| {
                if let (Some(ipv4), Some(remote)) = (&mut link.ipv4, lease.remote()) {
                    ipv4.remote = remote;
                }
            })
            .await?;
        lease.follow(session.status());
        let end = session.run(carrier).await;
        let code = exit_code(&end);
        report_end(code, &end.why.to_string());
        session.shutdown().await;
        Ok(code)
    }
}

/// The addresses that clients have, so that no two get the same.
#[derive(Clone, Default)]
struct Leases(Rc<RefCell<Vec<Held>>>);

struct Held {
    id: u64,
    address: Ipv4Addr,
    /// Says which address the client has in the end: it may have asked for another one of the range.
    status: Option<StatusHandle>,
}

impl Held {
    fn address(&self) -> Ipv4Addr {
        self.status.as_ref().and_then(|status| status.get().ipv4).map_or(self.address, |ipv4| ipv4.remote)
    }
}

/// One client's place in the pool, given back when dropped.
struct Lease {
    pool: Leases,
    id: u64,
    remote: Option<RemoteAddress>,
}

impl Leases {
    /// A place for a client of `profile`; `None` if all are taken. A profile without a range needs none.
    fn take(&self, profile: &Profile) -> Option<Lease> {
        if profile.addresses.remote.is_some() || profile.remote_range.is_empty() {
            return Some(Lease { pool: self.clone(), id: 0, remote: None });
        }
        let mut held = self.0.borrow_mut();
        let mut taken: Vec<Ipv4Addr> = held.iter().map(Held::address).collect();
        taken.extend(profile.addresses.local);
        let free = without(profile.remote_range.iter().map(ipv4_range), &taken);
        let address = free.first()?.first;
        let id = held.iter().map(|other| other.id).max().unwrap_or(0) + 1;
        held.push(Held { id, address, status: None });
        Some(Lease { pool: self.clone(), id, remote: Some(RemoteAddress::Ranges(free)) })
    }
}

impl Lease {
    fn remote(&self) -> Option<RemoteAddress> {
        self.remote.clone()
    }

    fn follow(&self, status: &StatusHandle) {
        let mut held = self.pool.0.borrow_mut();
        if let Some(mine) = held.iter_mut().find(|held| held.id == self.id) {
            mine.status = Some(status.clone());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.0.borrow_mut().retain(|held| held.id != self.id);
    }
}

/// What is left of `ranges` without the addresses in `taken`.
fn without(ranges: impl Iterator<Item = Ipv4Range>, taken: &[Ipv4Addr]) -> Vec<Ipv4Range> {
    let mut free: Vec<Ipv4Range> = ranges.collect();
    for address in taken {
        let bits = address.to_bits();
        free = free
            .into_iter()
            .flat_map(|range| {
                if !range.contains(*address) {
                    return vec![range];
                }
                let below = bits.checked_sub(1).map(|last| (range.first, Ipv4Addr::from_bits(last)));
                let above = bits.checked_add(1).map(|first| (Ipv4Addr::from_bits(first), range.last));
                let whole = |(first, last): (Ipv4Addr, Ipv4Addr)| {
                    (first <= last).then_some(Ipv4Range { first, last })
                };
                below.and_then(whole).into_iter().chain(above.and_then(whole)).collect()
            })
            .collect();
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(range: &str) -> Profile {
        let local = Some([10, 0, 0, 1].into());
        Profile {
            addresses: config::Addresses { local, remote: None },
            remote_range: vec![range.parse().unwrap()],
            ..Profile::default()
        }
    }

    fn first(lease: &Lease) -> String {
        match lease.remote() {
            Some(RemoteAddress::Ranges(ranges)) => ranges[0].first.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_client_gets_an_address_of_its_own_and_gives_it_back() {
        let (pool, profile) = (Leases::default(), profile("10.0.0.0/29"));
        let a = pool.take(&profile).unwrap();
        let b = pool.take(&profile).unwrap();
        assert_eq!([first(&a), first(&b)], ["10.0.0.2", "10.0.0.3"], "10.0.0.1 is this end's");
        drop(a);
        assert_eq!(first(&pool.take(&profile).unwrap()), "10.0.0.2");
    }

    #[test]
    fn a_range_that_is_used_up_gives_nothing() {
        let (pool, profile) = (Leases::default(), profile("10.0.0.0/30"));
        let _only = pool.take(&profile).unwrap();
        assert!(pool.take(&profile).is_none());
    }

    #[test]
    fn a_taken_address_splits_its_range_in_two() {
        let range = Ipv4Range { first: [10, 0, 0, 1].into(), last: [10, 0, 0, 5].into() };
        let left = without([range].into_iter(), &[[10, 0, 0, 3].into(), [10, 0, 0, 5].into()]);
        let text: Vec<_> = left.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["10.0.0.1-10.0.0.2", "10.0.0.4"]);
    }
}
