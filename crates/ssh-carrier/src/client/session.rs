//! One SSH connection: keys exchanged, host verified, logged in.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use russh::client::{Handle, connect_stream};
use russh::{ChannelId, ChannelOpenFailure, Disconnect};

use super::dial::{Stream, dial};
use super::handler::{Events, HandlerError, SharedLearnt, explain};
use super::host_key::Verifier;
use super::prompt::Prompt;
use super::target::Target;
use super::{algorithms, auth};
use crate::CarrierError;
use crate::ending::{self, EndingRx, WeakEndingTx};
use crate::ring::{RingCloser, SendGate};
use crate::tcp::Bound;

/// How long a connection may take to say goodbye once nobody needs it any more.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection to one host.
pub(super) struct Hop {
    pub(super) handle: Handle<Events>,
    pub(super) learnt: SharedLearnt,
    /// Known once the connection, or the channel of the far command, is closed.
    pub(super) ending: EndingRx,
    /// For who carries on what is said of it.
    pub(super) tell: WeakEndingTx,
    pub(super) gate: Option<SendGate>,
    /// The far address, if this hop is reached by TCP.
    pub(super) address: Option<SocketAddr>,
    /// Has what is under way to here bound, likewise.
    pub(super) bound: Option<Bound>,
    stop: CloseOnDrop,
}

impl Hop {
    /// Connects and logs in to `target`, directly or through the hop before it.
    pub(super) async fn open(
        before: Option<&mut Self>,
        target: &Target,
        window: u32,
        prompt: &Arc<dyn Prompt>,
    ) -> Result<Self, CarrierError> {
        let limit = target.connect_timeout;
        let timeout = |what: &str| {
            let what = format!("{what} {}", target.address());
            move |_| CarrierError::Timeout { what, after: limit }
        };
        let mut verifier = Verifier::new(target)?;
        let stream = async {
            match before {
                Some(before) => before.forward(target).await,
                None => dial(target).await,
            }
        };
        let stream = tokio::time::timeout(limit, stream).await.map_err(timeout("connecting to"))??;
        let (address, bound) = (stream.address, stream.bound.clone());
        if let Some(address) = address
            && target.host_keys.check_address
        {
            verifier.check_address(address);
        }

        let config = Arc::new(algorithms::config(target, &verifier, window)?);
        let learnt = SharedLearnt::default();
        let (ending_tx, ending) = ending::channel();
        let tell = ending_tx.downgrade();
        let events = Events {
            host: target.address(),
            verifier,
            prompt: Arc::clone(prompt),
            learnt: Arc::clone(&learnt),
            ending: ending_tx,
            exit: None,
        };
        let ring = stream.into_ring();
        // From here on, leaving this function ends the connection's task.
        let stop = CloseOnDrop(ring.closer());
        let gate = Some(ring.gate());
        let handshake = tokio::time::timeout(limit, connect_stream(config, ring, events));
        let mut handle = handshake
            .await
            .map_err(timeout("the SSH handshake with"))?
            .map_err(|error| failed(error, target))?;
        auth::log_in(&mut handle, target, prompt, &learnt).await?;
        Ok(Self { handle, learnt, ending, tell, gate, address, bound, stop })
    }

    /// A stream to `target` through this host.
    async fn forward(&mut self, target: &Target) -> Result<Stream, CarrierError> {
        let open =
            self.handle.channel_open_direct_tcpip(&target.host, u32::from(target.port), "127.0.0.1", 0);
        let channel = open.await.map_err(|error| CarrierError::Jump {
            via: self.name(),
            target: target.address(),
            reason: match error {
                russh::Error::ChannelOpenFailure(failure) => refusal(&failure).to_owned(),
                other => explain(&other),
            },
        })?;
        let gate =
            self.gate.take().ok_or_else(|| CarrierError::Config("a jump host is used twice".to_owned()))?;
        Ok(Stream::through(channel, gate))
    }

    fn name(&self) -> String {
        self.address
            .map_or_else(|| "the jump host".to_owned(), |address| format!("the jump host at {address}"))
    }

    /// The far command's channel. That of others is of no importance to how it ends.
    pub(super) fn command_is(&self, channel: ChannelId) {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).command = Some(channel);
    }

    pub(super) fn cipher(&self) -> Option<String> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).cipher.clone()
    }

    /// Says goodbye, so that the server need not guess, and waits until that is sent.
    async fn close(mut self) {
        let goodbye = async {
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            let _ = (&mut self.handle).await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        drop(self.stop);
    }
}

/// Breaks a connection, whatever its engine waits for: in the middle of a handshake it hears of nothing else.
struct CloseOnDrop(RingCloser);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The way from here to the called host; dropping it ends all its connections.
pub(super) struct Way {
    pub(super) hops: Vec<Hop>,
}

impl Drop for Way {
    fn drop(&mut self) {
        let mut hops = std::mem::take(&mut self.hops);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // The farthest first: its goodbye travels through the others.
                while let Some(hop) = hops.pop() {
                    hop.close().await;
                }
            });
        }
    }
}

fn failed(HandlerError(error): HandlerError, target: &Target) -> CarrierError {
    match *error {
        CarrierError::Ssh { reason, .. } => CarrierError::Ssh { host: target.address(), reason },
        other => other,
    }
}

fn refusal(failure: &ChannelOpenFailure) -> &str {
    match failure {
        ChannelOpenFailure::AdministrativelyProhibited => "it is prohibited",
        ChannelOpenFailure::ConnectFailed => "it cannot connect",
        ChannelOpenFailure::UnknownChannelType => "it does not know how",
        ChannelOpenFailure::ResourceShortage => "it is short of resources",
        ChannelOpenFailure::Other { reason, .. } => reason,
    }
}
