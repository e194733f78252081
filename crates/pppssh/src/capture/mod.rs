//! What passed, written to files: the carrier's bytes as pppd's `record` does, and the packets for tshark and tcpdump.
//!
//! A capture never gets in the link's way: a disk that is full ends the capture with one warning, and the link goes on.

mod file;
mod pcap;
mod record;

use std::path::{Path, PathBuf};

use ppp_proto::Tap;

pub use file::CaptureError;
pub use pcap::LinkType;

use crate::config::Profile;
use file::CaptureFile;
use pcap::Pcap;
use record::Record;

/// In the path of a capture, stands for the session's name.
pub const SESSION_NAME: &str = "%s";

/// The captures of one session; nothing, usually.
#[derive(Debug, Default)]
pub struct Capture {
    record: Option<Record>,
    pcap: Option<CaptureFile>,
    link_type: LinkType,
}

impl Capture {
    /// Opens what `profile` asks for, for the session called `name`.
    pub fn open(profile: &Profile, name: &str) -> Result<Self, CaptureError> {
        let named = |path: &PathBuf| PathBuf::from(path.to_string_lossy().replace(SESSION_NAME, name));
        let record = profile.record.as_ref().map(|path| CaptureFile::append(&named(path))).transpose()?;
        let pcap = profile.pcap.as_ref().map(|path| CaptureFile::replace(&named(path))).transpose()?;
        let link_type = profile.pcap_type;
        if let Some(pcap) = &pcap {
            pcap.write(&[&link_type.file_header()]);
        }
        Ok(Self { record: record.map(Record::new), pcap, link_type })
    }

    /// Sees the packets, if they are wanted.
    pub fn tap(&self) -> Option<Box<dyn Tap>> {
        let file = self.pcap.clone()?;
        Some(Box::new(Pcap::new(file, self.link_type)))
    }

    /// A carrier came.
    pub(crate) fn started(&mut self) {
        if let Some(record) = &mut self.record {
            record.started();
        }
    }

    /// The carrier took these bytes.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        if let Some(record) = &mut self.record {
            record.sent(bytes);
        }
    }

    /// The carrier gave these bytes.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        if let Some(record) = &mut self.record {
            record.received(bytes);
        }
    }

    /// The carrier is gone.
    pub(crate) fn ended(&mut self) {
        if let Some(record) = &mut self.record {
            record.ended();
        }
        self.flush();
    }

    /// Brings what is buffered to the files; done whenever the pump has nothing else to do.
    pub(crate) fn flush(&self) {
        if let Some(record) = &self.record {
            record.flush();
        }
        if let Some(pcap) = &self.pcap {
            pcap.flush();
        }
    }
}

/// Whether sessions with different names write to different files.
pub fn is_per_session(path: &Path) -> bool {
    path.to_string_lossy().contains(SESSION_NAME)
}

#[cfg(test)]
mod tests;
