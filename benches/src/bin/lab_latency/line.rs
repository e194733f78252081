//! What a line between venus and saturn is like.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The least that the queue at either end holds, in packets.
const QUEUE_LEAST: u32 = 50;

/// The Ethernet header, which netem counts.
pub(crate) const FRAME_HEADER: usize = 14;
/// The MTU, and that.
const FRAME_OCTETS: f64 = 1500.0 + FRAME_HEADER as f64;

/// Round trips in which a TCP starts, overruns the line and has sent again what was lost.
const WARM_UP_ROUNDS: u32 = 20;

/// Round trips for which it is measured at least. What a reader gets at once when the last gap is closed came before: two round
/// trips' worth, where the queue holds one.
const MEASURED_ROUNDS: u32 = 80;

/// What a line is like, the same both ways.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) rate: Rate,
    pub(crate) rtt_ms: u32,
    pub(crate) loss_percent: f64,
    /// The longest time between two bunches of packets; there are none if it is 0.
    pub(crate) slots_ms: u32,
}

/// In Mb/s, of frames; none is as fast as the kernel goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate(pub(crate) Option<f64>);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        match text.parse::<f64>() {
            Ok(rate) if (0.1..=10_000.0).contains(&rate) => Ok(Rate(Some(rate))),
            _ if text == "max" => Ok(Rate(None)),
            _ => Err("a rate is from 0.1 to 10000 Mb/s, or max".to_owned()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => write!(f, "{rate}"),
            None => f.write_str("max"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Mb/s, {} ms, loss {} %", self.rate, self.rtt_ms, self.loss_percent)?;
        if self.slots_ms > 0 { write!(f, ", slots up to {} ms apart", self.slots_ms) } else { Ok(()) }
    }
}

impl Line {
    /// The packets that the queue at either end holds: what is on its way at full rate, but not less than 50.
    pub(crate) fn queue(&self) -> u32 {
        let octets = self.rate.0.unwrap_or(0.0) * 1e6 / 8.0 * f64::from(self.rtt_ms) / 1e3;
        QUEUE_LEAST.max((octets / FRAME_OCTETS).round() as u32)
    }

    /// How long a load runs before it is measured: `least`, but not less than [`WARM_UP_ROUNDS`].
    pub(crate) fn warm_up(&self, least: Duration) -> Duration {
        least.max(self.round_trips(WARM_UP_ROUNDS))
    }

    /// For how long it is measured: `least`, but not less than [`MEASURED_ROUNDS`].
    pub(crate) fn measured(&self, least: Duration) -> Duration {
        least.max(self.round_trips(MEASURED_ROUNDS))
    }

    fn round_trips(&self, count: u32) -> Duration {
        count * Duration::from_millis(self.rtt_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::USUAL;

    #[test]
    fn a_queue_holds_what_is_on_its_way_but_not_less_than_fifty_packets() {
        let queue = |rate, rtt_ms| Line { rate: Rate(Some(rate)), rtt_ms, ..USUAL }.queue();
        assert_eq!(queue(20.0, 50), 83); // 125,000 octets
        assert_eq!(queue(100.0, 200), 1651);
        assert_eq!(queue(5.0, 10), 50);
    }

    #[test]
    fn a_load_runs_and_is_measured_for_some_round_trips_at_least() {
        let line = |rtt_ms| Line { rtt_ms, ..USUAL };
        let [warm_up, measured] = [2, 8].map(Duration::from_secs);
        assert_eq!([10, 50, 200].map(|rtt| line(rtt).warm_up(warm_up)), [2, 2, 4].map(Duration::from_secs));
        assert_eq!(
            [10, 50, 200].map(|rtt| line(rtt).measured(measured)),
            [8, 8, 16].map(Duration::from_secs)
        );
    }

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for rate in [Rate(Some(20.0)), Rate(Some(0.5)), Rate(None)] {
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for wrong in ["0", "-5", "fast", "inf", "NaN"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
