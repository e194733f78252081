//! No network at all: bytes through ssh, to `cat` and from it.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::scene::Scene;
use crate::traffic::Traffic;

/// Octets written and read at a time.
const BLOCK: usize = 256 * 1024;

/// One ssh with one channel, whether octets go up, down or both ways: so the links that it is compared with have it, too.
pub(crate) fn start(scene: &Scene, (up, down): (bool, bool)) -> Traffic {
    let command = match (up, down) {
        (true, false) => "exec cat > /dev/null",
        (false, _) => "exec cat /dev/zero",
        // What is in the background has no input unless it is another descriptor (POSIX, Shell Command Language 2.9.3.1).
        (true, true) => "exec 3<&0; cat <&3 > /dev/null & exec cat /dev/zero",
    };
    let piped = |is: bool| if is { Stdio::piped() } else { Stdio::null() };
    let mut ssh = scene.ssh(&["saturn", command]);
    let mut ssh = ssh.stdin(piped(up)).stdout(piped(down)).spawn().expect("ssh starts");
    let (input, output) = (ssh.stdin.take(), ssh.stdout.take());
    let mut traffic = Traffic::new(move || {
        ssh.kill().expect("ssh can be killed");
        ssh.wait().expect("ssh ends");
    });
    // The pipes hold 64 KiB: the first block has gone when there is a login.
    if let Some(mut input) = input {
        let block = vec![0x5a; BLOCK];
        input.write_all(&block).expect("ssh takes the first block");
        traffic.counts_arrived(move |arrived| {
            while let Ok(octets) = input.write(&block) {
                arrived.add(octets);
            }
        });
    }
    if let Some(mut output) = output {
        let mut block = vec![0; BLOCK];
        output.read_exact(&mut block).expect("ssh gives the first block");
        traffic.counts_arrived(move |arrived| {
            while let Ok(octets @ 1..) = output.read(&mut block) {
                arrived.add(octets);
            }
        });
    }
    traffic
}
