//! From counters to losses, and from losses to a verdict (RFC 1989 §2.8, §2.10).

use super::QualityPolicy;

/// The most periods a history holds.
const MAX_PERIODS: u32 = u32::BITS;

/// What was sent in one direction, and what of it did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// Frames sent.
    pub packets: u64,
    /// Those that did not arrive, or not unharmed.
    pub packets_lost: u64,
    /// Octets sent, as RFC 1989 §2.3 counts them.
    pub octets: u64,
    /// Those in the frames lost.
    pub octets_lost: u64,
}

impl Loss {
    /// Between two readings of a sender's and its receiver's counters, each (packets, octets); `None` if a counter went
    /// backwards, and not just round: somebody started over.
    pub(super) fn between(sent: [(u32, u32); 2], received: [(u32, u32); 2]) -> Option<Loss> {
        let [packets, octets] = delta(sent)?;
        let [packets_in, octets_in] = delta(received)?;
        Some(Loss {
            packets,
            packets_lost: packets.saturating_sub(packets_in),
            octets,
            octets_lost: octets.saturating_sub(octets_in),
        })
    }

    pub(super) fn add(&mut self, other: Loss) {
        self.packets = self.packets.saturating_add(other.packets);
        self.packets_lost = self.packets_lost.saturating_add(other.packets_lost);
        self.octets = self.octets.saturating_add(other.octets);
        self.octets_lost = self.octets_lost.saturating_add(other.octets_lost);
    }

    fn is_within(self, percent: u8) -> bool {
        self.packets_lost.saturating_mul(100) <= self.packets.saturating_mul(percent.into())
    }
}

/// The counters wrap at 32 bits (§2.8).
fn delta([(packets, octets), (packets_now, octets_now)]: [(u32, u32); 2]) -> Option<[u64; 2]> {
    let differences = [packets_now.wrapping_sub(packets), octets_now.wrapping_sub(octets)];
    differences.iter().all(|&difference| difference <= u32::MAX / 2).then(|| differences.map(u64::from))
}

/// The last periods, and what they make of the link.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    policy: QualityPolicy,
    /// The latest period is the lowest bit; set: good.
    periods: u32,
    seen: u32,
    good: bool,
}

impl History {
    /// Of a link that is good until it is shown to be bad.
    pub(super) fn new(policy: QualityPolicy) -> History {
        History { policy, periods: 0, seen: 0, good: true }
    }

    pub(super) fn is_good(&self) -> bool {
        self.good
    }

    /// One period more; true if the verdict changed.
    pub(super) fn period(&mut self, good: bool) -> bool {
        let of = self.policy.of.clamp(1, MAX_PERIODS);
        self.periods = self.periods << 1 | u32::from(good);
        self.seen = (self.seen + 1).min(of);
        let successes = (self.periods & (u32::MAX >> (MAX_PERIODS - of))).count_ones();
        let verdict = successes >= self.policy.good.min(of) || self.seen < of && self.good;
        std::mem::replace(&mut self.good, verdict) != verdict
    }

    /// Whether losses like these make a good period.
    pub(super) fn tolerates(&self, losses: &[Loss]) -> bool {
        losses.iter().all(|loss| loss.is_within(self.policy.max_loss_percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_and_not_received_is_lost() {
        let loss = Loss::between([(10, 1000), (20, 3000)], [(7, 700), (15, 2500)]).unwrap();
        assert_eq!(loss, Loss { packets: 10, packets_lost: 2, octets: 2000, octets_lost: 200 });
    }

    #[test]
    fn counters_that_wrap_are_no_loss() {
        let loss = Loss::between([(u32::MAX, u32::MAX - 9), (4, 90)], [(5, 0), (10, 100)]).unwrap();
        assert_eq!(loss, Loss { packets: 5, packets_lost: 0, octets: 100, octets_lost: 0 });
    }

    #[test]
    fn counters_that_go_backwards_tell_nothing() {
        assert_eq!(Loss::between([(10, 1000), (3, 300)], [(10, 1000), (11, 1100)]), None);
        assert_eq!(Loss::between([(10, 1000), (11, 1100)], [(10, 1000), (11, 900)]), None);
    }

    #[test]
    fn more_received_than_sent_is_no_loss() {
        let loss = Loss::between([(0, 0), (1, 10)], [(0, 0), (2, 20)]).unwrap();
        assert_eq!((loss.packets_lost, loss.octets_lost), (0, 0));
    }

    #[test]
    fn k_good_periods_out_of_n_make_a_good_link() {
        let mut history = History::new(QualityPolicy { good: 2, of: 3, ..QualityPolicy::default() });
        let verdicts: Vec<(bool, bool)> = [false, false, false, true, true, false, false]
            .map(|good| (history.period(good), history.is_good()))
            .to_vec();
        assert_eq!(
            verdicts,
            [
                (false, true),
                (false, true),
                (true, false),
                (false, false),
                (true, true),
                (false, true),
                (true, false)
            ]
        );
    }

    #[test]
    fn as_many_losses_as_are_allowed_are_tolerated_and_one_more_is_not() {
        let history = History::new(QualityPolicy { max_loss_percent: 10, ..QualityPolicy::default() });
        let loss = |packets_lost| Loss { packets: 50, packets_lost, ..Loss::default() };
        assert!(history.tolerates(&[loss(5), Loss::default()]));
        assert!(!history.tolerates(&[loss(0), loss(6)]));
    }

    #[test]
    fn a_policy_out_of_range_is_brought_into_it() {
        let mut never = History::new(QualityPolicy { good: 99, of: 0, ..QualityPolicy::default() });
        assert!(never.period(false) && !never.is_good());
        assert!(never.period(true) && never.is_good());
        let mut long = History::new(QualityPolicy { good: 99, of: 99, ..QualityPolicy::default() });
        assert!((0..31).all(|_| !long.period(true)) && !long.period(true) && long.is_good());
        assert!(long.period(false), "32 of the last 32 are wanted");
    }
}
