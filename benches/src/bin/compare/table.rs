//! Results for people.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::datagrams;
use crate::load::Load;
use crate::traffic::Measured;

const GIB: f64 = (1_u64 << 30) as f64;

const HEAD: &str = "| load | through | arrived | × `ssh -w` | × `cat` | CPU | RSS MiB caller, called |\n\
                    |---|---|---|---|---|---|---|\n";

/// What was measured of one contender under one load, once.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) contender: Contender,
    pub(crate) load: Load,
    pub(crate) round: u32,
    pub(crate) measured: Measured,
    /// Resident memory of pppssh on the calling and on the called host behind it, in KiB.
    pub(crate) resident: Option<[u64; 2]>,
}

impl Cell {
    /// Octets or packets a second that arrived, in all directions together.
    fn rate(&self) -> f64 {
        self.measured.arrived.iter().sum::<u64>() as f64 / self.measured.time.as_secs_f64()
    }

    /// That, with its unit.
    pub(crate) fn arrived(&self) -> String {
        let Measured { arrived, sent, time, .. } = &self.measured;
        let seconds = time.as_secs_f64();
        if self.load == Load::Small {
            let thousands = |packets: u64| packets as f64 / seconds / 1e3;
            return format!("{:.1} of {:.0} kp/s", self.rate() / 1e3, thousands(*sent));
        }
        let gigabits = |octets: f64| format!("{:.2}", octets * 8.0 / 1e9);
        match arrived[..] {
            [up, down] => format!(
                "{} + {} = {} Gb/s",
                gigabits(up as f64 / seconds),
                gigabits(down as f64 / seconds),
                gigabits(self.rate())
            ),
            _ => format!("{} Gb/s", gigabits(self.rate())),
        }
    }

    /// Processor time of the whole machine for what arrived.
    fn cpu(&self) -> String {
        let (busy, arrived) =
            (self.measured.busy.as_secs_f64(), self.measured.arrived.iter().sum::<u64>() as f64);
        match self.load {
            Load::Small => format!("{:.1} µs/packet", busy * 1e6 / arrived),
            Load::Up | Load::Down | Load::Both => format!("{:.2} s/GiB", busy / (arrived / GIB)),
        }
    }
}

/// One table, by load and contender, in the order in which they were asked for. Of several rounds it has the one with the
/// median rate, and the median of the ratios.
pub(crate) fn of(cells: &[Cell], loads: &[Load]) -> String {
    let mut text = HEAD.to_owned();
    let mut contenders: Vec<Contender> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.round == 0) {
        if !contenders.contains(&cell.contender) {
            contenders.push(cell.contender);
        }
    }
    for (load, contender) in loads.iter().flat_map(|load| contenders.iter().map(move |of| (*load, *of))) {
        let Some(cell) = median(of_contender(cells, load, contender)) else { continue };
        let resident = cell.resident.map_or_else(
            || "–".to_owned(),
            |kib| kib.map(|kib| format!("{:.1}", kib as f64 / 1024.0)).join(", "),
        );
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {resident} |",
            load.name(),
            contender.title(),
            cell.arrived(),
            over(cells, load, contender, Contender::SshW, 1),
            over(cells, load, contender, Contender::Cat, 2),
            cell.cpu(),
        );
    }
    text
}

/// By rate, the lower of two in the middle.
fn median(mut cells: Vec<&Cell>) -> Option<&Cell> {
    cells.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    cells.get(cells.len().saturating_sub(1) / 2).copied()
}

fn of_contender(cells: &[Cell], load: Load, contender: Contender) -> Vec<&Cell> {
    cells.iter().filter(|cell| cell.load == load && cell.contender == contender).collect()
}

/// How many times the other's rate, round by round: the median, and the least and the most if there are several.
fn over(cells: &[Cell], load: Load, contender: Contender, other: Contender, digits: usize) -> String {
    let others = of_contender(cells, load, other);
    let rate_of_round = |round| others.iter().find(|cell| cell.round == round).map(|cell| cell.rate());
    let mut ratios: Vec<f64> = of_contender(cells, load, contender)
        .into_iter()
        .filter_map(|cell| Some(cell.rate() / rate_of_round(cell.round)?))
        .collect();
    ratios.sort_by(f64::total_cmp);
    match ratios[..] {
        [] => "–".to_owned(),
        [only] => format!("{only:.digits$}"),
        [least, .., most] => {
            let middle = ratios[(ratios.len() - 1) / 2];
            format!("{middle:.digits$} ({least:.digits$}–{most:.digits$})")
        }
    }
}

/// What the table means, and who is not in it.
pub(crate) fn foot(missing: &[Contender]) -> String {
    let mut text = format!(
        "Up: one TCP flow from the caller; down: one to him; both: one each way at once, up + down; `cat` has one SSH \
         channel for both. Small: IP packets of {} octets (UDP) sent up as fast as one program can, those that the other \
         one received, of those sent; kp/s: thousands a second. CPU: of the whole machine, for what arrived, with the \
         programs that send and receive (under small, mostly those). RSS: pppssh, behind that load.\n",
        datagrams::PACKET
    );
    for contender in missing {
        let _ = writeln!(text, "Not measured, since it is not installed: {}.", contender.title());
    }
    text + "pppd over ssh needs a kernel with PPP: `lab-latency` measures it.\n"
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cell(contender: Contender, load: Load, arrived: &[u64], sent: u64) -> Cell {
        let (time, busy) = (Duration::from_secs(2), Duration::from_secs(3));
        let measured = Measured { arrived: arrived.to_vec(), sent, time, busy };
        Cell { contender, load, round: 0, measured, resident: None }
    }

    #[test]
    fn ratios_are_to_the_same_load_of_those_who_were_measured() {
        let gib = 1 << 30;
        let mut native = cell(Contender::Native, Load::Both, &[gib, 2 * gib], 0);
        native.resident = Some([1024, 2560]);
        let cells = [
            cell(Contender::SshW, Load::Both, &[gib / 2, gib], 0),
            cell(Contender::SshW, Load::Small, &[40_000], 0),
            cell(Contender::Cat, Load::Both, &[2 * gib, 2 * gib], 0),
            native,
            cell(Contender::Native, Load::Small, &[240_000], 1_000_000),
        ];
        let text = of(&cells, &[Load::Small, Load::Both]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        let expected = [
            "| small | `ssh -w` | 20.0 of 0 kp/s | 1.0 | – | 75.0 µs/packet | – |",
            "| small | pppssh, native carrier to sshd | 120.0 of 500 kp/s | 6.0 | – | 12.5 µs/packet | – |",
            "| both | `ssh -w` | 2.15 + 4.29 = 6.44 Gb/s | 1.0 | 0.38 | 2.00 s/GiB | – |",
            "| both | `cat` through ssh (no IP) | 8.59 + 8.59 = 17.18 Gb/s | 2.7 | 1.00 | 0.75 s/GiB | – |",
            "| both | pppssh, native carrier to sshd | 4.29 + 8.59 = 12.88 Gb/s | 2.0 | 0.75 | 1.00 s/GiB | 1.0, 2.5 |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn of_several_rounds_the_ratios_are_taken_within_each() {
        // The machine slows down: 1.0, 0.5 and 2.0 of a cat that is half as fast from round to round.
        let cells: Vec<Cell> = [(8, 8), (2, 4), (4, 2)]
            .into_iter()
            .zip(0..)
            .flat_map(|((native, cat), round)| {
                let of = |contender, gib: u64| Cell { round, ..cell(contender, Load::Up, &[gib << 30], 0) };
                [of(Contender::Cat, cat), of(Contender::Native, native)]
            })
            .collect();
        let text = of(&cells, &[Load::Up]);
        let rows: Vec<&str> = text.lines().skip(2).collect();
        let expected = [
            "| up | `cat` through ssh (no IP) | 17.18 Gb/s | – | 1.00 (1.00–1.00) | 0.75 s/GiB | – |",
            "| up | pppssh, native carrier to sshd | 17.18 Gb/s | – | 1.00 (0.50–2.00) | 0.75 s/GiB | – |",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_foot_names_who_is_not_there() {
        assert!(foot(&[Contender::WireguardGo]).contains("not installed: wireguard-go."));
        assert!(!foot(&[]).contains("installed"));
    }
}
