//! Further channels of the connection that a running `ssh` has, opened when one is too narrow for the path
//! ([`lanes`](crate::lanes)).
//!
//! That `ssh` is asked by another one through a socket in the file system (ssh_config(5), ControlMaster), which nobody else uses.
//! Both directions go through windows that OpenSSH grants, so each lane joins both.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::child::process::{self, Running};
use crate::ending::{Ending, EndingRx, WeakEndingTx};
use crate::fd::{FdRx, FdTx};
use crate::lanes::{Agreement, HELLO, Joint, Merged, Need, Split, Stripes, ahead};
use crate::stderr::Stderr;

/// How long the far end may take to start the command and to speak.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the end of the first channel, which says more, may come behind the end of a lane.
const GRACE: Duration = Duration::from_secs(1);

/// How further channels are opened.
#[derive(Debug, Clone)]
pub(crate) struct Further {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
}

/// Opens lanes, one at a time; the sending half's part.
pub(crate) struct Opener {
    further: Further,
    need: Need,
    is_opening: bool,
    offers: mpsc::UnboundedSender<Offer>,
    joining: mpsc::UnboundedReceiver<Joining>,
    /// Lanes that what comes in uses.
    received_by: Arc<AtomicUsize>,
    /// Ends the lanes with the carrier.
    stop: CancellationToken,
    ending: (WeakEndingTx, EndingRx),
    peer: String,
}

/// Lets lanes join what comes in; the receiving half's part.
pub(crate) struct Joiner {
    offers: mpsc::UnboundedReceiver<Offer>,
    joining: mpsc::UnboundedSender<Joining>,
    awaited: Option<Awaited>,
    received_by: Arc<AtomicUsize>,
}

/// A channel whose far end waits to be told where it joins.
struct Offer {
    input: FdTx,
    output: FdRx,
    ahead: Ahead,
}

/// Octets that may be sent, and come, before the far end knows where a lane joins. With less, they wait for it.
#[derive(Clone, Copy)]
struct Ahead {
    sent: u64,
    received: u64,
}

/// A lane on its way from the receiving half to the sending one.
struct Joining {
    input: FdTx,
    ahead: u64,
    /// Where it may join what comes in.
    received: u64,
    agreed: oneshot::Receiver<()>,
}

/// A lane whose far end is to say where it joins.
struct Awaited {
    output: FdRx,
    came: BytesMut,
    agree: oneshot::Sender<()>,
}

/// The two parts. All lanes end on `stop`; where one ends by itself, that is an `ending` of the whole.
pub(crate) fn channel(
    further: Further,
    stop: CancellationToken,
    ending: (WeakEndingTx, EndingRx),
    peer: String,
) -> (Opener, Joiner) {
    let (offers, offered) = mpsc::unbounded_channel();
    let (joins, joining) = mpsc::unbounded_channel();
    let received_by = Arc::new(AtomicUsize::new(1));
    let joiner =
        Joiner { offers: offered, joining: joins, awaited: None, received_by: Arc::clone(&received_by) };
    let opener = Opener {
        further,
        need: Need::default(),
        is_opening: false,
        offers,
        joining,
        received_by,
        stop,
        ending,
        peer,
    };
    (opener, joiner)
}

impl Opener {
    /// The far end takes lanes.
    pub(crate) fn widen(&mut self) {
        self.need.is_possible = true;
    }

    /// So many octets are under way on a path of this round trip: opens another lane if that is about what those there are let
    /// pass.
    pub(crate) fn path_holds(&mut self, rtt: Duration, sent: u64, received: u64, stripes: &Stripes) {
        let lanes = stripes.lanes();
        let is_needed = self.need.is_there(rtt, sent.max(received), lanes);
        let all_joined = stripes.joined() == lanes && self.received_by.load(Ordering::Relaxed) == lanes;
        if is_needed && all_joined && !self.is_opening {
            self.is_opening = true;
            let ahead = Ahead { sent: ahead(sent), received: ahead(received) };
            tokio::spawn(open(
                self.further.clone(),
                self.offers.clone(),
                ahead,
                self.stop.child_token(),
                self.ending.clone(),
                self.peer.clone(),
            ));
        }
    }

    /// Octets that may be under way in the lanes that have joined.
    pub(crate) fn capacity(&self, stripes: &Stripes) -> u64 {
        self.need.capacity(stripes.joined())
    }

    /// Lets the lane that was opened join what is sent.
    pub(crate) fn poll_join(&mut self, cx: &mut Context<'_>, stream: &mut Split<FdTx>) {
        let Poll::Ready(Some(joining)) = self.joining.poll_recv(cx) else { return };
        let Joining { mut input, ahead, received, agreed } = joining;
        let joint = Joint { sent: stream.stripes().position() + ahead, received: Some(received) };
        input.start_send(joint.emit().to_vec().into());
        if stream.join(input, joint.sent, Some(agreed)) {
            info!(
                "the path holds more than a channel may: {} channels carry the link",
                stream.stripes().lanes()
            );
            self.is_opening = false;
        }
    }
}

impl Joiner {
    /// To be done before anything is read: what is read where a lane has joined must be known for it.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Merged) -> io::Result<()> {
        loop {
            if self.awaited.is_some() {
                let Poll::Ready(position) = self.poll_agreement(cx)? else { break };
                let joined = self.awaited.take().is_some_and(|Awaited { output, agree, .. }| {
                    // The half that sends may be gone.
                    let _ = agree.send(());
                    stream.join(output, position)
                });
                if !joined {
                    return Err(wrong("a lane joins where it cannot"));
                }
            }
            let Poll::Ready(Some(Offer { input, output, ahead })) = self.offers.poll_recv(cx) else { break };
            let received = stream.stripes().position() + ahead.received;
            stream.hold_at(received);
            let (agree, agreed) = oneshot::channel();
            self.awaited = Some(Awaited { output, came: BytesMut::new(), agree });
            let _ = self.joining.send(Joining { input, ahead: ahead.sent, received, agreed });
        }
        self.received_by.store(stream.stripes().joined(), Ordering::Relaxed);
        Ok(())
    }

    /// Where the awaited lane joins what comes in.
    fn poll_agreement(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let Some(Awaited { output, came, .. }) = &mut self.awaited else { return Poll::Pending };
        ready!(output.poll_recv_until(cx, came, Agreement::LEN))?;
        let position = Agreement::parse(came).and_then(|agreement| agreement.received);
        Poll::Ready(position.ok_or_else(|| wrong("a lane's far end agrees to something else")))
    }
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// One lane, from its opening to its end.
async fn open(
    Further { program, args }: Further,
    offers: mpsc::UnboundedSender<Offer>,
    ahead: Ahead,
    stop: CancellationToken,
    (tell, mut told): (WeakEndingTx, EndingRx),
    peer: String,
) {
    let running = process::run(program, args, true, Stderr::new(&peer), stop.clone());
    let Running { input, mut output, mut ending, .. } = match running {
        Ok(running) => running,
        Err(error) => return debug!(%error, "a further channel to {peer}"),
    };
    if let Err(reason) = hear_hello(&mut output).await {
        debug!("a further channel to {peer}: {reason}");
        // Whatever was started there shall not wait for us.
        return stop.cancel();
    }
    if offers.send(Offer { input, output, ahead }).is_err() {
        return;
    }
    // From here on the stream needs it.
    poll_fn(|cx| ending.poll(cx)).await;
    if timeout(GRACE, poll_fn(|cx| told.poll(cx))).await.is_err() {
        let reason = "a channel that carried a part of the link: it was closed".to_owned();
        tell.tell(Ending::Ssh { host: peer, reason });
    }
}

/// Waits until the far end has said that it hands on to the first channel's.
async fn hear_hello(output: &mut FdRx) -> Result<(), String> {
    let mut came = BytesMut::new();
    let heard = timeout(PATIENCE, poll_fn(|cx| output.poll_recv_until(cx, &mut came, HELLO.len()))).await;
    heard.map_err(|_| "it does not answer")?.map_err(|error| error.to_string())?;
    if came == HELLO { Ok(()) } else { Err("what is started there knows nothing of lanes".to_owned()) }
}
