//! What each report says of the path: a round trip, and a rate of delivery.
//!
//! The rate is that of draft-cheng-iccrg-delivery-rate-estimation: what arrived while one octet was on its way and its
//! report on the way back, divided by the longer of the times in which it was sent and in which it was reported. The longer
//! one, since reports that come in a bunch prove no speed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sends that are remembered; beyond, every other one is forgotten.
const MAX_RECORDS: usize = 4096;

/// Small sends within so short a time are one of no more octets than these.
const SAME: Duration = Duration::from_micros(200);
const SMALL: u64 = 1500;

/// One send, and how things stood then.
#[derive(Debug, Clone, Copy)]
struct Record {
    octets: u64,
    /// The octets sent up to and with it.
    end: u64,
    at: Instant,
    /// What had been delivered then, and when that was known.
    delivered: u64,
    delivered_at: Instant,
    /// When the first octet was sent that was then under way.
    first_sent_at: Instant,
    /// The path was not full, because there was no more to send.
    dry: bool,
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// When the octets arrived, and the shortest way back later.
    pub(crate) at: Instant,
    /// From sending the last of them to then.
    pub(crate) rtt: Duration,
    /// Octets per second; `None` where the time is too short to tell.
    pub(crate) rate: Option<f64>,
    /// A bound from below only: there was no more to send.
    pub(crate) dry: bool,
    /// Octets that were under way when the octet reported on was sent, itself among them.
    pub(crate) under_way: u64,
    /// Octets that are under way now.
    pub(crate) left: u64,
    /// Octets delivered in all.
    pub(crate) delivered: u64,
    /// What had been delivered when the octet reported on was sent: one round trip lies between.
    pub(crate) delivered_before: u64,
}

/// The books: octets sent, octets delivered.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    sent: u64,
    delivered: u64,
    delivered_at: Option<Instant>,
    first_sent_at: Option<Instant>,
    /// Until this octet is delivered there are gaps on the path.
    dry_until: u64,
    records: VecDeque<Record>,
}

impl Delivery {
    pub(crate) fn under_way(&self) -> u64 {
        self.sent - self.delivered
    }

    pub(crate) fn sent(&mut self, now: Instant, octets: u64) {
        if octets == 0 {
            return;
        }
        if self.under_way() == 0 {
            // What happened before says nothing about the time from here on.
            self.first_sent_at = Some(now);
            self.delivered_at = Some(now);
        }
        let dry = self.delivered < self.dry_until;
        self.sent += octets;
        let (Some(delivered_at), Some(first_sent_at)) = (self.delivered_at, self.first_sent_at) else {
            return;
        };
        if let Some(last) = self.records.back_mut()
            && last.delivered == self.delivered
            && now.saturating_duration_since(last.at) < SAME
            && last.octets + octets <= SMALL
        {
            last.octets += octets;
            last.dry |= dry;
            last.end = self.sent;
            return;
        }
        if self.records.len() >= MAX_RECORDS {
            let mut keep = false;
            self.records.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.records.push_back(Record {
            octets,
            end: self.sent,
            at: now,
            delivered: self.delivered,
            delivered_at,
            first_sent_at,
            dry,
        });
    }

    pub(crate) fn ran_dry(&mut self) {
        // What is sent before the next octet has arrived may come in a burst, and fill a part of the round trip.
        self.dry_until = self.sent + 1;
    }

    /// When the last of the first `total` octets was sent, as far as it is remembered.
    pub(crate) fn sent_at(&self, total: u64) -> Option<Instant> {
        let whole = self.records.partition_point(|record| record.end <= total);
        let last = whole.checked_sub(1).filter(|_| total <= self.sent)?;
        Some(self.records[last].at)
    }

    /// When a path of that rate will have taken in what is under way, if what was reported last waited for so long to be: later than
    /// by its octets alone if there are pauses in it. `None` if that cannot be told.
    pub(crate) fn through_at(&self, rate: f64, waited: Duration) -> Option<Instant> {
        let start = self.first_sent_at?.checked_add(waited)?;
        let (mut before, per_octet) = (0, 1.0 / rate);
        let pauses = self.records.iter().fold(0.0, |pauses, record| {
            let since = record.at.saturating_duration_since(start).as_secs_f64();
            let pause = since - before as f64 * per_octet;
            before = record.end - self.delivered;
            f64::max(pauses, pause)
        });
        start.checked_add(Duration::try_from_secs_f64(pauses + before as f64 * per_octet).ok()?)
    }

    /// What a report says; `now` is when it would have come if nothing had kept it back after the last octet arrived.
    pub(crate) fn delivered(&mut self, now: Instant, total: u64) -> Option<Sample> {
        if total > self.sent || total <= self.delivered {
            return None;
        }
        self.delivered = total;
        self.delivered_at = Some(now);
        let mut newest = None;
        while let Some(record) = self.records.front().filter(|record| record.end <= total) {
            newest = Some(*record);
            self.records.pop_front();
        }
        let record = newest?;
        self.first_sent_at = Some(record.at);
        let sending = record.at.saturating_duration_since(record.first_sent_at);
        let reporting = now.saturating_duration_since(record.delivered_at);
        let time = sending.max(reporting);
        let octets = total - record.delivered;
        Some(Sample {
            at: now,
            rtt: now.saturating_duration_since(record.at),
            rate: rate(octets, time),
            dry: record.dry,
            under_way: record.end - record.delivered,
            left: self.under_way(),
            delivered: total,
            delivered_before: record.delivered,
        })
    }
}

/// Octets per second; `None` where the time is too short to tell.
pub(crate) fn rate(octets: u64, time: Duration) -> Option<f64> {
    (!time.is_zero()).then(|| octets as f64 / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_report_on_one_send_measures_its_round_trip() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        delivery.sent(now, 1000);
        let sample = delivery.delivered(now + 30 * MS, 1000).unwrap();
        assert_eq!(sample.rtt, 30 * MS);
        assert_eq!(delivery.under_way(), 0);
    }

    #[test]
    fn reports_of_what_cannot_be_change_nothing() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        delivery.sent(now, 1000);
        assert_eq!(
            (delivery.sent_at(1000), delivery.sent_at(999), delivery.sent_at(1001)),
            (Some(now), None, None)
        );
        assert_eq!(delivery.delivered(now, 1001), None);
        assert!(delivery.delivered(now + MS, 500).is_none(), "part of a send has no time of its own");
        assert_eq!(delivery.under_way(), 500);
        assert_eq!(delivery.delivered(now + MS, 400), None);
        assert_eq!(delivery.delivered(now + MS, 500), None);
        assert_eq!(delivery.under_way(), 500);
    }

    #[test]
    fn a_steady_stream_is_measured_at_its_rate_however_the_reports_bunch() {
        // 1000 octets each millisecond, 20 ms round trip, and reports held back to come five at a time.
        let start = Instant::now();
        let mut delivery = Delivery::default();
        let mut rates = Vec::new();
        for tick in 0..200_u32 {
            let now = start + tick * MS;
            delivery.sent(now, 1000);
            if tick >= 20 && tick % 5 == 0 {
                let sample = delivery.delivered(now, u64::from(tick - 19) * 1000).unwrap();
                rates.extend(sample.rate.filter(|_| tick > 60));
            }
        }
        assert!(rates.iter().all(|rate| (900_000.0..=1_050_000.0).contains(rate)), "{rates:?}");
    }

    #[test]
    fn what_is_sent_with_nothing_behind_it_is_marked_until_the_next_octet_has_arrived() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        delivery.sent(now, 1000);
        delivery.ran_dry();
        // A burst is, however long.
        for _ in 0..20 {
            delivery.sent(now + MS, 1000);
        }
        assert!(!delivery.delivered(now + 9 * MS, 1000).unwrap().dry, "it was sent before");
        delivery.sent(now + 9 * MS, 1000);
        assert!(delivery.delivered(now + 10 * MS, 2000).unwrap().dry);
        delivery.sent(now + 10 * MS, 1000);
        assert!(delivery.delivered(now + 19 * MS, 22_000).unwrap().dry);
        assert!(!delivery.delivered(now + 20 * MS, 23_000).unwrap().dry);
    }

    #[test]
    fn what_is_sent_after_a_pause_is_marked_though_nothing_is_under_way() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        delivery.ran_dry();
        delivery.sent(now, 1000);
        delivery.sent(now + MS, 1000);
        assert!(delivery.delivered(now + 9 * MS, 1000).unwrap().dry);
        delivery.sent(now + 9 * MS, 1000);
        assert!(delivery.delivered(now + 10 * MS, 2000).unwrap().dry);
        assert!(!delivery.delivered(now + 19 * MS, 3000).unwrap().dry);
    }

    #[test]
    fn pauses_in_what_is_under_way_keep_the_path_busy_for_longer() {
        let start = Instant::now();
        let mut delivery = Delivery::default();
        assert_eq!(delivery.through_at(1e6, MS), None);
        // 10 ms of it at once, and as much again after that and after a pause.
        for after in [0, 10, 60] {
            for _ in 0..10 {
                delivery.sent(start + after * MS, 1000);
            }
        }
        assert_eq!(delivery.through_at(1e6, Duration::ZERO), Some(start + 70 * MS));
        assert_eq!(delivery.through_at(5e5, Duration::ZERO), Some(start + 80 * MS));
        // What came before kept it waiting for 45 ms.
        delivery.delivered(start + 100 * MS, 5500).unwrap();
        assert_eq!(delivery.through_at(1e6, 45 * MS), Some(start + 70 * MS));
        assert_eq!(delivery.through_at(1e6, 46 * MS), Some(start + Duration::from_micros(70_500)));
        // No rate is too low to be told.
        assert_eq!(delivery.through_at(1e-18, Duration::ZERO), None);
        assert_eq!(delivery.through_at(0.0, Duration::ZERO), None);
    }

    #[test]
    fn memory_is_bounded_however_much_is_under_way() {
        let now = Instant::now();
        let mut delivery = Delivery::default();
        for tick in 0..100_000_u32 {
            delivery.sent(now + tick * MS, 1);
        }
        assert!(delivery.records.len() <= MAX_RECORDS);
        assert_eq!(delivery.under_way(), 100_000);
        assert!(delivery.delivered(now + 100_001 * MS, 100_000).is_some());
    }
}
