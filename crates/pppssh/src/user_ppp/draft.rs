//! What the commands of `ppp.conf` come to.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use ppp_proto::ccp::deflate::MAX_WINDOW;
use ppp_proto::link::Timers;

use super::{IfAddr, Negotiable};
use crate::config::Profile;

/// ppp's idle timeout when nothing is said.
const IDLE: Duration = Duration::from_secs(180);

/// `set authkey`: not for logs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AuthKey(pub String);

impl fmt::Debug for AuthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthKey(…)")
    }
}

/// `set redial`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redial {
    /// Before each further call.
    pub pause: Duration,
    /// What the pause may grow to.
    pub most: Duration,
    /// Calls until one leads to a link; 0: no bound.
    pub attempts: u32,
}

impl Default for Redial {
    fn default() -> Self {
        Self { pause: Duration::from_secs(30), most: Duration::from_secs(30), attempts: 1 }
    }
}

/// What the commands read so far have come to.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) profile: Profile,
    pub(super) ifaddr: IfAddr,
    pub(super) devices: Vec<Vec<String>>,
    pub(super) negotiable: Negotiable,
    pub(super) authname: String,
    pub(super) authkey: AuthKey,
    pub(super) dns: Vec<Ipv4Addr>,
    /// Zero: never.
    pub(super) idle: Duration,
    pub(super) least: Duration,
    pub(super) redial: Redial,
    pub(super) reconnect: (Duration, u32),
    /// What `set deflate` says: the windows to ask for and to grant at most.
    pub(super) deflate: (u8, u8),
    pub(super) lqr_period: Duration,
    pub(super) echo_period: Duration,
    pub(super) ipcp_timers: Timers,
    pub(super) ipv6cp_timers: Timers,
    pub(super) silent: bool,
    pub(super) facilities: Vec<&'static str>,
    pub(super) identification: Option<String>,
    /// Sections loaded so far.
    pub(super) loaded: usize,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            profile: Profile {
                tun: "tun%d".to_owned(),
                hooks: "".into(),
                express: false,
                lcp_echo_sampling: false,
                ..Profile::default()
            },
            ifaddr: IfAddr::default(),
            devices: Vec::new(),
            negotiable: Negotiable::default(),
            authname: String::new(),
            authkey: AuthKey::default(),
            dns: Vec::new(),
            idle: IDLE,
            least: Duration::ZERO,
            redial: Redial::default(),
            reconnect: (Duration::from_secs(3), 0),
            deflate: (MAX_WINDOW, MAX_WINDOW),
            lqr_period: Duration::from_secs(30),
            echo_period: Duration::ZERO,
            ipcp_timers: Timers::default(),
            ipv6cp_timers: Timers::default(),
            silent: false,
            facilities: vec!["phase"],
            identification: None,
            loaded: 0,
        }
    }
}
