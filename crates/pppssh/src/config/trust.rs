//! Whose word counts: is this process entitled by its caller's own rights, or did the binary bring rights along?

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, io};

use nix::unistd::{Group, User};
use rustix::process::{getegid, geteuid, getgid, getgroups, getuid};

use crate::privilege::at_secure;

/// Search path of a privileged process and its children.
const SAFE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What it keeps of the caller's environment, besides `LC_…`. Everything else could change what a program does.
const KEEPS: [&str; 7] =
    ["TERM", "LANG", "LANGUAGE", "SSH_AUTH_SOCK", "SSH_CLIENT", "SSH_CONNECTION", "SSH_ORIGINAL_COMMAND"];

/// Whose word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The process has its caller's rights: root's, the user's, or those a service manager gave. He may say anything.
    Own,
    /// The process gained capabilities from its file. Only files that root alone can write count.
    Elevated(Caller),
}

/// The user on whose behalf a privileged process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// Login name, if the user database has one.
    pub name: Option<String>,
    /// Home directory, from the user database; `$HOME` does not count.
    pub home: Option<PathBuf>,
}

/// Why something is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The binary is setuid or setgid.
    #[error(
        "pppssh is set-user-id or set-group-id, which it does not need: remove those bits \
         (`chmod ug-s`) and use `setcap cap_net_admin+ep` instead"
    )]
    SetId,
    /// The system did not answer.
    #[error("cannot tell who is calling: {0}")]
    Caller(io::Error),
    /// Not absolute, or with `..` in it.
    #[error("{} is not an absolute path without `..`", .0.display())]
    NotPlain(PathBuf),
    /// Cannot be opened.
    #[error("{}: {reason}{}", path.display(), advice(reason))]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A symbolic link, which somebody may point elsewhere.
    #[error("{} is a symbolic link: name the file itself", .0.display())]
    Symlink(PathBuf),
    /// Not a regular file, or a component that is not a directory.
    #[error("{} is not a {wanted}", path.display())]
    WrongKind {
        /// What was found.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Belongs to somebody else than root.
    #[error("{} belongs to user id {uid}, not to root: `chown root` it", path.display())]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// Others than root may write it.
    #[error("{} may be written by others than root (mode {mode:04o}): `chmod go-w` it", path.display())]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; pppssh reads it with the caller's rights: let root give it a group of the caller's and mode 0640"
        }
        _ => "",
    }
}

impl Trust {
    /// Asks the kernel: `AT_SECURE` in the auxiliary vector is set when this program was given rights by its file.
    pub fn detect() -> Result<Self, TrustError> {
        if getuid() != geteuid() || getgid() != getegid() {
            return Err(TrustError::SetId);
        }
        if !at_secure::at_secure() {
            return Ok(Self::Own);
        }
        Caller::current().map(Self::Elevated)
    }

    /// Whether the binary brought rights along.
    pub fn is_elevated(&self) -> bool {
        matches!(self, Self::Elevated(_))
    }

    /// The user's home directory: `$HOME`, or the user database's when privileged.
    pub fn home(&self) -> Option<PathBuf> {
        match self {
            Self::Own => env::home_dir().filter(|home| home.is_absolute()),
            Self::Elevated(caller) => caller.home.clone(),
        }
    }

    /// The environment that this process and its children should have: unchanged, unless the process is privileged.
    ///
    /// Then it has a fixed `PATH`, who the user is from the user database, and of the caller's only locale, terminal,
    /// agent, and what sshd says about the connection. (The loader removes `LD_…` by itself.)
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        match self {
            Self::Own => env::vars_os().collect(),
            Self::Elevated(caller) => caller.environment(env::vars_os()),
        }
    }
}

impl Caller {
    fn environment(&self, given: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let keeps = |name: &OsString| {
            name.to_str().is_some_and(|name| KEEPS.contains(&name) || name.starts_with("LC_"))
        };
        let mut all: Vec<_> = given.filter(|(name, _)| keeps(name)).collect();
        all.push(("PATH".into(), SAFE_PATH.into()));
        all.push(("SHELL".into(), "/bin/sh".into()));
        all.extend(self.home.clone().map(|home| ("HOME".into(), home.into())));
        if let Some(name) = &self.name {
            all.push(("USER".into(), name.into()));
            all.push(("LOGNAME".into(), name.into()));
        }
        all
    }

    /// The real user of this process.
    pub fn current() -> Result<Self, TrustError> {
        let uid = getuid();
        let user = User::from_uid(uid.as_raw().into()).map_err(|errno| TrustError::Caller(errno.into()))?;
        let groups = getgroups().map_err(|errno| TrustError::Caller(errno.into()))?;
        Ok(Self {
            uid: uid.as_raw(),
            gid: getgid().as_raw(),
            groups: groups.into_iter().map(rustix::process::Gid::as_raw).collect(),
            name: user.as_ref().map(|user| user.name.clone()),
            home: user.map(|user| user.dir).filter(|home| home.is_absolute()),
        })
    }

    /// Below which directories he may put a control socket: they are his own.
    pub(super) fn runtime_dirs(&self) -> [PathBuf; 2] {
        [format!("/run/user/{}/pppssh", self.uid).into(), format!("/tmp/pppssh-{}", self.uid).into()]
    }

    /// What to call him in messages.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.uid.to_string())
    }

    /// Whether a profile's `allow` list names him: root always, `*`, his name, or `@` one of his groups.
    ///
    /// Names are turned into ids and ids compared, so two names of one user are the same user.
    pub fn is_in(&self, allow: &[String]) -> bool {
        let user_id = |name: &str| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
        let group_id = |name: &str| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
        self.matches(allow, user_id, group_id)
    }

    fn matches(
        &self,
        allow: &[String],
        user_id: impl Fn(&str) -> Option<u32>,
        group_id: impl Fn(&str) -> Option<u32>,
    ) -> bool {
        let names = |entry: &String| match entry.strip_prefix('@') {
            Some(group) => group_id(group).is_some_and(|gid| gid == self.gid || self.groups.contains(&gid)),
            None => entry == "*" || user_id(entry) == Some(self.uid),
        };
        self.uid == 0 || allow.iter().any(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vpn() -> Caller {
        Caller {
            uid: 990,
            gid: 990,
            groups: vec![44, 55],
            name: Some("vpn".into()),
            home: Some("/home/vpn".into()),
        }
    }

    fn allowed(entries: &[&str]) -> bool {
        let user_id = |name: &str| {
            [("vpn", 990), ("vpn-alias", 990), ("eve", 991)].iter().find(|u| u.0 == name).map(|u| u.1)
        };
        let group_id = |name: &str| {
            [("netops", 55), ("vpn", 990), ("wheel", 10)].iter().find(|g| g.0 == name).map(|g| g.1)
        };
        let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
        vpn().matches(&entries, user_id, group_id)
    }

    #[test]
    fn nobody_is_allowed_until_a_profile_says_so() {
        assert!(!allowed(&[]));
        assert!(!allowed(&["eve", "@wheel", "nosuchuser", "@nosuchgroup"]));
        for good in ["vpn", "vpn-alias", "@netops", "@vpn", "*"] {
            assert!(allowed(&["eve", good]), "{good}");
        }
        assert!(!allowed(&["netops"]), "a group needs its @");
        assert!(!allowed(&["990"]), "ids are not names");
    }

    #[test]
    fn a_privileged_process_keeps_nothing_that_could_steer_it() {
        let ours = [
            ("PATH", "/tmp/evil"),
            ("LD_PRELOAD", "/tmp/evil.so"),
            ("HOME", "/tmp/evil"),
            ("SSH_ASKPASS", "/tmp/evil"),
            ("BASH_ENV", "/tmp/evil"),
            ("SHELL", "/tmp/evil"),
            ("XDG_CONFIG_HOME", "/tmp/evil"),
            ("LANG", "C.UTF-8"),
            ("LC_TIME", "C"),
            ("SSH_AUTH_SOCK", "/run/agent"),
        ];
        let env = vpn().environment(ours.into_iter().map(|(name, value)| (name.into(), value.into())));
        let text: Vec<_> = env.iter().map(|(n, v)| format!("{}={}", n.display(), v.display())).collect();
        assert!(!text.iter().any(|line| line.contains("evil")), "{text:?}");
        for kept in ["LANG=C.UTF-8", "LC_TIME=C", "SSH_AUTH_SOCK=/run/agent", "HOME=/home/vpn", "USER=vpn"] {
            assert!(text.contains(&kept.to_owned()), "{kept} in {text:?}");
        }
    }
}
