//! One device and its packets; what differs between operating systems is in `sys`.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::offload::{Checked, GsoType, VirtioHeader, validate};
use crate::{Offload, PacketBatch, TunError, sys};

/// What device to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TunConfig {
    /// Its name; with `%d` in it (`ppp%d`) the kernel fills in the first free number. `None` leaves the
    /// whole name to the system (`tun0`, …; on macOS `utun0`, …).
    pub name: Option<String>,
    /// Whether the device stays when the last descriptor of it is closed.
    pub persist: bool,
    /// Whether the kernel may leave checksums and segmentation to this program (see [`crate::offload`]): it then does
    /// so as far as it can, see [`Tun::offload`].
    pub offload: bool,
}

/// Datagrams in one packet that every kernel takes that knows UDP_L4; later ones take more.
const MAX_UDP_SEGMENTS: usize = 64;

/// A TUN device: what is routed into it is received here, what is sent here arrives from it.
///
/// Dropping it removes the device, unless it is persistent or another process holds it too.
#[derive(Debug)]
pub struct Tun {
    device: AsyncFd<sys::Device>,
    name: String,
    index: u32,
    offload: Offload,
    /// Where a packet is cut for a device that takes no whole one.
    segment: Vec<u8>,
}

impl Tun {
    /// Makes a new device. Needs the capability CAP_NET_ADMIN in this network namespace.
    pub fn create(config: &TunConfig) -> Result<Tun, TunError> {
        let mut tun = Tun::register(sys::create(config)?)?;
        if config.offload {
            tun.set_offload(Offload::ALL)?;
        }
        Ok(tun)
    }

    /// Opens a device that was made beforehand and is persistent. Needs no privilege if this user owns it.
    ///
    /// A device that was up without a holder has carrier from now on, and Linux drops what is routed into
    /// it until it has noticed, up to a second later.
    pub fn attach(name: &str) -> Result<Tun, TunError> {
        Tun::register(sys::attach(name, false)?)
    }

    /// [`Tun::attach`] with [`TunConfig::offload`].
    pub fn attach_offload(name: &str) -> Result<Tun, TunError> {
        let mut tun = Tun::register(sys::attach(name, true)?)?;
        tun.set_offload(Offload::ALL)?;
        Ok(tun)
    }

    /// Takes over an open descriptor, as handed down by a parent process or by systemd. Anything but a TUN
    /// device that carries bare IP packets is refused. The descriptor becomes non-blocking for all who
    /// share it.
    ///
    /// If it was made with a virtio header in front of each packet (IFF_VNET_HDR), that becomes one of ten octets,
    /// and all packets come complete until [`Tun::set_offload`] says otherwise.
    pub fn adopt(fd: OwnedFd) -> Result<Tun, TunError> {
        Tun::register(sys::adopt(fd)?)
    }

    fn register(sys::Opened { device, name, index }: sys::Opened) -> Result<Tun, TunError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(TunError::NoRuntime);
        }
        // Its successor of tokio 1.54 asks, as unsafe code, for what `sys::Device` keeps to: it owns one
        // descriptor, always the same, and closes it when dropped.
        #[allow(deprecated)]
        let device = AsyncFd::with_interest(device, Interest::READABLE)
            .map_err(|error| TunError::io("watch the TUN device for packets", error))?;
        tracing::debug!(name, index, "TUN device open");
        Ok(Tun { device, name, index, offload: Offload::NONE, segment: Vec::new() })
    }

    /// Its name when it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its interface index.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its MTU now.
    pub fn mtu(&self) -> io::Result<u32> {
        sys::mtu(self.device.get_ref(), &self.name)
    }

    /// Makes the device stay after this process, or lets it go with it.
    pub fn set_persistent(&self, persistent: bool) -> Result<(), TunError> {
        self.device.get_ref().set_persistent(persistent)
    }

    /// Lets the user `uid` attach to the device without privilege.
    pub fn set_owner(&self, uid: u32) -> Result<(), TunError> {
        self.device.get_ref().set_owner(uid)
    }

    /// What the kernel leaves to this program, and this program to the kernel.
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// Changes what the kernel leaves to this program and this to the kernel, and returns how much of it the kernel knows;
    /// nothing if the device was opened without offload. Packets that wait already come as they are.
    pub fn set_offload(&mut self, wanted: Offload) -> Result<Offload, TunError> {
        self.offload = self.device.get_ref().set_offload(wanted)?;
        tracing::debug!(name = self.name, offload = ?self.offload, "TUN device's offload set");
        Ok(self.offload)
    }

    /// Empties `batch` and fills it with the packets that wait: until none is left or the batch is full.
    /// Ready with the number of packets, never 0.
    ///
    /// With offload, what is left to do on each packet is told by [`PacketBatch::with_headers`].
    ///
    /// [`ErrorKind::NotConnected`] says that the device was deleted; no error is about a single packet.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut PacketBatch) -> Poll<io::Result<usize>> {
        batch.clear();
        loop {
            if self.device.poll_read_ready(cx).is_pending() {
                // Deletion shows as EPOLLERR alone, which the reactor takes for a closed write side; it
                // watches for nothing else there.
                return self.device.poll_write_ready(cx).map(|_| Err(ErrorKind::NotConnected.into()));
            }
            let mut guard = ready!(self.device.poll_read_ready_mut(cx))?;
            match fill(guard.get_inner_mut(), batch) {
                Ok(()) => return Poll::Ready(Ok(batch.len())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    guard.clear_ready();
                    if !batch.is_empty() {
                        return Poll::Ready(Ok(batch.len()));
                    }
                }
                // The error will be there again at the next call; what was read goes first.
                Err(_) if !batch.is_empty() => return Poll::Ready(Ok(batch.len())),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// [`Tun::poll_recv`] as a future; dropping it unfinished loses no packet.
    pub async fn recv_batch(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        poll_fn(|cx| self.poll_recv(cx, batch)).await
    }

    /// Hands one packet to the system, without waiting.
    ///
    /// | error kind | meaning | [`drops_packet`] |
    /// |---|---|---|
    /// | [`ErrorKind::WouldBlock`] | no room at this moment; not on Linux, where a TUN queues without bound | yes |
    /// | [`ErrorKind::NetworkDown`] | the device is down (EIO) | yes |
    /// | [`ErrorKind::InvalidInput`] | not an IP packet, or too long (EINVAL, EMSGSIZE) | yes |
    /// | [`ErrorKind::OutOfMemory`] | no buffer (ENOBUFS, ENOMEM) | yes |
    /// | [`ErrorKind::NotConnected`] | the device was deleted (EBADFD) | no |
    pub fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        write(self.device.get_mut(), &VirtioHeader::NONE, packet)
    }

    /// Hands one packet to the system that stands for several, or lacks its checksum, as `header` says. What the
    /// device does not take whole, or refuses, is cut here. Errors are those of [`Tun::send`].
    ///
    /// The two are [`validate`]d, whoever wrote them: a [`Refusal`](crate::offload::Refusal) is the source of an
    /// [`ErrorKind::InvalidInput`].
    pub fn send_offload(&mut self, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        let checked =
            validate(header, packet).map_err(|refusal| io::Error::new(ErrorKind::InvalidInput, refusal))?;
        if checked.is_complete() {
            return self.send(packet);
        }
        let takes = self.takes(&checked);
        let device = self.device.get_mut();
        deliver(&checked, takes, &mut self.segment, |header, packet| write(device, header, packet))
    }

    /// Whether the device takes the packet as it is.
    fn takes(&self, checked: &Checked<'_>) -> bool {
        match checked.header().gso_type {
            GsoType::None => self.offload.checksum,
            GsoType::TcpV4 => self.offload.tcp4,
            GsoType::TcpV6 => self.offload.tcp6,
            GsoType::UdpL4 => self.offload.udp && checked.segments() <= MAX_UDP_SEGMENTS,
        }
    }
}

impl AsRawFd for Tun {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

/// Whether an error of [`Tun::send`] or [`Tun::send_offload`] is about that packet only: it is lost, as packets may be, and the
/// device is good for the next one.
pub fn drops_packet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NetworkDown | ErrorKind::InvalidInput | ErrorKind::OutOfMemory
    )
}

fn write(device: &mut sys::Device, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
    loop {
        match device.write(header, packet) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Writes a packet whole to a device that takes it so, else the packets that it stands for.
///
/// Kernels have refused what is right: those with e269d79c7d35 and without 89add40066f9 (Linux 6.6.44, 6.1.103 and
/// others of July 2024) a last segment shorter than the others. They get the segments.
fn deliver(
    checked: &Checked<'_>,
    takes: bool,
    segment: &mut Vec<u8>,
    mut write: impl FnMut(&VirtioHeader, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    if takes {
        match write(&checked.header(), checked.packet()) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            result => return result,
        }
    }
    let mut segments = checked.split();
    while segments.next_into(segment) {
        write(&VirtioHeader::NONE, segment)?;
    }
    Ok(())
}

/// Reads until the batch is full (`Ok`) or the device has no more ([`ErrorKind::WouldBlock`]).
fn fill(device: &mut sys::Device, batch: &mut PacketBatch) -> io::Result<()> {
    let header = device.header_len();
    while !batch.is_full() {
        match batch.read_one(header, |room| device.read(room)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram of 1200 octets that stands for three, the last a short one.
    fn whole() -> (VirtioHeader, Vec<u8>) {
        let mut packet = vec![0x60, 0, 0, 0, 4, 184, 17, 64];
        packet.extend([[0xfd; 16], [0xfc; 16]].concat());
        packet.extend([0x9c, 0x40, 1, 187, 4, 184, 0, 0]);
        packet.resize(40 + 8 + 1200, 7);
        let header = VirtioHeader {
            needs_csum: true,
            gso_type: GsoType::UdpL4,
            hdr_len: 48,
            gso_size: 500,
            csum_start: 40,
            csum_offset: 6,
            ..VirtioHeader::NONE
        };
        (header, packet)
    }

    fn written(
        takes: bool,
        refuses: impl Fn(&VirtioHeader) -> bool,
    ) -> (io::Result<()>, Vec<(GsoType, usize)>) {
        let (header, packet) = whole();
        let checked = validate(&header, &packet).unwrap();
        let mut written = Vec::new();
        let result = deliver(&checked, takes, &mut Vec::new(), |header, packet| {
            if refuses(header) {
                return Err(ErrorKind::InvalidInput.into());
            }
            written.push((header.gso_type, packet.len()));
            Ok(())
        });
        (result, written)
    }

    #[test]
    fn what_a_kernel_refuses_whole_it_gets_cut() {
        let segments = [548, 548, 248].map(|length| (GsoType::None, length));
        let (result, all) = written(true, |_| false);
        assert!(result.is_ok() && all == [(GsoType::UdpL4, 1248)], "{all:?}");
        for takes in [false, true] {
            let (result, all) = written(takes, |header| header.gso_type != GsoType::None);
            assert!(result.is_ok() && all == segments, "{all:?}");
        }
        let (result, all) = written(true, |_| true);
        assert_eq!((result.unwrap_err().kind(), all), (ErrorKind::InvalidInput, vec![]));
    }
}
