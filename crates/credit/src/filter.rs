//! The best of late: the highest rate of some round trips, the shortest round trip of some seconds.

use std::collections::VecDeque;

/// The extreme of the values of a sliding window, in order of a key that never decreases.
///
/// Values that a later one outdoes can never be the answer again and are dropped, so few are kept.
#[derive(Debug)]
pub(crate) struct Extreme<K, V> {
    kept: VecDeque<(K, V)>,
    outdoes: fn(&V, &V) -> bool,
}

/// Values kept at most: a long run in the wrong order would else keep them all. The window grows coarser instead.
const MAX_KEPT: usize = 64;

impl<K: Copy + PartialOrd, V: Copy> Extreme<K, V> {
    /// `outdoes(a, b)`: whether `a` makes an older `b` pointless.
    pub(crate) fn new(outdoes: fn(&V, &V) -> bool) -> Extreme<K, V> {
        Extreme { kept: VecDeque::new(), outdoes }
    }

    /// Adds a value, and forgets what is older than `oldest`.
    pub(crate) fn add(&mut self, key: K, value: V, oldest: K) {
        while self.kept.back().is_some_and(|(_, old)| (self.outdoes)(&value, old)) {
            self.kept.pop_back();
        }
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_back();
        }
        self.kept.push_back((key, value));
        while self.kept.len() > 1 && self.kept.front().is_some_and(|(key, _)| *key < oldest) {
            self.kept.pop_front();
        }
    }

    /// The extreme, and its key.
    pub(crate) fn best(&self) -> Option<(K, V)> {
        self.kept.front().copied()
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_the_window_is_the_answer_and_leaves_with_it() {
        let mut max = Extreme::<u64, u64>::new(|a, b| a >= b);
        for (at, value) in [5, 9, 3, 4, 1, 2].into_iter().enumerate() {
            max.add(at as u64, value, (at as u64).saturating_sub(3));
        }
        // 9 was at 1, and the window is 2..=5.
        assert_eq!(max.best(), Some((3, 4)));
    }

    #[test]
    fn few_values_are_kept_whatever_their_order() {
        let mut max = Extreme::<u64, u64>::new(|a, b| a >= b);
        for at in 0..10_000 {
            max.add(at, 10_000 - at, 0);
        }
        assert!(max.kept.len() <= MAX_KEPT);
        assert_eq!(max.best(), Some((0, 10_000)));
    }

    #[test]
    fn the_last_value_stays_however_old_it_is() {
        let mut min = Extreme::<u64, u64>::new(|a, b| a <= b);
        min.add(1, 7, 0);
        min.add(100, 8, 99);
        assert_eq!(min.best(), Some((100, 8)));
    }
}
