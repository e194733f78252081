//! Results for people.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::record::Cell;

const HEAD: &str = "| through | load | Mb/s | × plain | ping idle ms | loaded avg | p50 | p99 | max | lost | added avg | \
                    Jain | worst | dropped line, link | CPU s | |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// What the last column says.
const LEGEND: &str = "C: the lab kernel's processor (with --here, all) was busy for more than 90 %, and may be what bounded the cell; \
                      S: the machine outside stood still for more than 20 ms; LOST: a keepalive gave the link up.\n";

/// All lines, one table each.
pub(crate) fn all(cells: &[Cell]) -> String {
    let mut text = String::new();
    for of_line in cells.chunk_by(|a, b| a.line == b.line) {
        let first = &of_line[0];
        let _ = writeln!(
            text,
            "## {}, queue {} packets, {}\n\n{}",
            first.line,
            first.queue,
            first.congestion,
            of(of_line)
        );
    }
    text + LEGEND
}

/// The table of one line's cells.
pub(crate) fn of(cells: &[Cell]) -> String {
    let mut text = HEAD.to_owned();
    for cell in cells {
        let flows: Vec<String> = cell.flows.iter().map(|flow| format!("{flow:.1}")).collect();
        let (idle, loaded) = (&cell.idle, &cell.loaded);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} of {} | {} | {} | {} | {}, {} | {:.1} | {} |",
            cell.contender.title(),
            cell.scenario,
            flows.join(" + "),
            if cell.contender == Contender::Plain { dash() } else { number(cell.share_of_plain, 2) },
            number(idle.average, 0),
            number(loaded.average, 0),
            number(loaded.p50, 0),
            number(loaded.p99, 0),
            number(loaded.max, 0),
            loaded.lost,
            loaded.sent,
            number(cell.added(), 0),
            number(cell.fairness.map(|fairness| fairness.jain), 3),
            cell.fairness.map_or_else(dash, |fair| format!("{:.0} %", fair.worst_deviation * 100.0)),
            cell.line_drops[0] + cell.line_drops[1],
            cell.link_drops,
            cell.cpu_seconds,
            marks(cell),
        );
    }
    text
}

/// One cell while others are still measured.
pub(crate) fn brief(cell: &Cell) -> String {
    format!(
        "{:8} {:5} {:6.1} Mb/s  ping {:>5} ms idle, {:>5} ms loaded {}",
        cell.contender.to_string(),
        cell.scenario.to_string(),
        cell.goodput(),
        number(cell.idle.average, 0),
        number(cell.loaded.average, 0),
        marks(cell)
    )
}

fn marks(cell: &Cell) -> String {
    let marks = [(cell.is_saturated(), "C"), (cell.is_stalled(), "S"), (cell.link_lost, "LOST")];
    marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect::<Vec<_>>().join(" ")
}

fn dash() -> String {
    "–".to_owned()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(dash, |value| format!("{value:.digits$}"))
}
