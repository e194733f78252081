//! The channel of the far command, as a carrier.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf};

use super::handler::explain;
use super::lanes::{self, Opener};
use super::sender::ChannelSender;
use super::session::{Hop, Way};
use super::target::Target;
use crate::ending::{Ending, EndingRx, Opening};
use crate::stderr::{EXTENDED_DATA_STDERR, Stderr};
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};

/// Starts the command on the last host of the way, and `lane` in further channels if they are wanted.
pub(super) async fn exec(
    mut way: Way,
    target: &Target,
    command: &str,
    lane: Option<&str>,
) -> Result<Carrier, CarrierError> {
    let host = target.address();
    let address = way.hops.first().and_then(|hop| hop.address).map(|address| address.ip());
    let hop =
        way.hops.last_mut().ok_or_else(|| CarrierError::Config("there is no host to call".to_owned()))?;
    let failed = |error: russh::Error| match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            CarrierError::ExecRefused { host: host.clone() }
        }
        other => CarrierError::Ssh { host: host.clone(), reason: explain(&other) },
    };
    let channel = hop.handle.channel_open_session().await.map_err(failed)?;
    hop.command_is(channel.id());
    // The answer is not waited for: what is sent meanwhile finds the command running.
    channel.exec(true, command).await.map_err(failed)?;
    let (read, write) = channel.split();

    let peer = format!("{}@{host}", target.user);
    let info = CarrierInfo { kind: CarrierKind::Native, peer: peer.clone(), address, cipher: hop.cipher() };
    let gate = hop.gate.take().ok_or_else(|| CarrierError::Config("the host is used twice".to_owned()))?;
    let (ending, stderr) = (hop.ending.clone(), Stderr::new(&peer));
    let tell = hop.tell.clone();
    let way = Arc::new(way);
    let opener = lane.map(|command| {
        Opener::new(lanes::Place {
            way: Arc::clone(&way),
            host: host.clone(),
            command: command.to_owned(),
            stderr: stderr.clone(),
            ending: (tell, ending.clone()),
        })
    });
    Ok(Carrier {
        tx: Box::new(ClientTx {
            sender: ChannelSender::new(write, gate),
            opener,
            ending: ending.clone(),
            stderr: stderr.clone(),
            _way: Arc::clone(&way),
        }),
        rx: Box::new(ClientRx {
            half: read,
            is_ended: false,
            ending,
            stderr,
            opening: Opening::default(),
            host,
            way,
        }),
        info,
    })
}

struct ClientTx {
    sender: ChannelSender,
    opener: Option<Opener>,
    ending: EndingRx,
    stderr: Stderr,
    _way: Arc<Way>,
}

impl ClientTx {
    /// The result of a step; or, once it is known, why no step will succeed any more. That is asked for while
    /// waiting too: a window that nobody will ever open must not keep us.
    fn poll_or_reason(
        &mut self,
        step: &Poll<io::Result<()>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CarrierError>> {
        if let Poll::Ready(Ok(())) = step {
            return Poll::Ready(Ok(()));
        }
        let ending = ready!(self.ending.poll(cx));
        let reason = ending.map_or(Ok(()), |ending| ending.into_result(&self.stderr, None));
        Poll::Ready(Err(reason.err().unwrap_or_else(|| {
            CarrierError::io("sending to the far command, which has ended", io::ErrorKind::BrokenPipe.into())
        })))
    }
}

impl CarrierTx for ClientTx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        if let Some(opener) = &mut self.opener {
            opener.poll_join(cx, &mut self.sender.lanes);
        }
        let step = self.sender.poll_ready(cx);
        self.poll_or_reason(&step, cx)
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.sender.start_send(chunk);
        Ok(())
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        let step = self.sender.poll_finish(cx);
        self.poll_or_reason(&step, cx)
    }

    fn widen(&mut self) {
        if let Some(opener) = &mut self.opener {
            opener.widen();
        }
    }

    fn path_holds(&mut self, rtt: Duration, sent: u64, _: u64) {
        if let Some(opener) = &mut self.opener {
            opener.path_holds(rtt, sent, self.sender.lanes.stripes());
        }
    }

    fn capacity(&self) -> u64 {
        self.opener.as_ref().map_or(u64::MAX, |opener| opener.capacity(self.sender.lanes.stripes()))
    }

    fn channels(&self) -> Option<usize> {
        self.opener.as_ref().map(|_| self.sender.lanes.stripes().lanes())
    }
}

struct ClientRx {
    half: ChannelReadHalf,
    /// No more will come but the word how it ended.
    is_ended: bool,
    ending: EndingRx,
    stderr: Stderr,
    opening: Opening,
    host: String,
    way: Arc<Way>,
}

impl CarrierRx for ClientRx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        while !self.is_ended {
            // All that has come goes first. The ending may be that of a channel which carries a part of what is sent.
            let Poll::Ready(message) = pin!(self.half.wait()).poll(cx) else { break };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    self.opening.note(&data);
                    return Poll::Ready(Ok(Some(data)));
                }
                Some(ChannelMsg::ExtendedData { data, ext: EXTENDED_DATA_STDERR }) => self.stderr.push(&data),
                Some(ChannelMsg::Failure | ChannelMsg::Close) | None => self.is_ended = true,
                // The end of the data, the exit status and other news: the handler takes down what matters.
                Some(_) => {}
            }
        }
        let ending = ready!(self.ending.poll(cx)).unwrap_or_else(|| Ending::Ssh {
            host: self.host.clone(),
            reason: "the connection broke".to_owned(),
        });
        Poll::Ready(ending.into_result(&self.stderr, self.opening.text().as_deref()).map(|()| None))
    }

    fn bound(&mut self) {
        // Through a jump host there are several connections, and where what is sent waits is not known.
        if let [Hop { bound: Some(bound), .. }] = &self.way.hops[..] {
            bound.set();
        }
    }
}
