//! `pppssh connect` on venus, held by the user vpn.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use rustix::process::Signal;

use serde_json::Value;

use crate::process::{Finished, NEVER, Running, finish};
use crate::world::{PPPSSH, VPN, World};

/// A session that vpn on venus holds to saturn.
#[derive(Debug)]
pub struct Session<'w> {
    world: &'w World,
    /// `pppssh connect`.
    pub process: Running,
}

impl World {
    /// `pppssh …` by vpn on venus, not started yet.
    pub fn pppssh(&self, arguments: &[&str]) -> Command {
        let mut command = self.as_vpn(&self.venus, PPPSSH);
        command.args(arguments);
        command
    }

    /// `pppssh connect saturn …` in the background.
    pub fn connect(&self, more: &[&str]) -> Session<'_> {
        let mut command = self.pppssh(&["-v", "connect", "saturn"]);
        command.args(more);
        self.session(command)
    }

    /// The session that `command` starts, in the background.
    pub fn session(&self, command: Command) -> Session<'_> {
        Session { world: self, process: Running::start("pppssh connect", command) }
    }

    /// `pppssh connect saturn …` that is expected to end by itself.
    pub fn connect_in_vain(&self, more: &[&str]) -> Finished {
        let mut command = self.pppssh(&["-v", "connect", "saturn", "-o", "persist=false"]);
        command.args(more);
        finish("pppssh connect", command)
    }
}

impl Session<'_> {
    /// Waits for `up`, `down`, `ipv4-up` or `ipv6-up`; the status then.
    pub fn wait(&self, condition: &str) -> Value {
        self.report(&["status", "saturn", "--json", "--wait", condition])
    }

    /// Its status.
    pub fn status(&self) -> Value {
        self.report(&["status", "saturn", "--json"])
    }

    /// Waits until its status is as wanted, as the control socket tells it: see docs/control.md, `watch`.
    pub fn until(&self, wanted: impl Fn(&Value) -> bool + Send + Sync) {
        self.wait("up");
        let directory = format!("/tmp/pppssh-{VPN}");
        let found = self.world.venus.run(|| {
            let mut stream = UnixStream::connect(format!("{directory}/saturn.sock"))?;
            stream.set_read_timeout(Some(NEVER))?;
            stream.write_all(b"{\"verb\":\"watch\"}\n")?;
            for line in BufReader::new(stream).lines() {
                let answer: Value = serde_json::from_str(&line?)?;
                if wanted(&answer["status"]) {
                    return Ok(true);
                }
            }
            Ok::<_, std::io::Error>(false)
        });
        assert!(
            found.unwrap().is_ok_and(|found| found),
            "it never came to that; the session said:\n{}",
            self.process.log()
        );
    }

    /// The name of its TUN device on venus.
    pub fn device(&self) -> String {
        self.status()["tun"]["name"].as_str().expect("a session has a device").to_owned()
    }

    /// Ends it with `pppssh disconnect`.
    pub fn disconnect(mut self) -> Finished {
        finish("pppssh disconnect", self.world.pppssh(&["disconnect", "saturn"])).well();
        self.process.end()
    }

    fn report(&self, arguments: &[&str]) -> Value {
        let mut status = Running::start("pppssh status", self.world.pppssh(arguments));
        if !status.ends_before(&self.process) {
            status.signal(Signal::KILL);
            panic!("the session ended before that; it said:\n{}", self.process.log());
        }
        let answer = status.end();
        answer.well();
        serde_json::from_str(&answer.said).unwrap_or_else(|error| panic!("{error} in {}", answer.said))
    }
}
