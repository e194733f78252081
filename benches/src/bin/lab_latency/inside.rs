//! Inside: sets every contender up in turn and measures it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use pppssh_benches::machine;

use crate::args::Arguments;
use crate::contender::{Contender, Way};
use crate::joined::Joined;
use crate::line::Line;
use crate::load::{Flow, Scenario};
use crate::probe::{Probe, Prober};
use crate::record::{Cell, Failed, Said, Trace};
use crate::statistics::{Fairness, Ping, ms};

/// Measures the line that the program outside chose, and says what came of it.
pub(crate) fn measure(arguments: &Arguments) {
    let mut plain = Vec::new();
    for line in arguments.lines() {
        for &contender in &arguments.contenders {
            let mut bench = Bench { arguments, line, contender, plain: &mut plain };
            // A panic's message is on the console when it is caught.
            if catch_unwind(AssertUnwindSafe(|| bench.scenarios())).is_err() {
                bench.failed(None, "it could not be set up or measured; see what it said");
            }
        }
    }
}

/// One contender on one line.
struct Bench<'a> {
    arguments: &'a Arguments,
    line: Line,
    contender: Contender,
    /// What plain TCP got on the line under each load, in Mb/s.
    plain: &'a mut Vec<(Scenario, f64)>,
}

impl Bench<'_> {
    fn scenarios(&mut self) {
        let joined = if self.arguments.here { Joined::here(&self.line) } else { Joined::by(&self.line) };
        let mut standing = None;
        for &scenario in &self.arguments.scenarios {
            let way = standing.take().unwrap_or_else(|| {
                joined.use_congestion(self.arguments.below());
                self.contender.set_up(&joined.hosts)
            });
            joined.use_congestion(self.arguments.congestion);
            let (cell, flowed_off) = self.cell(&joined, &way, scenario);
            if cell.goodput() <= 0.0 && !cell.link_lost {
                self.failed(Some(scenario), "it passed no data");
            }
            if self.contender == Contender::Plain {
                self.plain.push((scenario, cell.goodput()));
            }
            let is_lost = cell.link_lost;
            Said::Cell(Box::new(cell)).say();
            if is_lost || !flowed_off {
                let said = way.take_down().unwrap_or_default();
                let why = if is_lost { "was lost" } else { "answered no more" };
                println!("the link {why}; its caller said:\n{said}");
            } else {
                standing = Some(way);
            }
        }
        if let Some(way) = standing {
            way.take_down();
        }
    }

    /// Measures, and waits until what stands in queues has flowed off; whether it has.
    fn cell(&self, joined: &Joined, way: &Way, scenario: Scenario) -> (Cell, bool) {
        let [idle, warm_up, seconds] =
            [self.arguments.idle, self.arguments.warm_up, self.arguments.seconds].map(Duration::from_secs);
        let hosts = &joined.hosts;
        let prober = Prober::start((&hosts.venus, way.venus), (&hosts.saturn, way.saturn));
        std::thread::sleep(idle);
        let idle_ends = prober.now();
        let drops = Drops::so_far(joined, way);
        let load_starts = prober.now();
        let flows = scenario.start(hosts, way);
        std::thread::sleep(self.line.warm_up(warm_up));
        let before = Counters::of(&flows);
        let measured_from = prober.now();
        std::thread::sleep(self.line.measured(seconds));
        let measured_to = prober.now();
        let after = Counters::of(&flows);
        drop(flows);
        let load_ends = prober.now();
        let flowed_off = prober.until_answered(load_ends);
        let drops = Drops::so_far(joined, way).since(&drops);
        // The link's own end counts as well when it comes while the queues empty.
        let link_lost = way.is_lost();
        let probes = prober.finish();

        self.trace(scenario, [load_starts, load_ends], &probes).say();
        let time = after.at - before.at;
        let goodput =
            |(before, after): (&u64, &u64)| (after - before) as f64 * 8.0 / 1e6 / time.as_secs_f64();
        let flows: Vec<f64> = before.arrived.iter().zip(&after.arrived).map(goodput).collect();
        let plain = self.plain.iter().find(|(which, _)| *which == scenario).map(|(_, plain)| *plain);
        let stall = probes.iter().map(|probe| probe.late).max().unwrap_or_default();
        let cell = Cell {
            line: self.line,
            queue: self.line.queue(),
            congestion: self.arguments.congestions(),
            contender: self.contender,
            scenario,
            seconds: time.as_secs_f64(),
            share_of_plain: plain.filter(|plain| *plain > 0.0).map(|plain| flows.iter().sum::<f64>() / plain),
            fairness: if scenario == Scenario::Four { Fairness::of(&flows) } else { None },
            flows,
            idle: Ping::of(&probes, Duration::ZERO, idle_ends),
            loaded: Ping::of(&probes, measured_from, measured_to),
            line_drops: drops.line,
            link_drops: drops.link,
            link_lost,
            cpu_seconds: after.busy.saturating_sub(before.busy).as_secs_f64(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            stall: ms(stall),
        };
        (cell, flowed_off)
    }

    fn trace(&self, scenario: Scenario, load: [Duration; 2], probes: &[Probe]) -> Said {
        // To the tenth of a millisecond: these lines are long.
        let rounded = |ms: f64| (ms * 10.0).round() / 10.0;
        let point = |probe: &Probe| {
            ((probe.sent.as_secs_f64() * 1e3).round() / 1e3, probe.rtt.map(|rtt| rounded(ms(rtt))))
        };
        Said::Trace(Trace {
            line: self.line,
            contender: self.contender,
            scenario,
            load: load.map(|time| time.as_secs_f64()),
            points: probes.iter().map(point).collect(),
        })
    }

    fn failed(&self, scenario: Option<Scenario>, why: &str) {
        let (line, contender, why) = (self.line, self.contender, why.to_owned());
        Said::Failed(Failed { line, contender, scenario, why }).say();
    }
}

/// What is counted from the beginning, at one time. Costs nothing, since it is counted in the middle of the load.
struct Counters {
    at: Instant,
    arrived: Vec<u64>,
    busy: Duration,
}

impl Counters {
    fn of(flows: &[Flow]) -> Counters {
        Counters {
            arrived: flows.iter().map(Flow::arrived).collect(),
            busy: machine::busy(),
            at: Instant::now(),
        }
    }
}

/// Packets that queues had no room for. Asking for it takes programs, and so is done before and after the load.
struct Drops {
    line: [u64; 2],
    link: u64,
}

impl Drops {
    fn so_far(joined: &Joined, way: &Way) -> Drops {
        Drops { line: joined.dropped(), link: way.dropped(&joined.hosts) }
    }

    fn since(&self, before: &Drops) -> Drops {
        let line = [0, 1].map(|way| self.line[way] - before.line[way]);
        // A link that was lost took its counters along.
        Drops { line, link: self.link.saturating_sub(before.link) }
    }
}
