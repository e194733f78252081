//! Files into sections: labels in column one, commands indented, `!include` between sections.

use std::io;

use super::vocabulary::{COMMANDS, VARIABLES, find};
use super::words::{expand, split};
use super::{Place, Problem};

/// Files that one file may bring along; a file that includes itself ends here.
const MAX_INCLUDED: usize = 32;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it stands.
    pub place: Place,
    /// Its words; at least one.
    pub words: Vec<String>,
}

impl Line {
    /// The words joined by blanks, without passwords.
    pub(super) fn shown(&self) -> String {
        // `set authkey KEY`, `set server WHERE PASSWORD`.
        let secret_from = match &self.words[..] {
            [set, what, ..] if find(COMMANDS, set) == Some("set") => match find(VARIABLES, what) {
                Some("authkey") => 2,
                Some("server") => 3,
                _ => usize::MAX,
            },
            [passwd, ..] if find(COMMANDS, passwd) == Some("passwd") => 1,
            _ => usize::MAX,
        };
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        for word in words.iter_mut().skip(secret_from) {
            *word = "…";
        }
        words.join(" ")
    }
}

/// A file, and what it includes.
#[derive(Debug, Default)]
pub struct Sections {
    list: Vec<(String, Vec<Line>)>,
    /// Lines that are neither labels nor commands.
    pub problems: Vec<Problem>,
}

impl Sections {
    /// Reads `file` with `read`, which is given names as they are written, and expands variables with `env`.
    ///
    /// Fails only if `file` itself cannot be read; an included one that is not there is left out, as in ppp.
    pub fn read(
        file: &str,
        read: &mut dyn FnMut(&str) -> io::Result<String>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> io::Result<Self> {
        let text = read(file)?;
        let mut sections = Self::default();
        let mut reader = Reader { sections: &mut sections, read, env, included: 0 };
        reader.text(file, &text);
        Ok(sections)
    }

    /// The commands of the first section with this label.
    pub fn get(&self, label: &str) -> Option<&[Line]> {
        self.list.iter().find(|(name, _)| name == label).map(|(_, lines)| &lines[..])
    }

    /// All labels, in order.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(label, _)| label.as_str())
    }
}

struct Reader<'r> {
    sections: &'r mut Sections,
    read: &'r mut dyn FnMut(&str) -> io::Result<String>,
    env: &'r dyn Fn(&str) -> Option<String>,
    included: usize,
}

impl Reader<'_> {
    fn text(&mut self, file: &str, text: &str) {
        let mut open = false;
        let mut physical = text.lines().enumerate();
        while let Some((index, first)) = physical.next() {
            let place = Place { file: file.to_owned(), line: index + 1 };
            let mut line = first.to_owned();
            while line.ends_with('\\') {
                line.pop();
                let Some((_, next)) = physical.next() else { break };
                line.push_str(next);
            }
            let indented = line.starts_with([' ', '\t']);
            let line = line.trim_matches([' ', '\t', '\r']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if indented {
                // ppp never looks at commands before the first label.
                if open {
                    self.command(place, line);
                }
            } else if let Some(directive) = line.strip_prefix('!') {
                open = false;
                self.directive(place, line, directive);
            } else {
                open = self.label(place, line);
            }
        }
    }

    fn command(&mut self, place: Place, line: &str) {
        match split(&expand(line, self.env), true) {
            Ok(words) if words.is_empty() => {}
            Ok(words) => {
                if let Some((_, lines)) = self.sections.list.last_mut() {
                    lines.push(Line { place, words });
                }
            }
            Err(error) => self.problem(place, line, error.to_string()),
        }
    }

    fn label(&mut self, place: Place, line: &str) -> bool {
        let words = split(line, true).unwrap_or_default();
        let label = match &words[..] {
            [label, colon] if colon == ":" => Some(label.as_str()),
            [label] => label.strip_suffix(':').filter(|label| !label.is_empty()),
            _ => None,
        };
        match label {
            Some(label) => self.sections.list.push((label.to_owned(), Vec::new())),
            None => {
                self.problem(place, line, "not a label: end it with `:`, or indent it if it is a command");
            }
        }
        label.is_some()
    }

    fn directive(&mut self, place: Place, line: &str, directive: &str) {
        let include =
            directive.split_once([' ', '\t']).filter(|(word, _)| word.eq_ignore_ascii_case("include"));
        let Some((_, file)) = include else {
            self.problem(place, line, "only `!include FILE` may stand in column one: indent a command");
            return;
        };
        let file = expand(file.split('#').next().unwrap_or_default().trim(), self.env);
        if self.included >= MAX_INCLUDED {
            self.problem(
                place,
                line,
                format!("more than {MAX_INCLUDED} files are included: does one include itself?"),
            );
            return;
        }
        self.included += 1;
        match (self.read)(&file) {
            Ok(text) => self.text(&file, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::debug!(%place, file, "not there to be included");
            }
            Err(error) => self.problem(place, line, error.to_string()),
        }
    }

    fn problem(&mut self, place: Place, command: &str, why: impl Into<String>) {
        // Not split into words, so a password cannot be told from the rest.
        let command = command.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        self.sections.problems.push(Problem { place, command, why: why.into() });
    }
}
