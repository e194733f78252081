//! From a profile to the link's own configuration.

use ipnet::Ipv4Net;
use ppp_proto::auth::{AuthConfig, AuthTimers, Entropy};
use ppp_proto::frame::{Accm, ExtraEscapes, Fcs};
use ppp_proto::link::{EchoConfig, LinkConfig, Timers};
use ppp_proto::{
    CcpConfig, DeflateConfig, Express, InterfaceId, IpcpConfig, Ipv4Range, Ipv6cpConfig, LcpConfig,
    LocalAddress, LqmConfig, QualityPolicy, RemoteAddress, VjConfig,
};

use crate::config::{AuthMethod, FcsChoice, Profile};
use crate::secrets::SecretsFiles;

/// The link that `profile` describes. `seed` is random: magic numbers and interface identifiers come from it.
pub fn link_config(profile: &Profile, name: &str, seed: u64) -> LinkConfig {
    LinkConfig {
        name: name.to_owned(),
        lcp: lcp(profile),
        ipv4: profile.ipv4.then(|| ipcp(profile)),
        ipv6: profile.ipv6.then(|| Ipv6cpConfig {
            local: profile.ipv6_ids.local.map(interface_id),
            remote: profile.ipv6_ids.remote.map(interface_id),
            ..Ipv6cpConfig::default()
        }),
        ccp: profile.deflate.then(|| ccp(profile)),
        timers: Timers {
            restart: profile.lcp_restart.get(),
            max_configure: profile.lcp_max_configure,
            max_terminate: profile.lcp_max_terminate,
            max_failure: profile.lcp_max_failure,
            ..Timers::default()
        },
        ipcp_timers: None,
        ipv6cp_timers: None,
        echo: profile.lcp_echo_interval.unless_zero().filter(|_| profile.lcp_echo_failure > 0).map(
            |interval| EchoConfig {
                interval,
                failure: profile.lcp_echo_failure,
                adaptive: profile.lcp_echo_adaptive,
            },
        ),
        sample: profile.lcp_echo_sampling && profile.lcp_echo_interval.unless_zero().is_some(),
        seed,
        auth: None,
    }
}

/// What `profile` wants to be proved, with these secrets; `None` if nothing is. `entropy` is random and for this link alone.
pub fn auth_config(
    profile: &Profile,
    host: &str,
    files: SecretsFiles,
    entropy: Entropy,
) -> Option<AuthConfig> {
    if profile.auth_require.is_empty() && profile.auth_name.is_none() {
        return None;
    }
    let methods = |methods: &[AuthMethod]| methods.iter().filter_map(|method| method.protocol()).collect();
    let name = profile.auth_name.as_deref();
    Some(AuthConfig {
        require: methods(&profile.auth_require),
        // Without a name there is nobody to prove.
        answer: name.map(|_| methods(&profile.auth_answer)).unwrap_or_default(),
        remote_name: profile.auth_remote_name.clone(),
        pap: files.pap,
        chap: files.chap,
        timers: AuthTimers {
            chap_interval: profile.auth_chap_interval.unless_zero(),
            ..AuthTimers::default()
        },
        ..AuthConfig::new(name.unwrap_or(host), entropy)
    })
}

fn lcp(profile: &Profile) -> LcpConfig {
    LcpConfig {
        mru: profile.mru.get(),
        mtu: Some(profile.mtu.get()),
        accm: Accm(profile.asyncmap.0),
        escape: ExtraEscapes::new(&profile.escape.0).expect("a profile holds only what can be escaped"),
        magic: profile.magic,
        pfc: profile.pcomp,
        acfc: profile.accomp,
        fcs: match profile.fcs {
            FcsChoice::Fcs16 => Fcs::Fcs16,
            FcsChoice::Fcs32 => Fcs::Fcs32,
            FcsChoice::Null => Fcs::Null,
        },
        lqm: LqmConfig {
            period: profile.lqr.unless_zero(),
            policy: Some(QualityPolicy::default()),
            ..LqmConfig::default()
        },
        // pppdump knows frames only.
        express: (profile.express && profile.record.is_none()).then_some(Express::ALL),
        ..LcpConfig::default()
    }
}

fn ipcp(profile: &Profile) -> IpcpConfig {
    IpcpConfig {
        local: profile.addresses.local.map_or(LocalAddress::Ask, LocalAddress::Fixed),
        remote: match profile.addresses.remote {
            Some(address) => RemoteAddress::Fixed(address),
            None if profile.remote_range.is_empty() => RemoteAddress::Any,
            None => RemoteAddress::Ranges(profile.remote_range.iter().map(ipv4_range).collect()),
        },
        remote_fallback: None,
        ask_dns: profile.dns_ask,
        ask_nbns: false,
        offer_dns: profile.dns_offer.clone(),
        offer_nbns: profile.nbns_offer.clone(),
        vj: profile.vj.then_some(VjConfig { slots: profile.vj_max_slots, slot_id: profile.vj_cid }),
    }
}

fn ccp(profile: &Profile) -> CcpConfig {
    let usual = CcpConfig::default();
    let with = |direction: Option<DeflateConfig>, window| {
        direction.filter(|_| window != 0).map(|usual| DeflateConfig { window, ..usual })
    };
    CcpConfig {
        receive: with(usual.receive, profile.deflate_receive),
        send: with(usual.send, profile.deflate_send),
    }
}

/// The host addresses of a network.
pub fn ipv4_range(net: &Ipv4Net) -> Ipv4Range {
    Ipv4Range::of_network(net.network(), net.prefix_len())
}

fn interface_id(bits: u64) -> InterfaceId {
    InterfaceId(bits.to_be_bytes())
}
