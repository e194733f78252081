//! The byte stream under an SSH connection: TCP, a ProxyCommand, or a channel of a jump host.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::Channel;
use russh::client::Msg;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::process::{Child, Command};

use super::sender::{ChannelReader, ChannelSender, ChannelWriter};
use super::target::{Family, Target};
use crate::CarrierError;
use crate::ring::{RingConfig, RingStream, SendGate};
use crate::stderr::Stderr;
use crate::tcp::{self, Bound, Inlet};

/// Silence after which the kernel asks whether the peer is still there, and how often until it gives up.
const TCP_KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(15), 4);

/// How long sent data may stay unacknowledged. Long enough for a Wi-Fi roam or a short suspend.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(120);

/// What stands under an SSH connection.
pub(super) struct Stream {
    read: Box<dyn AsyncRead + Send + Unpin>,
    write: Box<dyn AsyncWrite + Send + Unpin>,
    /// The far address, if this is TCP.
    pub(super) address: Option<SocketAddr>,
    /// Has what is under way to here bound, likewise.
    pub(super) bound: Option<Bound>,
}

impl Stream {
    /// A channel through a jump host. Its gate keeps the jump's own connection from filling up unseen.
    pub(super) fn through(channel: Channel<Msg>, gate: SendGate) -> Self {
        let (read, write) = channel.split();
        let write = ChannelWriter(ChannelSender::new(write, gate));
        Self { read: Box::new(ChannelReader::new(read)), write: Box::new(write), address: None, bound: None }
    }

    /// Puts the ring before it.
    pub(super) fn into_ring(self) -> RingStream {
        RingStream::from_halves(self.read, self.write, RingConfig::default())
    }
}

/// Reaches a target that needs no jump host.
pub(super) async fn dial(target: &Target) -> Result<Stream, CarrierError> {
    match &target.proxy_command {
        Some(command) => proxy_command(command, target),
        None => tcp(target).await,
    }
}

async fn tcp(target: &Target) -> Result<Stream, CarrierError> {
    let resolve = |source| CarrierError::Resolve { host: target.host.clone(), source };
    let is_wanted = |address: &SocketAddr| match target.family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    };
    let addresses = lookup_host((target.host.as_str(), target.port)).await.map_err(resolve)?;
    let mut failure = resolve(io::Error::new(io::ErrorKind::NotFound, "no address of the wanted family"));
    for address in addresses.filter(is_wanted) {
        match connect(address, target).await {
            Ok(stream) => {
                tracing::debug!(%address, "connected");
                let (read, write) = stream.into_split();
                let (read, bound) = Inlet::new(read);
                return Ok(Stream {
                    read: Box::new(read),
                    write: Box::new(write),
                    address: Some(address),
                    bound: Some(bound),
                });
            }
            Err(source) => {
                tracing::debug!(%address, error = %source, "cannot connect");
                failure = CarrierError::Connect { address: address.to_string(), source };
            }
        }
    }
    Err(failure)
}

async fn connect(address: SocketAddr, target: &Target) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bind) = &target.bind_address {
        let local: IpAddr =
            bind.parse().map_err(|_| io::Error::other(format!("BindAddress {bind} is no address")))?;
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    tcp::keep_short(&stream)?;
    tcp::steer(&stream, target.congestion_control.as_deref());
    let (idle, interval, count) = TCP_KEEPALIVE;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, idle)?;
    sockopt::set_tcp_keepintvl(&stream, interval)?;
    sockopt::set_tcp_keepcnt(&stream, count)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(&stream, TCP_USER_TIMEOUT.as_millis() as u32)?;
    Ok(stream)
}

fn proxy_command(command: &str, target: &Target) -> Result<Stream, CarrierError> {
    let stderr = Stderr::new(&format!("ProxyCommand for {}", target.host));
    // `exec`, so that killing the child kills the program and not a shell around it; as ssh does.
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| CarrierError::Spawn { program: "/bin/sh".into(), source })?;
    let (Some(write), Some(read), Some(mut pipe)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CarrierError::Config("the ProxyCommand started without its pipes".to_owned()));
    };
    tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        let mut buffer = [0; 1024];
        while let Ok(n) = pipe.read(&mut buffer).await
            && n > 0
        {
            stderr.push(&buffer[..n]);
        }
    });
    Ok(Stream {
        read: Box::new(WithChild { inner: read, _child: child }),
        write: Box::new(write),
        address: None,
        bound: None,
    })
}

/// A pipe from a child that is killed when the pipe is dropped.
struct WithChild<T> {
    inner: T,
    _child: Child,
}

impl<T: AsyncRead + Unpin> AsyncRead for WithChild<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}
