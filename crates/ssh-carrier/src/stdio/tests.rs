use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::*;

fn config(allow_pty: bool) -> StdioConfig {
    StdioConfig { allow_pty, peer: "test".into(), address: None }
}

/// Every octet value: whatever is not 8-bit clean trips over one of them.
fn all_octets() -> Vec<u8> {
    (0..=255).collect()
}

async fn recv_exactly(carrier: &mut Carrier, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        all.extend_from_slice(&carrier.rx.recv().await.unwrap().expect("more bytes"));
    }
    all
}

#[tokio::test]
async fn two_pipes_carry_both_ways_and_end_cleanly() {
    let (stdin, mut to_stdin) = io::pipe().unwrap();
    let (mut from_stdout, stdout) = io::pipe().unwrap();
    let mut carrier = from_fds(stdin.into(), stdout.into(), &config(false)).unwrap();
    to_stdin.write_all(&all_octets()).unwrap();
    assert_eq!(recv_exactly(&mut carrier, 256).await, all_octets());
    carrier.tx.send(all_octets().into()).await.unwrap();
    carrier.tx.finish().await.unwrap();
    let mut out = Vec::new();
    from_stdout.read_to_end(&mut out).unwrap();
    assert_eq!(out, all_octets());
    drop(to_stdin);
    assert!(carrier.rx.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn one_socket_for_both_streams_carries_both_ways_and_gets_its_flags_back() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let watch = near.try_clone().unwrap();
    let (stdin, stdout) = (near.try_clone().unwrap().into(), near.into());
    let mut carrier = from_fds(stdin, stdout, &config(false)).unwrap();
    far.write_all(&all_octets()).unwrap();
    assert_eq!(recv_exactly(&mut carrier, 256).await, all_octets());
    carrier.tx.send(all_octets().into()).await.unwrap();
    carrier.tx.finish().await.unwrap();
    let mut out = Vec::new();
    far.read_to_end(&mut out).unwrap();
    assert_eq!(out, all_octets());
    drop(carrier);
    assert!(!rustix::fs::fcntl_getfl(&watch).unwrap().contains(OFlags::NONBLOCK));
}

/// Both sides of a new pty.
fn pty() -> (std::fs::File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (master.into(), slave)
}

#[tokio::test]
async fn a_pty_of_sshd_is_made_raw_and_restored() {
    let (mut master, slave) = pty();
    let echo = |fd: &OwnedFd| tcgetattr(fd).unwrap().local_modes.contains(LocalModes::ECHO);
    assert!(echo(&slave));
    let mut carrier =
        from_fds(slave.try_clone().unwrap(), slave.try_clone().unwrap(), &config(true)).unwrap();
    assert!(!echo(&slave));
    assert!(
        !rustix::fs::fcntl_getfl(&slave).unwrap().contains(OFlags::NONBLOCK),
        "others who hold the terminal must not notice"
    );
    master.write_all(&all_octets()).unwrap();
    assert_eq!(recv_exactly(&mut carrier, 256).await, all_octets());
    carrier.tx.send(all_octets().into()).await.unwrap();
    carrier.tx.finish().await.unwrap();
    let mut out = [0; 256];
    master.read_exact(&mut out).unwrap();
    assert_eq!(out.to_vec(), all_octets());
    drop(carrier);
    assert!(echo(&slave));
}

#[tokio::test]
async fn a_closed_pty_master_is_the_clean_end() {
    let (master, slave) = pty();
    let mut carrier = from_fds(slave.try_clone().unwrap(), slave, &config(true)).unwrap();
    drop(master);
    assert!(carrier.rx.recv().await.unwrap().is_none());
}

#[tokio::test]
async fn a_pty_given_by_pppd_is_used_on_either_side_of_it_and_left_as_it_is() {
    for ours_is_the_master in [true, false] {
        let (master, slave) = pty();
        let mut raw = tcgetattr(&slave).unwrap();
        raw.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &raw).unwrap();
        let master = OwnedFd::from(master);
        let (ours, theirs) = if ours_is_the_master { (master, slave) } else { (slave, master) };
        let mut theirs = std::fs::File::from(theirs);
        let mut carrier = from_fds(ours.try_clone().unwrap(), ours, &config(false)).unwrap();
        theirs.write_all(&all_octets()).unwrap();
        assert_eq!(recv_exactly(&mut carrier, 256).await, all_octets());
        carrier.tx.send(all_octets().into()).await.unwrap();
        carrier.tx.finish().await.unwrap();
        let mut out = [0; 256];
        theirs.read_exact(&mut out).unwrap();
        assert_eq!(out.to_vec(), all_octets());
    }
}

#[tokio::test]
async fn a_regular_file_is_refused() {
    let file = tempfile::tempfile().unwrap();
    let (_reader, stdout) = io::pipe().unwrap();
    let error = from_fds(file.into(), stdout.into(), &config(false)).unwrap_err();
    assert!(error.to_string().starts_with("standard input is a regular file"), "{error}");
}

#[test]
fn ssh_connection_says_who_calls() {
    let config = StdioConfig::from_ssh_connection(Some("192.0.2.7 50022 192.0.2.1 22"));
    assert_eq!(
        config,
        StdioConfig { allow_pty: true, peer: "192.0.2.7:50022".into(), address: Some([192, 0, 2, 7].into()) }
    );
    let config = StdioConfig::from_ssh_connection(Some("2001:db8::7 50022 2001:db8::1 22"));
    assert_eq!(config.peer, "[2001:db8::7]:50022");
    assert!(!StdioConfig::from_ssh_connection(Some("nonsense")).allow_pty);
    assert!(!StdioConfig::from_ssh_connection(None).allow_pty);
}
