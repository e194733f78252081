//! What the far command and `ssh` write to standard error.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// RFC 4254 §5.2: the data type of standard error.
pub(crate) const EXTENDED_DATA_STDERR: u32 = 1;

/// Bytes of the last lines kept for the error that ends a carrier.
const KEPT: usize = 4 * 1024;

/// A longer line is cut here.
const LINE: usize = 1024;

/// Logs each line and keeps the last ones. Clones share what they keep.
#[derive(Clone, Debug)]
pub(crate) struct Stderr {
    peer: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    partial: Vec<u8>,
    lines: VecDeque<String>,
    kept: usize,
}

impl Stderr {
    pub(crate) fn new(peer: &str) -> Self {
        Self { peer: peer.into(), state: Arc::default() }
    }

    /// Takes the next bytes, in any chunking.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = LINE - state.partial.len().min(LINE);
            state.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line(&mut state);
            }
        }
    }

    /// The last lines, oldest first.
    pub(crate) fn text(&self) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_line(&mut state);
        state.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    fn end_line(&self, state: &mut State) {
        let line = printable(&std::mem::take(&mut state.partial));
        if line.is_empty() {
            return;
        }
        if line.starts_with("debug") {
            tracing::debug!(peer = &*self.peer, "{line}");
        } else {
            tracing::info!(peer = &*self.peer, "{line}");
        }
        state.kept += line.len();
        state.lines.push_back(line);
        while state.kept > KEPT
            && let Some(oldest) = state.lines.pop_front()
        {
            state.kept -= oldest.len();
        }
    }
}

/// The text without what a far host could do to our terminal with control characters.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end()
        .chars()
        .map(|c| if c.is_control() && c != '\t' { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_any_chunks_and_made_printable() {
        let stderr = Stderr::new("saturn");
        for chunk in [&b"ssh: conn"[..], b"ect\r\nnext \x1b[31m", b"line\n\nlast"] {
            stderr.push(chunk);
        }
        assert_eq!(stderr.text(), "ssh: connect\nnext ?[31mline\nlast\n");
    }

    #[test]
    fn only_the_last_lines_are_kept_however_long_they_are() {
        let stderr = Stderr::new("saturn");
        for i in 0..10_000 {
            stderr.push(format!("line {i}\n").as_bytes());
        }
        stderr.push(&vec![b'x'; 1_000_000]);
        let text = stderr.text();
        assert!(text.len() < KEPT + LINE, "{}", text.len());
        assert!(text.contains("line 9999\n"));
    }
}
