//! Where the link's packets come from and go to.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;
use tunio::offload::{VirtioHeader, validate};
use tunio::{Offload, PacketBatch, Tun};

/// A network interface as the pump sees it: whole IP packets, nothing else.
pub trait Device: Send {
    /// Fills `batch` with the packets that wait to cross the link; ready with their number, at least one.
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut PacketBatch) -> Poll<io::Result<usize>>;

    /// Hands one packet from the link to this host. Never blocks: what does not fit is an error and is lost, as
    /// on any interface.
    fn send(&mut self, packet: &[u8]) -> io::Result<()>;

    /// The same for a packet that stands for several, or lacks its checksum, as `header` says; whoever wrote that, it is
    /// not believed. A device that takes no such packets gets those that it stands for.
    fn send_offload(&mut self, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        let checked = validate(header, packet)
            .map_err(|refusal| io::Error::new(io::ErrorKind::InvalidInput, refusal))?;
        if checked.is_complete() {
            return self.send(packet);
        }
        let (mut segments, mut segment) = (checked.split(), Vec::new());
        let mut sent = Ok(());
        while sent.is_ok() && segments.next_into(&mut segment) {
            sent = self.send(&segment);
        }
        sent
    }

    /// What it takes in one packet that stands for several: so much is merged for it.
    fn offload(&self) -> Offload {
        Offload::NONE
    }
}

impl Device for Tun {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut PacketBatch) -> Poll<io::Result<usize>> {
        Tun::poll_recv(self, cx, batch)
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        Tun::send(self, packet)
    }

    fn send_offload(&mut self, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        Tun::send_offload(self, header, packet)
    }

    fn offload(&self) -> Offload {
        Tun::offload(self)
    }
}

/// A device that is a pair of queues in this process: for programs that make and take packets themselves.
#[derive(Debug)]
pub struct ChannelDevice {
    outgoing: mpsc::Receiver<Bytes>,
    incoming: mpsc::Sender<Bytes>,
}

/// The program's side of a [`ChannelDevice`].
#[derive(Debug)]
pub struct ChannelEnds {
    /// Packets for the peer go in here.
    pub outgoing: mpsc::Sender<Bytes>,
    /// Packets from the peer come out here.
    pub incoming: mpsc::Receiver<Bytes>,
}

impl ChannelDevice {
    /// A device and the program's side of it. Each queue holds `capacity` packets; what the program does not take in
    /// time is lost, as on any interface.
    pub fn new(capacity: usize) -> (Self, ChannelEnds) {
        let (to_peer, outgoing) = mpsc::channel(capacity);
        let (incoming, from_peer) = mpsc::channel(capacity);
        (Self { outgoing, incoming }, ChannelEnds { outgoing: to_peer, incoming: from_peer })
    }
}

impl Device for ChannelDevice {
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut PacketBatch) -> Poll<io::Result<usize>> {
        batch.clear();
        while !batch.is_full() {
            match self.outgoing.poll_recv(cx) {
                Poll::Ready(Some(packet)) => {
                    batch.push(&packet);
                }
                // The program sends no more; it may still receive.
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if batch.is_empty() { Poll::Pending } else { Poll::Ready(Ok(batch.len())) }
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self.incoming.try_send(Bytes::copy_from_slice(packet)) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}
