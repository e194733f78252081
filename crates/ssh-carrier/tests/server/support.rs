//! A server on loopback, and OpenSSH's client to call it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;

use aws_lc_rs::digest;
use bytes::Bytes;
use russh::client;
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use ssh_carrier::server::{HostKey, Incoming, Server, ServerConfig, generate_host_key};
use ssh_carrier::{CarrierRx, CarrierTx};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;

pub(crate) const CHUNK: usize = 32 * 1024;

/// A directory with a host key, a client's key `id` that authorized_keys holds, and known_hosts.
pub(crate) struct Place {
    dir: TempDir,
    host_key: HostKey,
    client_key: HostKey,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host_key = generate_host_key(&dir.path().join("host_key")).unwrap();
        let client_key = generate_host_key(&dir.path().join("id")).unwrap();
        let place = Self { dir, host_key, client_key };
        place.authorize("");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts `id` into authorized_keys, behind `options`.
    pub(crate) fn authorize(&self, options: &str) {
        let line = format!("{options} {} client of the tests\n", self.client_key.public_line());
        std::fs::write(self.path("authorized_keys"), line.trim_start()).unwrap();
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.client_key.fingerprint()
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let loopback = "127.0.0.1:0".parse().unwrap();
        ServerConfig::new(vec![loopback], vec![self.host_key.clone()], vec![self.path("authorized_keys")])
    }

    pub(crate) async fn server(&self) -> Server {
        self.serve(self.config()).await
    }

    pub(crate) async fn serve(&self, config: ServerConfig) -> Server {
        let server = Server::bind(config).await.unwrap();
        let port = server.addresses()[0].port();
        let line = format!("[127.0.0.1]:{port} {}\n", self.host_key.public_line());
        std::fs::write(self.path("known_hosts"), line).unwrap();
        server
    }

    /// A russh client that has logged in with the key `id`.
    pub(crate) async fn russh(&self, server: &Server) -> client::Handle<Trusting> {
        let config = Arc::new(client::Config::default());
        let mut client = client::connect(config, server.addresses()[0], Trusting).await.unwrap();
        let key = russh::keys::load_secret_key(self.path("id"), None).unwrap();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        assert!(client.authenticate_publickey("vpn", key).await.unwrap().success());
        client
    }

    /// `ssh` to `server` with the key `id` and no other settings than these.
    pub(crate) fn ssh(&self, server: &Server) -> Command {
        self.ssh_to(server.addresses()[0], "id")
    }

    pub(crate) fn ssh_to(&self, server: SocketAddr, key: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "/dev/null", "-l", "vpn", "-p"]).arg(server.port().to_string());
        command.arg("-i").arg(self.path(key));
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
            "LogLevel=INFO",
            &format!("UserKnownHostsFile={}", self.path("known_hosts").display()),
        ] {
            command.args(["-o", option]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Passes one connection on, until one of its directions is stopped.
pub(crate) struct Relay {
    pub(crate) port: u16,
    up: watch::Sender<bool>,
    down: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (up, going_up) = watch::channel(true);
        let (down, going_down) = watch::channel(true);
        tokio::spawn(async move {
            let (near, _) = listener.accept().await.unwrap();
            let (near_rx, near_tx) = near.into_split();
            let (far_rx, far_tx) = TcpStream::connect(server).await.unwrap().into_split();
            tokio::spawn(pass_on(near_rx, far_tx, going_up));
            tokio::spawn(pass_on(far_rx, near_tx, going_down));
        });
        Self { port, up, down }
    }

    /// From the client to the server nothing passes any more.
    pub(crate) fn stop_up(&self) {
        self.up.send_replace(false);
    }

    /// From the server to the client nothing passes any more.
    pub(crate) fn stop_down(&self) {
        self.down.send_replace(false);
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut going: watch::Receiver<bool>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = from.read(&mut buffer).await.unwrap_or(0);
        let goes_on = going.wait_for(|&going| going).await.is_ok();
        if n == 0 || !goes_on || to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

/// A client that trusts any host.
pub(crate) struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Where `ssh` wants it: options first, then this.
pub(crate) const HOST: &str = "127.0.0.1";

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Answers the next `sessions` sessions with what came in, until it ends; then exits with `status`.
pub(crate) async fn echo(server: &mut Server, sessions: usize, status: u32) {
    let mut tasks = Vec::new();
    for _ in 0..sessions {
        let incoming = server.accept().await.unwrap();
        tasks.push(tokio::spawn(echo_one(incoming, status)));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// `true` if the client ended its side cleanly.
pub(crate) async fn echo_one(incoming: Incoming, status: u32) -> bool {
    let Incoming { mut carrier, reply, .. } = incoming;
    while let Ok(Some(octets)) = carrier.rx.recv().await {
        if carrier.tx.send(octets).await.is_err() {
            return false;
        }
    }
    let clean = carrier.tx.finish().await.is_ok();
    reply.exit(status);
    clean
}

pub(crate) fn chunk(seed: u8, n: usize) -> Bytes {
    let mut chunk = vec![seed; CHUNK];
    chunk[..8].copy_from_slice(&n.to_le_bytes());
    chunk.into()
}

pub(crate) struct Hash(digest::Context);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    pub(crate) fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

/// Writes `chunks` chunks and ends the stream; returns the hash of them.
pub(crate) async fn feed(mut io: impl AsyncWrite + Unpin, seed: u8, chunks: usize) -> Vec<u8> {
    let mut hash = Hash::new();
    for n in 0..chunks {
        let chunk = chunk(seed, n);
        hash.update(&chunk);
        io.write_all(&chunk).await.unwrap();
    }
    io.shutdown().await.unwrap();
    hash.finish()
}

/// Reads to the end; returns the hash and the length.
pub(crate) async fn drain(mut io: impl AsyncRead + Unpin) -> (Vec<u8>, usize) {
    let mut hash = Hash::new();
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let n = io.read(&mut buffer).await.unwrap();
        if n == 0 {
            return (hash.finish(), total);
        }
        hash.update(&buffer[..n]);
        total += n;
    }
}

/// Sends `chunks` chunks and finishes; returns the hash of them.
pub(crate) async fn send_all(
    mut tx: Box<dyn CarrierTx>,
    seed: u8,
    chunks: usize,
) -> (Vec<u8>, Box<dyn CarrierTx>) {
    let mut hash = Hash::new();
    for n in 0..chunks {
        let chunk = chunk(seed, n);
        hash.update(&chunk);
        tx.send(chunk).await.unwrap();
    }
    tx.finish().await.unwrap();
    (hash.finish(), tx)
}

/// Receives to the end; returns the hash and the length.
pub(crate) async fn receive_all(rx: &mut dyn CarrierRx) -> (Vec<u8>, usize) {
    let mut hash = Hash::new();
    let mut total = 0;
    while let Some(octets) = rx.recv().await.unwrap() {
        hash.update(&octets);
        total += octets.len();
    }
    (hash.finish(), total)
}
