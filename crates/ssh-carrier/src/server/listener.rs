//! Taking TCP connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use super::{Phase, Shared, connection};
use crate::CarrierError;

/// Connections that the system may hold until they are taken (sshd's value).
const BACKLOG: u32 = 128;

/// A pause after a failed accept, which most often means that descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, CarrierError> {
    let listening = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => {
                let socket = TcpSocket::new_v6()?;
                rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
                socket
            }
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => " (does sshd listen there? choose another port)",
            io::ErrorKind::PermissionDenied => " (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
            _ => "",
        };
        CarrierError::io(format!("cannot listen on {address}{hint}"), error)
    })
}

/// Waits until the server is no longer open.
async fn left_open(phase: &mut watch::Receiver<Phase>) {
    // An error says that the server was dropped.
    let _ = phase.wait_for(|&phase| phase != Phase::Open).await;
}

pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let mut phase = shared.phase.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(stream, peer, &shared),
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = left_open(&mut phase) => return,
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    let client = Arc::clone(&shared.clients).try_acquire_owned();
    let unauthenticated = Arc::clone(&shared.unauthenticated).try_acquire_owned();
    match (client, unauthenticated) {
        (Ok(client), Ok(unauthenticated)) => {
            let serving = connection::serve(stream, peer, Arc::clone(shared), unauthenticated);
            tokio::spawn(async move {
                serving.await;
                drop(client);
            });
        }
        (client, _) => {
            let what = if client.is_err() { "clients" } else { "clients that have not logged in" };
            tracing::warn!(%peer, "connection refused: too many {what}");
            // RFC 4253 §4.2 lets a server send lines before its version; ssh shows them with -v. A full socket
            // buffer is impossible here, and a line that is lost does no harm.
            let _ = stream.try_write(format!("Too many {what}; try again later\r\n").as_bytes());
        }
    }
}
