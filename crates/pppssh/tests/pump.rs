//! Two pumps, each with a device that is a pair of queues, joined by a pipe in memory.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use ppp_proto::link::{CloseReason, Event, Link, LinkConfig};
use ppp_proto::{Express, IpcpConfig, LcpConfig, LocalAddress, RemoteAddress};
use pppssh::session::{ChannelDevice, ChannelEnds, Device, Pump, Step};
use ssh_carrier::Carrier;
use tunio::offload::{GsoType, VirtioHeader, ones_complement_sum};
use tunio::{Offload, PacketBatch};

/// A pump, what carries it and what it serves.
struct End {
    pump: Box<Pump>,
    carrier: Carrier,
    device: ChannelDevice,
    program: ChannelEnds,
}

impl End {
    fn new(carrier: Carrier, local: [u8; 4], remote: RemoteAddress) -> End {
        End::with(carrier, local, remote, LcpConfig::default())
    }

    fn with(carrier: Carrier, local: [u8; 4], remote: RemoteAddress, lcp: LcpConfig) -> End {
        let ipv4 =
            Some(IpcpConfig { local: LocalAddress::Fixed(local.into()), remote, ..IpcpConfig::default() });
        let seed = u64::from(local[3]);
        let config = LinkConfig { lcp, ipv4, ipv6: None, seed, ..LinkConfig::default() };
        let mut pump = Box::new(Pump::new(config));
        pump.lower_up();
        let (device, program) = ChannelDevice::new(1024);
        End { pump, carrier, device, program }
    }

    async fn step(&mut self) -> Step {
        self.pump.run(&mut self.carrier, &mut self.device).await.expect("the pipe does not break")
    }

    /// Runs to the event that `wanted` accepts.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            match self.step().await {
                Step::Event(event) if wanted(&event) => return event,
                Step::Event(_) => {}
                Step::CarrierEnded => panic!("the carrier ended before that"),
            }
        }
    }

    /// Runs for as long as it is polled.
    async fn serve(&mut self) -> ! {
        self.until(|_| false).await;
        unreachable!("no event is wanted")
    }
}

const fn is_up(event: &Event) -> bool {
    matches!(event, Event::Ipv4Up(_))
}

/// Venus and saturn with IPv4 up between them.
async fn joined() -> (End, End) {
    let (to_saturn, to_venus) = Carrier::memory_pair();
    let mut venus = End::new(to_saturn, [10, 0, 0, 1], RemoteAddress::Any);
    let mut saturn = End::new(to_venus, [10, 0, 0, 2], RemoteAddress::Any);
    both_up(&mut venus, &mut saturn).await;
    (venus, saturn)
}

/// Runs both until IPv4 is up on both: the one that is first must go on, or the other would wait for its answer.
async fn both_up(venus: &mut End, saturn: &mut End) {
    let mut up = [false, false];
    while up != [true, true] {
        let (who, step) = tokio::select! {
            step = venus.step() => (0, step),
            step = saturn.step() => (1, step),
        };
        up[who] |= matches!(step, Step::Event(event) if is_up(&event));
    }
}

/// Something that looks like an IPv4 packet, different for each number.
fn packet(number: usize, len: usize) -> Bytes {
    let mut packet: Vec<u8> = (0..len).map(|at| (at * 31 + number * 7) as u8).collect();
    packet[0] = 0x45;
    packet.into()
}

#[tokio::test]
async fn packets_cross_both_ways_at_once_unchanged_and_in_order() {
    let (mut venus, mut saturn) = joined().await;
    let packets: Vec<Bytes> = (0..1000).map(|number| packet(number, 20 + number)).collect();
    let (_, venus_hears) = tokio::sync::mpsc::channel(1);
    let (_, saturn_hears) = tokio::sync::mpsc::channel(1);
    let mut at_venus = std::mem::replace(&mut venus.program.incoming, venus_hears);
    let mut at_saturn = std::mem::replace(&mut saturn.program.incoming, saturn_hears);
    let outgoing = [venus.program.outgoing.clone(), saturn.program.outgoing.clone()];
    // As many as a window of TCP would have under way: a queue that stands is cut, and flows overtake each other in it.
    let send = |number: usize| {
        for way in outgoing.iter().filter(|_| number < packets.len()) {
            way.try_send(packets[number].clone()).unwrap();
        }
    };
    (0..8).for_each(send);
    let arrived = async {
        for (number, packet) in packets.iter().enumerate() {
            send(number + 8);
            assert_eq!(at_venus.recv().await.as_ref(), Some(packet));
            assert_eq!(at_saturn.recv().await.as_ref(), Some(packet));
        }
    };
    tokio::select! {
        () = arrived => {}
        _ = venus.serve() => {}
        _ = saturn.serve() => {}
    }
    assert_eq!(venus.pump.traffic().packets_sent, 1000);
    assert_eq!(venus.pump.traffic().packets_received, 1000);
}

#[tokio::test]
async fn what_waits_for_the_peer_leaves_in_chunks_that_fill_segments_and_the_rest_a_moment_later() {
    let (to_saturn, to_venus) = Carrier::memory_pair();
    let express = Some(Express { offload: false, ..Express::ALL });
    let lcp = LcpConfig { express, ..LcpConfig::default() };
    let mut venus = End::with(to_saturn, [10, 0, 0, 1], RemoteAddress::Any, lcp.clone());
    let mut saturn = End::with(to_venus, [10, 0, 0, 2], RemoteAddress::Any, lcp);
    both_up(&mut venus, &mut saturn).await;
    venus.program.outgoing.try_send(packet(0, 100)).unwrap();
    let (_, saturn_hears) = tokio::sync::mpsc::channel(1);
    let mut at_saturn = std::mem::replace(&mut saturn.program.incoming, saturn_hears);
    tokio::select! {
        first = at_saturn.recv() => assert_eq!(first, Some(packet(0, 100))),
        _ = venus.serve() => unreachable!(),
        // IPv6 may only come up now.
        _ = saturn.serve() => unreachable!(),
    }
    // More than may be under way: saturn says no more from here on.
    for number in 0..100 {
        venus.program.outgoing.try_send(packet(number, 1500)).unwrap();
    }
    let records = async {
        let mut octets = BytesMut::new();
        loop {
            let chunk = saturn.carrier.rx.recv().await.unwrap().expect("venus goes on");
            if octets.is_empty() {
                // A message has 20 octets around what is padded to a multiple of 16, and 14 of these are not ours.
                let message = 20 + (chunk.len() + 14).next_multiple_of(16);
                assert!(message % 1400 > 1400 - 16, "{} octets in the first chunk", chunk.len());
            }
            octets.extend_from_slice(&chunk);
            if let Some(records) = whole_records(&octets) {
                return records;
            }
        }
    };
    let records = tokio::select! {
        records = records => records,
        _ = venus.serve() => unreachable!(),
    };
    assert_eq!(records, venus.pump.traffic().packets_sent - 1);
}

/// How many records there are (docs/express.md), with frames among them, if the last one is whole.
fn whole_records(mut octets: &[u8]) -> Option<u64> {
    let mut records = 0;
    while let Some((first, rest)) = octets.split_first() {
        let len = if *first == 0x7e {
            1 + rest.iter().position(|octet| *octet == 0x7e)? + 1
        } else {
            records += 1;
            4 + usize::from(u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]))
        };
        octets = octets.get(len..)?;
    }
    Some(records)
}

/// A SYN over IPv4 whose sender counts with packets of 1500 octets.
fn syn() -> Bytes {
    let mut packet = vec![0; 44];
    packet[..10].copy_from_slice(&[0x45, 0, 0, 44, 0, 1, 0x40, 0, 64, 6]);
    packet[32..34].copy_from_slice(&[0x60, 0x02]);
    packet[40..].copy_from_slice(&[2, 4, 5, 0xb4]);
    packet.into()
}

#[tokio::test]
async fn one_end_lowers_the_segment_size_of_connections_both_ways() {
    let (to_saturn, to_venus) = Carrier::memory_pair();
    let mut venus = End::new(to_saturn, [10, 0, 0, 1], RemoteAddress::Any);
    let small = LcpConfig { mru: 1400, ..LcpConfig::default() };
    let mut saturn = End::with(to_venus, [10, 0, 0, 2], RemoteAddress::Any, small);
    venus.pump.clamp_mss(false);
    both_up(&mut venus, &mut saturn).await;

    venus.program.outgoing.try_send(syn()).unwrap();
    saturn.program.outgoing.try_send(syn()).unwrap();
    let (_, venus_hears) = tokio::sync::mpsc::channel(1);
    let (_, saturn_hears) = tokio::sync::mpsc::channel(1);
    let mut at_venus = std::mem::replace(&mut venus.program.incoming, venus_hears);
    let mut at_saturn = std::mem::replace(&mut saturn.program.incoming, saturn_hears);
    let arrived = async { [at_venus.recv().await, at_saturn.recv().await] };
    tokio::select! {
        both = arrived => both.map(|packet| assert_eq!(packet.unwrap()[40..], [2, 4, 5, 0x50], "1360")),
        _ = venus.serve() => unreachable!("it serves for ever"),
        _ = saturn.serve() => unreachable!("it serves for ever"),
    };
}

/// A device that sends nothing, and keeps what it got.
struct Keeping {
    offload: Offload,
    got: Vec<(GsoType, usize)>,
}

impl Device for Keeping {
    fn poll_recv(&mut self, _: &mut Context<'_>, _: &mut PacketBatch) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        self.send_offload(&VirtioHeader::NONE, packet)
    }

    fn send_offload(&mut self, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        self.got.push((header.gso_type, packet.len()));
        Ok(())
    }

    fn offload(&self) -> Offload {
        self.offload
    }
}

/// UDP with 100 octets, as from a socket of Linux that is not connected: DF, and no Identification.
fn datagram() -> Bytes {
    let mut ip = [0x45, 0, 0, 128, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let checksum = !ones_complement_sum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut udp = vec![0x9c, 0x40, 1, 187, 0, 108, 0, 0];
    udp.extend([7; 100]);
    let pseudo_header = [&ip[12..], &[0, 17, 0, 108]].concat();
    let checksum = !ones_complement_sum(&[&pseudo_header[..], &udp].concat());
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    [&ip[..], &udp].concat().into()
}

#[tokio::test]
async fn datagrams_behind_each_other_are_one_packet_for_a_device_that_takes_them_so() {
    let one_by_one = vec![(GsoType::None, 128); 4];
    for (offload, expected) in [
        (Offload::ALL, vec![(GsoType::UdpL4, 428)]),
        (Offload { udp: false, ..Offload::ALL }, one_by_one.clone()),
        (Offload::NONE, one_by_one),
    ] {
        let (mut venus, mut saturn) = joined().await;
        for _ in 0..4 {
            venus.program.outgoing.try_send(datagram()).unwrap();
        }
        let mut device = Keeping { offload, got: vec![] };
        let arrived = poll_fn(|cx| {
            while pin!(saturn.pump.run(&mut saturn.carrier, &mut device)).poll(cx).is_ready() {}
            if device.got.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        });
        tokio::select! {
            _ = venus.serve() => unreachable!("it serves for ever"),
            () = arrived => {}
        }
        assert_eq!(device.got, expected, "{offload:?}");
    }
}

#[tokio::test]
async fn a_packet_behind_the_opening_of_ipv4_waits_until_its_owner_has_heard_of_it() {
    let (mut to_saturn, to_venus) = Carrier::memory_pair();
    let mut saturn = End::new(to_venus, [10, 0, 0, 2], RemoteAddress::Any);
    let local = LocalAddress::Fixed([10, 0, 0, 1].into());
    let ipv4 = Some(IpcpConfig { local, ..IpcpConfig::default() });
    let mut venus =
        Link::new(LinkConfig { ipv4, ipv6: None, seed: 1, ..LinkConfig::default() }, Instant::now());
    venus.open(Instant::now());
    venus.lower_up(Instant::now());

    // Venus answers all that saturn has said so far with one chunk, and puts a packet into it as soon as she may: so the
    // packet lies behind the very frame that opens IPv4 on saturn.
    let mut sent = false;
    let opened = loop {
        let mut out = BytesMut::new();
        venus.poll_transmit(&mut out);
        sent |= !sent && venus.encode(&packet(1, 100), &mut out).is_ok();
        if !out.is_empty() {
            to_saturn.tx.send(out.freeze()).await.unwrap();
        }
        tokio::select! {
            biased;
            event = saturn.until(is_up) => break event,
            () = tokio::task::yield_now() => {}
        }
        while let Some(said) = to_saturn.rx.recv().now_or_never() {
            let said = said.unwrap().expect("saturn is there");
            while venus.receive(Instant::now(), &mut &said[..]).is_some() {}
        }
    };
    assert!(sent && is_up(&opened));
    assert!(saturn.program.incoming.try_recv().is_err(), "the packet came before the event");
    let (_, nobody) = tokio::sync::mpsc::channel(1);
    let mut program = std::mem::replace(&mut saturn.program.incoming, nobody);
    tokio::select! {
        arrived = program.recv() => assert_eq!(arrived, Some(packet(1, 100))),
        _ = saturn.serve() => {}
    }
}

#[tokio::test]
async fn the_end_that_is_left_hears_the_reason_and_both_are_done() {
    let (mut venus, mut saturn) = joined().await;
    venus.pump.close("going home");
    let closed = |event: &Event| matches!(event, Event::Closed(_));
    // Saturn waits one restart period after her Terminate-Ack, unless the carrier ends (RFC 1661 §3.7).
    let venus_ends = async {
        let event = venus.until(closed).await;
        venus.pump.finish(&mut venus.carrier).await.unwrap();
        drop(venus.carrier);
        event
    };
    let saturn_ends = async {
        loop {
            match saturn.step().await {
                Step::Event(_) => {}
                Step::CarrierEnded => break saturn.pump.link().status().close_reason,
            }
        }
    };
    let (venus_heard, saturn_heard) = tokio::join!(venus_ends, saturn_ends);
    let message = String::from("going home");
    assert_eq!(venus_heard, Event::Closed(CloseReason::Local { message: message.clone() }));
    assert_eq!(saturn_heard, Some(CloseReason::PeerTerminated { message }));
}

#[tokio::test]
async fn a_pump_goes_on_with_another_carrier_and_keeps_its_counters() {
    let (mut venus, mut saturn) = joined().await;
    saturn.program.outgoing.try_send(packet(1, 60)).unwrap();
    tokio::select! {
        arrived = venus.program.incoming.recv() => assert!(arrived.is_some()),
        _ = async { saturn.serve().await } => {}
        // Events, like that of an Echo-Reply, may come before.
        () = async { loop { venus.pump.run(&mut venus.carrier, &mut venus.device).await.unwrap(); } } => {}
    }
    let (to_saturn, to_venus) = Carrier::memory_pair();
    for (end, carrier) in [(&mut venus, to_saturn), (&mut saturn, to_venus)] {
        end.pump.lower_down();
        end.carrier = carrier;
        end.pump.lower_up();
    }
    both_up(&mut venus, &mut saturn).await;
    assert_eq!(venus.pump.traffic().packets_received, 1);
}

#[tokio::test]
async fn packets_for_a_link_on_demand_wait_for_it_and_multicast_calls_nobody() {
    let (to_saturn, to_venus) = Carrier::memory_pair();
    let mut venus = End::new(to_saturn, [10, 0, 0, 1], RemoteAddress::Any);
    let mut saturn = End::new(to_venus, [10, 0, 0, 2], RemoteAddress::Any);
    let to = |first: u8, number| {
        let mut packet = packet(number, 40).to_vec();
        packet[16] = first;
        Bytes::from(packet)
    };
    venus.pump.read_device(false);
    venus.program.outgoing.try_send(to(224, 1)).unwrap();
    assert!(venus.pump.wait_for_packet(&mut venus.device).now_or_never().is_none(), "multicast is no reason");
    let (called, later) = (to(10, 2), to(10, 3));
    venus.program.outgoing.try_send(called.clone()).unwrap();
    venus.pump.wait_for_packet(&mut venus.device).await.unwrap();
    venus.program.outgoing.try_send(later.clone()).unwrap();
    both_up(&mut venus, &mut saturn).await;
    assert_eq!(venus.pump.traffic().packets_sent, 0, "the owner sets addresses first");
    venus.pump.read_device(true);
    let (_, nobody) = tokio::sync::mpsc::channel(1);
    let mut at_saturn = std::mem::replace(&mut saturn.program.incoming, nobody);
    let arrived = async { (at_saturn.recv().await, at_saturn.recv().await) };
    tokio::select! {
        both = arrived => assert_eq!(both, (Some(called), Some(later))),
        _ = venus.serve() => {}
        _ = saturn.serve() => {}
    }
    assert_eq!(venus.pump.traffic().dropped_not_up, 0);
}
