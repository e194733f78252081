//! A host at the end of a pipe: speaks PPP on its standard input and output, and answers pings.
//!
//! ```text
//! pppd noauth nodetach local pty "target/debug/examples/echo_host"   # then: ping 192.168.2.1
//! ```

use std::{
    io::{self, Read, Write},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use ppp_proto::{Event, IpcpConfig, Link, LinkConfig, LocalAddress, Packet, RemoteAddress};

fn main() -> io::Result<()> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(io::stderr).init();
    let ipv4 = IpcpConfig {
        local: LocalAddress::Fixed([192, 168, 2, 1].into()),
        remote: RemoteAddress::Prefer([192, 168, 1, 1].into()),
        ..IpcpConfig::default()
    };
    let seed = std::process::id().into();
    let mut link = Link::new(LinkConfig { ipv4: Some(ipv4), seed, ..LinkConfig::default() }, Instant::now());
    link.open(Instant::now());
    link.lower_up(Instant::now());

    let chunks = standard_input();
    let (mut out, mut answers) = (BytesMut::new(), Vec::new());
    loop {
        link.poll_transmit(&mut out);
        io::stdout().write_all(&out)?;
        io::stdout().flush()?;
        out.clear();
        while let Some(event) = link.poll_event() {
            eprintln!("{event:?}");
            if let Event::Closed(_) = event {
                eprintln!("{}", link.status().explain());
                return Ok(());
            }
        }

        let now = Instant::now();
        let wait = link.poll_timeout().map_or(Duration::MAX, |due| due.duration_since(now));
        match chunks.recv_timeout(wait) {
            Ok(chunk) => {
                let mut rest = &chunk[..];
                while let Some(packet) = link.receive(Instant::now(), &mut rest) {
                    answers.extend(echo_reply(packet));
                }
                for answer in answers.drain(..) {
                    if let Err(error) = link.encode(&answer, &mut out) {
                        eprintln!("{error}");
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => link.handle_timeout(Instant::now()),
            Err(RecvTimeoutError::Disconnected) => link.lower_down(Instant::now()),
        }
    }
}

/// What arrives, chunk by chunk, until the end.
fn standard_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut chunk = vec![0; 32 * 1024];
        while let Ok(len @ 1..) = io::stdin().read(&mut chunk) {
            if sender.send(chunk[..len].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The reply to an ICMP Echo Request without IP options: addresses swapped, type 8 made 0 (RFC 792).
fn echo_reply(packet: Packet<'_>) -> Option<Vec<u8>> {
    let mut reply = packet.payload.to_vec();
    if reply.len() < 28 || reply[0] != 0x45 || reply[9] != 1 || reply[20] != 8 {
        return None;
    }
    let (source, destination) = reply[12..20].split_at_mut(4);
    source.swap_with_slice(destination);
    reply[20] = 0;
    let sum = u32::from(u16::from_be_bytes([reply[22], reply[23]])) + 0x0800;
    let sum = (sum & 0xffff) + (sum >> 16);
    reply[22..24].copy_from_slice(&(sum as u16).to_be_bytes());
    Some(reply)
}
