//! When another lane is needed.

use std::time::Duration;

use super::MOST;

/// Below this round trip, what OpenSSH grants of one channel is 840 Mb/s and more: there whoever waits for a window waits for the far
/// host and not for the path.
const LONG: Duration = Duration::from_millis(20);

/// What OpenSSH grants of a channel, less what it keeps back: it grants more when three packets were read.
const WINDOW: u64 = (2 << 20) - (128 << 10);

/// With so many octets under way in the last lane another is opened. That takes three round trips, in which a start doubles three
/// times.
const ENOUGH: u64 = 768 << 10;

/// What is known of the far end and of the path.
#[derive(Debug, Default)]
pub(crate) struct Need {
    /// The far end takes lanes.
    pub(crate) is_possible: bool,
    is_long: bool,
}

impl Need {
    /// Whether so many lanes are too few, if so many octets are under way on a path of this round trip.
    pub(crate) fn is_there(&mut self, rtt: Duration, octets: u64, lanes: usize) -> bool {
        self.is_long = rtt >= LONG;
        self.is_long && self.is_possible && lanes < MOST && octets >= WINDOW * (lanes as u64 - 1) + ENOUGH
    }

    /// Octets that may be under way in so many lanes. On a short path whoever reads is what they wait for; and a far end that takes no
    /// lanes may be one that grants more, as `pppssh listen` does.
    pub(crate) fn capacity(&self, lanes: usize) -> u64 {
        if self.is_long && self.is_possible { WINDOW * lanes as u64 } else { u64::MAX }
    }
}

/// Octets that will have been sent by the time that a new lane's far end knows where it joins, if so many are under way now. With
/// less the stream would wait for it.
pub(crate) fn ahead(octets: u64) -> u64 {
    2 * octets + (128 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_needed_before_the_last_one_is_full_and_only_through_a_long_path() {
        let (long, short) = (Duration::from_millis(200), Duration::from_millis(2));
        let mut need = Need::default();
        assert!(!need.is_there(long, 64 << 20, 1), "the far end takes none");
        assert_eq!(need.capacity(1), u64::MAX);
        need.is_possible = true;
        assert!(!need.is_there(short, 64 << 20, 1));
        assert_eq!(need.capacity(1), u64::MAX);
        for lanes in 1..MOST {
            let passes = need.is_there(long, 0, lanes);
            assert!(!passes);
            let most = need.capacity(lanes);
            assert!(most < (2 << 20) * lanes as u64);
            assert!(
                need.is_there(long, most, lanes) && !need.is_there(long, most - (5 << 18), lanes),
                "{lanes}"
            );
        }
        assert!(!need.is_there(long, 64 << 20, MOST));
    }
}
