//! Files, and what may stand in their place.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;

fn profile(record: Option<&Path>, pcap: Option<&Path>) -> Profile {
    Profile { record: record.map(Into::into), pcap: pcap.map(Into::into), ..Profile::default() }
}

#[test]
fn a_record_is_appended_to_and_a_pcap_starts_anew_both_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let (record, pcap) = (dir.path().join("r"), dir.path().join("p"));
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let mut capture = Capture::open(&profile(Some(&record), Some(&pcap)), "saturn").unwrap();
        capture.started();
        capture.ended();
        sizes.push([&record, &pcap].map(|path| fs::metadata(path).unwrap().len()));
    }
    assert!(sizes[1][0] > sizes[0][0], "{sizes:?}");
    assert_eq!(sizes[1][1], sizes[0][1]);
    for path in [&record, &pcap] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_sessions_name_may_stand_in_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("of-%s.record");
    assert!(is_per_session(&path));
    Capture::open(&profile(Some(&path), None), "saturn-7").unwrap();
    assert!(dir.path().join("of-saturn-7.record").exists());
}

#[test]
fn what_is_no_regular_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::write(&target, "precious").unwrap();
    symlink(&target, &link).unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for path in [&link, &fifo] {
        for profile in [profile(Some(path), None), profile(None, Some(path))] {
            let error = Capture::open(&profile, "saturn").unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }
    assert!(Capture::open(&profile(None, Some(dir.path())), "saturn").is_err());
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn a_full_disk_ends_the_capture_and_nothing_else() {
    // /dev/full is no regular file, so the file is broken behind the capture's back: closed for writing.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r");
    fs::write(&path, "").unwrap();
    let file = CaptureFile::read_only(&path);
    let mut record = Record::new(file);
    record.sent(b"lost");
    record.flush();
    record.sent(b"lost too");
    record.flush();
    assert_eq!(fs::read(&path).unwrap(), b"");
}
