//! Where to cut what leaves in turns, so that the TCP below has no packets to send that are nearly empty.
//!
//! Each chunk is a message of SSH, and each message is pushed out by itself: two packets of 1500 octets fill two segments and a
//! little of a third, which costs the line 66 octets more of headers, and a place in a queue that counts packets. So what would
//! be in the third one is kept back for the next chunk while packets wait that will be in it, but for no longer than a moment.

use std::time::{Duration, Instant};

use bytes::BytesMut;

/// Octets of a message, such that it fills one segment wherever the line carries packets of 1452 octets (1472 with IPv6). One
/// smaller than it could be by a thirtieth costs an eight-hundredth; one larger than that costs what this spares.
pub(super) const SEGMENT: usize = 1400;

/// What a message has besides its data and their padding: its length before, its tag behind (RFC 5647 §5.1; with
/// chacha20-poly1305@openssh.com it is as much).
const AROUND: usize = 4 + 16;

/// Before the data, and padded with them: the padding's length (RFC 4253 §6), type, recipient and length (RFC 4254 §5.2).
const BEFORE: usize = 1 + 1 + 4 + 4;

/// The least padding, and what it fills up to a multiple of (RFC 4253 §6).
const PADDING: usize = 4;
const BLOCK: usize = 16;

/// For no longer than this is anything kept back.
const MOMENT: Duration = Duration::from_millis(10);

/// Frames that wait for the carrier.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) frames: BytesMut,
    /// How many of these octets are not to be kept back for others.
    pub(super) urgent: usize,
}

impl Gathered {
    /// Lets something append frames that are not to be kept back.
    pub(super) fn urgently<T>(&mut self, append: impl FnOnce(&mut BytesMut) -> T) {
        let before = self.frames.len();
        append(&mut self.frames);
        if self.frames.len() > before {
            self.urgent = self.frames.len();
        }
    }
}

/// What is kept back.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// When it leaves at the latest.
    until: Option<Instant>,
}

impl Kept {
    /// How many of `octets` leave now: all of them, or if others `follow`, as many as fill segments. The first `urgent` of them
    /// wait for nobody.
    pub(super) fn leaving(&mut self, now: Instant, octets: usize, urgent: usize, follow: bool) -> usize {
        let filling = filled_by(octets);
        if follow && filling >= urgent {
            if filling > 0 {
                self.until = Some(now + MOMENT);
                return filling;
            }
            if now < *self.until.get_or_insert(now + MOMENT) {
                return 0;
            }
        }
        self.until = None;
        octets
    }

    /// When to ask again.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

/// The most of `octets` that fill segments, as the data of one message.
fn filled_by(octets: usize) -> usize {
    let fits = |segments: usize| {
        let padded = (segments * SEGMENT - AROUND) / BLOCK * BLOCK;
        padded - BEFORE - PADDING
    };
    let mut segments = (octets + AROUND + BEFORE + PADDING) / SEGMENT;
    // The last block may not fit with them.
    while segments > 0 && fits(segments) > octets {
        segments -= 1;
    }
    if segments == 0 { 0 } else { fits(segments) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Octets on the wire of a message with so many of data.
    fn message(data: usize) -> usize {
        AROUND + (BEFORE + data + PADDING).next_multiple_of(BLOCK)
    }

    #[test]
    fn what_is_cut_fills_its_segments_and_no_part_of_another() {
        for octets in 0..100_000 {
            let cut = filled_by(octets);
            assert!(cut <= octets);
            if cut > 0 {
                let (segments, with_more) =
                    (message(cut).div_ceil(SEGMENT), message(cut + 1).div_ceil(SEGMENT));
                assert_eq!(with_more, segments + 1, "{octets}: more would have fitted");
            }
            assert!(octets - cut < SEGMENT + BLOCK, "{octets}: {cut}");
        }
    }

    #[test]
    fn the_rest_waits_for_what_follows_but_not_for_long() {
        let now = Instant::now();
        let mut kept = Kept::default();
        // Two packets of 1500 octets in records.
        let left = kept.leaving(now, 3006, 0, true);
        assert_eq!(message(left).div_ceil(SEGMENT), 2);
        let rest = 3006 - left;
        assert_eq!(kept.poll_timeout(now), Some(now + MOMENT));
        assert_eq!(kept.leaving(now + 9 * MS, rest, 0, true), 0);
        assert_eq!(kept.leaving(now + MOMENT, rest, 0, true), rest);
        assert_eq!(kept.poll_timeout(now + MOMENT), None);
        // Nor does a small packet by itself.
        assert_eq!(kept.leaving(now, 600, 0, true), 0);
        assert_eq!(kept.poll_timeout(now), Some(now + MOMENT));
    }

    #[test]
    fn a_carrier_that_takes_nothing_for_long_is_not_asked_all_the_time() {
        let now = Instant::now();
        let mut kept = Kept::default();
        kept.leaving(now, 600, 0, true);
        assert_eq!(kept.poll_timeout(now + MOMENT), None);
        assert_eq!(kept.leaving(now + 2 * MOMENT, 600, 0, true), 600);
    }

    #[test]
    fn nothing_waits_behind_which_nothing_follows_or_with_what_is_urgent_behind_it() {
        let now = Instant::now();
        let mut kept = Kept::default();
        assert_eq!(kept.leaving(now, 3006, 0, false), 3006);
        assert_eq!(kept.leaving(now, 3006, 3006, true), 3006);
        assert_eq!(kept.leaving(now, 600, 20, true), 600);
        assert_eq!(kept.poll_timeout(now), None);
        // A report in front of a packet does not take its end along.
        assert_eq!(kept.leaving(now, 3026, 20, true), filled_by(3026));
    }
}
