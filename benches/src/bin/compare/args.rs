//! What is measured, as the command line says it.

use std::time::Duration;

use clap::Parser;
use pppssh_benches::congestion::Congestion;

use crate::contender::Contender;
use crate::load::Load;

/// Compare pppssh with what people use today, in one run on this machine. Prints Markdown.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Arguments {
    /// How long each load is measured
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,

    /// How often all of it is measured. With more than one, contenders take turns: the table has the medians, and of ratios
    /// within a round the least and the most beside them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,

    /// Who is measured; × compares only with who is
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Contender::ALL)]
    pub(crate) contenders: Vec<Contender>,

    /// Under which load
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Load::ALL)]
    pub(crate) loads: Vec<Load>,

    /// The congestion control of every TCP connection, of those that carry links and of those through them
    #[arg(long, value_enum, default_value = "cubic")]
    pub(crate) congestion: Congestion,

    /// Without the tables of first answers and of the idle link, which are made only where nobody was left out
    #[arg(long)]
    pub(crate) no_times: bool,
}

impl Arguments {
    /// How long each load is measured.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether the tables of times are wanted, which take about a minute.
    pub(crate) fn times(&self) -> bool {
        !self.no_times && self.contenders == Contender::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_measured_unless_less_is_asked_for() {
        let all = Arguments::parse_from(["compare"]);
        assert_eq!((&all.contenders[..], &all.loads[..]), (&Contender::ALL[..], &Load::ALL[..]));
        assert_eq!((all.congestion, all.rounds), (Congestion::Cubic, 1));
        assert!(all.times());
        assert!(!Arguments::parse_from(["compare", "--no-times"]).times());
        let one = [
            "compare",
            "--contenders",
            "ssh-w,listen",
            "--loads",
            "both,small",
            "--seconds",
            "1",
            "--congestion",
            "bbr",
        ];
        let one = Arguments::parse_from(one);
        assert_eq!(one.contenders, [Contender::SshW, Contender::Listen]);
        assert_eq!((&one.loads[..], one.time()), (&[Load::Both, Load::Small][..], Duration::from_secs(1)));
        assert_eq!(one.congestion, Congestion::Bbr);
        assert!(!one.times());
    }
}
