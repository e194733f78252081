//! wireguard-go, set up by its own control protocol (www.wireguard.com/xplatform): `wg` need not be installed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use netlab::Host;
use pppssh_tests::{Running, SATURN, VENUS, World};

use crate::scene::{Ends, ip};

/// The keys of RFC 7748 §6.1: good enough between two namespaces.
const VENUS_KEYS: Keys = Keys {
    private: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    public: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
};
const SATURN_KEYS: Keys = Keys {
    private: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    public: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
};
const PORT: u16 = 51820;
const DEVICE: &str = "wg0";

/// The addresses of the devices.
pub(crate) const ENDS: Ends =
    Ends { venus: Ipv4Addr::new(192, 168, 21, 1), saturn: Ipv4Addr::new(192, 168, 22, 1) };

struct Keys {
    private: &'static str,
    public: &'static str,
}

/// Where it is installed, if it is.
pub(crate) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Venus and saturn have a /usr/local/bin of their own.
    let mut there = std::env::split_paths(&path).filter(|directory| directory != Path::new("/usr/local/bin"));
    there.find_map(|directory| Some(directory.join("wireguard-go")).filter(|program| program.is_file()))
}

/// Both ends.
pub(crate) fn start(world: &World) -> Vec<Running> {
    let [venus, saturn] = [(VENUS, &VENUS_KEYS, ENDS.venus), (SATURN, &SATURN_KEYS, ENDS.saturn)];
    [(&world.venus, venus, saturn), (&world.saturn, saturn, venus)]
        .map(|(host, (_, ours, local), (wire, theirs, peer))| {
            let mut program = host.command(program().expect("wireguard-go is installed"));
            program.args(["--foreground", DEVICE]).env("LOG_LEVEL", "verbose");
            let running = Running::start("wireguard-go", program);
            running.says("UAPI listener started");
            configure(
                host,
                &format!(
                    "set=1\nprivate_key={}\nlisten_port={PORT}\npublic_key={}\nendpoint={}\nallowed_ip={peer}/32\n\n",
                    ours.private,
                    theirs.public,
                    SocketAddr::from((wire, PORT)),
                ),
            );
            ip(host, &["address", "add", &local.to_string(), "peer", &peer.to_string(), "dev", DEVICE]);
            ip(host, &["link", "set", DEVICE, "up"]);
            running
        })
        .into()
}

fn configure(host: &Host, request: &str) {
    let answer = host.run(|| {
        let mut socket = UnixStream::connect(format!("/var/run/wireguard/{DEVICE}.sock"))?;
        socket.write_all(request.as_bytes())?;
        socket.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    });
    let answer = answer.expect("a thread on the host").expect("wireguard-go answers");
    assert!(answer.contains("errno=0\n"), "wireguard-go does not take its configuration: {answer}");
}
