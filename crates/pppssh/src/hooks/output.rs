//! What a script prints, on its way to the log.

use std::os::fd::AsFd;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;

/// The longest line that is logged whole, in octets.
const LINE_MAX: usize = 1024;

/// One of a script's two outputs, logged line by line by a task of its own.
#[derive(Debug)]
pub(super) struct Output {
    ended: oneshot::Sender<()>,
    drained: oneshot::Receiver<()>,
}

impl Output {
    /// Logs what comes out of `pipe` until nobody holds its other end: what a script leaves running may still speak.
    pub(super) fn log(script: &str, mut pipe: impl AsyncRead + AsFd + Unpin + Send + 'static) -> Self {
        let script = script.to_owned();
        let (ended, mut script_ended) = oneshot::channel();
        let (done, drained) = oneshot::channel();
        tokio::spawn(async move {
            let mut lines = Lines { script, line: Vec::with_capacity(LINE_MAX) };
            let mut bytes = [0; LINE_MAX];
            loop {
                tokio::select! {
                    biased;
                    read = pipe.read(&mut bytes) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(count) => lines.push(&bytes[..count]),
                    },
                    _ = &mut script_ended => break,
                }
            }
            // The script has ended: what it wrote is in the pipe by now, whether or not the runtime has heard of it.
            while let Ok(count @ 1..) = rustix::io::read(&pipe, &mut bytes) {
                lines.push(&bytes[..count]);
            }
            lines.flush();
            drop(done);
            while let Ok(count @ 1..) = pipe.read(&mut bytes).await {
                lines.push(&bytes[..count]);
            }
        });
        Output { ended, drained }
    }

    /// Waits until all is logged that a script wrote before it ended.
    pub(super) async fn drained(self) {
        drop(self.ended);
        let _ = self.drained.await;
    }
}

struct Lines {
    script: String,
    line: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || self.line.len() == LINE_MAX {
                self.flush();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    fn flush(&mut self) {
        if !self.line.is_empty() {
            let text = String::from_utf8_lossy(&self.line);
            tracing::info!(script = %self.script, "{}", crate::status::printable(&text));
            self.line.clear();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}
