//! Which lane is whose turn.

use super::STRIPE;

/// Counts the stream's octets, at either end.
#[derive(Debug, Clone)]
pub(crate) struct Stripes {
    /// Octets of the stream so far.
    position: u64,
    lanes: usize,
    /// Whose turn it is, from 0 on.
    lane: usize,
    /// Octets of that turn to come.
    left: u64,
    /// Where another joins.
    joint: Option<u64>,
}

impl Default for Stripes {
    /// One lane, from the first octet on.
    fn default() -> Self {
        Self { position: 0, lanes: 1, lane: 0, left: STRIPE, joint: None }
    }
}

impl Stripes {
    /// Octets of the stream so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Lanes that it goes through, or soon will.
    pub(crate) fn lanes(&self) -> usize {
        self.joined() + usize::from(self.joint.is_some())
    }

    /// Those of them that have joined.
    pub(crate) fn joined(&self) -> usize {
        self.lanes
    }

    /// The lane of the next octet.
    pub(crate) fn lane(&self) -> usize {
        self.lane
    }

    /// Octets that go through that lane before another has its turn; never 0.
    pub(crate) fn run(&self) -> usize {
        let turn = if self.lanes == 1 { u64::MAX } else { self.left };
        let joint = self.joint.map_or(u64::MAX, |at| at - self.position);
        usize::try_from(turn.min(joint)).unwrap_or(usize::MAX)
    }

    /// So many octets have passed, of the [`run`](Self::run).
    pub(crate) fn advance(&mut self, octets: usize) {
        debug_assert!(octets <= self.run());
        self.position += octets as u64;
        if self.lanes > 1 {
            self.left -= octets as u64;
            if self.left == 0 {
                (self.lane, self.left) = ((self.lane + 1) % self.lanes, STRIPE);
            }
        }
        self.join();
    }

    /// Another lane joins where so many octets have passed, with a turn of its own; `false` if that is behind us, or another is
    /// about to join.
    #[must_use]
    pub(crate) fn join_at(&mut self, position: u64) -> bool {
        let is_possible = position >= self.position && self.joint.is_none();
        if is_possible {
            self.joint = Some(position);
            self.join();
        }
        is_possible
    }

    fn join(&mut self) {
        if self.joint == Some(self.position) {
            (self.lane, self.left, self.joint) = (self.lanes, STRIPE, None);
            self.lanes += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_single_lane_is_never_interrupted() {
        let mut stripes = Stripes::default();
        for _ in 0..10 {
            assert_eq!((stripes.lane(), stripes.run()), (0, usize::MAX));
            stripes.advance(300_000);
        }
        assert_eq!(stripes.position(), 3_000_000);
    }

    #[test]
    fn a_lane_joins_at_its_place_and_turns_follow() {
        let mut stripes = Stripes::default();
        stripes.advance(100);
        assert!(!stripes.join_at(99));
        assert!(stripes.join_at(1000));
        assert!(!stripes.join_at(2000), "another is about to join");
        assert_eq!((stripes.lanes(), stripes.joined()), (2, 1));
        let stripe = STRIPE as usize;
        for (lane, run) in [(0, 900), (1, stripe), (0, stripe), (1, stripe)] {
            assert_eq!((stripes.lane(), stripes.run()), (lane, run));
            stripes.advance(run);
        }
        stripes.advance(10);
        assert!(stripes.join_at(stripes.position()), "at once");
        for (lane, run) in [(2, stripe), (0, stripe), (1, stripe), (2, stripe)] {
            assert_eq!((stripes.lane(), stripes.run()), (lane, run));
            stripes.advance(run);
        }
        assert_eq!((stripes.lanes(), stripes.joined()), (3, 3));
    }

    proptest! {
        #[test]
        fn both_ends_count_alike_however_the_stream_is_cut(
            joints in prop::collection::vec(0..2_000_000_u64, 0..5),
            cuts in prop::collection::vec(1..400_000_usize, 1..40),
        ) {
            let lanes = |cuts: &[usize]| {
                let (mut stripes, mut joints, mut cuts) = (Stripes::default(), joints.iter(), cuts.iter().cycle());
                let mut passed: Vec<(usize, u64)> = Vec::new();
                let mut joint = 0;
                while stripes.position() < 6_000_000 {
                    if stripes.joint.is_none() && let Some(behind) = joints.next() {
                        joint += behind;
                        prop_assert!(stripes.join_at(joint));
                    }
                    let octets = stripes.run().min(*cuts.next().unwrap());
                    match passed.last_mut() {
                        Some((lane, end)) if *lane == stripes.lane() => *end += octets as u64,
                        _ => passed.push((stripes.lane(), stripes.position() + octets as u64)),
                    }
                    stripes.advance(octets);
                }
                passed.pop();
                Ok(passed)
            };
            prop_assert_eq!(lanes(&cuts)?, lanes(&[1000])?);
        }
    }
}
