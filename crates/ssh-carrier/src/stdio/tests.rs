use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::*;
use crate::lanes::{Agreement, HELLO, Joint, Stripes};

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
    let mut carrier = from_fds(stdin.into(), stdout.into(), &config(false)).unwrap().into_carrier(None);
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
    let mut carrier = from_fds(stdin, stdout, &config(false)).unwrap().into_carrier(None);
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
    let mut carrier = from_fds(slave.try_clone().unwrap(), slave.try_clone().unwrap(), &config(true))
        .unwrap()
        .into_carrier(None);
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
    let mut carrier = from_fds(slave.try_clone().unwrap(), slave, &config(true)).unwrap().into_carrier(None);
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
        let mut carrier =
            from_fds(ours.try_clone().unwrap(), ours, &config(false)).unwrap().into_carrier(None);
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

/// A caller with one lane open, and the socket where further ones join.
struct Caller {
    dir: tempfile::TempDir,
    first: io::PipeWriter,
    /// What comes back through the first.
    back: io::PipeReader,
    stripes: Stripes,
}

impl Caller {
    fn new() -> (Caller, Carrier) {
        let dir = tempfile::tempdir().unwrap();
        let (stdin, first) = io::pipe().unwrap();
        let (back, stdout) = io::pipe().unwrap();
        let caller = Caller { dir, first, back, stripes: Stripes::default() };
        let listener = LaneListener::bind(&caller.socket()).unwrap();
        let streams = from_fds(stdin.into(), stdout.into(), &config(false)).unwrap();
        (caller, streams.into_carrier(Some(listener)))
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("lanes")
    }

    /// Opens a lane through a process that hands on, as sshd would start it.
    fn open(&self) -> (io::PipeReader, io::PipeWriter) {
        let (stdin, to) = io::pipe().unwrap();
        let (from, stdout) = io::pipe().unwrap();
        let streams = from_fds(stdin.into(), stdout.into(), &config(false)).unwrap();
        let path = self.socket();
        tokio::spawn(async move { lanes::hand_on(streams, &path).await });
        (from, to)
    }
}

/// Reads this word, while the runtime goes on.
async fn hears(mut from: io::PipeReader, word: impl Into<Vec<u8>>) -> io::PipeReader {
    let word = word.into();
    let read = tokio::task::spawn_blocking(move || {
        let mut heard = vec![0; word.len()];
        from.read_exact(&mut heard).unwrap();
        assert_eq!(heard, word);
        from
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_stream_through_three_lanes_comes_out_as_it_went_in() {
    let (mut caller, mut carrier) = Caller::new();
    let stream: Vec<u8> = (0..4_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let whole = stream.clone();
    let receiving = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(chunk) = carrier.rx.recv().await.unwrap() {
            all.extend_from_slice(&chunk);
        }
        assert!(all == whole, "{} octets", all.len());
    });
    let mut lanes = Vec::new();
    for joins_at in [500_000_u64, 1_700_001] {
        let (from, mut to) = caller.open();
        let from = hears(from, HELLO).await;
        to.write_all(&Joint { sent: joins_at, received: None }.emit()).unwrap();
        let from = hears(from, Agreement { received: None }.emit()).await;
        lanes.push((from, to));
        assert!(caller.stripes.join_at(joins_at));
        // Up to within a turn of the second lane, so that the third joins in the middle of one.
        let end = if joins_at == 500_000 { 1_000_000 } else { stream.len() };
        (caller, lanes) = tokio::task::spawn_blocking({
            let stream = stream.clone();
            move || {
                while (caller.stripes.position() as usize) < end {
                    let from = caller.stripes.position() as usize;
                    let octets = caller.stripes.run().min(10_007).min(end - from);
                    let lane = match caller.stripes.lane() {
                        0 => &mut caller.first,
                        other => &mut lanes[other - 1].1,
                    };
                    lane.write_all(&stream[from..from + octets]).unwrap();
                    caller.stripes.advance(octets);
                }
                (caller, lanes)
            }
        })
        .await
        .unwrap();
    }
    let socket = caller.socket();
    drop((caller.first, lanes));
    receiving.await.unwrap();
    assert!(!socket.exists(), "it goes with the carrier");
}

#[tokio::test]
async fn what_goes_back_uses_the_lanes_that_the_caller_wants_for_it() {
    let (caller, mut carrier) = Caller::new();
    let stream: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    carrier.tx.send(stream[..1000].to_vec().into()).await.unwrap();
    let (from, mut to) = caller.open();
    let receiving = tokio::spawn(async move { (carrier.rx.recv().await.unwrap().unwrap(), carrier) });
    let from = hears(from, HELLO).await;
    // It joins at once both ways, which is too early by 1000 octets for what comes back.
    to.write_all(&Joint { sent: 0, received: Some(0) }.emit()).unwrap();
    to.write_all(b"through the second").unwrap();
    let (received, Carrier { mut tx, rx, .. }) = receiving.await.unwrap();
    assert_eq!(received, "through the second");
    let mut back = caller.back;
    let read = tokio::task::spawn_blocking(move || {
        let mut from = from;
        let mut agreement = [0; Agreement::LEN];
        from.read_exact(&mut agreement).unwrap();
        let agreed = Agreement::parse(&agreement).unwrap().received.unwrap();
        let mut stripes = Stripes::default();
        assert!(stripes.join_at(agreed));
        let mut all = Vec::new();
        loop {
            let mut chunk = vec![0; stripes.run().min(10_007)];
            let lane: &mut io::PipeReader = if stripes.lane() == 0 { &mut back } else { &mut from };
            let octets = lane.read(&mut chunk).unwrap();
            if octets == 0 {
                return (agreed, all);
            }
            all.extend_from_slice(&chunk[..octets]);
            stripes.advance(octets);
        }
    });
    for chunk in stream[1000..].chunks(70_001) {
        tx.send(chunk.to_vec().into()).await.unwrap();
    }
    tx.finish().await.unwrap();
    drop((tx, rx));
    let (agreed, all) = read.await.unwrap();
    assert_eq!(agreed, 1000, "where the stream was by then");
    assert!(all == stream, "{} octets", all.len());
}

#[tokio::test]
async fn whoever_looks_in_and_leaves_is_no_lane() {
    let (mut caller, mut carrier) = Caller::new();
    let (from, to) = caller.open();
    let heard = tokio::spawn(hears(from, HELLO));
    let mut said = tokio::spawn(async move {
        let first = carrier.rx.recv().await.unwrap();
        (first, carrier)
    });
    let from = tokio::select! {
        from = heard => from.unwrap(),
        _ = &mut said => panic!("nothing was sent yet"),
    };
    drop((from, to));
    caller.first.write_all(b"still here").unwrap();
    let (first, _) = said.await.unwrap();
    assert_eq!(first.unwrap(), "still here");
}

#[tokio::test]
async fn a_lane_that_joins_behind_what_was_read_breaks_the_stream() {
    let (mut caller, mut carrier) = Caller::new();
    caller.first.write_all(&all_octets()).unwrap();
    assert_eq!(recv_exactly(&mut carrier, 256).await, all_octets());
    let (from, mut to) = caller.open();
    let broken = tokio::spawn(async move { carrier.rx.recv().await });
    let _from = hears(from, HELLO).await;
    to.write_all(&Joint { sent: 255, received: None }.emit()).unwrap();
    let error = broken.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("standard input"), "{error}");
}

#[tokio::test]
async fn a_socket_that_somebody_listens_at_is_left_to_him_and_a_dead_one_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lanes");
    let alive = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_eq!(LaneListener::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(alive);
    assert!(path.exists());
    LaneListener::bind(&path).unwrap();
}
