//! The whole pump in memory: packets from one end's device to the other's, through two links and a pipe.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ppp_proto::link::{Event, LinkConfig};
use ppp_proto::{IpcpConfig, LocalAddress};
use pppssh::session::{ChannelDevice, ChannelEnds, Pump, Step};
use pppssh_benches::{Fill, PACKET_LENS};
use ssh_carrier::Carrier;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet};

/// Packets moved in one measured round: fewer than a device holds, so that none is lost.
const ROUND: usize = 512;

/// One end that runs until the test ends; `up` hears when IPv4 is up.
fn end(octet: u8, mut carrier: Carrier, up: oneshot::Sender<()>) -> (ChannelEnds, JoinHandle<()>) {
    let (mut device, ends) = ChannelDevice::new(2 * ROUND);
    let local = LocalAddress::Fixed([10, 0, 0, octet].into());
    let lcp = ppp_proto::LcpConfig { mru: u16::MAX, ..ppp_proto::LcpConfig::default() };
    let mut pump = Pump::new(LinkConfig {
        lcp,
        ipv4: Some(IpcpConfig { local, ..IpcpConfig::default() }),
        ipv6: None,
        seed: octet.into(),
        ..LinkConfig::default()
    });
    pump.lower_up();
    let mut up = Some(up);
    let task = tokio::task::spawn_local(async move {
        loop {
            match pump.run(&mut carrier, &mut device).await.expect("the pipe goes on") {
                Step::Event(Event::Ipv4Up(_)) => {
                    let _ = up.take().expect("IPv4 comes up once").send(());
                }
                Step::Event(_) => {}
                Step::CarrierEnded => return,
            }
        }
    });
    (ends, task)
}

async fn pair() -> (ChannelEnds, ChannelEnds) {
    let (left, right) = Carrier::memory_pair();
    let (left_up, left_is_up) = oneshot::channel();
    let (right_up, right_is_up) = oneshot::channel();
    let (left, _) = end(1, left, left_up);
    let (right, _) = end(2, right, right_up);
    left_is_up.await.expect("IPv4 comes up");
    right_is_up.await.expect("IPv4 comes up");
    (left, right)
}

/// Sends a round of packets and waits until all have arrived.
async fn round(from: &ChannelEnds, to: &mut ChannelEnds, packet: &Bytes) {
    for _ in 0..ROUND {
        from.outgoing.send(packet.clone()).await.expect("the device takes packets");
    }
    for _ in 0..ROUND {
        to.incoming.recv().await.expect("every packet arrives");
    }
}

fn pump(criterion: &mut Criterion) {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let (left, mut right) = local.block_on(&runtime, pair());
    let mut group = criterion.benchmark_group("pump");
    for fill in Fill::ALL {
        for len in PACKET_LENS {
            let mut packet = fill.packet(len);
            packet[0] = 0x45;
            let packet = Bytes::from(packet);
            group.throughput(Throughput::Bytes((ROUND * len) as u64));
            group.bench_function(BenchmarkId::new(fill.name(), len), |bencher| {
                bencher.iter(|| local.block_on(&runtime, round(&left, &mut right, &packet)));
            });
        }
    }
}

criterion_group!(benches, pump);
criterion_main!(benches);
