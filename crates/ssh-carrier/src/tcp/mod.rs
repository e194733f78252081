//! A TCP socket of ours, so that little waits in it, and little on its line.

mod inlet;
#[cfg_attr(not(target_os = "linux"), path = "no_options.rs")]
mod options;
mod window;

use std::io;
use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
use rustix::io::Errno;
#[cfg(any(target_os = "linux", target_os = "macos"))]
use socket2::SockRef;
use tokio::net::TcpStream;

pub(crate) use self::inlet::{Bound, Inlet};

/// What a connection has under way to the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    /// How long segments of late took, and their acknowledgements.
    round_trip: Duration,
    /// Segments that are not acknowledged.
    unacknowledged: u32,
}

/// Octets that may wait in the socket and have not been sent once (TCP_NOTSENT_LOWAT); without a bound the system grows
/// its buffer to megabytes, behind which every packet would wait. As much as the ring's gate lets into the ring: enough for
/// the system to have something to send whenever it may.
const NOTSENT: u32 = 128 * 1024;

/// Sends at once what is written, and takes no more than can be sent soon.
pub(crate) fn keep_short(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    SockRef::from(stream).set_tcp_notsent_lowat(NOTSENT)?;
    Ok(())
}

/// Has the system's congestion control of that name steer what is sent; if the system does not give it, a warning says why, and its
/// own choice stays.
pub(crate) fn steer(stream: &TcpStream, congestion_control: Option<&str>) {
    if let Some(name) = congestion_control
        && let Err(error) = set_congestion_control(stream, name)
    {
        tracing::warn!("cannot use the congestion control {name}, going on with the system's: {error}");
    }
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn set_congestion_control(stream: &TcpStream, name: &str) -> io::Result<()> {
    rustix::net::sockopt::set_tcp_congestion(stream, name).map_err(why_not)
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn why_not(error: Errno) -> io::Error {
    match error {
        Errno::NOENT => io::Error::new(
            io::ErrorKind::NotFound,
            "the system does not have it: see net.ipv4.tcp_available_congestion_control, or load its module",
        ),
        Errno::PERM => io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it takes CAP_NET_ADMIN, or a place in net.ipv4.tcp_allowed_congestion_control",
        ),
        other => other.into(),
    }
}

/// Elsewhere a socket cannot be told.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn set_congestion_control(_: &TcpStream, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no choice of it for each connection"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    #[cfg(target_os = "linux")]
    use crate::ring::RingConfig;

    async fn connected() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_written_leaves_at_once_and_little_of_it_waits() {
        let stream = connected().await;
        keep_short(&stream).unwrap();
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            let bound = SockRef::from(&stream).tcp_notsent_lowat().unwrap();
            assert_eq!(bound as usize, RingConfig::default().gate);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_congestion_control_is_set_or_it_is_said_why_not() {
        let stream = connected().await;
        // Every Linux has it, and allows it to everybody.
        set_congestion_control(&stream, "reno").unwrap();
        assert_eq!(rustix::net::sockopt::tcp_congestion(&stream).unwrap(), "reno");
        let error = set_congestion_control(&stream, "no-such").unwrap_err();
        assert!(error.to_string().contains("tcp_available_congestion_control"), "{error}");
        // As the system says to who is not root and asks for one that is not allowed to everybody.
        let error = why_not(Errno::PERM);
        assert!(error.to_string().contains("tcp_allowed_congestion_control"), "{error}");
    }
}
