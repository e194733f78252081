//! What many measurements come to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::probe::Probe;

/// Round trips of some probes, in ms. Without an answer there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ping {
    pub(crate) sent: usize,
    pub(crate) lost: usize,
    pub(crate) average: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Ping {
    /// Of the probes sent from one time to another.
    pub(crate) fn of(probes: &[Probe], from: Duration, to: Duration) -> Ping {
        let chosen = probes.iter().filter(|probe| (from..to).contains(&probe.sent));
        let sent = chosen.clone().count();
        let mut rtts: Vec<f64> = chosen.filter_map(|probe| probe.rtt).map(ms).collect();
        rtts.sort_by(f64::total_cmp);
        Ping {
            sent,
            lost: sent - rtts.len(),
            average: (!rtts.is_empty()).then(|| rtts.iter().sum::<f64>() / rtts.len() as f64),
            p50: percentile(&rtts, 50),
            p99: percentile(&rtts, 99),
            max: rtts.last().copied(),
        }
    }
}

/// In ms.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The least value that so many per cent of them do not exceed (nearest rank).
fn percentile(sorted: &[f64], per_cent: usize) -> Option<f64> {
    let rank = (sorted.len() * per_cent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// How alike several flows did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fairness {
    /// Jain's index: 1 when all are alike, 1/n when one has it all.
    pub(crate) jain: f64,
    /// How far the worst one is from the mean, as a share of the mean.
    pub(crate) worst_deviation: f64,
}

impl Fairness {
    /// Of at least two flows of which one moved at all.
    pub(crate) fn of(flows: &[f64]) -> Option<Fairness> {
        let (n, sum) = (flows.len() as f64, flows.iter().sum::<f64>());
        if flows.len() < 2 || sum <= 0.0 {
            return None;
        }
        let mean = sum / n;
        let squares: f64 = flows.iter().map(|flow| flow * flow).sum();
        let worst_deviation = flows.iter().map(|flow| (flow - mean).abs() / mean).fold(0.0, f64::max);
        Some(Fairness { jain: sum * sum / (n * squares), worst_deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(sent: u64, rtt: Option<u64>) -> Probe {
        let [sent, late] = [sent, 0].map(Duration::from_millis);
        Probe { sent, late, rtt: rtt.map(Duration::from_millis) }
    }

    #[test]
    fn of_a_hundred_round_trips_one_is_above_the_ninety_ninth_percentile() {
        let probes: Vec<Probe> = (1..=100).rev().map(|n| probe(n, Some(n))).collect();
        let ping = Ping::of(&probes, Duration::ZERO, Duration::from_secs(1));
        let expected = Ping {
            sent: 100,
            lost: 0,
            average: Some(50.5),
            p50: Some(50.0),
            p99: Some(99.0),
            max: Some(100.0),
        };
        assert_eq!(ping, expected);
    }

    #[test]
    fn a_probe_without_answer_is_lost_and_has_no_round_trip() {
        let probes = [probe(1, Some(7)), probe(2, None), probe(3, Some(9)), probe(500, Some(1))];
        let ping = Ping::of(&probes, Duration::ZERO, Duration::from_millis(500));
        assert_eq!((ping.sent, ping.lost, ping.average, ping.max), (3, 1, Some(8.0), Some(9.0)));
        let none = Ping::of(&probes, Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(none, Ping::default());
    }

    #[test]
    fn jain_s_index_is_one_for_equals_and_one_nth_for_one_who_has_it_all() {
        let equal = Fairness::of(&[3.0; 4]).unwrap();
        assert_eq!((equal.jain, equal.worst_deviation), (1.0, 0.0));
        let alone = Fairness::of(&[8.0, 0.0, 0.0, 0.0]).unwrap();
        assert_eq!((alone.jain, alone.worst_deviation), (0.25, 3.0));
        assert_eq!(Fairness::of(&[5.0]), None);
        assert_eq!(Fairness::of(&[0.0, 0.0]), None);
    }
}
