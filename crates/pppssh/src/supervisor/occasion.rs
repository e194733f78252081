//! One occasion to have a link: calls until there is one, and again if it is lost, a counted number of times.

use std::time::{Duration, SystemTime};

use ssh_carrier::{Carrier, CarrierError};
use tracing::{info, warn};

use super::{Backoff, Call, STABLE, call, dial_code, exit_code, random, report_end, wait};
use crate::exit::ExitCode;
use crate::session::{Device, Request, Session};
use crate::status::{Phase, unix_seconds};

/// How often to call, as user-ppp's `set redial` and `set reconnect` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// Calls in a row without a link; 0: no bound.
    pub attempts: u32,
    /// The first pause between them.
    pub pause: Duration,
    /// The longest.
    pub most: Duration,
    /// Times that a link which was lost is called anew.
    pub reconnects: u32,
    /// The pause before that.
    pub reconnect_pause: Duration,
}

/// How an occasion passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody here wants an end.
    Told,
    /// The link has ended, or none came about.
    Over(ExitCode),
}

/// Waits, unless somebody wants an end. A request to call again cuts it short.
pub async fn pause<D: Device>(session: &mut Session<D>, pause: Duration) -> Outcome {
    match wait(session, pause).await {
        Request::End(_) | Request::GiveWay => Outcome::Told,
        Request::Redial(_) | Request::Publish => Outcome::Over(ExitCode::Ok),
    }
}

/// Calls with `dial` and runs `session` until the link has ended for good.
pub async fn see_through<D: Device>(
    session: &mut Session<D>,
    occasion: Occasion,
    mut dial: impl AsyncFnMut() -> Result<Carrier, CarrierError>,
) -> Outcome {
    let mut backoff = Backoff::new(occasion.pause, occasion.most);
    let mut reconnects = occasion.reconnects;
    loop {
        session.status().update(|status| {
            status.enter(Phase::Connecting);
            status.redial.next_at = None;
        });
        let (code, reason, up_for) = match call(session, &mut dial).await {
            Call::Told(Request::End(_) | Request::GiveWay) => return Outcome::Told,
            Call::Told(_) => continue,
            Call::Failed(error) => (dial_code(&error), error.to_string(), None),
            Call::Ended(end) => {
                match end.asked {
                    Some(Request::End(_) | Request::GiveWay) => return Outcome::Told,
                    Some(Request::Redial(message)) => {
                        info!("{message}: calling again");
                        continue;
                    }
                    Some(Request::Publish) | None => {}
                }
                let code = exit_code(&end);
                if end.limit.is_some() || code == ExitCode::Ok {
                    report_end(code, &end.why.to_string());
                    return Outcome::Over(code);
                }
                (code, end.why.to_string(), end.was_up.then_some(end.up_for))
            }
        };
        if up_for.is_some_and(|up_for| up_for >= STABLE) {
            backoff.succeeded();
        } else {
            backoff.failed();
        }
        let pause = if up_for.is_some() {
            let again = reconnects > 0;
            reconnects = reconnects.saturating_sub(1);
            // A far end that drops each link at once is not called at full pace.
            let flapping = if backoff.failures() > 1 { backoff.pause(random()) } else { Duration::ZERO };
            again.then(|| occasion.reconnect_pause.max(flapping))
        } else {
            let again = occasion.attempts == 0 || backoff.failures() < occasion.attempts;
            again.then(|| backoff.pause(random()))
        };
        session.status().update(|status| {
            status.last_error = Some(reason.clone());
            status.redial.last_reason = Some(reason.clone());
        });
        let Some(pause) = pause else {
            report_end(code, &reason);
            return Outcome::Over(code);
        };
        warn!("{reason}; calling again in {:.1} s", pause.as_secs_f32());
        session.status().update(|status| {
            status.enter(Phase::Holdoff);
            status.redial.count = status.redial.count.saturating_add(1);
            status.redial.next_at = Some(unix_seconds(SystemTime::now() + pause));
        });
        if let Request::End(_) | Request::GiveWay = wait(session, pause).await {
            return Outcome::Told;
        }
    }
}
