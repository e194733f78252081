//! Telling who started us that the link is up: sd_notify(3), READY=1.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1` to the socket that `NOTIFY_SOCKET` names; false if it names none: nobody waits then.
pub fn notify_ready() -> io::Result<bool> {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(false) };
    send(&socket).map(|()| true)
}

fn send(socket: &OsStr) -> io::Result<()> {
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address(socket)?).map(drop)
}

/// A path, or a name behind `@` that is in no file system.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(socket),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "NOTIFY_SOCKET is neither a path nor @NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> Vec<u8> {
        let mut message = [0; 64];
        let length = socket.recv(&mut message).unwrap();
        message[..length].to_vec()
    }

    #[test]
    fn whoever_waits_on_a_path_or_a_name_hears_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str()).unwrap();
        assert_eq!(heard(&socket), b"READY=1");
        #[cfg(target_os = "linux")]
        {
            let name = format!("@pppssh-notify-{}", std::process::id());
            let socket = UnixDatagram::bind_addr(&address(name.as_ref()).unwrap()).unwrap();
            send(name.as_ref()).unwrap();
            assert_eq!(heard(&socket), b"READY=1");
        }
    }

    #[test]
    fn what_names_no_socket_is_an_error() {
        for socket in ["", "vsock:2:1234", "/nonexistent/notify"] {
            assert!(send(socket.as_ref()).is_err(), "{socket}");
        }
    }
}
