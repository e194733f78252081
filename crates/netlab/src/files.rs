//! Files of a host's own: what it mounts over the machine's directories.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

/// Character device 10:200 (Documentation/admin-guide/devices.txt).
const TUN_DEVICE: (u32, u32) = (10, 200);

/// Where the layers of private directories are made; what is mounted there is out of sight at once.
const SCRATCH: &str = "/tmp";

/// Which directories a host has for itself; the others are the machine's.
///
/// What a host writes in them is in memory and goes with the host.
#[derive(Debug, Clone, Default)]
pub struct Files {
    private: Vec<PathBuf>,
    empty: Vec<PathBuf>,
    tun_mode: Option<u32>,
}

impl Files {
    /// All directories are the machine's.
    pub fn new() -> Files {
        Files::default()
    }

    /// The host has its own version of an existing directory: it begins as the machine's, and changes stay
    /// on the host. `private("/etc")` is how a host gets users, keys and configuration of its own.
    #[must_use]
    pub fn private(mut self, directory: impl Into<PathBuf>) -> Files {
        self.private.push(directory.into());
        self
    }

    /// The host has an empty directory here. Its parent must be private, or it must exist.
    #[must_use]
    pub fn empty(mut self, directory: impl Into<PathBuf>) -> Files {
        self.empty.push(directory.into());
        self
    }

    /// The host has its own /dev/net/tun with these permissions (0o666 as udev makes it, 0o600 for root
    /// only). Not in a user namespace, where device nodes cannot be made.
    #[must_use]
    pub fn tun_node(mut self, mode: u32) -> Files {
        self.tun_mode = Some(mode);
        self
    }

    /// Makes the mounts, in the mount namespace the calling thread has just made.
    pub(crate) fn mount(&self) -> io::Result<()> {
        let all = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", all)
            .map_err(|errno| about("make mounts private", Path::new("/"), &errno.into()))?;
        for (number, directory) in self.private.iter().enumerate() {
            overlay(directory, number).map_err(|error| about("make private", directory, &error))?;
        }
        for directory in &self.empty {
            tmpfs(directory).map_err(|error| about("mount an empty directory on", directory, &error))?;
        }
        if let Some(mode) = self.tun_mode {
            let directory = Path::new("/dev/net");
            tun_node(directory, mode).map_err(|error| about("make the node tun in", directory, &error))?;
        }
        Ok(())
    }
}

/// An overlay on `directory` whose upper layer is in memory.
fn overlay(directory: &Path, number: usize) -> io::Result<()> {
    let name = directory.to_str().filter(|name| !name.contains([',', ':', '\\']));
    let name = name.ok_or_else(|| io::Error::other("its name cannot be written in mount options"))?;
    mount("netlab", SCRATCH, c"tmpfs", MountFlags::empty(), c"mode=0700")?;
    let layer = |layer: &str| format!("{SCRATCH}/{number}/{layer}");
    let mounted = (|| {
        std::fs::create_dir_all(layer("upper"))?;
        std::fs::create_dir(layer("work"))?;
        let permissions = std::fs::metadata(directory)?.permissions();
        std::fs::set_permissions(layer("upper"), permissions)?;
        let options = format!("lowerdir={name},upperdir={},workdir={}", layer("upper"), layer("work"));
        let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
        mount("netlab", directory, c"overlay", MountFlags::empty(), options.as_c_str())?;
        Ok(())
    })();
    // The overlay keeps hold of its layers.
    unmount(SCRATCH, UnmountFlags::DETACH)?;
    mounted
}

fn tmpfs(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    mount("netlab", directory, c"tmpfs", MountFlags::empty(), c"mode=0755")?;
    Ok(())
}

fn tun_node(directory: &Path, mode: u32) -> io::Result<()> {
    tmpfs(directory)?;
    let node = directory.join("tun");
    let mode = Mode::from_raw_mode(mode);
    let (major, minor) = TUN_DEVICE;
    mknodat(CWD, &node, FileType::CharacterDevice, mode, makedev(major, minor))?;
    // mknod's mode is cut by the umask.
    rustix::fs::chmod(&node, mode)?;
    Ok(())
}

fn about(doing: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{doing} {}: {error}", path.display()))
}
