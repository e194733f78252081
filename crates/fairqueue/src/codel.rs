//! CoDel of one queue, laid out as the pseudo-code of RFC 8289 §5.5 and §5.6, so that a reader can hold the page beside
//! it. Signals are marks where the packet can carry one (RFC 8290 §5.2.6), and losses elsewhere.

use std::time::{Duration, Instant};

/// The standing delay that is acceptable where nothing else is known (RFC 8289 §4.3).
pub const TARGET: Duration = Duration::from_millis(5);

/// How long it must stand, and the time that senders need to react, where nothing else is known (RFC 8289 §4.4).
pub const INTERVAL: Duration = Duration::from_millis(100);

/// A drop state that ended less than this many intervals ago is taken up where it was (RFC 8289 §5.5).
const RESUME_INTERVALS: u32 = 16;

/// What CoDel aims at: the constants of RFC 8289 §5.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// TARGET: the standing delay that is acceptable.
    pub(crate) target: Duration,
    /// INTERVAL: how long the delay must stand, and the time that senders need to react.
    pub(crate) interval: Duration,
    /// `maxpacket`: with no more octets than this behind it, no packet is dropped.
    pub(crate) mtu: usize,
}

/// The packet that leaves next: `r.p` of the pseudo-code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// How long it has waited.
    pub(crate) sojourn: Duration,
    /// Octets that wait behind it, in all queues of the link (RFC 8289 §4.4).
    pub(crate) behind: usize,
}

/// The queue that CoDel looks at. A head that is not dropped stays in it.
pub(crate) trait Queue {
    /// The packet that leaves next.
    fn head(&self) -> Option<Head>;
    /// Tells the head's receiver of the congestion; false if it cannot be told but by a loss.
    fn mark_head(&mut self) -> bool;
    /// Drops the head.
    fn drop_head(&mut self);
}

/// State of one queue (RFC 8289 §5.2).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Codel {
    /// When the delay will have stood above the target for an interval.
    first_above: Option<Instant>,
    /// When to signal next; meaningless before the first signal.
    drop_next: Option<Instant>,
    /// Signals in this drop state, and in the one that it resumes.
    count: u32,
    /// What `count` was when this drop state began.
    last_count: u32,
    /// In the drop state.
    dropping: bool,
}

impl Codel {
    /// `dequeue` of RFC 8289 §5.5, but that the packet to be sent stays the queue's head; false if none is left.
    pub(crate) fn dequeue(&mut self, terms: &Terms, now: Instant, queue: &mut impl Queue) -> bool {
        let mut ok_to_drop = self.ok_to_drop(terms, now, queue.head());
        if self.dropping {
            if !ok_to_drop {
                // The sojourn time is below the target.
                self.dropping = false;
            }
            // A large backlog may call for so many signals that the next is due at once.
            while self.dropping && self.drop_next.is_none_or(|due| now >= due) {
                self.count = self.count.saturating_add(1);
                if queue.mark_head() {
                    self.drop_next = Some(self.control_law(terms, self.drop_next.unwrap_or(now)));
                    break;
                }
                queue.drop_head();
                ok_to_drop = self.ok_to_drop(terms, now, queue.head());
                if ok_to_drop {
                    self.drop_next = Some(self.control_law(terms, self.drop_next.unwrap_or(now)));
                } else {
                    self.dropping = false;
                }
            }
        } else if ok_to_drop {
            if !queue.mark_head() {
                queue.drop_head();
                self.ok_to_drop(terms, now, queue.head());
            }
            self.dropping = true;
            // If the delay rose again soon after it was last controlled, the rate of signals that did so is a good one
            // to start with.
            let delta = self.count - self.last_count;
            let recent = self
                .drop_next
                .is_some_and(|due| now.saturating_duration_since(due) < RESUME_INTERVALS * terms.interval);
            self.count = if delta > 1 && recent { delta } else { 1 };
            self.drop_next = Some(self.control_law(terms, now));
            self.last_count = self.count;
        }
        queue.head().is_some()
    }

    /// The queue was found empty: its delay cannot be above the target.
    pub(crate) fn emptied(&mut self) {
        self.first_above = None;
        self.dropping = false;
    }

    /// `dodequeue` of RFC 8289 §5.6: whether the delay has stood above the target for an interval.
    fn ok_to_drop(&mut self, terms: &Terms, now: Instant, head: Option<Head>) -> bool {
        // Two rules in one: by delay, where a packet takes less than the target to send; by backlog, where it takes
        // more, so that the link never runs dry.
        let Some(_) = head.filter(|head| head.sojourn >= terms.target && head.behind > terms.mtu) else {
            self.first_above = None;
            return false;
        };
        let first_above = *self.first_above.get_or_insert(now + terms.interval);
        now >= first_above
    }

    /// Signals come more often by the square root of their number, as TCP's throughput falls with the square root of
    /// its losses (RFC 8289 §5.6).
    fn control_law(&self, terms: &Terms, since: Instant) -> Instant {
        since + terms.interval.div_f64(f64::from(self.count).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { target: TARGET, interval: INTERVAL, mtu: 1500 };

    /// Packets that have all waited equally long, and what became of them.
    #[derive(Default)]
    struct Fake {
        waited: u64,
        left: usize,
        markable: bool,
        dropped: usize,
        marked: usize,
    }

    impl Queue for Fake {
        fn head(&self) -> Option<Head> {
            (self.left > 0)
                .then(|| Head { sojourn: Duration::from_millis(self.waited), behind: (self.left - 1) * 1500 })
        }

        fn mark_head(&mut self) -> bool {
            self.marked += usize::from(self.markable);
            self.markable
        }

        fn drop_head(&mut self) {
            self.left -= 1;
            self.dropped += 1;
        }
    }

    /// A queue that is asked for a packet each millisecond, and the milliseconds in which it signalled.
    struct Story {
        codel: Codel,
        start: Instant,
        millis: u64,
        signals: Vec<u64>,
    }

    impl Story {
        fn new() -> Self {
            Self { codel: Codel::default(), start: Instant::now(), millis: 0, signals: Vec::new() }
        }

        fn run(&mut self, millis: u64, waited: u64, left: usize, markable: bool) {
            for _ in 0..millis {
                let mut queue = Fake { waited, left, markable, ..Fake::default() };
                let now = self.start + Duration::from_millis(self.millis);
                self.codel.dequeue(&TERMS, now, &mut queue);
                self.signals.extend(std::iter::repeat_n(self.millis, queue.dropped + queue.marked));
                self.millis += 1;
            }
        }
    }

    #[test]
    fn a_delay_below_the_target_is_left_alone() {
        let mut story = Story::new();
        story.run(1000, 4, 100, false);
        assert!(story.signals.is_empty());
    }

    #[test]
    fn a_burst_that_goes_within_an_interval_is_left_alone() {
        let mut story = Story::new();
        for _ in 0..10 {
            story.run(100, 50, 100, false);
            story.run(1, 1, 100, false);
        }
        assert!(story.signals.is_empty());
    }

    /// The times are those of `t + INTERVAL / sqrt(count)`: 100, then 100/√1, 100/√2, 100/√3, 100/√4, 100/√5 ms on.
    #[test]
    fn a_standing_delay_brings_signals_ever_faster() {
        for markable in [false, true] {
            let mut story = Story::new();
            story.run(440, 50, 100, markable);
            assert_eq!(story.signals, [100, 200, 271, 329, 379, 424], "markable: {markable}");
        }
    }

    #[test]
    fn with_one_packet_behind_the_head_nothing_is_signalled() {
        let mut story = Story::new();
        story.run(1000, 50, 2, false);
        assert!(story.signals.is_empty());
        story.run(101, 50, 3, false);
        assert_eq!(story.signals, [1100]);
    }

    #[test]
    fn a_delay_that_returns_soon_is_met_with_the_rate_that_ended_it() {
        let mut story = Story::new();
        story.run(440, 50, 100, false);
        story.run(60, 1, 100, false);
        story.signals.clear();
        story.run(300, 50, 100, false);
        // Six signals had been given, five of them after the first: on it goes at 100/√5 ms.
        assert_eq!(story.signals[..3], [600, 645, 686]);
    }

    #[test]
    fn a_delay_that_returns_late_is_met_as_a_new_one() {
        let mut story = Story::new();
        story.run(440, 50, 100, false);
        story.run(1700, 1, 100, false);
        story.signals.clear();
        story.run(301, 50, 100, false);
        assert_eq!(story.signals, [2240, 2340, 2411]);
    }

    #[test]
    fn an_empty_queue_ends_the_drop_state() {
        let mut story = Story::new();
        story.run(440, 50, 100, false);
        story.run(1, 50, 0, false);
        story.signals.clear();
        story.run(100, 50, 100, false);
        assert!(story.signals.is_empty(), "the interval begins anew");
    }

    #[test]
    fn after_a_long_halt_the_signals_that_fell_due_come_at_once_but_never_the_last_packets() {
        let mut codel = Codel::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for millis in [0, 100] {
            codel.dequeue(&TERMS, at(millis), &mut Fake { waited: 50, left: 10, ..Fake::default() });
        }
        let mut queue = Fake { waited: 5000, left: 10, ..Fake::default() };
        assert!(codel.dequeue(&TERMS, at(10_000), &mut queue));
        assert_eq!((queue.dropped, queue.left), (8, 2));
    }
}
