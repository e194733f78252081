//! slirp: PPP written by others, without a kernel's help, and without IPv6.

use std::net::{TcpListener, TcpStream};

use pppssh_tests::Running;
use pppssh_tests::traffic::{exchange, ping};

use crate::hosts::{Hosts, OCTETS};
use crate::rows::{pppssh, terminate, words};

/// What slirp answers for; connections to it go to the loopback of its host.
const SLIRP: &str = "10.0.2.2";

/// `pppssh pppd` on venus, and on saturn a login that runs slirp on a terminal, as one did without a right to more.
pub(crate) fn called() -> [String; 4] {
    let hosts = Hosts::new();
    let _sshd = hosts.sshd("slirp-fullbolt ppp");
    let ssh = format!("exec setsid --fork --wait ssh -tt -F {} saturn anything", Hosts::ssh_config());
    let mut command = hosts.venus.command(pppssh());
    command.args(words("pppd nodetach noauth debug logfd 2 ifname ppp0 10.0.2.15:10.0.2.2"));
    // slirp waits for the first word, and is confused by what its terminal echoes before it is there.
    command.args(words("connect-delay 10000"));
    command.args(["ip-up-script", "/bin/true", "ip-down-script", "/bin/true", "pty", &ssh]);
    let mut ours = Running::start("pppssh pppd", command);
    ours.says("local  IP address 10.0.2.15");
    ping(&hosts.venus, SLIRP);
    let listener = hosts.saturn.run(|| TcpListener::bind("127.0.0.1:0")).unwrap().expect("saturn listens");
    let port = listener.local_addr().unwrap().port();
    let near = hosts.venus.run(|| TcpStream::connect((SLIRP, port))).unwrap().expect("venus connects");
    let (far, _) = listener.accept().expect("the connection just made");
    exchange(&(near, far), OCTETS);
    terminate(&mut ours).with_code(5).saying("Connection terminated.");
    ["ssh -tt".to_owned(), "4 MiB each way".to_owned(), "–".to_owned(), "5".to_owned()]
}
