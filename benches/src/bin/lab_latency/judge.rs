//! The goals, and which cells meet them.

use std::fmt;

use crate::contender::Contender;
use crate::load::Scenario;
use crate::record::Cell;

/// Goodput at least, as a share of plain TCP's, on a line without loss.
const SHARE: f64 = 0.93;
/// A round trip under load at most, in ms above that of the idle line, with pppssh on both ends …
const AVERAGE_ABOVE_IDLE: f64 = 20.0;
const P99_ABOVE_IDLE: f64 = 60.0;
/// … and with pppd on the called one, whose queue we have no say in.
const AVERAGE_ABOVE_IDLE_TO_PPPD: f64 = 120.0;
/// How far one of four flows may be from their mean.
const DEVIATION: f64 = 0.10;

/// What became of the goals.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    judged: usize,
    missed: Vec<String>,
    void: Vec<String>,
}

impl Verdict {
    /// Whether every goal that could be judged was met, and there was one.
    pub(crate) fn is_good(&self) -> bool {
        self.judged > 0 && self.missed.is_empty()
    }

    fn goal(&mut self, cell: &Cell, what: &str, value: Option<f64>, is_met: impl Fn(f64) -> bool) {
        self.judged += 1;
        match value {
            Some(value) if is_met(value) => {}
            Some(value) => self.missed.push(format!("{cell}: {what} {value:.2}")),
            None => self.missed.push(format!("{cell}: {what} could not be told")),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for void in &self.void {
            writeln!(f, "NOT JUDGED: {void}")?;
        }
        for missed in &self.missed {
            writeln!(f, "MISSED: {missed}")?;
        }
        let (judged, missed) = (self.judged, self.missed.len());
        writeln!(f, "{judged} goals judged, {missed} missed, {} cells not judged", self.void.len())
    }
}

/// Judges pppssh's cells.
pub(crate) fn all(cells: &[Cell]) -> Verdict {
    let mut verdict = Verdict::default();
    for cell in cells.iter().filter(|cell| cell.contender.is_ours() || cell.contender == Contender::ToPppd) {
        if cell.is_saturated() || cell.is_stalled() {
            verdict.void.push(format!("{cell}: the processor was too busy"));
        } else {
            judge(&mut verdict, cell);
        }
    }
    verdict
}

fn judge(verdict: &mut Verdict, cell: &Cell) {
    let (idle, loaded) = (cell.idle, cell.loaded);
    let above_idle = |value: Option<f64>| Some(value? - idle.average?);
    if cell.line.loss_percent == 0.0 && cell.line.slots_ms == 0 {
        verdict.goal(cell, "share of plain TCP's goodput", cell.share_of_plain, |share| share >= SHARE);
    }
    let average = if cell.contender.is_ours() { AVERAGE_ABOVE_IDLE } else { AVERAGE_ABOVE_IDLE_TO_PPPD };
    let within = |most: f64| move |value: f64| value <= most;
    verdict.goal(cell, "average above idle, ms,", above_idle(loaded.average), within(average));
    if cell.contender.is_ours() {
        verdict.goal(cell, "p99 above idle, ms,", above_idle(loaded.p99), within(P99_ABOVE_IDLE));
    }
    if cell.scenario == Scenario::Four {
        let worst = cell.fairness.map(|fairness| fairness.worst_deviation);
        verdict.goal(cell, "worst flow's deviation", worst, within(DEVIATION));
    }
    verdict.goal(cell, "links lost", Some(f64::from(u8::from(cell.link_lost))), within(0.0));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::args::USUAL;
    use crate::line::Line;
    use crate::statistics::{Fairness, Ping};

    /// A cell that meets every goal, just.
    pub(crate) fn cell(contender: Contender, scenario: Scenario) -> Cell {
        let ping = |average: f64, p99: f64| Ping {
            sent: 400,
            lost: 0,
            average: Some(average),
            p50: Some(average),
            p99: Some(p99),
            max: Some(p99),
        };
        Cell {
            line: USUAL,
            queue: USUAL.queue(),
            congestion: "cubic".to_owned(),
            contender,
            scenario,
            seconds: 8.0,
            flows: vec![18.0],
            share_of_plain: Some(0.93),
            idle: ping(50.0, 50.5),
            loaded: ping(70.0, 110.0),
            fairness: Some(Fairness { jain: 0.99, worst_deviation: 0.1 }),
            line_drops: [0, 0],
            link_drops: 0,
            link_lost: false,
            cpu_seconds: 4.0,
            processors: 1,
            stall: 1.0,
        }
    }

    fn missed(contender: Contender, change: impl Fn(&mut Cell)) -> usize {
        let mut changed = cell(contender, Scenario::Four);
        change(&mut changed);
        let verdict = all(&[changed]);
        assert_eq!(verdict.is_good(), verdict.missed.is_empty());
        verdict.missed.len()
    }

    #[test]
    fn a_cell_just_good_enough_is_good_and_just_not_is_missed() {
        assert_eq!(missed(Contender::Native, |_| ()), 0);
        assert_eq!(missed(Contender::Native, |cell| cell.share_of_plain = Some(0.929)), 1);
        assert_eq!(missed(Contender::Listen, |cell| cell.loaded.average = Some(70.1)), 1);
        assert_eq!(missed(Contender::Openssh, |cell| cell.loaded.p99 = Some(110.1)), 1);
        assert_eq!(missed(Contender::Native, |cell| cell.link_lost = true), 1);
        let unfair = Fairness { jain: 0.9, worst_deviation: 0.11 };
        assert_eq!(missed(Contender::Native, |cell| cell.fairness = Some(unfair)), 1);
    }

    #[test]
    fn no_answer_under_load_is_no_good_answer() {
        assert_eq!(missed(Contender::Native, |cell| cell.loaded = Ping::default()), 2);
    }

    #[test]
    fn a_pppd_at_the_far_end_may_hold_more() {
        assert_eq!(missed(Contender::ToPppd, |cell| cell.loaded.average = Some(170.0)), 0);
        assert_eq!(missed(Contender::ToPppd, |cell| cell.loaded.average = Some(170.1)), 1);
        assert_eq!(missed(Contender::ToPppd, |cell| cell.loaded.p99 = Some(900.0)), 0);
    }

    #[test]
    fn on_a_line_with_loss_or_slots_goodput_is_no_goal() {
        for (loss_percent, slots_ms) in [(1.0, 0), (0.0, 20)] {
            let other = |cell: &mut Cell| {
                cell.line = Line { loss_percent, slots_ms, ..USUAL };
                cell.share_of_plain = Some(0.5);
            };
            assert_eq!(missed(Contender::Native, other), 0);
        }
    }

    #[test]
    fn what_a_busy_processor_bounded_is_not_judged_and_nothing_judged_is_not_good() {
        let mut busy = cell(Contender::Native, Scenario::Up);
        (busy.cpu_seconds, busy.share_of_plain) = (7.9, Some(0.1));
        let verdict = all(&[busy]);
        assert_eq!((verdict.judged, verdict.missed.len(), verdict.void.len()), (0, 0, 1));
        assert!(!verdict.is_good());
    }

    #[test]
    fn others_are_not_judged() {
        let verdict = all(&[cell(Contender::Pppd, Scenario::Up), cell(Contender::Plain, Scenario::Up)]);
        assert_eq!(verdict.judged, 0);
    }
}
