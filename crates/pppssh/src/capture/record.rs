//! The carrier's bytes, in the form that pppd's `record` option writes and pppdump(8) reads.
//!
//! ```text
//! 7 TIME(4)     a carrier came, at this second since 1970
//! 1 LEN(2) …    sent              2 LEN(2) …   received
//! 3             sending ended     4            receiving ended
//! 5 TENTHS(4)   6 TENTHS(1)       so much later, in tenths of a second
//! ```
//!
//! All numbers are big-endian.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::file::CaptureFile;

const SENT: u8 = 1;
const RECEIVED: u8 = 2;
const END_SENT: u8 = 3;
const END_RECEIVED: u8 = 4;
const LATER: u8 = 5;
const SOON: u8 = 6;
const START: u8 = 7;

#[derive(Debug)]
pub(super) struct Record {
    file: CaptureFile,
    /// The time that a reader of the file knows, in tenths of a second since 1970.
    told: u64,
}

impl Record {
    pub(super) fn new(file: CaptureFile) -> Self {
        Self { file, told: 0 }
    }

    pub(super) fn started(&mut self) {
        self.started_at(now());
    }

    fn started_at(&mut self, now: Duration) {
        // The format's seconds have 32 bits; what pppdump shows after 2106 is its own affair.
        let seconds = now.as_secs() as u32;
        self.told = now.as_secs() * 10;
        self.file.write(&[&[START], &seconds.to_be_bytes()]);
    }

    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.bytes(now(), SENT, bytes);
    }

    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.bytes(now(), RECEIVED, bytes);
    }

    pub(super) fn ended(&mut self) {
        self.time(now());
        self.file.write(&[&[END_SENT, END_RECEIVED]]);
    }

    pub(super) fn flush(&self) {
        self.file.flush();
    }

    fn bytes(&mut self, now: Duration, tag: u8, bytes: &[u8]) {
        self.time(now);
        for piece in bytes.chunks(u16::MAX.into()) {
            let length = u16::try_from(piece.len()).expect("a piece is not longer");
            self.file.write(&[&[tag], &length.to_be_bytes(), piece]);
        }
    }

    fn time(&mut self, now: Duration) {
        let tenths = now.as_secs() * 10 + u64::from(now.subsec_millis()) / 100;
        // A clock that was set back is shown as one that stood still.
        let passed = tenths.saturating_sub(self.told);
        self.told = self.told.max(tenths);
        match (u8::try_from(passed), u32::try_from(passed)) {
            (Ok(0), _) => {}
            (Ok(passed), _) => self.file.write(&[&[SOON, passed]]),
            (_, passed) => self.file.write(&[&[LATER], &passed.unwrap_or(u32::MAX).to_be_bytes()]),
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_octets_are_those_that_pppdump_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut record = Record::new(CaptureFile::append(&path).unwrap());
        let at = |millis: u64| Duration::from_millis(1_600_000_000_000 + millis);
        record.started_at(at(250));
        record.bytes(at(250), SENT, b"~\xff~");
        record.bytes(at(290), RECEIVED, b"!");
        record.bytes(at(40_000), RECEIVED, b"?");
        record.file.flush();
        let golden = [
            &[7, 0x5f, 0x5e, 0x10, 0x00][..],
            &[6, 2, 1, 0, 3, b'~', 0xff, b'~'],
            &[2, 0, 1, b'!'],
            &[5, 0, 0, 1, 0x8e, 2, 0, 1, b'?'],
        ];
        assert_eq!(std::fs::read(&path).unwrap(), golden.concat());
    }

    #[test]
    fn a_clock_set_back_stands_still() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record");
        let mut record = Record::new(CaptureFile::append(&path).unwrap());
        record.started_at(Duration::from_secs(100));
        record.bytes(Duration::from_secs(90), SENT, b"");
        record.time(Duration::from_secs(100));
        record.file.flush();
        assert_eq!(std::fs::read(&path).unwrap(), [7, 0, 0, 0, 100]);
    }
}
