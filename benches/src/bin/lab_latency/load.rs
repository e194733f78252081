//! TCP flows that take what they can get.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::ValueEnum;
use netlab::Host;
use pppssh_benches::Fill;
use pppssh_tests::lab_kernel::hosts::Hosts;
use pppssh_tests::traffic::connection;
use serde::{Deserialize, Serialize};

use crate::contender::Way;

/// Octets written and read at a time.
const BLOCK: usize = 64 * 1024;

/// What is on the way while it is measured.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// One flow from venus to saturn
    Up,
    /// One flow from saturn to venus
    Down,
    /// One flow each way
    Both,
    /// Four flows from venus to saturn
    Four,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("none is hidden").get_name())
    }
}

impl Scenario {
    /// All.
    pub(crate) const ALL: [Scenario; 4] = [Scenario::Up, Scenario::Down, Scenario::Both, Scenario::Four];

    /// How many flows there are up and down.
    fn flows(self) -> (usize, usize) {
        match self {
            Scenario::Up => (1, 0),
            Scenario::Down => (0, 1),
            Scenario::Both => (1, 1),
            Scenario::Four => (4, 0),
        }
    }

    /// Starts the flows; those up come first.
    pub(crate) fn start(self, hosts: &Hosts, way: &Way) -> Vec<Flow> {
        let (up, down) = self.flows();
        let ups = (0..up).map(|_| Flow::start(&hosts.venus, &hosts.saturn, way.saturn));
        let downs = (0..down).map(|_| Flow::start(&hosts.saturn, &hosts.venus, way.venus));
        ups.chain(downs).collect()
    }
}

/// One flow. It ends when it is dropped, and what it had in its buffers is not sent any more.
pub(crate) struct Flow {
    ends: [TcpStream; 2],
    arrived: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flow {
    fn start(from: &Host, to: &Host, address: Ipv4Addr) -> Flow {
        let (near, far) = connection(from, to, address.into());
        let arrived = Arc::new(AtomicU64::new(0));
        let (mut writer, mut reader) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let counter = arrived.clone();
        let threads = vec![
            thread::spawn(move || {
                let block = Fill::Random.packet(BLOCK);
                while writer.write_all(&block).is_ok() {}
            }),
            thread::spawn(move || {
                let mut block = vec![0; BLOCK];
                while let Ok(octets @ 1..) = reader.read(&mut block) {
                    counter.fetch_add(octets as u64, Ordering::Relaxed);
                }
            }),
        ];
        Flow { ends: [near, far], arrived, threads }
    }

    /// Octets that came out of it so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        for end in &self.ends {
            // Closing resets the connection (socket(7), SO_LINGER); shutting down wakes the threads.
            let _ = rustix::net::sockopt::set_socket_linger(end, Some(Duration::ZERO));
            let _ = end.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
