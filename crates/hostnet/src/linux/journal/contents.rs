//! The journal's file format. `docs/journal.md` is its description.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Change,
    linux::owner::{NetNamespace, Process, boot_id},
};

/// The version of the format this code writes, and the only one it reads.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    #[serde(rename = "pppssh-journal")]
    format: u32,
    pub(crate) session: String,
    #[serde(flatten)]
    pub(crate) process: Process,
    pub(crate) boot: String,
    pub(crate) netns: NetNamespace,
}

impl Header {
    pub(crate) fn current(session: &str) -> io::Result<Header> {
        Ok(Header {
            format: FORMAT,
            session: session.to_owned(),
            process: Process::current()?,
            boot: boot_id()?,
            netns: NetNamespace::current()?,
        })
    }

    /// Whether changes of `other` are to the same running kernel's same namespace.
    pub(crate) fn same_place(&self, other: &Header) -> bool {
        self.boot == other.boot && self.netns == other.netns
    }
}

/// What became of an intended change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// It was made.
    Done,
    /// The kernel refused it, nothing was changed.
    Failed,
    /// It was made and undone.
    Undone,
    /// It is nobody's business any more: gone by itself, changed by somebody else, or handed over.
    Released,
}

/// Any line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Intent {
        seq: u64,
        change: Value,
    },
    Mark {
        seq: u64,
        mark: Mark,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// A change that was intended and not yet disposed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) seq: u64,
    /// The change, or the JSON text of a kind this version does not know.
    pub(crate) change: Result<Change, String>,
}

/// A journal's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) header: Header,
    /// Open changes, in the order they were made.
    pub(crate) open: Vec<Open>,
    /// Lines that mean nothing, by number.
    pub(crate) damaged: Vec<String>,
    /// Length up to the last complete line; what follows was torn while being written.
    pub(crate) whole: u64,
}

impl Contents {
    /// Reads a journal. An error says why its header cannot be understood.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Contents, String> {
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split(|&b| b == b'\n');
        let first = lines.next().unwrap_or_default();
        let value: Value =
            serde_json::from_slice(first).map_err(|e| format!("the first line is not JSON: {e}"))?;
        match value.get("pppssh-journal").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(format!(
                    "format {format}, this version reads {FORMAT}: use the pppssh that wrote it"
                ));
            }
            None => return Err("the first line is not a journal's".to_owned()),
        }
        let header: Header = serde_json::from_value(value).map_err(|e| format!("the first line: {e}"))?;
        let mut open: Vec<Open> = Vec::new();
        let mut damaged = Vec::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            // Line 1 is the header, and people count from 1.
            let number = number + 2;
            match serde_json::from_slice(line) {
                Ok(Line::Intent { seq, change }) => {
                    let text = change.to_string();
                    open.push(Open { seq, change: serde_json::from_value(change).map_err(|_| text) });
                }
                Ok(Line::Mark { seq, mark, .. }) => match mark {
                    Mark::Done => {}
                    Mark::Failed | Mark::Undone | Mark::Released => open.retain(|entry| entry.seq != seq),
                },
                Err(error) => damaged.push(format!("line {number} cannot be read: {error}")),
            }
        }
        Ok(Contents { header, open, damaged, whole: whole as u64 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Device;

    fn header() -> String {
        serde_json::to_string(&Header::current("saturn").unwrap()).unwrap()
    }

    fn up() -> Change {
        Change::LinkUp { device: Device { index: 3, name: "ppp0".into() } }
    }

    fn intent(seq: u64) -> String {
        serde_json::to_string(&Line::Intent { seq, change: serde_json::to_value(up()).unwrap() }).unwrap()
    }

    #[test]
    fn an_intent_without_a_mark_is_open_and_so_is_a_done_one() {
        let text = format!("{}\n{}\n{}\n{{\"seq\":2,\"mark\":\"done\"}}\n", header(), intent(1), intent(2));
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.iter().map(|o| o.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(contents.open[0].change, Ok(up()));
        assert!(contents.damaged.is_empty());
    }

    #[test]
    fn failed_undone_and_released_changes_are_closed() {
        for mark in ["failed", "undone", "released"] {
            let text =
                format!("{}\n{}\n{{\"seq\":1,\"mark\":\"{mark}\",\"note\":\"x\"}}\n", header(), intent(1));
            assert!(Contents::parse(text.as_bytes()).unwrap().open.is_empty(), "{mark}");
        }
    }

    #[test]
    fn a_torn_last_line_is_no_damage_since_its_change_was_never_made() {
        let whole = format!("{}\n{}\n", header(), intent(1));
        let text = format!("{whole}{}", &intent(2)[..20]);
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.len(), 1);
        assert!(contents.damaged.is_empty());
        assert_eq!(contents.whole, whole.len() as u64);
    }

    #[test]
    fn a_damaged_line_and_an_unknown_kind_are_reported_and_hide_nothing_else() {
        let text = format!(
            "{}\n{}\nrubbish\n{{\"seq\":2,\"change\":{{\"kind\":\"dns\",\"file\":\"x\"}}}}\n{}\n",
            header(),
            intent(1),
            intent(3)
        );
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.iter().map(|o| o.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(contents.open[1].change.as_ref().unwrap_err().contains("dns"));
        assert_eq!(contents.damaged.len(), 1);
        assert!(contents.damaged[0].starts_with("line 3 "), "{}", contents.damaged[0]);
    }

    #[test]
    fn a_foreign_first_line_and_a_later_format_are_refused_with_the_reason() {
        assert!(Contents::parse(b"").is_err());
        assert!(Contents::parse(b"{}\n").unwrap_err().contains("not a journal"));
        let later = header().replace("\"pppssh-journal\":1", "\"pppssh-journal\":2") + "\n";
        assert!(Contents::parse(later.as_bytes()).unwrap_err().contains("format 2"));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Contents::parse(&bytes);
        }

        #[test]
        fn any_octets_after_a_header_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut text = header().into_bytes();
            text.push(b'\n');
            text.extend_from_slice(&bytes);
            prop_assert!(Contents::parse(&text).is_ok());
        }

        #[test]
        fn a_journal_cut_anywhere_loses_only_its_tail(cut in 0..2000_usize) {
            let mut text = header() + "\n";
            let first = text.len();
            for seq in 1..=8 {
                text += &intent(seq);
                text.push('\n');
            }
            let cut = cut.min(text.len());
            match Contents::parse(&text.as_bytes()[..cut]) {
                Ok(contents) => {
                    prop_assert!(cut >= first);
                    prop_assert!(contents.damaged.is_empty());
                }
                Err(_) => prop_assert!(cut < first),
            }
        }
    }
}
