//! An account with a path whose far end can report anything at any time.
//!
//! ```text
//! | operation, 1 octet | argument, 4 octets, big-endian |   over and over
//! ```

#![no_main]

use std::time::{Duration, Instant};

use credit::{Credit, CreditConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let config = CreditConfig::default();
    let mut credit = Credit::new(config);
    let begin = Instant::now();
    let (mut now, mut sent, mut clock) = (begin, 0_u64, None);

    for operation in input.chunks_exact(5) {
        let argument = u32::from_be_bytes([operation[1], operation[2], operation[3], operation[4]]);
        let few = u64::from(argument % (1 << 16));
        let time = Duration::from_micros(argument.into());
        match operation[0] % 11 {
            // As the pump does: what is available, once it is due.
            0 => {
                let due = credit.due(now);
                credit.awaits_turn(due.is_some());
                now = due.filter(|due| *due < now + Duration::from_secs(60)).unwrap_or(now).max(now);
                let octets = credit.available().min(few);
                credit.sent(now, octets as usize);
                sent += octets;
            }
            // What the link sends of its own accord asks for no credit.
            1 => {
                credit.sent(now, few as usize);
                sent += few;
            }
            2 => now += time,
            3 => credit.ran_dry(),
            // Some of what is under way has arrived, and the report is late by what the argument says.
            4 => credit.delivered(now, sent - credit.under_way().min(few), time / 1024, clock),
            5 => credit.delivered(now, sent, Duration::from_micros(few), clock),
            // A report that makes no sense.
            6 => credit.delivered(now, u64::from(argument) << (argument % 33), time, clock),
            7 => clock = (argument != 0).then_some(argument),
            // The far end's clock goes, if not as it should.
            8 => clock = clock.map(|clock| clock.wrapping_add(argument / 1024)),
            9 => credit.heard(u64::from(argument) << (argument % 33)),
            _ => credit.round_trip(now, time),
        }
        assert!((config.floor..=config.ceiling).contains(&credit.window()));
        assert!(credit.under_way() <= sent);
        assert!(credit.rate().is_none_or(|rate| rate.is_finite() && rate >= 0.0));
        assert!(credit.own_wait() <= credit.last_rtt().unwrap_or_default());
        let _ = (credit.mode(), credit.is_growing(), credit.min_rtt(), credit.usual_rtt());
    }
});
