//! What `dump` and `dryrun` print: each option in effect, and where it was said.

use ppp_proto::InterfaceId;

use super::options::Options;
use super::table::{self, ENTRIES};

/// The first options of the groups of [`ENTRIES`], in the order in which pppd prints the groups: its own, the line's, and
/// each protocol's.
const GROUPS: [&str; 12] = [
    "debug",
    "auth",
    "device name",
    "-all",
    "hide-password",
    "chap-restart",
    "noip",
    "ipv6",
    "noccp",
    "noecp",
    "noipx",
    "eap-restart",
];

/// What has no effect on a line that is no serial one, so that pppd does not print it.
const SERIAL: [&str; 2] = ["lock", "modem"];

/// Options that take back what another one said.
const TAKES_BACK: [(&str, &str); 3] =
    [("nodefaultroute", "defaultroute"), ("nodefaultroute6", "defaultroute6"), ("noproxyarp", "proxyarp")];

/// `debug` is not printed more often.
const MAX_REPEATED: u32 = 100;

/// An option, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    source: String,
}

/// The lines of each option of the table.
#[derive(Debug)]
pub(super) struct Said(Vec<Vec<Line>>);

impl Said {
    pub(super) fn nothing() -> Said {
        Said(ENTRIES.iter().map(|_| Vec::new()).collect())
    }

    /// The option at `index` was said, with its argument as in `text`.
    pub(super) fn record(&mut self, index: usize, text: String, source: &str) {
        let group = table::group(index);
        let name = ENTRIES[group].name;
        if let Some((_, what)) = TAKES_BACK.iter().find(|(by, _)| *by == name) {
            self.of(what).clear();
        }
        match name {
            "ms-dns" | "ms-wins" => {}
            "set" | "unset" => {
                for other in ["set", "unset"] {
                    self.of(other).retain(|line| variable(&line.text) != variable(&text));
                }
            }
            _ => self.0[group].clear(),
        }
        self.0[group].push(Line { text, source: source.to_owned() });
    }

    fn of(&mut self, name: &str) -> &mut Vec<Line> {
        let index = ENTRIES.iter().position(|entry| entry.name == name);
        &mut self.0[index.expect("an option of the table")]
    }

    /// What `dump` prints, given what the options came to.
    pub(super) fn print(&self, options: &Options) -> String {
        let printed = order().filter(|index| !SERIAL.contains(&ENTRIES[*index].name));
        let lines = printed.flat_map(|index| &self.0[index]);
        let lines = lines.map(|line| format!("{}\t\t# (from {})\n", shown(&line.text, options), line.source));
        std::iter::once("pppd options in effect:\n".to_owned()).chain(lines).collect()
    }
}

/// The indices of the table's options, group by group.
fn order() -> impl Iterator<Item = usize> {
    let begins = |index: &usize| GROUPS.contains(&ENTRIES[*index].name);
    GROUPS.iter().flat_map(move |first| {
        let start = ENTRIES.iter().position(|entry| entry.name == *first).expect("an option of the table");
        let end = (start + 1..ENTRIES.len()).find(begins).unwrap_or(ENTRIES.len());
        start..end
    })
}

/// The variable that `set NAME=VALUE` or `unset NAME` is about.
fn variable(text: &str) -> &str {
    let argument = text.split_once(' ').map_or("", |(_, argument)| argument);
    argument.split_once('=').map_or(argument, |(name, _)| name)
}

/// An option as pppd prints it: with what it came to, where later options add to it.
fn shown(text: &str, options: &Options) -> String {
    let name = text.split(' ').next().unwrap_or_default();
    match name {
        "debug" | "-d" => vec![name; options.debug.min(MAX_REPEATED) as usize].join(" "),
        "asyncmap" | "-as" => format!("{name} {:x}", options.profile.asyncmap.0),
        "escape" => {
            let mut octets = options.profile.escape.0.clone();
            octets.sort_unstable();
            let octets: Vec<String> = octets.iter().map(|octet| format!("{octet:x}")).collect();
            format!("{name} {}", octets.join(","))
        }
        "ipv6" => {
            let side = |id: Option<u64>| {
                id.map_or(String::new(), |bits| InterfaceId(bits.to_be_bytes()).to_string())
            };
            let both = options.profile.ipv6_ids;
            format!("{name} {},{}", side(both.local), side(both.remote))
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_printed_in_one_place() {
        let mut indices: Vec<usize> = order().collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..ENTRIES.len()).collect::<Vec<_>>());
    }
}
