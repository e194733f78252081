//! Keeps a link up: calls, and calls again when the link is lost.
//!
//! What cannot mend itself (a wrong host key, a refused login, addresses that the peer does not grant) ends the very
//! first call at once, so that whoever sets the link up sees the reason. Once the link has been up, nothing the far end
//! does is final any more: months later somebody may just be upgrading it.

mod backoff;
mod occasion;

use std::time::{Duration, SystemTime};

use ppp_proto::link::CloseReason;
use ssh_carrier::{Carrier, CarrierError};
use tracing::{error, info, warn};

pub use backoff::Backoff;
pub use occasion::{Occasion, Outcome, pause, see_through};

use crate::config::Profile;
use crate::exit::ExitCode;
use crate::session::{Device, End, Limit, PumpError, Request, Session, Why};
use crate::status::{Phase, unix_seconds};

/// A link that was up for less than this was no success: one that the far end drops as soon as it is up must not be
/// called again at full pace for ever.
const STABLE: Duration = Duration::from_secs(10);

/// When to call again, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Call again at all.
    pub persist: bool,
    /// Give up after this many failures in a row; never if 0.
    pub maxfail: u32,
    /// The first pause.
    pub holdoff: Duration,
    /// The longest pause.
    pub max_holdoff: Duration,
}

impl Policy {
    /// The profile's.
    pub fn of(profile: &Profile) -> Self {
        Self {
            persist: profile.persist,
            maxfail: profile.maxfail,
            holdoff: profile.holdoff.get(),
            max_holdoff: profile.max_holdoff.get(),
        }
    }
}

/// One call's end, as far as it matters for the next one.
struct Verdict {
    code: ExitCode,
    reason: String,
    outlook: Outlook,
}

/// What calling again may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    /// Something else: networks come back.
    MayMend,
    /// The same, unless somebody mends the far end or its settings meanwhile.
    NeedsHands,
    /// The same, as this process has lost what it needs.
    Hopeless,
}

/// Calls with `dial` and runs `session` until it is told to end, or `policy` gives up.
pub async fn keep_up<D: Device>(
    session: &mut Session<D>,
    policy: Policy,
    mut dial: impl AsyncFnMut() -> Result<Carrier, CarrierError>,
) -> ExitCode {
    let mut backoff = Backoff::new(policy.holdoff, policy.max_holdoff);
    let mut ever_up = false;
    let mut redials = 0..;
    loop {
        session.status().update(|status| {
            status.enter(Phase::Connecting);
            status.redial.count = redials.next().unwrap_or(u64::MAX);
            status.redial.next_at = None;
        });
        let verdict = match call(session, &mut dial).await {
            Call::Told(Request::End(_) | Request::GiveWay) => return ExitCode::UserRequest,
            Call::Told(_) => continue,
            Call::Failed(error) => {
                backoff.failed();
                Verdict { code: dial_code(&error), reason: error.to_string(), outlook: outlook(&error) }
            }
            Call::Ended(end) => {
                ever_up |= end.was_up;
                if end.up_for >= STABLE {
                    backoff.succeeded();
                } else {
                    backoff.failed();
                }
                match end.asked {
                    Some(Request::End(_) | Request::GiveWay) => return ExitCode::UserRequest,
                    Some(Request::Redial(message)) => {
                        info!("{message}: calling again");
                        continue;
                    }
                    Some(Request::Publish) | None => {}
                }
                verdict(&end)
            }
        };

        let Verdict { code, reason, outlook } = verdict;
        session.status().update(|status| {
            status.enter(Phase::Holdoff);
            status.last_error = Some(reason.clone());
            status.redial.last_reason = Some(reason.clone());
        });
        if !policy.persist {
            report_end(code, &reason);
            return code;
        }
        if outlook == Outlook::Hopeless || (outlook == Outlook::NeedsHands && !ever_up) {
            error!("{reason}");
            return code;
        }
        if policy.maxfail != 0 && backoff.failures() >= policy.maxfail {
            error!("{reason}");
            error!("giving up after {} failed calls in a row (maxfail)", backoff.failures());
            return code;
        }
        let pause = backoff.pause(random());
        warn!("{reason}; calling again in {:.1} s", pause.as_secs_f32());
        session.status().update(|status| {
            status.redial.next_at = Some(unix_seconds(SystemTime::now() + pause));
        });
        if let Request::End(_) | Request::GiveWay = wait(session, pause).await {
            return ExitCode::UserRequest;
        }
    }
}

enum Call {
    /// A request came while the login was under way.
    Told(Request),
    Failed(CarrierError),
    Ended(End),
}

async fn call<D: Device>(
    session: &mut Session<D>,
    dial: &mut impl AsyncFnMut() -> Result<Carrier, CarrierError>,
) -> Call {
    let dialled = {
        let dialling = dial();
        tokio::pin!(dialling);
        loop {
            tokio::select! {
                dialled = &mut dialling => break dialled,
                request = session.requests().next() => match request {
                    // There is nothing new to publish while the login is under way.
                    Request::Publish => {}
                    Request::End(_) | Request::GiveWay | Request::Redial(_) => return Call::Told(request),
                },
            }
        }
    };
    match dialled {
        Ok(carrier) => Call::Ended(session.run(carrier).await),
        Err(error) => Call::Failed(error),
    }
}

/// Waits for the pause to pass; a request to redial cuts it short.
async fn wait<D: Device>(session: &mut Session<D>, pause: Duration) -> Request {
    let over = tokio::time::sleep(pause);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return Request::Redial("holdoff over"),
            request = session.requests().next() => match request {
                Request::Publish => {}
                Request::End(_) | Request::GiveWay | Request::Redial(_) => return request,
            },
        }
    }
}

/// Says how a link that will not be called again ended, as pppd does.
pub fn report_end(code: ExitCode, reason: &str) {
    match code {
        ExitCode::Ok | ExitCode::UserRequest => info!("{reason}"),
        _ => error!("{reason}"),
    }
    info!("Connection terminated.");
}

/// The exit code of a call that never became a carrier.
fn dial_code(error: &CarrierError) -> ExitCode {
    match error {
        CarrierError::Spawn { .. } => ExitCode::PtyCommandFailed,
        CarrierError::Config(_) => ExitCode::OptionError,
        _ => ExitCode::ConnectFailed,
    }
}

/// The exit code that tells how a link ended (pppd(8), EXIT STATUS).
pub fn exit_code(end: &End) -> ExitCode {
    if let Some(Request::End(_) | Request::GiveWay) = end.asked {
        return ExitCode::UserRequest;
    }
    match end.limit {
        Some(Limit::Idle) => ExitCode::Idle,
        Some(Limit::Connect) => ExitCode::ConnectTime,
        None => verdict(end).code,
    }
}

fn outlook(error: &CarrierError) -> Outlook {
    if error.retry_may_help() { Outlook::MayMend } else { Outlook::NeedsHands }
}

fn verdict(end: &End) -> Verdict {
    use Outlook::{Hopeless, MayMend, NeedsHands};
    let (code, outlook) = match &end.why {
        Why::Closed(reason) => match reason {
            CloseReason::Local { .. } => (ExitCode::UserRequest, MayMend),
            CloseReason::PeerTerminated { .. } if end.was_up => (ExitCode::Ok, MayMend),
            CloseReason::PeerTerminated { .. } | CloseReason::NegotiationFailed { .. } => {
                (ExitCode::NegotiationFailed, NeedsHands)
            }
            CloseReason::LoopDetected => (ExitCode::Loopback, NeedsHands),
            CloseReason::PeerDead => (ExitCode::PeerDead, MayMend),
            CloseReason::AuthRequired { .. } | CloseReason::AuthToPeerFailed { .. } => {
                (ExitCode::AuthToPeerFailed, NeedsHands)
            }
            CloseReason::PeerRefusedAuth | CloseReason::PeerAuthFailed { .. } => {
                (ExitCode::PeerAuthFailed, NeedsHands)
            }
            CloseReason::LowerDown => (ExitCode::Hangup, MayMend),
        },
        Why::Carrier(PumpError::Carrier(error)) => {
            (if end.was_up { ExitCode::Hangup } else { dial_code(error) }, outlook(error))
        }
        Why::Carrier(PumpError::Device(_)) => (ExitCode::FatalError, Hopeless),
        Why::CarrierEnded => (if end.was_up { ExitCode::Hangup } else { ExitCode::ConnectFailed }, MayMend),
        Why::Network(_) => (ExitCode::FatalError, NeedsHands),
    };
    Verdict { code, reason: end.why.to_string(), outlook }
}

/// 32 random bits; without any, callers merely lose their jitter.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
