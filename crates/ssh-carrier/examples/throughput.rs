//! How fast this crate's client and server move bytes: each in a process of its own, over loopback.
//!
//! ```text
//! cargo run --release -p ssh-carrier --example throughput [MIB]
//! ```
//!
//! With `serve DIR` alone it serves until it is killed, with the key `DIR/id`, and tells the port: then
//! `ssh -p PORT -i DIR/id HOST up < FILE` and `ssh … "down MIB"` measure OpenSSH's client against it. With
//! `call PORT DIR [MIB]` it calls such a server, or, where `MIB` is followed by `sshd`, an OpenSSH server with the
//! same key.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use ssh_carrier::client::{self, ClientConfig, NoPrompt};
use ssh_carrier::server::{HostKey, Incoming, Server, ServerConfig, generate_host_key};
use ssh_carrier::{Carrier, CarrierError, CarrierRx, CarrierTx};

/// What the pump of a session sends at a time.
const CHUNK: usize = 32 * 1024;

const MIB: usize = 1024 * 1024;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["serve", dir] => serve(Path::new(dir)).await,
        ["call", port, dir, mib] => call(port.parse()?, Path::new(dir), mib.parse()?, false).await,
        ["call", port, dir, mib, "sshd"] => call(port.parse()?, Path::new(dir), mib.parse()?, true).await,
        [] => both(1024).await,
        [mib] => both(mib.parse()?).await,
        _ => Err("usage: throughput [MIB] | serve DIR | call PORT DIR MIB [sshd]".into()),
    }
}

/// A server in a child, and calls to it.
async fn both(mib: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut child =
        Command::new(std::env::current_exe()?).arg("serve").arg(dir.path()).stdout(Stdio::piped()).spawn()?;
    let mut port = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut port)?;
    let called = call(port.trim().parse()?, dir.path(), mib, false).await;
    child.kill()?;
    child.wait()?;
    called
}

async fn serve(dir: &Path) -> Result<()> {
    let load = |name: &str| {
        let path = dir.join(name);
        if path.exists() { HostKey::load(&path) } else { generate_host_key(&path) }
    };
    let (host_key, id) = (load("host_key")?, load("id")?);
    std::fs::write(dir.join("authorized_keys"), id.public_line())?;
    let config = ServerConfig::new(
        vec!["127.0.0.1:0".parse()?],
        vec![host_key.clone()],
        vec![dir.join("authorized_keys")],
    );
    let mut server = Server::bind(config).await?;
    let port = server.addresses()[0].port();
    std::fs::write(dir.join("known_hosts"), format!("[127.0.0.1]:{port} {}\n", host_key.public_line()))?;
    println!("{port}");
    loop {
        tokio::spawn(answer(server.accept().await?));
    }
}

async fn answer(incoming: Incoming) {
    let Incoming { carrier: Carrier { tx, mut rx, .. }, command, reply, .. } = incoming;
    let mib = command.split_once(' ').and_then(|(_, mib)| mib.parse().ok()).unwrap_or(0);
    let sending = tokio::spawn(send(tx, mib));
    let received = receive(&mut *rx).await;
    let sent = sending.await;
    reply.exit(u32::from(received.is_err() || !matches!(sent, Ok(Ok(_)))));
}

async fn send(
    mut tx: Box<dyn CarrierTx>,
    mib: usize,
) -> std::result::Result<Box<dyn CarrierTx>, CarrierError> {
    let chunk = Bytes::from(vec![0x5a; CHUNK]);
    for _ in 0..mib * MIB / CHUNK {
        tx.send(chunk.clone()).await?;
    }
    tx.finish().await?;
    Ok(tx)
}

async fn receive(rx: &mut dyn CarrierRx) -> std::result::Result<usize, CarrierError> {
    let mut total = 0;
    while let Some(bytes) = rx.recv().await? {
        total += bytes.len();
    }
    Ok(total)
}

async fn call(port: u16, dir: &Path, mib: usize, sshd: bool) -> Result<()> {
    let mut config = ClientConfig::new("127.0.0.1");
    config.port = Some(port);
    config.identities = vec![dir.join("id")];
    config.config_file = Some("none".into());
    config.options = vec![
        format!("UserKnownHostsFile={}", dir.join("known_hosts").display()),
        "GlobalKnownHostsFile=none".into(),
        "IdentitiesOnly=yes".into(),
        "IdentityAgent=none".into(),
    ];
    for (name, up, down) in [("up", mib, 0), ("down", 0, mib), ("both", mib, mib)] {
        let command = match (sshd, down) {
            (false, _) => format!("{name} {down}"),
            (true, 0) => "cat > /dev/null".to_owned(),
            (true, _) => format!("head -c {down}M /dev/zero & cat > /dev/null; wait"),
        };
        let Carrier { tx, mut rx, info } = client::connect(&config, &command, Arc::new(NoPrompt)).await?;
        let start = Instant::now();
        let sending = tokio::spawn(send(tx, up));
        let received = receive(&mut *rx).await?;
        let _tx = sending.await??;
        let seconds = start.elapsed().as_secs_f64();
        let expected = down * MIB;
        if received != expected {
            return Err(format!("expected {expected} bytes, received {received}").into());
        }
        let gigabits = ((up + down) * MIB * 8) as f64 / seconds / 1e9;
        let cipher = info.cipher.unwrap_or_default();
        println!("{name:5} {:6} MiB  {seconds:6.2} s  {gigabits:6.2} Gb/s  {cipher}", up + down);
    }
    Ok(())
}
