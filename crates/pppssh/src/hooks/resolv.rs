//! The name servers that the peer told us, as a file for the resolver.

use std::fs::Permissions;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes `nameserver` lines. Readers see the old file or the new one; a symbolic link is replaced, not followed.
pub(super) fn write(path: &Path, servers: &[Ipv4Addr]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::Builder::new()
        .prefix(".resolv.conf.")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(dir)?;
    for server in servers {
        writeln!(file, "nameserver {server}")?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_replaced_whole_and_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, victim) = (dir.path().join("resolv.conf"), dir.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        write(&path, &[[10, 0, 0, 53].into(), [10, 0, 0, 54].into()]).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::read_to_string(&path).unwrap(), "nameserver 10.0.0.53\nnameserver 10.0.0.54\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        write(&path, &[[10, 0, 0, 55].into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "nameserver 10.0.0.55\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
        assert!(write(&dir.path().join("missing/resolv.conf"), &[]).is_err());
    }
}
