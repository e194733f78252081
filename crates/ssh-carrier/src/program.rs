//! Finding programs.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::CarrierError;

/// The program's path, looked up in `PATH` as a shell would.
pub(crate) fn find_program(name: &Path) -> Result<PathBuf, CarrierError> {
    let found = if name.components().count() > 1 {
        is_program(name).then(|| name.to_owned())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| is_program(candidate))
    };
    found.ok_or_else(|| CarrierError::Spawn {
        program: name.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_path_is_not() {
        assert!(find_program(Path::new("sh")).unwrap().is_absolute());
        assert_eq!(find_program(Path::new("/bin/sh")).unwrap(), Path::new("/bin/sh"));
        assert!(find_program(Path::new("/etc/passwd")).is_err(), "not executable");
        let error = find_program(Path::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().starts_with("cannot run no-such-program-here"), "{error}");
    }
}
