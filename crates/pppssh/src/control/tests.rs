use std::io::{BufRead, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;

use tokio::sync::mpsc;

use super::client::{self, Format};
use super::{Command, Condition, Control, ControlError, ControlServer, REQUEST_MAX, RuntimeDirs};
use crate::status::{Phase, Role, SessionStatus};

struct Place {
    dirs: RuntimeDirs,
    _dir: tempfile::TempDir,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place { dirs: RuntimeDirs::at(dir.path().join("pppssh")), _dir: dir }
}

fn saturn(place: &Place) -> Control {
    ControlServer::bind(&place.dirs, SessionStatus::new("saturn", Role::Connect)).unwrap()
}

/// A session that publishes when asked and ends when told: what the real one does with its commands.
async fn obey(mut control: Control) -> Vec<Command> {
    let mut heard = Vec::new();
    while let Some(command) = control.commands.recv().await {
        match command {
            Command::Publish => control.status.update(|status| status.counters.bytes_sent += 1),
            Command::Redial | Command::GiveWay => heard.push(command),
            Command::Disconnect => {
                heard.push(command);
                return heard;
            }
        }
    }
    heard
}

fn raw(socket: &Path, request: &[u8]) -> String {
    let mut stream = StdStream::connect(socket).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    std::io::BufReader::new(stream).read_line(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn a_status_is_answered_with_fresh_counters_and_the_socket_is_its_owners_alone() {
    let place = place();
    let control = saturn(&place);
    let mode = std::fs::metadata(control.server.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let session = tokio::spawn(obey(control));

    let found = client::find(&place.dirs, None).await.unwrap();
    assert_eq!(found.name, "saturn");
    assert_eq!(found.status().await.unwrap().counters.bytes_sent, 1);
    assert_eq!(found.status().await.unwrap().counters.bytes_sent, 2);
    let json = client::report(&place.dirs, Some("saturn"), Format::Json, None).await.unwrap();
    assert_eq!(serde_json::from_str::<SessionStatus>(&json).unwrap().name, "saturn");
    let all = client::report(&place.dirs, None, Format::Json, None).await.unwrap();
    assert_eq!(serde_json::from_str::<Vec<SessionStatus>>(&all).unwrap().len(), 1);
    session.abort();
}

#[tokio::test]
async fn a_name_that_a_live_session_holds_is_refused_with_its_pid_and_free_again_after_it() {
    let place = place();
    let first = saturn(&place);
    match ControlServer::bind(&place.dirs, SessionStatus::new("saturn", Role::Connect)) {
        Err(ControlError::AlreadyRunning { name, pid }) => {
            assert_eq!((name.as_str(), pid), ("saturn", std::process::id().to_string()));
        }
        other => panic!("{other:?}"),
    }
    let dir = first.server.socket().parent().unwrap().to_owned();
    drop(first);
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "nothing is left");
    saturn(&place);
}

#[tokio::test]
async fn the_socket_of_a_dead_session_is_replaced_and_not_listed() {
    let place = place();
    let dir = place.dirs.prepare().unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.join("saturn.sock")).unwrap());
    std::fs::write(dir.join("saturn.lock"), "1\n").unwrap();
    assert!(client::sessions(&place.dirs).await.is_empty());
    let _control = saturn(&place);
    assert_eq!(client::sessions(&place.dirs).await.len(), 1);
}

#[tokio::test]
async fn who_waits_for_ipv4_is_told_when_it_comes_up() {
    let place = place();
    let control = saturn(&place);
    let session = client::find(&place.dirs, Some("saturn")).await.unwrap();
    let waiting = tokio::spawn(async move { session.wait(Condition::Ipv4Up).await });
    control.status.update(|status| status.enter(Phase::Network));
    control.status.update(|status| {
        status.enter(Phase::Running);
        status.ipv4 = Some(crate::status::Ipv4Status {
            local: [10, 0, 0, 1].into(),
            remote: [10, 0, 0, 2].into(),
            dns: vec![],
        });
    });
    let status = waiting.await.unwrap().unwrap().unwrap();
    assert_eq!(status.ipv4.unwrap().local.octets(), [10, 0, 0, 1]);
}

#[tokio::test]
async fn who_waits_for_a_session_not_yet_started_gets_it_when_it_starts() {
    let place = place();
    let dirs = place.dirs.clone();
    let waiting = tokio::spawn(async move { client::await_session(&dirs, "saturn").await });
    tokio::task::yield_now().await;
    let _control = saturn(&place);
    assert_eq!(waiting.await.unwrap().unwrap().name, "saturn");
}

#[tokio::test]
async fn a_report_can_wait_for_a_session_that_is_yet_to_start_and_come_up() {
    let place = place();
    let dirs = place.dirs.clone();
    let waiting = tokio::spawn(async move {
        client::report(&dirs, Some("saturn"), Format::Json, Some(Condition::Up)).await
    });
    tokio::task::yield_now().await;
    let control = saturn(&place);
    control.status.update(|status| status.enter(Phase::Running));
    let json = waiting.await.unwrap().unwrap();
    assert_eq!(serde_json::from_str::<SessionStatus>(&json).unwrap().phase, Phase::Running);
}

#[tokio::test]
async fn a_session_that_ends_is_down_for_who_waits_for_that_and_an_error_for_who_waits_for_up() {
    let place = place();
    let control = saturn(&place);
    control.status.update(|status| status.enter(Phase::Running));
    let session = client::find(&place.dirs, None).await.unwrap();
    let mut watch = session.watch().await.unwrap();
    assert_eq!(watch.next().await.unwrap().phase, Phase::Running);
    let down = tokio::spawn({
        let session = session.clone();
        async move { session.wait(Condition::Down).await }
    });
    let ipv6 = tokio::spawn(async move { session.wait(Condition::Ipv6Up).await });
    // Both requests have been read once the server has answered a later one.
    client::find(&place.dirs, None).await.unwrap().status().await.unwrap();
    drop(control);
    assert!(matches!(watch.until(|_| false).await, Err(ControlError::Ended { .. })));
    assert!(down.await.unwrap().is_ok_and(|status| status.is_none_or(|s| s.phase != Phase::Running)));
    assert!(ipv6.await.unwrap().is_err());
}

#[tokio::test]
async fn disconnect_returns_when_the_session_has_ended() {
    let place = place();
    let session = tokio::spawn(obey(saturn(&place)));
    let found = client::find(&place.dirs, None).await.unwrap();
    found.redial().await.unwrap();
    found.disconnect().await.unwrap();
    assert_eq!(session.await.unwrap(), [Command::Redial, Command::Disconnect]);
    assert!(matches!(client::find(&place.dirs, None).await, Err(ControlError::NoSession)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_line_without_end_or_sense_is_refused() {
    let place = place();
    let control = saturn(&place);
    let socket = control.server.socket();
    assert!(raw(socket, &vec![b'x'; REQUEST_MAX + 1]).contains("at most"));
    assert!(raw(socket, b"{\"verb\":\"rm\"}\n").contains("not a request"));
    assert!(raw(socket, b"\xff\n").contains("not a request"));
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_neither_the_session_nor_another_client() {
    let place = place();
    let control = saturn(&place);
    let mut lazy = StdStream::connect(control.server.socket()).unwrap();
    lazy.write_all(b"{\"verb\":\"watch\"}\n").unwrap();
    for round in 0..2_000 {
        control.status.update(|status| status.last_error = Some(format!("{round} {}", "x".repeat(4096))));
        tokio::task::yield_now().await;
    }
    let session = client::find(&place.dirs, None).await.unwrap();
    let error = session.status().await.unwrap().last_error.unwrap();
    assert!(error.starts_with("1999 "), "{error:.20}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_client_too_many_is_told_so() {
    let place = place();
    let control = saturn(&place);
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut stream = StdStream::connect(control.server.socket()).unwrap();
        stream.write_all(b"{\"verb\":\"watch\"}\n").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        held.push(stream);
    }
    assert!(raw(control.server.socket(), b"").contains("too many clients"));
}

#[tokio::test]
async fn more_than_one_session_asks_for_a_name() {
    let place = place();
    let _saturn = saturn(&place);
    let _mars = ControlServer::bind(&place.dirs, SessionStatus::new("mars", Role::Serve)).unwrap();
    match client::find(&place.dirs, None).await {
        Err(ControlError::Ambiguous(names)) => assert_eq!(names, ["mars", "saturn"]),
        other => panic!("{other:?}"),
    }
    let error = client::find(&place.dirs, Some("venus")).await.unwrap_err().to_string();
    assert_eq!(error, "no session named venus is running; running: mars, saturn");
}

#[tokio::test]
async fn a_session_that_never_publishes_still_answers() {
    let place = place();
    let control = saturn(&place);
    let (_keep, _commands): (_, mpsc::Receiver<Command>) = (control.server, control.commands);
    assert_eq!(client::find(&place.dirs, None).await.unwrap().status().await.unwrap().name, "saturn");
}
