//! Further channels for the stream to the far command, opened when one is too narrow for the path ([`lanes`](crate::lanes)).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::{ChannelMsg, ChannelReadHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::handler::explain;
use super::sender::Half;
use super::session::Way;
use crate::ending::{Ending, EndingRx, WeakEndingTx};
use crate::lanes::{Agreement, HELLO, Joint, Need, Split, Stripes, ahead};
use crate::stderr::{EXTENDED_DATA_STDERR, Stderr};

/// How long the far end may take to start the command and to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the end of the command itself, which says more, may come behind the end of a lane.
const GRACE: Duration = Duration::from_secs(1);

/// Where further channels lead to.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) way: Arc<Way>,
    pub(super) host: String,
    /// What is started in a new channel.
    pub(super) command: String,
    pub(super) stderr: Stderr,
    /// Hears of the end of the command, and of a lane in use.
    pub(super) ending: (WeakEndingTx, EndingRx),
}

/// Opens lanes, one at a time.
pub(super) struct Opener {
    place: Place,
    need: Need,
    /// The one that is being opened, or failed to, and the octets that are sent before it joins.
    opening: Option<(oneshot::Receiver<Offer>, u64)>,
    /// Those in use or being opened, kept by their tasks.
    lanes: Vec<AbortOnDropHandle<()>>,
}

/// A channel whose far end waits to be told where it joins.
struct Offer {
    half: Half,
    joins: oneshot::Sender<u64>,
    agreed: oneshot::Receiver<()>,
}

impl Opener {
    pub(super) fn new(place: Place) -> Self {
        Self { place, need: Need::default(), opening: None, lanes: Vec::new() }
    }

    /// The far end takes lanes.
    pub(super) fn widen(&mut self) {
        self.need.is_possible = true;
    }

    /// So many octets are under way on a path of this round trip: opens another lane if that is about what those there are let
    /// pass.
    pub(super) fn path_holds(&mut self, rtt: Duration, sent: u64, stripes: &Stripes) {
        let is_needed = self.need.is_there(rtt, sent, stripes.lanes());
        if is_needed && stripes.joined() == stripes.lanes() && self.opening.is_none() {
            let (offer, offered) = oneshot::channel();
            self.lanes.push(AbortOnDropHandle::new(tokio::spawn(run(self.place.clone(), offer))));
            self.opening = Some((offered, ahead(sent)));
        }
    }

    /// Octets that may be under way in the lanes that have joined.
    pub(super) fn capacity(&self, stripes: &Stripes) -> u64 {
        self.need.capacity(stripes.joined())
    }

    /// Lets the lane that was opened join what is sent.
    pub(super) fn poll_join(&mut self, cx: &mut Context<'_>, stream: &mut Split<Half>) {
        let Some((offered, ahead)) = self.opening.as_mut().filter(|(offered, _)| !offered.is_terminated())
        else {
            return;
        };
        let Poll::Ready(Ok(Offer { half, joins, agreed })) = Pin::new(offered).poll(cx) else { return };
        let position = stream.stripes().position() + *ahead;
        if stream.join(half, position, Some(agreed)) && joins.send(position).is_ok() {
            let lanes = stream.stripes().lanes();
            info!("the path holds more than a channel may: {lanes} channels carry what is sent");
            self.opening = None;
        }
    }
}

/// One lane, from its opening to its end.
async fn run(place: Place, offer: oneshot::Sender<Offer>) {
    let (half, mut reader) = match open(&place).await {
        Ok(opened) => opened,
        Err(reason) => {
            debug!("a further channel to {}: {reason}", place.host);
            return;
        }
    };
    let (joins, place_told) = oneshot::channel();
    let (agree, agreed) = oneshot::channel();
    if offer.send(Offer { half: Arc::clone(&half), joins, agreed }).is_err() {
        return;
    }
    let Ok(position) = place_told.await else { return };
    // From here on the stream needs it.
    let agreement = async {
        // What comes back comes through a window of our own, which is wide enough.
        let joint = Joint { sent: position, received: None };
        half.data_bytes(joint.emit().to_vec()).await.map_err(|error| explain(&error))?;
        reader.expect(&Agreement { received: None }.emit()).await
    };
    let reason = match patiently(agreement).await {
        Ok(()) => {
            let _ = agree.send(());
            while reader.next().await.is_some() {}
            "it was closed".to_owned()
        }
        Err(reason) => reason,
    };
    let (tell, mut told) = place.ending;
    if timeout(GRACE, poll_fn(|cx| told.poll(cx))).await.is_err() {
        let reason = format!("a channel that carried a part of the link: {reason}");
        tell.tell(Ending::Ssh { host: place.host, reason });
    }
}

/// A channel in which the far end has said that it hands on to the first one.
async fn open(place: &Place) -> Result<(Half, LaneReader), String> {
    let hop = place.way.hops.last().ok_or("there is no connection")?;
    let channel = hop.handle.channel_open_session().await.map_err(|error| explain(&error))?;
    channel.exec(false, place.command.as_str()).await.map_err(|error| explain(&error))?;
    let (read, write) = channel.split();
    let mut reader = LaneReader { half: read, came: BytesMut::new(), stderr: place.stderr.clone() };
    match patiently(reader.expect(HELLO)).await {
        Ok(()) => Ok((Arc::new(write), reader)),
        Err(reason) => {
            // Whatever was started there shall not wait for us.
            let _ = write.close().await;
            Err(reason)
        }
    }
}

async fn patiently(answer: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err("it does not answer".to_owned()))
}

/// What comes back through a lane: two words, and what the command there has to complain of.
struct LaneReader {
    half: ChannelReadHalf,
    came: BytesMut,
    stderr: Stderr,
}

impl LaneReader {
    /// Waits until exactly this has come.
    async fn expect(&mut self, word: &[u8]) -> Result<(), String> {
        while self.came.len() < word.len() {
            let data = self.next().await.ok_or("it was closed")?;
            self.came.extend_from_slice(&data[..data.len().min(word.len())]);
        }
        let came = self.came.split();
        if came[..] == *word {
            Ok(())
        } else {
            Err("what is started there knows nothing of lanes".to_owned())
        }
    }

    /// The next data; `None` once the far end has closed it, or the connection broke.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.half.wait().await? {
                ChannelMsg::Data { data } => return Some(data),
                ChannelMsg::ExtendedData { data, ext: EXTENDED_DATA_STDERR } => self.stderr.push(&data),
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    }
}
