//! Those who never log in.

use std::time::Duration;

use ssh_carrier::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{HOST, Place, echo, stderr};

async fn rest(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut octets).await;
    String::from_utf8_lossy(&octets).into_owned()
}

async fn assert_serves(place: &Place, server: &mut Server) {
    let ssh = place.ssh(server).args([HOST, "x"]).output();
    let (output, ()) = tokio::join!(ssh, echo(server, 1, 0));
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[tokio::test]
async fn those_who_say_nothing_are_shown_the_door_and_make_room() {
    let place = Place::new();
    let mut config = place.config();
    config.login_grace = Duration::from_millis(500);
    config.max_unauthenticated = 2;
    let mut server = place.serve(config).await;
    let address = server.addresses()[0];

    // One says nothing at all, one goes on after its version.
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"SSH-2.0-slow\r\n").await.unwrap();
    for stream in [&silent, &slow] {
        stream.readable().await.unwrap();
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut third).await, "Too many clients that have not logged in; try again later\r\n");

    assert!(rest(&mut silent).await.starts_with("SSH-2.0-pppssh"));
    assert!(rest(&mut slow).await.starts_with("SSH-2.0-pppssh"));
    assert_serves(&place, &mut server).await;
}

#[tokio::test]
async fn clients_are_limited() {
    let place = Place::new();
    let mut config = place.config();
    config.max_clients = 1;
    let server = place.serve(config).await;
    let address = server.addresses()[0];
    let first = TcpStream::connect(address).await.unwrap();
    first.readable().await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(&mut second).await, "Too many clients; try again later\r\n");
    drop(first);
    // Its place is free once the server has noticed.
    loop {
        let mut next = TcpStream::connect(address).await.unwrap();
        let mut start = [0; 4];
        next.read_exact(&mut start).await.unwrap();
        if &start == b"SSH-" {
            break;
        }
    }
    server.shutdown().await;
}

#[tokio::test]
async fn rubbish_hurts_nobody() {
    let place = Place::new();
    let mut server = place.server().await;
    let address = server.addresses()[0];
    let version = b"SSH-2.0-rubbish\r\n".as_slice();
    let cases: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 4096],
        &[version, &[0xff; 4096]].concat(),
        &[version, &[0, 0, 0, 12, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
        &[version, &[0, 0, 0, 0]].concat(),
    ];
    for octets in cases {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(octets).await;
        let _ = stream.shutdown().await;
        rest(&mut stream).await;
    }
    assert_serves(&place, &mut server).await;
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let place = Place::new();
    let first = place.server().await;
    let mut config = place.config();
    config.listen = first.addresses().to_vec();
    let text = Server::bind(config).await.unwrap_err().to_string();
    assert!(
        text.starts_with(&format!("cannot listen on {} (does sshd listen there?", first.addresses()[0])),
        "{text}"
    );
}

#[tokio::test]
async fn ipv6_and_ipv4_are_listened_on_side_by_side() {
    let place = Place::new();
    let mut config = place.config();
    config.listen = vec!["[::1]:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
    let server = Server::bind(config).await.unwrap();
    for &address in server.addresses() {
        let mut start = [0; 4];
        TcpStream::connect(address).await.unwrap().read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"SSH-");
    }
}

#[tokio::test]
async fn a_server_without_a_key_or_a_file_of_keys_says_so_at_once() {
    let place = Place::new();
    let mut config = place.config();
    config.host_keys.clear();
    assert!(Server::bind(config).await.unwrap_err().to_string().contains("a host key"));
    let mut config = place.config();
    config.authorized_keys = vec![place.path("nowhere")];
    assert!(Server::bind(config).await.unwrap_err().to_string().contains("nowhere"));
}
