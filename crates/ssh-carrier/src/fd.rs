//! Carrier halves on file descriptors: pipes, sockets and raw terminals.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rustix::fs::{FileType, OFlags};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// Bytes asked of one read.
const READ: usize = 128 * 1024;

/// Bytes that a pipe shall hold: by default it is 64 KiB on Linux, two packets of SSH, and each end waits for the other.
/// All pipes of a user without privilege may hold 64 MiB there (/proc/sys/fs/pipe-user-pages-soft): beyond, they stay as
/// they are.
pub(crate) const PIPE: usize = 512 * 1024;

/// Below this much room a fresh buffer is taken rather than reading in small pieces.
const READ_LEAST: usize = 16 * 1024;

/// What a file descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FdKind {
    Pipe,
    Socket,
    Terminal,
    /// Something that cannot be waited for, with a word for it.
    Other(&'static str),
}

impl FdKind {
    pub(crate) fn of(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        if rustix::termios::isatty(fd) {
            return Ok(Self::Terminal);
        }
        Ok(match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
            FileType::Fifo => Self::Pipe,
            FileType::Socket => Self::Socket,
            FileType::RegularFile => Self::Other("a regular file"),
            FileType::Directory => Self::Other("a directory"),
            FileType::CharacterDevice | FileType::BlockDevice => Self::Other("a device"),
            _ => Self::Other("of an unknown kind"),
        })
    }
}

/// Puts file status flags back as they were when the last user is gone.
#[derive(Debug)]
pub(crate) struct RestoreFlags {
    fd: OwnedFd,
    flags: OFlags,
}

impl Drop for RestoreFlags {
    fn drop(&mut self) {
        let _ = rustix::fs::fcntl_setfl(&self.fd, self.flags);
    }
}

/// Makes `fd` non-blocking until the result is dropped; `None` if it was so before.
#[must_use = "dropping it makes the descriptor blocking again"]
pub(crate) fn nonblocking_for_now(fd: &OwnedFd) -> io::Result<Option<Arc<RestoreFlags>>> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    if flags.contains(OFlags::NONBLOCK) {
        return Ok(None);
    }
    rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    Ok(Some(Arc::new(RestoreFlags { fd: fd.try_clone()?, flags })))
}

/// Lets a pipe hold [`PIPE`] bytes. The system need not allow it.
fn widen(fd: &OwnedFd) {
    #[cfg(target_os = "linux")]
    if FdKind::of(fd).is_ok_and(|kind| kind == FdKind::Pipe)
        && rustix::pipe::fcntl_getpipe_size(fd).is_ok_and(|size| size < PIPE)
    {
        let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (fd, PIPE);
}

/// The writing end of a non-blocking file descriptor.
///
/// Tokio's pipe end is used for sockets and terminals too: all it does is wait, and write(2).
pub(crate) struct FdTx {
    fd: Option<Arc<pipe::Sender>>,
    is_socket: bool,
    /// Writes what could not be written at once, whether or not anybody asks again.
    rest: Option<AbortOnDropHandle<io::Result<()>>>,
    failed: Option<io::ErrorKind>,
}

impl FdTx {
    /// `fd` must be non-blocking.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let is_socket = FdKind::of(&fd)? == FdKind::Socket;
        widen(&fd);
        let fd = Some(Arc::new(pipe::Sender::from_owned_fd_unchecked(fd)?));
        Ok(Self { fd, is_socket, rest: None, failed: None })
    }

    /// Ready when nothing is held any more. An error comes back each time.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(rest) = &mut self.rest {
            let written =
                ready!(Pin::new(rest).poll(cx)).unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
            self.rest = None;
            self.failed = written.err().map(|error| error.kind());
        }
        Poll::Ready(self.failed.map_or(Ok(()), |kind| Err(kind.into())))
    }

    /// Takes a chunk, behind what is held. An error comes out of the next [`poll_flush`](Self::poll_flush).
    pub(crate) fn start_send(&mut self, mut chunk: Bytes) {
        let Some(fd) = &self.fd else {
            self.failed = Some(io::ErrorKind::BrokenPipe);
            return;
        };
        if let Some(held) = self.rest.take() {
            self.rest = Some(hold(Arc::clone(fd), async { held.await? }, chunk));
            return;
        }
        match try_write_all(fd, &mut chunk) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.rest = Some(hold(Arc::clone(fd), async { Ok(()) }, chunk));
            }
            Err(error) => self.failed = Some(error.kind()),
        }
    }

    /// Takes a chunk that waits for this and for what is held.
    pub(crate) fn start_send_after(&mut self, signal: oneshot::Receiver<()>, chunk: Bytes) {
        let Some(fd) = &self.fd else {
            self.failed = Some(io::ErrorKind::BrokenPipe);
            return;
        };
        let held = self.rest.take();
        let first = async move {
            if let Some(held) = held {
                held.await??;
            }
            signal.await.map_err(|_| io::ErrorKind::BrokenPipe.into())
        };
        self.rest = Some(hold(Arc::clone(fd), first, chunk));
    }

    /// The same for a chunk in two pieces, of which only what cannot be written at once is copied; `head` is empty afterwards.
    pub(crate) fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) {
        let parts = [IoSlice::new(head), IoSlice::new(tail)];
        let written = match &self.fd {
            // What else is wrong comes up again when the rest is written.
            Some(fd) if self.rest.is_none() => fd.try_write_vectored(&parts).unwrap_or(0),
            _ => 0,
        };
        let of_head = written.min(head.len());
        let of_tail = written - of_head;
        if of_tail == tail.len() && of_head == head.len() {
            return head.clear();
        }
        head.advance(of_head);
        head.extend_from_slice(&tail[of_tail..]);
        self.start_send(head.split().freeze());
    }

    /// Writes what is held and ends the direction.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        if let Some(fd) = self.fd.take()
            && self.is_socket
        {
            // The reading direction uses the same socket, so closing alone would not be seen. If the peer is gone
            // already, it needs no notice.
            let _ = rustix::net::shutdown(&*fd, rustix::net::Shutdown::Write);
        }
        Poll::Ready(Ok(()))
    }
}

fn try_write_all(fd: &pipe::Sender, chunk: &mut Bytes) -> io::Result<()> {
    while !chunk.is_empty() {
        match fd.try_write(chunk) {
            Ok(n) => chunk.advance(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes a chunk once `first` is done, whether or not anybody asks again.
fn hold(
    fd: Arc<pipe::Sender>,
    first: impl Future<Output = io::Result<()>> + Send + 'static,
    chunk: Bytes,
) -> AbortOnDropHandle<io::Result<()>> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        first.await?;
        write_all(fd, chunk).await
    }))
}

async fn write_all(fd: Arc<pipe::Sender>, mut chunk: Bytes) -> io::Result<()> {
    loop {
        match try_write_all(&fd, &mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => fd.writable().await?,
            result => return result,
        }
    }
}

/// The reading end of a non-blocking file descriptor.
pub(crate) struct FdRx {
    fd: pipe::Receiver,
    is_terminal: bool,
    buffer: BytesMut,
}

impl FdRx {
    /// `fd` must be non-blocking.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        let is_terminal = FdKind::of(&fd)? == FdKind::Terminal;
        widen(&fd);
        Ok(Self { fd: pipe::Receiver::from_owned_fd_unchecked(fd)?, is_terminal, buffer: BytesMut::new() })
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.poll_recv_most(cx, usize::MAX)
    }

    /// Reads on until so many octets have `come`, and no further; an end before that is an error.
    pub(crate) fn poll_recv_until(
        &mut self,
        cx: &mut Context<'_>,
        come: &mut BytesMut,
        octets: usize,
    ) -> Poll<io::Result<()>> {
        while come.len() < octets {
            let more = ready!(self.poll_recv_most(cx, octets - come.len()))?;
            come.extend_from_slice(&more.ok_or(io::ErrorKind::UnexpectedEof)?);
        }
        Poll::Ready(Ok(()))
    }

    /// The next octets, but no more than so many at a time.
    pub(crate) fn poll_recv_most(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<Option<Bytes>>> {
        if self.buffer.capacity() - self.buffer.len() < READ_LEAST {
            // Takes the same memory again if the caller is done with the chunks cut from it.
            self.buffer.reserve(READ);
        }
        loop {
            match self.fd.try_read_buf(&mut (&mut self.buffer).limit(most)) {
                Ok(0) => return Poll::Ready(Ok(None)),
                Ok(_) => return Poll::Ready(Ok(Some(self.buffer.split().freeze()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.fd.poll_read_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // How Linux says on the slave side that the master of a pty is closed.
                Err(error)
                    if self.is_terminal
                        && error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) =>
                {
                    return Poll::Ready(Ok(None));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Poll::Ready(Ok(None)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pipe() -> (io::PipeReader, FdTx) {
        let (reader, writer) = io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        (reader, FdTx::new(writer).unwrap())
    }

    /// So many octets, while the runtime goes on.
    async fn read_exactly(mut reader: io::PipeReader, octets: usize) -> (Vec<u8>, io::PipeReader) {
        let read = tokio::task::spawn_blocking(move || {
            let mut all = vec![0; octets];
            reader.read_exact(&mut all).unwrap();
            (all, reader)
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn a_chunk_larger_than_the_pipe_is_written_though_nobody_asks_again() {
        let (reader, mut tx) = pipe();
        let chunk: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        tx.start_send(chunk.clone().into());
        let waited = poll_fn(|cx| Poll::Ready(tx.poll_flush(cx).is_ready())).await;
        assert!(!waited, "a megabyte cannot fit into a pipe");
        let expected = chunk.len();
        let (all, mut reader) = read_exactly(reader, expected).await;
        assert!(all == chunk);
        poll_fn(|cx| tx.poll_finish(cx)).await.unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn two_pieces_of_any_length_come_out_behind_each_other() {
        let (mut reader, mut tx) = pipe();
        let octets = |len: usize, first: u8| (0..len).map(|i| first.wrapping_add((i % 251) as u8)).collect();
        // The pipe holds some of them whole, and is full within the tail of one and within the head of another.
        for (head, tail) in [(4, 60_000), (0, 10), (10, 0), (14, 1_000_000), (1_000_000, 10)] {
            let (head, tail): (Vec<u8>, Vec<u8>) = (octets(head, 1), octets(tail, 77));
            let mut given = BytesMut::from(&head[..]);
            poll_fn(|cx| tx.poll_flush(cx)).await.unwrap();
            tx.start_send_parts(&mut given, &tail);
            assert!(given.is_empty());
            let expected = head.len() + tail.len();
            let all;
            (all, reader) = read_exactly(reader, expected).await;
            assert!(all == [head, tail].concat());
        }
        poll_fn(|cx| tx.poll_flush(cx)).await.unwrap();
        drop(reader);
        tx.start_send_parts(&mut BytesMut::from("x"), b"y");
        assert_eq!(poll_fn(|cx| tx.poll_flush(cx)).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_broken_pipe_is_reported_each_time() {
        let (reader, mut tx) = pipe();
        drop(reader);
        tx.start_send(Bytes::from_static(b"x"));
        for _ in 0..2 {
            let error = poll_fn(|cx| tx.poll_flush(cx)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[tokio::test]
    async fn finishing_a_socket_leaves_its_other_direction_open() {
        let (near, far) = UnixStream::pair().unwrap();
        let near = OwnedFd::from(near);
        let restore = nonblocking_for_now(&near).unwrap();
        let mut tx = FdTx::new(near.try_clone().unwrap()).unwrap();
        let mut rx = FdRx::new(near).unwrap();
        poll_fn(|cx| tx.poll_finish(cx)).await.unwrap();
        let mut far = far;
        assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
        io::Write::write_all(&mut far, b"still here").unwrap();
        assert_eq!(poll_fn(|cx| rx.poll_recv(cx)).await.unwrap().unwrap(), "still here");
        drop(far);
        assert!(poll_fn(|cx| rx.poll_recv(cx)).await.unwrap().is_none());
        assert!(restore.is_some());
    }

    #[test]
    fn the_flags_of_a_shared_description_are_put_back() {
        let (near, _far) = UnixStream::pair().unwrap();
        let near = OwnedFd::from(near);
        let restore = nonblocking_for_now(&near).unwrap();
        assert!(rustix::fs::fcntl_getfl(&near).unwrap().contains(OFlags::NONBLOCK));
        drop(restore);
        assert!(!rustix::fs::fcntl_getfl(&near).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_file_a_device_and_a_directory_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let open = |path: &std::path::Path| std::fs::File::open(path).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(FdKind::of(open(&dir.path().join("file"))).unwrap(), FdKind::Other("a regular file"));
        assert_eq!(FdKind::of(open(dir.path())).unwrap(), FdKind::Other("a directory"));
        assert_eq!(FdKind::of(open("/dev/null".as_ref())).unwrap(), FdKind::Other("a device"));
    }
}
