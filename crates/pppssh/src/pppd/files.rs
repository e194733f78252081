//! Where options come from: `/etc/ppp/options`, `~/.ppprc`, the command line, and what those name.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::dump::Said;
use super::options::Options;
use super::table::{self, Kind};
use super::values;
use super::words::Words;

/// No option file is longer, in octets.
const MAX_FILE: u64 = 1 << 20;
/// Files that name each other end here.
const MAX_DEPTH: usize = 16;

/// Why the options are not taken; each is pppd's exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// A word that is no option, on the command line: pppd prints its usage as well.
    #[error("unrecognized option '{0}'")]
    Unrecognized(String),
    /// Anything else, in pppd's words where it has some.
    #[error("{0}")]
    Bad(String),
}

/// Something that ends pppd before there is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `/etc/ppp`.
    pub system: PathBuf,
    /// The home directory of the user.
    pub home: Option<PathBuf>,
}

/// Reads options from one source after the other. What is said later counts.
#[derive(Debug)]
pub struct Reader {
    places: Places,
    /// What was said so far.
    pub options: Options,
    /// Whether help was asked for.
    pub ask: Option<Ask>,
    said: Said,
    source: String,
    depth: usize,
}

impl Reader {
    /// Nothing is read yet.
    pub fn new(places: Places) -> Self {
        Self {
            places,
            options: Options::default(),
            ask: None,
            said: Said::nothing(),
            source: "command line".to_owned(),
            depth: 0,
        }
    }

    /// `options` in the system's directory, `.ppprc` in the user's, then the command line.
    pub fn read(&mut self, command_line: &[String]) -> Result<(), OptionError> {
        self.file(&self.places.system.join("options"), false)?;
        if let Some(home) = &self.places.home {
            self.file(&home.join(".ppprc"), false)?;
        }
        self.command_line(command_line)
    }

    /// The words of the command line.
    pub fn command_line(&mut self, words: &[String]) -> Result<(), OptionError> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(found) = table::find(word) else {
                return Err(OptionError::Unrecognized(word.clone()));
            };
            let argument = if found.takes_argument() {
                let missing = || OptionError::Bad(format!("too few parameters for option {word}"));
                Some(words.next().ok_or_else(missing)?)
            } else {
                None
            };
            self.process(found.index, word, argument.map_or("", String::as_str))?;
        }
        Ok(())
    }

    /// The words of a file.
    pub fn file(&mut self, path: &Path, must_exist: bool) -> Result<(), OptionError> {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if !must_exist => {
                if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
                    eprintln!("Warning: can't open options file {}: {}", path.display(), reason(&error));
                }
                return Ok(());
            }
            Err(error) => {
                return Err(OptionError::Bad(format!(
                    "Can't open options file {}: {}",
                    path.display(),
                    reason(&error)
                )));
            }
        };
        self.text(&text, &path.display().to_string())
    }

    /// The words of a file with this content.
    pub fn text(&mut self, text: &[u8], name: &str) -> Result<(), OptionError> {
        if self.depth == MAX_DEPTH {
            return Err(OptionError::Bad(format!("{name}: option files name each other {MAX_DEPTH} times")));
        }
        let outer = std::mem::replace(&mut self.source, name.to_owned());
        self.depth += 1;
        let result = self.words(Words::new(text), name);
        self.depth -= 1;
        self.source = outer;
        result
    }

    fn words(&mut self, mut words: Words<'_>, file: &str) -> Result<(), OptionError> {
        while let Some(word) = words.next() {
            let Some(found) = table::find(&word) else {
                return Err(OptionError::Bad(format!("In file {file}: unrecognized option '{word}'")));
            };
            let argument = if found.takes_argument() {
                let missing =
                    || OptionError::Bad(format!("In file {file}: too few parameters for option '{word}'"));
                words.next().ok_or_else(missing)?
            } else {
                String::new()
            };
            self.process(found.index, &word, &argument)?;
        }
        Ok(())
    }

    fn process(&mut self, index: usize, word: &str, argument: &str) -> Result<(), OptionError> {
        let entry = &table::ENTRIES[index];
        let bad = OptionError::Bad;
        let mut text = format!("{} {}", entry.name, quoted(argument));
        match entry.kind {
            Kind::Flag(set) => {
                set(&mut self.options);
                entry.name.clone_into(&mut text);
            }
            Kind::Switch(set) => {
                set(&mut self.options).map_err(bad)?;
                entry.name.clone_into(&mut text);
            }
            Kind::Int { least, most, set } => {
                let value = values::integer(entry.name, argument, 0).map_err(bad)?.cast_signed();
                values::within(entry.name, value, least, most).map_err(bad)?;
                set(&mut self.options, value);
                text = format!("{} {value}", entry.name);
            }
            Kind::Hex(set) => {
                let value = values::integer(entry.name, argument, 16).map_err(bad)?;
                set(&mut self.options, value);
            }
            Kind::Text(set) => set(&mut self.options, argument),
            Kind::Secret(set) => {
                set(&mut self.options, argument);
                text = format!("{} ??????", entry.name);
            }
            Kind::Parsed(parse) => parse(&mut self.options, argument).map_err(bad)?,
            Kind::Addresses => {
                values::addresses(&mut self.options, word).map_err(bad)?;
                let side =
                    |side: Option<std::net::Ipv4Addr>| side.map_or(String::new(), |side| side.to_string());
                let both = self.options.profile.addresses;
                text = format!("{}:{}", side(both.local), side(both.remote));
            }
            Kind::Speed => {
                self.options.ignored.push(format!("speed {word}"));
                word.clone_into(&mut self.options.speed);
                word.clone_into(&mut text);
            }
            Kind::Device => {
                return Err(bad(format!("{word}: there are no serial lines here; say pty COMMAND or notty")));
            }
            Kind::File => return self.file(Path::new(argument), true),
            Kind::Call => return self.call(argument),
            Kind::Help => self.ask = self.ask.or(Some(Ask::Help)),
            Kind::Version => self.ask = self.ask.or(Some(Ask::Version)),
            Kind::Ignored { argument: takes } => {
                self.options.ignored.push(entry.name.to_owned());
                if !takes {
                    entry.name.clone_into(&mut text);
                }
            }
            Kind::Refused { why, .. } => {
                return Err(bad(format!("the {} option cannot be obeyed here: {why}", entry.name)));
            }
        }
        self.said.record(index, text, &self.source);
        Ok(())
    }

    /// A file of the system's `peers`, from which no name leads out.
    fn call(&mut self, name: &str) -> Result<(), OptionError> {
        let leads_out = name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..");
        if leads_out {
            let error = "call option value may not contain .. or start with /";
            return Err(OptionError::Bad(error.to_owned()));
        }
        self.options.call = Some(name.to_owned());
        self.file(&self.places.system.join("peers").join(name), true)
    }

    /// What `dump` prints: the options in effect, each with its origin.
    pub fn dump(&self) -> String {
        self.said.print(&self.options)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path)?;
    if file.take(MAX_FILE + 1).read_to_end(&mut text)? as u64 > MAX_FILE {
        return Err(io::Error::other("longer than a megabyte"));
    }
    Ok(text)
}

/// The system's words for an error, as C's `%m` has them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// As pppd prints a string: with a backslash before what is special, and nothing around it.
fn quoted(text: &str) -> String {
    let escape = |char: char| match char {
        '"' | '\\' => format!("\\{char}"),
        '\n' => "\\n".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\t' => "\\t".to_owned(),
        char if char.is_control() => format!("\\x{:02x}", u32::from(char)),
        char => char.to_string(),
    };
    text.chars().map(escape).collect()
}
