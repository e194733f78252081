//! The lab: makes hosts and the wires between them.

use crate::link::{self, End};
use crate::{Files, Host, LabError, user};

/// Where hosts are made and wired.
#[derive(Debug)]
pub struct Lab(());

impl Lab {
    /// Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Without them it calls
    /// [`enter_user_namespace`](crate::enter_user_namespace), which works only in a process of one thread.
    pub fn new() -> Result<Lab, LabError> {
        user::enter_user_namespace()?;
        Ok(Lab(()))
    }

    /// A host with the machine's files and nothing but a loopback interface.
    pub fn host(&self, name: &str) -> Result<Host, LabError> {
        Host::new(name, None)
    }

    /// A host with some files of its own.
    pub fn host_with(&self, name: &str, files: &Files) -> Result<Host, LabError> {
        Host::new(name, Some(files))
    }

    /// Joins `a` and `b` by a wire, plugged into a new interface on each, and waits until both have carrier.
    pub fn wire(&self, a: &Host, a_device: &str, b: &Host, b_device: &str) -> Result<(), LabError> {
        link::wire(&End { host: a, device: a_device }, &End { host: b, device: b_device })
    }
}
