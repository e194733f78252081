//! Asking the user on the controlling terminal, as ssh does.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use ssh_carrier::client::{Prompt, Question, Secret};

/// The controlling terminal, `/dev/tty`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal;

impl Terminal {
    /// Whether somebody can be asked.
    pub(super) fn is_there() -> bool {
        open().is_ok()
    }

    fn ask_on(tty: &File, question: &Question) -> io::Result<Option<Secret>> {
        let mut out = tty;
        out.write_all(question.text.as_bytes())?;
        let _silence = if question.echo { None } else { Some(Silence::begin(tty)?) };
        let mut answer = String::new();
        let octets = BufReader::new(tty).read_line(&mut answer)?;
        if octets == 0 {
            return Ok(None);
        }
        answer.truncate(answer.trim_end_matches(['\r', '\n']).len());
        Ok(Some(Secret::new(answer)))
    }
}

impl Prompt for Terminal {
    fn ask(&self, question: &Question) -> Option<Secret> {
        let answer = open().and_then(|tty| Self::ask_on(&tty, question));
        answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot ask on the terminal");
            None
        })
    }
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// Echo is off while this lives.
struct Silence<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(tty: &'a File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(tty, OptionalActions::Flush, &silent)?;
        Ok(Self { tty, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}
