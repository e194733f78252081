//! Putting a profile together: built-in defaults, then the system's file, then the user's, then the flags.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use toml::{Table, Value};

use super::check::check;
use super::file::Layer;
use super::given::Given;
use super::profile::{Key, Profile};
use super::sources::{Source, Sources};
use super::trust::{Caller, Trust, TrustError};
use super::trusted::open_trusted;
use super::{ConfigError, ProfileName};

/// The system's directory of profiles.
pub const SYSTEM_DIR: &str = "/etc/pppssh";
/// No profile is longer, in octets; whatever is, is not a profile.
const MAX_FILE: u64 = 1 << 20;

/// The directories in which profiles are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The system's: read first.
    pub system: PathBuf,
    /// The user's: read second, so that it wins.
    pub user: Option<PathBuf>,
}

impl Places {
    /// `/etc/pppssh` and the user's `~/.config/pppssh`; or `config_dir` alone; or, for a privileged process,
    /// `/etc/pppssh` alone.
    pub fn detect(trust: &Trust, config_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let system = PathBuf::from(SYSTEM_DIR);
        match (trust, config_dir) {
            (Trust::Elevated(_), Some(_)) => Err(ConfigError::RefusedOption {
                flag: "--config-dir",
                why: "profiles are read from /etc/pppssh only",
            }),
            (Trust::Elevated(_), None) => Ok(Self { system, user: None }),
            (Trust::Own, Some(dir)) => Ok(Self { system: dir.to_owned(), user: None }),
            (Trust::Own, None) => {
                let xdg =
                    std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
                let config = xdg.or_else(|| Some(trust.home()?.join(".config")));
                Ok(Self { system, user: config.map(|dir| dir.join("pppssh")) })
            }
        }
    }
}

/// Which profile is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Asked for by `--profile`: it must exist.
    Named(ProfileName),
    /// The one that goes with the verb or the host: without it, the defaults.
    Usual(ProfileName),
}

impl Wanted {
    fn name(&self) -> &ProfileName {
        let (Self::Named(name) | Self::Usual(name)) = self;
        name
    }
}

/// A profile as it stands, with the origin of each value.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Its name, which is also the session's.
    pub name: ProfileName,
    /// The values.
    pub profile: Profile,
    /// Where each came from.
    pub sources: Sources,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl Effective {
    /// The file to give to `ssh -F`; `None` to let ssh read the usual ones.
    ///
    /// A privileged process does not let the caller's own `~/.ssh/config` say where a profile's host is.
    pub fn ssh_config(&self, trust: &Trust) -> Option<PathBuf> {
        let system = Path::new("/etc/ssh/ssh_config");
        match (&self.profile.ssh_config, trust) {
            (Some(file), _) => Some(file.clone()),
            (None, Trust::Own) => None,
            (None, Trust::Elevated(_)) if system.exists() => Some(system.to_owned()),
            (None, Trust::Elevated(_)) => Some("none".into()),
        }
    }
}

/// Puts the profile together and checks it.
pub fn load(
    trust: &Trust,
    places: &Places,
    wanted: &Wanted,
    given: &[Given],
) -> Result<Effective, ConfigError> {
    let name = wanted.name().clone();
    let system = places.system.join(name.file_name());
    let mut built = Builder::default();
    match trust {
        Trust::Elevated(caller) => {
            built.read_trusted(&name, &system, caller)?;
            built.refuse_widening(given, &system, &caller.runtime_dirs())?;
        }
        Trust::Own => {
            let user = places.user.as_ref().map(|dir| dir.join(name.file_name()));
            let looked: Vec<_> = std::iter::once(system).chain(user).collect();
            for path in &looked {
                built.read_own(path)?;
            }
            if built.files.is_empty() && matches!(wanted, Wanted::Named(_)) {
                return Err(ConfigError::NoProfile { name, looked });
            }
        }
    }
    for Given { flag, key, value } in given {
        built.values.insert(key.clone(), value.clone());
        built.sources.set(key, Source::Flag(flag.clone()));
    }
    built.finish(name, trust)
}

#[derive(Default)]
struct Builder {
    values: Table,
    sources: Sources,
    files: Vec<PathBuf>,
}

impl Builder {
    fn add(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let layer = Layer::parse(path, text)?;
        for (key, line) in layer.lines {
            self.sources.set(&key, Source::File { path: path.to_owned(), line });
        }
        self.values.extend(layer.values);
        self.files.push(path.to_owned());
        Ok(())
    }

    /// For a privileged process: the file must be root's, and name the caller.
    fn read_trusted(&mut self, name: &ProfileName, path: &Path, caller: &Caller) -> Result<(), ConfigError> {
        let untrusted = |reason: TrustError| ConfigError::Untrusted {
            dir: path.parent().unwrap_or(Path::new("/")).to_owned(),
            reason,
        };
        let file = open_trusted(path).map_err(untrusted)?;
        self.add(path, &read_text(path, file)?)?;
        let profile = self.profile();
        if !caller.is_in(&profile.allow) {
            return Err(ConfigError::NotAllowed {
                name: name.clone(),
                user: caller.label(),
                path: path.to_owned(),
            });
        }
        let open = |message| Err(ConfigError::TooOpen { path: path.to_owned(), message });
        let Profile { addresses, local_range, remote_range, .. } = &profile;
        if profile.ipv4 && addresses.local.is_none() && local_range.is_empty() {
            return open(
                "with file capabilities, name LOCAL in `addresses` or the networks it may lie in, `local-range`",
            );
        }
        if profile.ipv4 && addresses.remote.is_none() && remote_range.is_empty() {
            return open(
                "with file capabilities, name REMOTE in `addresses` or the networks it may lie in, `remote-range`",
            );
        }
        Ok(())
    }

    fn read_own(&mut self, path: &Path) -> Result<(), ConfigError> {
        match open_own(path)? {
            Some(file) => self.add(path, &read_text(path, file)?),
            None => Ok(()),
        }
    }

    fn refuse_widening(
        &self,
        given: &[Given],
        path: &Path,
        runtime_dirs: &[PathBuf],
    ) -> Result<(), ConfigError> {
        // With defaults filled in: repeating a default is no change either.
        let standing = to_table(&self.profile());
        for Given { flag, key, value } in given {
            let class = Key::find(key).map_or(super::Class::Widens, |key| key.class);
            if !class.permits(standing.get(key), value, runtime_dirs) {
                let (flag, key) = (flag.clone(), key.clone());
                return Err(ConfigError::Refused { flag, key, class, path: path.to_owned() });
            }
        }
        Ok(())
    }

    fn profile(&self) -> Profile {
        // Each layer was read as a profile before its values came here, and keys do not depend on one another.
        self.values.clone().try_into().expect("values that were each checked make a profile")
    }

    fn finish(self, name: ProfileName, trust: &Trust) -> Result<Effective, ConfigError> {
        let mut profile = self.profile();
        check(&profile).map_err(|(key, message)| ConfigError::Value {
            origin: self.sources.of(key),
            key: key.to_owned(),
            message,
        })?;
        expand_home(&mut profile, trust.home().as_deref());
        Ok(Effective { name, profile, sources: self.sources, files: self.files })
    }
}

/// The text of a file of another program's configuration; [`open_file`] says which counts.
pub fn read_text_file(trust: &Trust, path: &Path) -> Result<Option<String>, ConfigError> {
    open_file(trust, path)?.map(|file| read_text(path, file)).transpose()
}

/// Opens a file under the same rules as a profile: a privileged process takes root's word only, another one root's and its
/// user's. `None` if there is no such file.
pub fn open_file(trust: &Trust, path: &Path) -> Result<Option<File>, ConfigError> {
    if let Trust::Own = trust {
        return open_own(path);
    }
    match open_trusted(path) {
        Ok(file) => Ok(Some(file)),
        Err(TrustError::Open { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => {
            let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
            Err(ConfigError::Untrusted { dir, reason })
        }
    }
}

fn open_own(path: &Path) -> Result<Option<File>, ConfigError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(ConfigError::Read { path: path.to_owned(), reason }),
    };
    let meta = file.metadata().map_err(|reason| ConfigError::Read { path: path.to_owned(), reason })?;
    let me = geteuid().as_raw();
    let why = if meta.uid() != 0 && meta.uid() != me {
        Some(format!("it belongs to user id {}; `chown` it to yourself or to root", meta.uid()))
    } else if meta.mode() & 0o002 != 0 || (me == 0 && meta.mode() & 0o020 != 0) {
        Some("others may write it; `chmod go-w` it".to_owned())
    } else {
        None
    };
    match why {
        Some(why) => Err(ConfigError::Unsafe { path: path.to_owned(), why }),
        None => Ok(Some(file)),
    }
}

fn read_text(path: &Path, file: File) -> Result<String, ConfigError> {
    let mut text = String::new();
    match file.take(MAX_FILE + 1).read_to_string(&mut text) {
        Ok(octets) if octets as u64 > MAX_FILE => {
            let reason = io::Error::other("longer than 1 MiB: that is not a profile");
            Err(ConfigError::Read { path: path.to_owned(), reason })
        }
        Ok(_) => Ok(text),
        Err(reason) => Err(ConfigError::Read { path: path.to_owned(), reason }),
    }
}

/// The profile as TOML, without what is not set.
pub(super) fn to_table(profile: &Profile) -> Table {
    match Value::try_from(profile) {
        Ok(Value::Table(table)) => table,
        _ => unreachable!("a profile is a TOML table"),
    }
}

/// Replaces a leading `~/` of every path by the home directory.
fn expand_home(profile: &mut Profile, home: Option<&Path>) {
    let Some(home) = home else { return };
    let Profile {
        identity,
        known_hosts,
        ssh_config,
        runtime_dir,
        host_key,
        authorized_keys,
        auth_secrets,
        ..
    } = profile;
    let paths = identity.iter_mut().chain(known_hosts).chain(ssh_config).chain(runtime_dir);
    for path in paths.chain(host_key.iter_mut()).chain([authorized_keys, auth_secrets]) {
        if let Ok(rest) = path.strip_prefix("~") {
            *path = home.join(rest);
        }
    }
}
