//! What the first process says, line by line, and what is written down.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::line::Line;
use crate::load::Scenario;
use crate::statistics::{Fairness, Ping};

/// Begins a line that is for the program outside; others are for people.
const MARK: &str = "LAB ";

/// One line from the first process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Said {
    Cell(Box<Cell>),
    Trace(Trace),
    Failed(Failed),
}

impl Said {
    /// Says it.
    pub(crate) fn say(&self) {
        println!("{MARK}{}", serde_json::to_string(self).expect("a record can be written"));
    }

    /// What a line of the kernel's says, if it is such a line.
    pub(crate) fn parse(line: &str) -> Option<Said> {
        serde_json::from_str(line.strip_prefix(MARK)?).ok()
    }
}

/// One contender on one line under one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) line: Line,
    /// Packets that the queue at either end of the line holds.
    pub(crate) queue: u32,
    pub(crate) congestion: String,
    pub(crate) contender: Contender,
    pub(crate) scenario: Scenario,
    pub(crate) seconds: f64,
    /// Mb/s that came out of each flow, those up first.
    pub(crate) flows: Vec<f64>,
    /// Their sum, as a share of what plain TCP got on the same line under the same load.
    pub(crate) share_of_plain: Option<f64>,
    pub(crate) idle: Ping,
    pub(crate) loaded: Ping,
    pub(crate) fairness: Option<Fairness>,
    /// Packets that the queues of the line, up and down, had no room for, from the load's beginning to its end.
    pub(crate) line_drops: [u64; 2],
    /// Packets dropped in front of the link's devices and in them, in the same time.
    pub(crate) link_drops: u64,
    /// Whether whoever held the link on venus gave it up.
    pub(crate) link_lost: bool,
    /// Processor seconds of everything in the lab kernel during the load, or on this machine.
    pub(crate) cpu_seconds: f64,
    /// Its processors.
    pub(crate) processors: usize,
    /// By how much a probe was sent too late, at worst, in ms: the machine outside stood still.
    pub(crate) stall: f64,
}

/// Processors this busy may be what bounds a cell.
const SATURATED: f64 = 0.9;
/// A stall of this many ms is as much as what is to be measured.
const STALLED: f64 = 20.0;

impl Cell {
    /// Mb/s of all flows.
    pub(crate) fn goodput(&self) -> f64 {
        self.flows.iter().sum()
    }

    /// Whether the processors (the lab kernel has one), and not the line, may have bounded it.
    pub(crate) fn is_saturated(&self) -> bool {
        self.cpu_seconds > SATURATED * self.seconds * self.processors as f64
    }

    /// Whether the machine outside stood still for too long to measure latency.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stall > STALLED
    }

    /// How much longer a round trip takes under load, on average, in ms.
    pub(crate) fn added(&self) -> Option<f64> {
        Some(self.loaded.average? - self.idle.average?)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.line, self.contender, self.scenario)
    }
}

/// Every probe of a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) line: Line,
    pub(crate) contender: Contender,
    pub(crate) scenario: Scenario,
    /// When the load began and ended, in s.
    pub(crate) load: [f64; 2],
    /// When each was sent, in s, and how long the answer took, in ms.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// What could not be measured, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) line: Line,
    pub(crate) contender: Contender,
    pub(crate) scenario: Option<Scenario>,
    pub(crate) why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.line, self.contender)?;
        if let Some(scenario) = self.scenario {
            write!(f, "; {scenario}")?;
        }
        write!(f, ": {}", self.why)
    }
}
