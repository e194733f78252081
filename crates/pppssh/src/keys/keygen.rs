//! `pppssh keygen`: an Ed25519 key for a link.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};

use super::KeyError;

/// Arguments of `keygen`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeygenArgs {
    /// File for the private key; the public one gets .pub behind it. ~/.ssh/id_pppssh by default.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Comment in the public key; pppssh@HOSTNAME by default.
    #[arg(short = 'C', long, value_name = "TEXT")]
    pub comment: Option<String>,
}

/// Makes the key and says on `out` what to do next. `home` is the user's home directory.
///
/// The key has no passphrase, since a link must come up by itself; what it opens is bounded by `authorize`.
pub fn keygen(args: &KeygenArgs, home: Option<&Path>, out: &mut impl Write) -> Result<(), KeyError> {
    let file = match &args.file {
        Some(file) => file.clone(),
        None => home.ok_or(KeyError::NoHome)?.join(".ssh/id_pppssh"),
    };
    let public_file = with_pub(&file);
    let comment = args.comment.clone().unwrap_or_else(|| format!("pppssh@{}", hostname()));
    if comment.chars().any(char::is_control) {
        return Err(KeyError::Control("the comment"));
    }
    if let Some(taken) = [&file, &public_file].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(KeyError::Exists(taken.clone()));
    }
    let key = make(&comment)?;
    let make = |error: russh::keys::ssh_key::Error| KeyError::Make(error.to_string());
    let private = key.to_openssh(LineEnding::LF).map_err(make)?;
    let public = key.public_key().to_openssh().map_err(make)?;

    if let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|reason| KeyError::File { what: "make the directory", path: dir.to_owned(), reason })?;
    }
    write_new(&file, private.as_bytes(), 0o600)?;
    write_new(&public_file, format!("{public}\n").as_bytes(), 0o644)?;

    let said = writeln!(
        out,
        "Made {} ({}).\n\n\
         Next, on the host to call, as the user that shall serve the link, let it in:\n\n  \
         pppssh authorize --append '{public}'\n\n\
         Then, on this host:\n\n  \
         pppssh connect -i {} USER@HOST",
        file.display(),
        key.fingerprint(russh::keys::HashAlg::Sha256),
        file.display(),
    );
    said.map_err(|reason| KeyError::File { what: "write to", path: "standard output".into(), reason })
}

fn make(comment: &str) -> Result<PrivateKey, KeyError> {
    let mut seed = [0; Ed25519Keypair::BYTE_SIZE / 2];
    getrandom::fill(&mut seed).map_err(|error| KeyError::Make(error.to_string()))?;
    let pair = Ed25519Keypair::from_seed(&seed);
    PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(|error| KeyError::Make(error.to_string()))
}

fn with_pub(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn write_new(path: &Path, text: &[u8], mode: u32) -> Result<(), KeyError> {
    let open = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = open.and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()));
    written.map_err(|reason| match reason.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::File { what: "write", path: path.to_owned(), reason },
    })
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use russh::keys::PublicKey;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_key_lies_in_the_home_directory_and_is_the_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        keygen(&KeygenArgs::default(), Some(home.path()), &mut said).unwrap();
        let file = home.path().join(".ssh/id_pppssh");
        assert_eq!((mode(&home.path().join(".ssh")), mode(&file)), (0o700, 0o600));
        let private = PrivateKey::read_openssh_file(&file).unwrap();
        let public = PublicKey::read_openssh_file(with_pub(&file)).unwrap();
        assert_eq!(private.public_key().key_data(), public.key_data());
        assert!(public.comment().to_string().starts_with("pppssh@"));
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(&public.to_openssh().unwrap()), "{said}");
    }

    #[test]
    fn nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        for taken in ["key", "key.pub"] {
            let file = home.path().join(taken);
            fs::write(&file, "precious").unwrap();
            let args = KeygenArgs { file: Some(home.path().join("key")), comment: None };
            assert!(matches!(keygen(&args, None, &mut Vec::new()), Err(KeyError::Exists(_))));
            assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
            fs::remove_file(&file).unwrap();
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
