//! Joins two ends in one process: no SSH, no TUN device, no privileges.
//!
//! A program that makes and takes IP packets itself (a user-space network stack, a test) gives each end a
//! `ChannelDevice` and any carrier; here the carrier is a pair of pipes in memory.
//!
//! Run it with `cargo run -p pppssh --example embed`.

use bytes::Bytes;
use ppp_proto::link::{Event, LinkConfig};
use ppp_proto::{IpcpConfig, LocalAddress, RemoteAddress};
use pppssh::session::{ChannelDevice, ChannelEnds, Pump, Step};
use ssh_carrier::Carrier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (to_saturn, to_venus) = Carrier::memory_pair();
    let (venus_device, venus) = ChannelDevice::new(64);
    let (saturn_device, saturn) = ChannelDevice::new(64);

    // venus knows its own address and asks who the other is; saturn the other way round.
    let venus_ppp =
        IpcpConfig { local: LocalAddress::Fixed([192, 168, 1, 1].into()), ..IpcpConfig::default() };
    let saturn_ppp = IpcpConfig {
        local: LocalAddress::Fixed([192, 168, 2, 1].into()),
        remote: RemoteAddress::Fixed([192, 168, 1, 1].into()),
        ..IpcpConfig::default()
    };

    tokio::select! {
        end = run("venus", venus_ppp, to_saturn, venus_device) => end,
        end = run("saturn", saturn_ppp, to_venus, saturn_device) => end,
        talked = talk(venus, saturn) => talked,
    }
}

/// One end: moves packets, and says what happens.
async fn run(
    name: &str,
    ipv4: IpcpConfig,
    mut carrier: Carrier,
    mut device: ChannelDevice,
) -> anyhow::Result<()> {
    let seed = getrandom::u64()?;
    let mut pump =
        Pump::new(LinkConfig { name: name.to_owned(), ipv4: Some(ipv4), seed, ..LinkConfig::default() });
    pump.lower_up();
    loop {
        match pump.run(&mut carrier, &mut device).await? {
            Step::Event(Event::Ipv4Up(up)) => println!("{name}: {} to {}", up.local, up.remote),
            Step::Event(Event::Closed(reason)) => anyhow::bail!("{name}: {reason}"),
            Step::Event(_) => {}
            Step::CarrierEnded => anyhow::bail!("{name}: the carrier ended"),
        }
    }
}

/// Sends a packet each way. Until IPCP is Opened packets are dropped, so the first one is repeated.
async fn talk(venus: ChannelEnds, mut saturn: ChannelEnds) -> anyhow::Result<()> {
    let ChannelEnds { outgoing, mut incoming } = venus;
    let hello = udp([192, 168, 1, 1], [192, 168, 2, 1], b"hello, saturn");
    let mut again = tokio::time::interval(std::time::Duration::from_millis(5));
    let heard = loop {
        tokio::select! {
            _ = again.tick() => outgoing.send(hello.clone()).await?,
            Some(packet) = saturn.incoming.recv() => break packet,
        }
    };
    println!("saturn heard: {}", String::from_utf8_lossy(&heard[28..]));
    saturn.outgoing.send(udp([192, 168, 2, 1], [192, 168, 1, 1], b"hello, venus")).await?;
    let heard = incoming.recv().await.ok_or_else(|| anyhow::anyhow!("venus is gone"))?;
    println!("venus heard: {}", String::from_utf8_lossy(&heard[28..]));
    Ok(())
}

/// An IPv4 UDP packet (RFC 791 §3.1, RFC 768) from and to port 9, without checksums: nobody here computes them.
fn udp(from: [u8; 4], to: [u8; 4], text: &[u8]) -> Bytes {
    let udp_length = u16::try_from(8 + text.len()).expect("a short text");
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from);
    packet.extend(to);
    packet.extend([0, 9, 0, 9]);
    packet.extend(udp_length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(text);
    packet.into()
}
