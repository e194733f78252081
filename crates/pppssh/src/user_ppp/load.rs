//! The files, read from one directory under the rules of docs/privileges.md.

use std::io;
use std::path::{Path, PathBuf};

use ppp_proto::auth::Secrets;
use ppp_proto::{LocalAddress, RemoteAddress};
use zeroize::Zeroizing;

use super::{Access, BadPlan, BadRequest, LinkScript, Mode, Plan, Problem, Request, Sections};
use crate::config::{Caller, ConfigError, Trust, TrustError, read_text_file};

/// ppp's own directory.
pub const SYSTEM_DIR: &str = "/etc/ppp";

/// All that the files say.
#[derive(Debug)]
pub struct Loaded {
    /// What to do.
    pub plan: Plan,
    /// By which peers prove who they are; empty unless they must.
    pub secrets: Secrets,
    /// Run when the link comes up.
    pub linkup: LinkScript,
    /// Run when it goes down.
    pub linkdown: LinkScript,
}

/// Why they cannot be obeyed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The command line.
    #[error(transparent)]
    Request(#[from] BadRequest),
    /// A file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// There is no `ppp.conf`.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// Its lines.
    #[error("{}:\n{error}", path.display())]
    Lines {
        /// The file that was asked for.
        path: PathBuf,
        /// What is wrong.
        error: BadPlan,
    },
    /// The caller may not do that.
    #[error("{}: {why}", path.display())]
    Refused {
        /// The file that says so.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Nobody knows who calls.
    #[error(transparent)]
    Caller(#[from] TrustError),
}

/// Reads what `request` asks for.
pub fn load(trust: &Trust, request: &Request) -> Result<Loaded, LoadError> {
    if trust.is_elevated() {
        refuse_options(request)?;
    }
    let dir = request.config_dir.clone().unwrap_or_else(|| SYSTEM_DIR.into());
    let path = dir.join("ppp.conf");
    let conf = sections(trust, &dir, "ppp.conf")?.ok_or_else(|| LoadError::Missing(path.clone()))?;
    let caller = Caller::current()?;
    let (access, problems) = Access::read(&conf, &request.labels);
    let refused = |why| LoadError::Refused { path: path.clone(), why };
    if !problems.is_empty() {
        return Err(lines(&path, problems));
    }
    if let Some(why) = access.refusal(caller.name.as_deref(), caller.uid == 0, request.mode) {
        return Err(refused(why));
    }
    let linkup = LinkScript(sections(trust, &dir, "ppp.linkup")?.unwrap_or_default());
    let linkdown = LinkScript(sections(trust, &dir, "ppp.linkdown")?.unwrap_or_default());
    let plan = Plan::read(&conf, &linkup, &linkdown, request);
    let plan = plan.map_err(|error| LoadError::Lines { path: path.clone(), error })?;
    if trust.is_elevated()
        && let Some(why) = too_open(&plan, &access)
    {
        return Err(refused(why.to_owned()));
    }
    let secrets = if plan.requires_authentication() { secrets(trust, &dir)? } else { Secrets::default() };
    Ok(Loaded { plan, secrets, linkup, linkdown })
}

/// The secrets of those who must prove who they are.
fn secrets(trust: &Trust, dir: &Path) -> Result<Secrets, LoadError> {
    let path = dir.join("ppp.secret");
    let text = Zeroizing::new(read_text_file(trust, &path)?.unwrap_or_default());
    let (secrets, problems) = super::secrets(&text, "ppp.secret");
    if !problems.is_empty() {
        return Err(lines(&path, problems));
    }
    if secrets.of(None, b"").next().is_none() {
        let why = "the peer must prove who it is (`enable pap`, `chap` or `mschapv2`), and nobody could: write NAME KEY";
        return Err(LoadError::Refused { path, why: why.to_owned() });
    }
    Ok(secrets)
}

fn lines(path: &Path, problems: Vec<Problem>) -> LoadError {
    LoadError::Lines { path: path.to_owned(), error: BadPlan::Lines(problems) }
}

/// The sections of a file in `dir`; `None` if it is not there.
fn sections(trust: &Trust, dir: &Path, name: &str) -> Result<Option<Sections>, LoadError> {
    let path = dir.join(name);
    let mut failure = None;
    let mut read = |file: &str| {
        // The first call is for the file itself, whose error is told as it is.
        let path = dir.join(file);
        match read_text_file(trust, &path) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(io::ErrorKind::NotFound.into()),
            Err(error) => {
                let text = error.to_string();
                failure = Some(error);
                Err(io::Error::other(text))
            }
        }
    };
    let env = |name: &str| match name {
        "HOME" => trust.home().map(|home| home.to_string_lossy().into_owned()),
        name => std::env::var(name).ok(),
    };
    match Sections::read(&path.to_string_lossy(), &mut read, &env) {
        Ok(sections) => Ok(Some(sections)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => {
            Err(LoadError::File(failure.unwrap_or(ConfigError::Read { path: path.clone(), reason })))
        }
    }
}

/// What the caller of a privileged process may not choose.
fn refuse_options(request: &Request) -> Result<(), ConfigError> {
    let refused = |flag, why| Err(ConfigError::RefusedOption { flag, why });
    if request.config_dir.is_some() {
        return refused("--config-dir", "ppp.conf is read from /etc/ppp only");
    }
    if request.unit.is_some() {
        return refused("-unit", "addresses and routes would land on a device of the caller's choice");
    }
    if request.labels.len() > 1 {
        return refused(
            "a second label",
            "one section's routes would go to another one's peer: use `load` in ppp.conf",
        );
    }
    Ok(())
}

/// What root must say in a file that a privileged process obeys.
fn too_open(plan: &Plan, access: &Access) -> Option<&'static str> {
    if plan.mode == Mode::Direct && !plan.devices.is_empty() && !access.names(Mode::Direct) {
        return Some(
            "with file capabilities, a section with `set device` answers only if `allow modes direct` says so: who \
             starts it could be its peer himself",
        );
    }
    if !plan.profile.ipv4 {
        return None;
    }
    let local = match plan.ifaddr.local {
        LocalAddress::Fixed(_) => true,
        LocalAddress::Ask | LocalAddress::Prefer(_) => plan.ifaddr.local_range.is_some(),
    };
    let remote = matches!(plan.ifaddr.remote, RemoteAddress::Fixed(_) | RemoteAddress::Ranges(_));
    (!local || !remote).then_some(
        "with file capabilities, `set ifaddr` must bound both addresses: write them, or as many of their /bits as may \
         not change",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn caller() -> Trust {
        Trust::Elevated(Caller { uid: 4711, gid: 4711, groups: vec![], name: None, home: None })
    }

    fn request(dir: &Path) -> Request {
        Request {
            mode: Mode::Direct,
            labels: vec!["in".to_owned()],
            unit: None,
            config_dir: Some(dir.to_owned()),
        }
    }

    #[test]
    fn files_are_read_from_one_directory_and_may_be_missing_but_for_ppp_conf() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        assert!(matches!(load(&Trust::Own, &request(path)), Err(LoadError::Missing(_))));
        let name = Caller::current().unwrap().name.unwrap_or_default();
        fs::write(path.join("ppp.conf"), format!("!include more.conf\nx:\n allow users {name}\n")).unwrap();
        fs::write(path.join("more.conf"), format!("in:\n set mru 1400\n allow users \"{name}\"\n")).unwrap();
        fs::write(path.join("ppp.linkup"), "MYADDR:\n add default HISADDR\n").unwrap();
        let loaded = load(&Trust::Own, &request(path)).unwrap();
        assert_eq!((loaded.plan.profile.mru.get(), loaded.plan.profile.routes.len()), (1400, 1));
    }

    #[test]
    fn ppp_secret_is_read_when_the_peer_must_prove_who_it_is_and_must_name_somebody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let name = Caller::current().unwrap().name.unwrap_or_default();
        let conf = |line: &str| {
            fs::write(path.join("ppp.conf"), format!("in:\n allow users \"{name}\"\n{line}")).unwrap();
        };
        conf("");
        fs::write(path.join("ppp.secret"), "venus\n").unwrap();
        assert!(load(&Trust::Own, &request(path)).unwrap().secrets.0.is_empty(), "it is not looked at");
        conf(" enable chap\n");
        let error = load(&Trust::Own, &request(path)).unwrap_err().to_string();
        assert!(error.contains("ppp.secret:1: `venus …`: a key is missing"), "{error}");
        fs::write(path.join("ppp.secret"), "venus \"\"\n").unwrap();
        assert!(matches!(load(&Trust::Own, &request(path)), Err(LoadError::Refused { .. })));
        fs::write(path.join("ppp.secret"), "venus secret\n").unwrap();
        assert_eq!(load(&Trust::Own, &request(path)).unwrap().secrets.0.len(), 1);
    }

    #[test]
    fn a_file_that_others_may_write_is_not_obeyed_not_even_when_included() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::write(path.join("ppp.conf"), "!include more.conf\nin:\n").unwrap();
        fs::write(path.join("more.conf"), "x:\n").unwrap();
        fs::set_permissions(path.join("more.conf"), fs::Permissions::from_mode(0o666)).unwrap();
        let error = load(&Trust::Own, &request(path)).unwrap_err().to_string();
        let refused =
            error.contains("ppp.conf:1: `!include more.conf`") && error.contains("others may write it");
        // Whoever is not root is not let in at all.
        assert!(refused || error.contains("allow users"), "{error}");
        fs::set_permissions(path.join("ppp.conf"), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(
            load(&Trust::Own, &request(path)),
            Err(LoadError::File(ConfigError::Unsafe { .. }))
        ));
    }

    #[test]
    fn the_caller_of_a_privileged_process_chooses_a_label_and_nothing_else() {
        let open = Request { config_dir: None, ..request(Path::new("/")) };
        for more in [
            Request { config_dir: Some("/tmp".into()), ..open.clone() },
            Request { unit: Some(3), ..open.clone() },
            Request { labels: vec!["a".to_owned(), "b".to_owned()], ..open.clone() },
        ] {
            assert!(matches!(
                load(&caller(), &more),
                Err(LoadError::File(ConfigError::RefusedOption { .. }))
            ));
        }
        assert!(refuse_options(&open).is_ok());
    }

    fn open(lines: &str) -> Option<&'static str> {
        let mut read = |_: &str| Ok(format!("in:\n{lines}"));
        let conf = Sections::read("ppp.conf", &mut read, &|_| None).unwrap();
        let request = Request { config_dir: None, ..request(Path::new("/")) };
        let (access, _) = Access::read(&conf, &request.labels);
        let none = LinkScript::default;
        too_open(&Plan::read(&conf, &none(), &none(), &request).unwrap(), &access)
    }

    #[test]
    fn with_file_capabilities_addresses_must_be_bounded_and_answering_allowed() {
        assert_eq!(open(" set ifaddr 10.0.0.1 10.0.0.2\n"), None);
        assert_eq!(open(" set ifaddr 10.0.0.1/24 10.0.1.2/24\n"), None);
        assert_eq!(open(" disable ipcp\n"), None);
        for lines in
            ["", " set ifaddr 0 10.0.0.2\n", " set ifaddr 10.0.0.1 0\n", " set ifaddr 10.0.0.1/0 10.0.0.2\n"]
        {
            assert!(open(lines).is_some_and(|why| why.contains("bound both")), "{lines}");
        }
        assert!(open(" set ifaddr 10.0.0.1 10.0.0.2/0\n").is_some());
        let device = " set device !ssh\n set ifaddr 10.0.0.1 10.0.0.2\n";
        assert!(open(device).is_some_and(|why| why.contains("allow modes direct")));
        assert_eq!(open(&format!("{device} allow modes direct\n")), None);
    }
}
