//! A private mount namespace with an /etc of its own, and the probe in it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Numbers for the user and the group, which exist in the staged /etc only.
pub(crate) const VPN: u32 = 64_990;
pub(crate) const NETOPS: u32 = 64_991;

/// Where the probe lies, with cap_net_admin.
pub(crate) const PROBE: &str = "/etc/probe/probe";

/// What `vpn` runs, in which surroundings.
#[derive(Clone)]
pub(crate) struct Stage {
    /// Shell commands that run as root once the stage is set.
    setup: String,
    /// What setpriv(1) is told.
    setpriv: String,
    /// The caller's environment.
    env: Vec<(String, String)>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

impl Outcome {
    /// Fails the test unless the probe printed this line.
    #[track_caller]
    pub(crate) fn says(&self, line: &str) -> &Self {
        assert!(self.text.lines().any(|said| said == line), "no line `{line}` in:\n{}", self.text);
        self
    }

    /// Fails the test unless the probe was refused with a reason that contains `why`.
    #[track_caller]
    pub(crate) fn refused(&self, why: &str) {
        assert!(!self.ok, "it was not refused:\n{}", self.text);
        assert!(self.text.contains(why), "no `{why}` in:\n{}", self.text);
    }

    /// Fails the test unless the probe did what it was told.
    #[track_caller]
    pub(crate) fn granted(&self) -> &Self {
        assert!(self.ok, "it was refused:\n{}", self.text);
        self
    }
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Stage {
    /// The user `vpn` of the group `netops`, a probe with cap_net_admin, and an empty /etc/pppssh.
    pub(crate) fn new() -> Self {
        Self {
            setup: String::new(),
            setpriv: format!("--reuid={VPN} --regid={VPN} --groups={NETOPS} --inh-caps=-all"),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        }
    }

    /// More shell commands as root, to set the stage.
    pub(crate) fn with(mut self, commands: &str) -> Self {
        self.setup.push_str(commands);
        self.setup.push('\n');
        self
    }

    /// A profile of root's.
    pub(crate) fn profile(self, name: &str, toml: &str) -> Self {
        self.with(&format!("printf %s {} > /etc/pppssh/{name}.toml", quote(toml)))
    }

    /// A variable of the caller's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Other words for setpriv(1).
    pub(crate) fn run_by(mut self, setpriv: &str) -> Self {
        setpriv.clone_into(&mut self.setpriv);
        self
    }

    /// Runs the probe.
    pub(crate) fn probe(&self, args: &[&str]) -> Outcome {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests need root: they give a program file capabilities and run it as another user"
        );
        let me = std::env::current_exe().unwrap();
        let mut script = format!(
            "mount -t tmpfs -o mode=755 tmpfs /mnt
             cp -a /etc/group /etc/passwd /mnt
             for file in ld.so.cache nsswitch.conf; do if [ -e /etc/$file ]; then cp -a /etc/$file /mnt; fi; done
             mkdir -m 755 /mnt/pppssh /mnt/probe
             cp {} /mnt/probe/probe
             mount --move /mnt /etc
             echo vpn:x:{VPN}:{VPN}::/home/vpn:/bin/sh >> /etc/passwd
             echo netops:x:{NETOPS}: >> /etc/group
             chmod 755 {PROBE}
             setcap cap_net_admin+ep {PROBE}
             umask 022\n{}\n
             setpriv=$(command -v setpriv)
             exec env -i",
            quote(me.to_str().unwrap()),
            self.setup
        );
        for (name, value) in &self.env {
            let _ = write!(script, " {}", quote(&format!("{name}={value}")));
        }
        let _ = write!(script, " \"$setpriv\" {} {PROBE} probe", self.setpriv);
        for arg in args {
            let _ = write!(script, " {}", quote(arg));
        }
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "/bin/sh", "-euc", &script])
            .stdin(Stdio::null())
            .output()
            .expect("unshare(1) of util-linux must be there");
        let mut text = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(complaints.is_empty(), "the stage could not be set: {complaints}");
        text.truncate(text.trim_end().len());
        Outcome { ok: output.status.success(), text }
    }

    /// Runs the probe to read the profile for a command line.
    pub(crate) fn load(&self, line: &str) -> Outcome {
        let words: Vec<&str> = ["load"].into_iter().chain(line.split_whitespace()).collect();
        self.probe(&words)
    }
}
