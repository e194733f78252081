//! A real sshd.

use netlab::Host;

use crate::process::{Running, finish};
use crate::procfs::processes;
use crate::world::{SATURN, World};

const DIRECTORY: &str = "/etc/ssh-test";

/// The system's OpenSSH server on saturn, with a host key of its own and public keys as the only way in.
#[derive(Debug)]
pub struct Sshd {
    host: Host,
    host_key: String,
    daemon: Running,
}

impl Sshd {
    /// Starts it, with more lines for its configuration if need be.
    pub fn start(world: &World, more: &str) -> Sshd {
        let host = world.saturn.clone();
        let key = format!("{DIRECTORY}/host_key");
        let config = format!(
            "ListenAddress {SATURN}:22\nHostKey {key}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPrintMotd no\n{more}\n"
        );
        world.write_as_root(&host, &format!("{DIRECTORY}/sshd_config"), &config, 0o600);
        let mut keygen = host.command("/usr/bin/ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "saturn", "-f", &key]);
        finish("ssh-keygen (package openssh-client)", keygen).well();
        let host_key = world.read(&host, &format!("{key}.pub")).trim().to_owned();
        let daemon = daemon(&host);
        Sshd { host, host_key, daemon }
    }

    /// Its public host key, as known_hosts has it behind the name.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Kills the daemon and every login it serves, at once and without a word.
    pub fn kill(&mut self) {
        self.kill_logins();
        self.daemon.end();
    }

    fn kill_logins(&self) {
        for process in processes(&self.host, "sshd") {
            process.kill();
        }
    }

    /// Starts the daemon again after [`Sshd::kill`], with the same keys.
    pub fn start_again(&mut self) {
        self.daemon = daemon(&self.host);
    }
}

impl Drop for Sshd {
    /// Of a wire that is taken away a login would never hear that the other end is gone.
    fn drop(&mut self) {
        self.kill_logins();
    }
}

fn daemon(host: &Host) -> Running {
    let mut command = host.command("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f", &format!("{DIRECTORY}/sshd_config")]);
    netlab::die_with_parent(&mut command);
    let daemon = Running::start("sshd (package openssh-server)", command);
    daemon.says("Server listening on");
    daemon
}
