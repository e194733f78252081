//! What is measured, as the command line says it: to people outside, and to the first process inside.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use pppssh_benches::congestion::Congestion;

use crate::contender::Contender;
use crate::line::{Line, Rate};
use crate::load::Scenario;

/// Measure latency and goodput of links through lines of several rates, round trips and losses, in a kernel of its own.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Arguments {
    /// Rates of the line in Mb/s; `max` is as fast as the kernel goes
    #[arg(long, value_delimiter = ',', default_value = "5,20,100")]
    pub(crate) rates: Vec<Rate>,

    /// Round trips of the line without load, in ms
    #[arg(long, value_delimiter = ',', default_value = "10,50,200")]
    pub(crate) rtts: Vec<u32>,

    /// Packets lost on the way, each way, in per cent
    #[arg(long, value_delimiter = ',', default_value = "0,0.1,1")]
    pub(crate) loss: Vec<f64>,

    /// On a line whose packets arrive in bunches, each way, at random times of up to so many ms apart, as through a radio
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub(crate) slots: u32,

    /// Who is measured, besides plain TCP on the line, which always is
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Contender::LINKS)]
    pub(crate) contenders: Vec<Contender>,

    /// Under which load
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Scenario::ALL)]
    pub(crate) scenarios: Vec<Scenario>,

    /// How long the loaded line is measured, if that is not less than 80 round trips
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,

    /// How long the load runs before that, if that is not less than 20 round trips
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    pub(crate) warm_up: u64,

    /// How long the line is measured without load, before each load
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) idle: u64,

    /// The congestion control of every TCP connection, of those that carry links and of those through them
    #[arg(long, value_enum, default_value = "cubic")]
    pub(crate) congestion: Congestion,

    /// Another one for those that carry links, at both their ends
    #[arg(long, value_enum, value_name = "CONGESTION")]
    pub(crate) carried_by: Option<Congestion>,

    /// Directory for cells.jsonl, traces.jsonl, table.md and rtt.svg
    #[arg(long, value_name = "DIR", default_value = "target/lab-latency")]
    pub(crate) output: PathBuf,

    /// Whose round trips are drawn
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Contender::Pppd, Contender::Native])]
    pub(crate) plot: Vec<Contender>,

    /// End badly unless every goal is met
    #[arg(long)]
    pub(crate) judge: bool,

    /// Ten minutes of one flow up through 20 Mb/s and 50 ms: does a keepalive give a busy link up? Without plain TCP
    #[arg(long, conflicts_with_all = ["rates", "rtts", "loss", "scenarios", "seconds"])]
    pub(crate) long: bool,

    /// On this machine's own kernel and all its processors, and on a line that this program makes: for rates that are too much
    /// for the laboratory's one processor. pppd can take part only where the kernel has PPP
    #[arg(long)]
    pub(crate) here: bool,

    /// Only see that all of this works: one line, one link, one load for two seconds
    #[arg(long, conflicts_with_all = ["rates", "rtts", "loss", "contenders", "scenarios", "seconds", "long", "judge"])]
    pub(crate) smoke: bool,
}

/// The duration of `--long`.
const LONG_SECONDS: u64 = 600;

/// The line of `--long`, and the one whose round trips are drawn if it is measured.
pub(crate) const USUAL: Line = Line { rate: Rate(Some(20.0)), rtt_ms: 50, loss_percent: 0.0, slots_ms: 0 };

impl Arguments {
    /// With what `--long` and `--smoke` stand for.
    pub(crate) fn resolved(mut self) -> Arguments {
        if self.long || self.smoke {
            (self.rates, self.rtts, self.loss) =
                (vec![USUAL.rate], vec![USUAL.rtt_ms], vec![USUAL.loss_percent]);
        }
        if self.long {
            (self.scenarios, self.seconds) = (vec![Scenario::Up], LONG_SECONDS);
        }
        if self.smoke {
            (self.contenders, self.scenarios) = (vec![Contender::Native], vec![Scenario::Both]);
            (self.seconds, self.warm_up, self.idle) = (2, 1, 1);
        }
        self.contenders.retain(|contender| *contender != Contender::Plain);
        if !self.long {
            self.contenders.insert(0, Contender::Plain);
        }
        self
    }

    /// All lines.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for &rate in &self.rates {
            for &rtt_ms in &self.rtts {
                let line = |&loss_percent| Line { rate, rtt_ms, loss_percent, slots_ms: self.slots };
                lines.extend(self.loss.iter().map(line));
            }
        }
        lines
    }

    /// The congestion control of the connections that carry links.
    pub(crate) fn below(&self) -> Congestion {
        self.carried_by.unwrap_or(self.congestion)
    }

    /// Which congestion controls there are, for people.
    pub(crate) fn congestions(&self) -> String {
        match self.below() {
            same if same == self.congestion => same.name().to_owned(),
            below => format!("{} over {}", self.congestion.name(), below.name()),
        }
    }

    /// How long one cell is measured.
    pub(crate) fn cell(&self) -> Duration {
        Duration::from_secs(self.idle + self.warm_up + self.seconds)
    }

    /// What the first process is told to measure one line.
    pub(crate) fn for_line(&self, line: &Line) -> Vec<String> {
        let names = |names: Vec<String>| names.join(",");
        [
            ("--rates", line.rate.to_string()),
            ("--rtts", line.rtt_ms.to_string()),
            ("--loss", line.loss_percent.to_string()),
            ("--slots", line.slots_ms.to_string()),
            ("--contenders", names(self.contenders.iter().map(Contender::to_string).collect())),
            ("--scenarios", names(self.scenarios.iter().map(Scenario::to_string).collect())),
            ("--seconds", self.seconds.to_string()),
            ("--warm-up", self.warm_up.to_string()),
            ("--idle", self.idle.to_string()),
            ("--congestion", self.congestion.name().to_owned()),
            ("--carried-by", self.below().name().to_owned()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_measures_what_was_asked_for_outside() {
        let said = "lab-latency --rates 20,max --rtts 50 --loss 0,0.1 --slots 9 --contenders openssh --congestion bbr \
                    --carried-by cubic";
        let outside = Arguments::parse_from(said.split(' ')).resolved();
        let lines = outside.lines();
        assert_eq!(lines.len(), 4);
        for line in lines {
            let words = ["lab-latency".to_owned()].into_iter().chain(outside.for_line(&line));
            let inside = Arguments::parse_from(words);
            assert_eq!(inside.lines(), [line]);
            assert_eq!(inside.contenders, [Contender::Plain, Contender::Openssh]);
            assert_eq!(inside.scenarios, outside.scenarios);
            assert_eq!((inside.cell(), inside.congestion), (outside.cell(), Congestion::Bbr));
            assert_eq!(
                (inside.below(), inside.congestions().as_str()),
                (Congestion::Cubic, "bbr over cubic")
            );
        }
    }

    #[test]
    fn the_long_run_is_ten_minutes_of_those_who_have_a_keepalive() {
        let long = Arguments::parse_from(["lab-latency", "--long", "--contenders", "pppd,native"]).resolved();
        assert_eq!((long.lines(), long.seconds), (vec![USUAL], 600));
        assert_eq!(long.contenders, [Contender::Pppd, Contender::Native]);
    }

    #[test]
    fn the_kernel_takes_the_first_process_s_arguments() {
        let most = 32; // CONFIG_INIT_ENV_ARG_LIMIT
        assert!(Arguments::parse_from(["lab-latency"]).for_line(&USUAL).len() < most);
    }
}
