//! A running child, `ssh` or another command, as a carrier.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::process::Running;
use crate::ending::{Ending, EndingRx, Opening};
use crate::fd::FdTx;
use crate::lanes::{Merged, Split};
use crate::openssh::lanes::{self, Further, Joiner, Opener};
use crate::stderr::Stderr;
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};

pub(crate) mod process;

/// Runs `program`; the stream is its standard input and output, and further channels of it where they are to be had.
pub(crate) fn start(
    program: PathBuf,
    args: Vec<OsString>,
    further: Option<Further>,
    info: CarrierInfo,
) -> Result<Carrier, CarrierError> {
    let stderr = Stderr::new(&info.peer);
    let stop = CancellationToken::new();
    let is_ssh = info.kind == CarrierKind::Openssh;
    let Running { input, output, ending, tell } =
        process::run(program, args, is_ssh, stderr.clone(), stop.clone())?;
    let (opener, joiner) = further
        .map(|further| lanes::channel(further, stop.clone(), (tell, ending.clone()), info.peer.clone()))
        .unzip();
    let guard = Arc::new(stop.drop_guard());
    Ok(Carrier {
        tx: Box::new(ChildTx {
            stream: Split::new(input),
            opener,
            ending: ending.clone(),
            stderr: stderr.clone(),
            _guard: Arc::clone(&guard),
        }),
        rx: Box::new(ChildRx {
            stream: Merged::new(output),
            joiner,
            ending,
            stderr,
            opening: Opening::default(),
            exited: false,
            _guard: guard,
        }),
        info,
    })
}

struct ChildTx {
    stream: Split<FdTx>,
    opener: Option<Opener>,
    ending: EndingRx,
    stderr: Stderr,
    /// The last of the two to go ends the child.
    _guard: Arc<DropGuard>,
}

impl ChildTx {
    /// A pipe that broke means that the child is leaving: why is what the caller wants to know.
    fn poll_reason(&mut self, cx: &mut Context<'_>, error: io::Error) -> Poll<Result<(), CarrierError>> {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return Poll::Ready(Err(CarrierError::io("writing to the command", error)));
        }
        let ending = ready!(self.ending.poll(cx));
        let reason = ending.map_or(Ok(()), |ending| ending.into_result(&self.stderr, None));
        Poll::Ready(Err(reason.err().unwrap_or_else(|| CarrierError::io("writing to the command", error))))
    }
}

impl CarrierTx for ChildTx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        if let Some(opener) = &mut self.opener {
            opener.poll_join(cx, &mut self.stream);
        }
        match ready!(self.stream.poll_ready(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_reason(cx, error),
        }
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.stream.start_send(chunk);
        Ok(())
    }

    fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) -> Result<(), CarrierError> {
        self.stream.start_send_parts(head, tail);
        Ok(())
    }

    fn writes_parts(&self) -> bool {
        true
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        match ready!(self.stream.poll_finish(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.poll_reason(cx, error),
        }
    }

    fn widen(&mut self) {
        if let Some(opener) = &mut self.opener {
            opener.widen();
        }
    }

    fn channels(&self) -> Option<usize> {
        self.opener.as_ref().map(|_| self.stream.stripes().lanes())
    }

    fn capacity(&self) -> u64 {
        self.opener.as_ref().map_or(u64::MAX, |opener| opener.capacity(self.stream.stripes()))
    }

    fn path_holds(&mut self, rtt: Duration, sent: u64, received: u64) {
        if let Some(opener) = &mut self.opener {
            opener.path_holds(rtt, sent, received, self.stream.stripes());
        }
    }
}

struct ChildRx {
    stream: Merged,
    joiner: Option<Joiner>,
    ending: EndingRx,
    stderr: Stderr,
    opening: Opening,
    /// The pipe is at its end, or the child was gone before the last look at it.
    exited: bool,
    _guard: Arc<DropGuard>,
}

impl CarrierRx for ChildRx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        loop {
            let joined = self.joiner.as_mut().map_or(Ok(()), |joiner| joiner.poll(cx, &mut self.stream));
            let received =
                joined.map_or_else(|error| Poll::Ready(Err(error)), |()| self.stream.poll_recv(cx));
            match received {
                Poll::Ready(Ok(Some(chunk))) => {
                    self.opening.note(&chunk);
                    return Poll::Ready(Ok(Some(chunk)));
                }
                // The exit status follows.
                Poll::Ready(Ok(None)) => self.exited = true,
                // A child that is gone ends the stream even if something it started holds the pipe open, but only
                // after one more look at the pipe: it may have written between the last look and its end.
                Poll::Pending => {}
                // So did a lane that was to join.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => self.exited = true,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(CarrierError::io("reading from the command", error)));
                }
            }
            let ending = ready!(self.ending.poll(cx));
            if self.exited {
                let ending = ending.unwrap_or(Ending::Exited { status: None, signal: None });
                return Poll::Ready(
                    ending.into_result(&self.stderr, self.opening.text().as_deref()).map(|()| None),
                );
            }
            self.exited = true;
        }
    }
}
