//! Inside: the kernel's first process.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};

/// What is loaded, in this order: a module comes after those it needs.
const MODULES: [&str; 13] = [
    "drivers/net/slip/slhc.ko",
    "drivers/net/ppp/ppp_generic.ko",
    "lib/crc-ccitt.ko",
    "drivers/net/ppp/ppp_async.ko",
    "drivers/net/ppp/ppp_deflate.ko",
    "drivers/net/ppp/bsd_comp.ko",
    "drivers/net/tun.ko",
    "net/ipv6/ipv6.ko",
    "drivers/net/veth.ko",
    "net/sched/sch_netem.ko",
    "net/sched/sch_fq_codel.ko",
    "net/sched/sch_fq.ko",
    "net/ipv4/tcp_bbr.ko",
];

/// Whether this process is the kernel's first one.
pub fn is_first_process() -> bool {
    std::process::id() == 1
}

/// Mounts an empty directory on each of these, /run among them, where sshd then finds what it wants.
pub fn mount_empty(directories: &[&str]) {
    for at in directories {
        filesystem("tmpfs", at);
    }
    fs::create_dir("/run/sshd").expect("a directory that sshd wants");
}

fn filesystem(kind: &str, at: &str) {
    mount(kind, at, kind, MountFlags::empty(), None)
        .unwrap_or_else(|error| panic!("mount {kind} on {at}: {error}"));
}

/// Prepares the machine, does `work` and turns the machine off.
pub fn first_process(work: impl FnOnce()) -> ! {
    // A first process that ends is a kernel that panics, and what it said last may be lost.
    let all = AssertUnwindSafe(|| {
        prepare();
        work();
    });
    if let Err(panic) = catch_unwind(all) {
        println!("the first process panicked: {panic:?}");
    }
    let error = reboot(RebootCommand::PowerOff);
    unreachable!("a kernel that turned off does not answer: {error:?}");
}

/// Mounts and modules: what an init does.
fn prepare() {
    filesystem("proc", "/proc");
    filesystem("sysfs", "/sys");
    mount_empty(&["/run", "/tmp", "/etc/ppp"]);
    if !Path::new("/dev/pts/ptmx").exists() {
        fs::create_dir_all("/dev/pts").expect("a place for pseudo-terminals");
        filesystem("devpts", "/dev/pts");
    }
    for module in MODULES {
        let path = modules().join(module);
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match finit_module(&file, c"", 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => println!("{module}: {error}"),
        }
    }
}

/// The modules of the only version of the kernel that is installed.
fn modules() -> PathBuf {
    let all = fs::read_dir("/usr/lib/uml/modules").expect("modules of the package user-mode-linux");
    all.flatten().next().expect("a version of the kernel").path().join("kernel")
}
