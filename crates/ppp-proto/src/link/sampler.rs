//! What an Echo-Reply says of the path (RFC 1661 §5.8): all that was sent before its request has arrived, and how long
//! there and back took. For a peer that does not report (`express`).
//!
//! While packets pass, in either direction, requests go out among them, a few in each round trip. They bear their number
//! as data, which the answer repeats, so that they are not taken for the keepalive's: that one goes on as if there were
//! none of these. A peer counts as willing once it has answered one.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Between two requests while packets pass: an eighth of the round trip, in these bounds. Each costs the path some
/// hundred octets both ways where it goes alone.
const INTERVAL_MIN: Duration = Duration::from_millis(5);
const INTERVAL_MAX: Duration = Duration::from_millis(10);
/// Or so long, where fewer octets passed than these: an interactive session fills no queue, and at 5 Mb/s a question each
/// 5 ms would take 2 % of the way back. Octets that come in count a quarter, since answers go
/// their way; at half those took 0.5 % of it.
const SELDOM: Duration = Duration::from_millis(250);
const WORTH: u64 = 6000;
/// With fewer requests than these on their way, octets enough are reason for one without an interval: else what leaves in one
/// burst is answered for at once, and leaves in one burst again.
const FEW: usize = 4;
/// How long a request that is due waits for packets to go with.
const COMPANY: Duration = Duration::from_millis(2);
/// Requests on their way: beyond 32 Linux drops what its pppd has not read yet (PPP_MAX_RQLEN).
const MAX_OUTSTANDING: usize = 16;
/// Who leaves a request unanswered for so long does not answer, or the path has come to a halt: either way its answers
/// are nothing to reckon with.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a request bears behind the Magic-Number.
pub(super) type Number = [u8; 4];

#[derive(Debug, Clone, Copy)]
struct Request {
    number: u32,
    at: Instant,
    /// Octets of packets sent before it; `None` where that count was given up since.
    ahead: Option<u64>,
}

/// The requests of one link while LCP is Opened.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// The peer may be asked.
    is_on: bool,
    /// It answers: from then on octets are counted.
    is_answered: bool,
    sent: u64,
    /// Octets that passed since the last request, in either direction.
    passed: u64,
    outstanding: VecDeque<Request>,
    number: u32,
    asked_at: Option<Instant>,
    interval: Duration,
    /// Learnt, and not asked for yet.
    arrived: Option<u64>,
    round_trip: Option<Duration>,
}

impl Sampler {
    /// LCP is Opened, and this peer shall be asked.
    pub(super) fn start(&mut self, now: Instant) {
        *self = Sampler {
            is_on: true,
            asked_at: Some(now),
            interval: INTERVAL_MIN,
            // Answers to what was asked before are not ours.
            number: self.number,
            ..Sampler::default()
        };
    }

    pub(super) fn stop(&mut self) {
        *self = Sampler { number: self.number, ..Sampler::default() };
    }

    /// So many octets of a packet were framed.
    pub(super) fn sent(&mut self, octets: usize) {
        self.sent += octets as u64;
        self.passed += octets as u64;
    }

    /// So many octets of a packet came in.
    pub(super) fn received(&mut self, octets: usize) {
        self.passed += octets as u64 / 4;
    }

    /// Octets of packets sent since the peer first answered; `None` while it does not.
    pub(super) fn counted(&self) -> Option<u64> {
        self.is_answered.then_some(self.sent)
    }

    /// How many of those have arrived, if that is news.
    pub(super) fn poll_arrived(&mut self) -> Option<u64> {
        self.arrived.take()
    }

    /// The latest round trip, once.
    pub(super) fn poll_round_trip(&mut self) -> Option<Duration> {
        self.round_trip.take()
    }

    fn due(&self) -> Option<Instant> {
        let is_wanted = self.is_on && self.passed > 0 && self.outstanding.len() < MAX_OUTSTANDING;
        let interval = match self.passed >= WORTH {
            true if self.is_answered && self.outstanding.len() < FEW => Duration::ZERO,
            true => self.interval,
            false => SELDOM,
        };
        self.asked_at.filter(|_| is_wanted)?.checked_add(interval)
    }

    fn gives_up_at(&self) -> Option<Instant> {
        self.outstanding.front().filter(|_| self.is_answered)?.at.checked_add(PATIENCE)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let alone = self.due().and_then(|due| due.checked_add(COMPANY));
        [alone, self.gives_up_at()].into_iter().flatten().min()
    }

    /// The request that is due at `now`, even if it has to go alone.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Number> {
        if self.gives_up_at().is_some_and(|at| at <= now) {
            self.is_answered = false;
        }
        self.due().filter(|due| *due + COMPANY <= now)?;
        Some(self.ask(now))
    }

    /// The request that may go behind packets which leave `now`.
    pub(super) fn take_along(&mut self, now: Instant) -> Option<Number> {
        self.due().filter(|due| *due <= now)?;
        Some(self.ask(now))
    }

    fn ask(&mut self, now: Instant) -> Number {
        self.number = self.number.wrapping_add(1);
        self.outstanding.push_back(Request { number: self.number, at: now, ahead: Some(self.sent) });
        self.asked_at = Some(now);
        self.passed = 0;
        self.number.to_be_bytes()
    }

    /// An Echo-Reply with these data behind the Magic-Number came in; whether it answers a request of ours.
    pub(super) fn answered(&mut self, data: &[u8], now: Instant) -> bool {
        let Some(number) = data.try_into().ok().map(u32::from_be_bytes) else { return false };
        let Some(at) = self.outstanding.iter().position(|request| request.number == number) else {
            return false;
        };
        let request = self.outstanding[at];
        // What was lost before it will not be answered any more.
        self.outstanding.drain(..=at);
        let time = now.saturating_duration_since(request.at);
        self.interval = (time / 8).clamp(INTERVAL_MIN, INTERVAL_MAX);
        self.round_trip = Some(time);
        if self.is_answered {
            self.arrived = request.ahead;
        } else {
            self.is_answered = true;
            self.sent = 0;
            self.arrived = None;
            for request in &mut self.outstanding {
                request.ahead = None;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ago(now: Instant, millis: u32) -> Instant {
        now.checked_sub(millis * MS).unwrap()
    }

    /// One that has been answered, 40 ms after it asked.
    fn answered(now: Instant) -> Sampler {
        let mut sampler = Sampler::default();
        sampler.start(ago(now, 60));
        sampler.sent(12_000);
        let number = sampler.handle_timeout(ago(now, 40)).unwrap();
        assert!(sampler.answered(&number, now));
        assert_eq!(sampler.poll_round_trip(), Some(40 * MS));
        sampler
    }

    /// As many requests as call for an interval before the next.
    fn crowd(sampler: &mut Sampler, at: Instant) {
        for _ in 0..FEW {
            sampler.sent(12_000);
            assert!(sampler.take_along(at).is_some());
        }
        sampler.sent(12_000);
    }

    #[test]
    fn nothing_is_asked_while_nothing_passes_or_before_it_starts() {
        let now = Instant::now();
        let mut sampler = Sampler::default();
        sampler.sent(100);
        assert_eq!((sampler.poll_timeout(), sampler.take_along(now + 99 * MS)), (None, None));
        sampler.start(now);
        assert_eq!((sampler.poll_timeout(), sampler.take_along(now + 99 * MS)), (None, None));
        sampler.received(24_000);
        assert_eq!(sampler.poll_timeout(), Some(now + 7 * MS));
        assert_eq!(sampler.handle_timeout(now + 6 * MS), None, "packets may come to go with");
        assert!(sampler.take_along(now + 6 * MS).is_some());
        assert_eq!(sampler.poll_timeout(), None, "nothing passed since");
    }

    #[test]
    fn where_little_passes_little_is_asked() {
        let now = Instant::now();
        let mut sampler = answered(now);
        sampler.sent(4_999);
        sampler.received(4_000);
        assert_eq!(
            sampler.poll_timeout(),
            Some(ago(now, 40) + SELDOM + COMPANY),
            "what comes in counts a quarter"
        );
        sampler.received(4);
        assert_eq!(sampler.poll_timeout(), Some(ago(now, 40) + COMPANY), "few are on their way");
    }

    #[test]
    fn octets_count_from_the_first_answer_on() {
        let now = Instant::now();
        let mut sampler = Sampler::default();
        sampler.start(now);
        sampler.sent(12_000);
        let first = sampler.take_along(now + 5 * MS).unwrap();
        sampler.sent(14_000);
        let second = sampler.take_along(now + 10 * MS).unwrap();
        assert_eq!(sampler.counted(), None);
        assert!(sampler.answered(&first, now + 20 * MS));
        assert_eq!((sampler.counted(), sampler.poll_arrived()), (Some(0), None));
        assert!(sampler.answered(&second, now + 25 * MS));
        assert_eq!(sampler.poll_arrived(), None, "what it says was not counted");
        assert_eq!(sampler.poll_round_trip(), Some(15 * MS));
    }

    #[test]
    fn an_answer_says_that_all_before_its_request_has_arrived() {
        let now = Instant::now();
        let mut sampler = answered(now);
        sampler.sent(13_500);
        let first = sampler.take_along(now + 10 * MS).unwrap();
        sampler.sent(12_100);
        let second = sampler.take_along(now + 20 * MS).unwrap();
        sampler.sent(50);
        assert!(sampler.answered(&second, now + 61 * MS));
        assert_eq!((sampler.poll_arrived(), sampler.counted()), (Some(25_600), Some(25_650)));
        assert_eq!(sampler.poll_round_trip(), Some(41 * MS));
        assert!(!sampler.answered(&first, now + 62 * MS), "it is overtaken");
        assert!(!sampler.answered(&second, now + 62 * MS), "a duplicate");
        assert_eq!((sampler.poll_arrived(), sampler.poll_round_trip()), (None, None));
    }

    #[test]
    fn requests_are_an_eighth_of_the_round_trip_apart_in_bounds() {
        let now = Instant::now();
        let mut sampler = answered(now);
        sampler.sent(12_000);
        let number = sampler.take_along(now).unwrap();
        assert!(sampler.answered(&number, now + 8 * MS));
        crowd(&mut sampler, now + 8 * MS);
        assert_eq!(sampler.poll_timeout(), Some(now + 8 * MS + INTERVAL_MIN + COMPANY));

        let mut sampler = answered(now);
        crowd(&mut sampler, ago(now, 40));
        assert_eq!(sampler.take_along(ago(now, 36)), None);
        let number = sampler.take_along(ago(now, 35)).unwrap();
        assert!(sampler.answered(&number, now + 29 * MS));
        crowd(&mut sampler, ago(now, 35));
        assert_eq!(sampler.poll_timeout(), Some(ago(now, 27) + COMPANY));
        let number = sampler.take_along(ago(now, 27)).unwrap();
        assert!(sampler.answered(&number, now + 170 * MS));
        crowd(&mut sampler, ago(now, 27));
        assert_eq!(sampler.poll_timeout(), Some(ago(now, 27) + INTERVAL_MAX + COMPANY));
    }

    #[test]
    fn the_keepalives_answers_and_strangers_are_not_ours() {
        let now = Instant::now();
        let mut sampler = answered(now);
        sampler.sent(12_000);
        let number = sampler.take_along(now).unwrap();
        assert!(!sampler.answered(&[], now + MS));
        assert!(!sampler.answered(&[number[0], number[1], number[2], number[3] ^ 8], now + MS));
        assert!(!sampler.answered(&[number, number].concat(), now + MS));
        assert!(sampler.answered(&number, now + MS));
    }

    #[test]
    fn one_who_never_answers_is_asked_a_few_times_and_bounds_nothing() {
        let now = Instant::now();
        let mut sampler = Sampler::default();
        sampler.start(now);
        let mut asked = 0;
        for tick in 1..10_000 {
            sampler.sent(12_000);
            asked += usize::from(sampler.take_along(now + 10 * tick * MS).is_some());
        }
        assert_eq!((asked, sampler.counted(), sampler.poll_timeout()), (MAX_OUTSTANDING, None, None));
    }

    #[test]
    fn one_who_answers_no_more_bounds_nothing_until_it_does_again() {
        let now = Instant::now();
        let mut sampler = answered(now);
        let [first, second, third] = [0, 1, 2].map(|millis| {
            sampler.sent(12_000);
            sampler.take_along(now + millis * MS).unwrap()
        });
        assert!(sampler.answered(&first, now + 40 * MS));
        let (given_up, again) = (now + MS + PATIENCE, now + 2 * PATIENCE);
        assert_eq!(sampler.poll_timeout(), Some(given_up), "the oldest counts");
        assert_eq!((sampler.handle_timeout(given_up), sampler.counted()), (None, None));
        assert!(sampler.answered(&second, again));
        assert_eq!((sampler.counted(), sampler.poll_arrived()), (Some(0), None));
        sampler.sent(50_000);
        assert!(sampler.answered(&third, again + MS));
        assert_eq!(sampler.poll_arrived(), None, "what it says was counted otherwise");
    }

    #[test]
    fn an_answer_to_what_was_asked_before_lcp_was_opened_anew_is_not_ours() {
        let now = Instant::now();
        let mut sampler = Sampler::default();
        let ask = |sampler: &mut Sampler, at| {
            sampler.start(at);
            sampler.sent(12_000);
            sampler.take_along(at + 5 * MS).unwrap()
        };
        let first = ask(&mut sampler, now);
        ask(&mut sampler, now + 10 * MS);
        assert!(!sampler.answered(&first, now + 20 * MS));
        sampler.stop();
        ask(&mut sampler, now + 30 * MS);
        assert!(!sampler.answered(&first, now + 40 * MS));
    }
}
