//! Each change and its undo, on a real kernel in a network namespace of its own.
#![cfg(target_os = "linux")]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::{
    assert_same, assert_same_in_any_order, get, in_namespace, ip, journals, make_uplink, ppp0, set, snapshot,
};
use hostnet::{Error, Family, Forwarding, HostNet, InterfaceId, Outcome, Route, UndoReport};

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn route(dst: &str, oif: u32) -> Route {
    Route::new(dst.parse().unwrap(), oif)
}

#[track_caller]
fn assert_all_undone(report: &UndoReport) {
    assert!(report.is_clean(), "{report:#?}");
    for change in &report.changes {
        assert_eq!(change.outcome, Outcome::Undone, "{change}");
    }
}

struct Bench {
    dir: tempfile::TempDir,
    host: HostNet,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let host = HostNet::open(&dir.path().join("run"), "saturn").await.unwrap();
    Bench { dir, host }
}

impl Bench {
    fn journals(&self) -> Vec<String> {
        journals(&self.dir.path().join("run"))
    }
}

#[test]
fn a_session_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let work = async {
        let mut host = HostNet::open(std::path::Path::new("/nonexistent"), "x").await?;
        host.protect_carrier(addr("192.0.2.1")).await?;
        host.add_route(route("10.0.0.0/8", 1)).await?;
        host.replace_address(1, addr("10.0.0.1"), addr("10.0.0.2"), addr("10.0.0.3")).await?;
        host.enable_forwarding(Family::Ipv6, Forwarding::Everywhere).await?;
        host.reapply().await?;
        host.undo().await;
        hostnet::cleanup(std::path::Path::new("/nonexistent"), hostnet::CleanupOptions::default()).await
    };
    is_send(&work);
}

#[test]
fn a_whole_session_leaves_addresses_routes_and_rules_as_they_were() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        let before = snapshot();
        let host = &mut b.host;
        host.disable_auto_link_local(ppp0).await.unwrap();
        host.link_up(ppp0, Some(1400)).await.unwrap();
        host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        let (ours, theirs) = (InterfaceId([0, 0, 0, 0, 0, 0, 0, 1]), InterfaceId([0, 0, 0, 0, 0, 0, 0, 2]));
        host.add_link_local(ppp0, ours, theirs).await.unwrap();
        host.add_address(ppp0, "2001:db8:7::1/64".parse().unwrap()).await.unwrap();
        host.add_address(ppp0, "10.7.7.1/24".parse().unwrap()).await.unwrap();
        host.protect_carrier(addr("10.9.9.2")).await.unwrap();
        host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        host.add_route(Route {
            metric: Some(50),
            src: Some(addr("192.168.1.1")),
            ..route("172.16.0.0/12", ppp0)
        })
        .await
        .unwrap();
        host.add_route(Route { table: Some(1000), ..route("0.0.0.0/0", ppp0) }).await.unwrap();
        host.add_route(Route { via: Some(addr("10.7.7.9")), mtu: Some(1300), ..route("10.8.0.0/16", ppp0) })
            .await
            .unwrap();
        let rto_min = Some(Duration::from_millis(300));
        host.add_route(Route { rto_min, ..route("10.16.0.0/16", ppp0) }).await.unwrap();
        host.add_route(Route { rto_min, mtu: Some(1300), ..route("2001:db8:9::/48", ppp0) }).await.unwrap();
        host.add_route(route("2001:db8:8::/48", ppp0)).await.unwrap();
        host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap();
        host.enable_forwarding(Family::Ipv6, Forwarding::Everywhere).await.unwrap();

        let now = snapshot();
        for line in [
            "ppp0@far0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400",
            "inet 192.168.1.1 peer 192.168.2.1/32",
            "inet6 fe80::1 peer fe80::2/128",
            "inet6 2001:db8:7::1/64",
            "10.9.9.2 via 192.0.2.1 dev eth0 proto 112",
            "10.0.0.0/8 dev ppp0 proto 112 scope link",
            "172.16.0.0/12 dev ppp0 proto 112 scope link src 192.168.1.1 metric 50",
            "default dev ppp0 table 1000 proto 112 scope link",
            "10.8.0.0/16 via 10.7.7.9 dev ppp0 proto 112 mtu 1300",
            "10.16.0.0/16 dev ppp0 proto 112 scope link rto_min lock 300ms",
            "2001:db8:9::/48 dev ppp0 proto 112 metric 1024 mtu 1300 rto_min lock 300ms",
            "2001:db8:8::/48 dev ppp0 proto 112 metric 1024",
            "net/ipv4/ip_forward = 1",
            "net/ipv6/conf/all/forwarding = 1",
        ] {
            assert!(now.contains(line), "{line}\nis not in\n{now}");
        }
        assert_eq!(ip("-6 address show dev ppp0 scope link").matches("inet6").count(), 1);
        assert_eq!(b.journals().len(), 1);

        let report = b.host.undo().await;
        assert_all_undone(&report);
        assert_same(&before, &snapshot());
        assert!(b.journals().is_empty());
    });
}

#[test]
fn a_persistent_tun_that_nobody_has_opened_yet_can_be_prepared_and_put_back() {
    in_namespace(async || {
        let mut b = bench().await;
        ip("tuntap add dev ppp0 mode tun");
        // Once up, so that the qdisc is what it will be.
        set("net/ipv6/conf/ppp0/addr_gen_mode", "1");
        ip("link set ppp0 up");
        ip("link set ppp0 down");
        let before = snapshot();
        let ppp0 = b.host.index_of("ppp0").await.unwrap();
        b.host.link_up(ppp0, Some(1400)).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("fe80::1"), addr("fe80::2")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.add_route(route("2001:db8:8::/48", ppp0)).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn each_change_by_itself_is_undone_by_itself() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        let before = snapshot();
        b.host.link_up(ppp0, None).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
        b.host.set_mtu(ppp0, 1234).await.unwrap();
        b.host.set_mtu(ppp0, 1300).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());

        set("net/ipv6/conf/ppp0/addr_gen_mode", "1");
        ip("link set ppp0 up");
        let before = snapshot();
        for dst in ["10.0.0.0/8", "2001:db8::/32"] {
            b.host.add_route(route(dst, ppp0)).await.unwrap();
            assert_all_undone(&b.host.undo().await);
            assert_same(&before, &snapshot());
        }
        b.host.add_address_p2p(ppp0, addr("2001:db8::1"), addr("2001:db8::2")).await.unwrap();
        b.host.remove_address(ppp0, addr("2001:db8::1")).await.unwrap();
        assert_same(&before, &snapshot());
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.remove_route(&route("10.0.0.0/8", ppp0)).await.unwrap();
        assert_same(&before, &snapshot());
        assert!(b.host.undo().await.changes.is_empty());
        assert!(b.journals().is_empty());
    });
}

#[test]
fn what_is_there_as_wanted_is_left_alone_and_not_journalled() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        ip("link set ppp0 up mtu 1400");
        ip("address add 192.168.1.1 peer 192.168.2.1/32 dev ppp0");
        ip("route add 10.0.0.0/8 dev ppp0");
        set("net/ipv4/ip_forward", "1");
        let before = snapshot();
        b.host.link_up(ppp0, Some(1400)).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap();
        assert_eq!(b.host.changes().count(), 0);
        assert_eq!(b.host.journal_path(), None);
        assert!(!b.dir.path().join("run").exists());
        assert!(b.host.undo().await.changes.is_empty());
        assert_same(&before, &snapshot());
    });
}

#[test]
fn a_route_to_the_same_place_through_another_device_is_a_conflict_that_names_it() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("link set ppp0 up");
        ip("route add 10.0.0.0/8 via 192.0.2.7");
        ip("route add unreachable 10.1.0.0/16");
        let before = snapshot();
        let error = b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap_err();
        assert!(matches!(error, Error::RouteConflict { .. }), "{error:?}");
        assert!(error.to_string().contains("`10.0.0.0/8 via 192.0.2.7 dev eth0`"), "{error}");
        let error = b.host.add_route(route("10.1.0.0/16", ppp0)).await.unwrap_err();
        assert!(error.to_string().contains("`unreachable 10.1.0.0/16"), "{error}");
        let error = b.host.add_route(route("192.0.2.0/24", ppp0)).await.unwrap_err();
        assert!(error.to_string().contains("renumbered"), "{error}");
        // Another metric is another route.
        b.host.add_route(Route { metric: Some(7), ..route("10.0.0.0/8", ppp0) }).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn addresses_that_cannot_work_are_refused_with_the_reason() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("link set ppp0 up");
        ip("address add 2001:db8:5::1/64 dev ppp0 nodad");
        ip("link add ppp1 type veth peer name far1");
        ip("link set ppp1 up");
        ip("address add 192.168.9.1 peer 192.168.9.2/32 dev ppp1");
        let before = snapshot();
        let host = &mut b.host;
        let same = host.add_address_p2p(ppp0, addr("10.0.0.1"), addr("10.0.0.1")).await.unwrap_err();
        assert!(matches!(same, Error::Invalid(_)), "{same:?}");
        let own = host.add_address_p2p(ppp0, addr("10.0.0.1"), addr("192.0.2.2")).await.unwrap_err();
        assert!(own.to_string().contains("this host's own address"), "{own}");
        let taken = host.add_address_p2p(ppp0, addr("10.0.0.1"), addr("192.168.9.2")).await.unwrap_err();
        assert!(taken.to_string().contains("192.168.9.2/32 dev ppp1"), "{taken}");
        let v6 = host.add_address_p2p(ppp0, addr("2001:db8:5::1"), addr("2001:db8:5::2")).await.unwrap_err();
        assert!(matches!(v6, Error::AddressConflict { .. }), "{v6:?}");
        let gone = host.link_up(4711, None).await.unwrap_err();
        assert!(matches!(gone, Error::NoSuchDevice(_)), "{gone:?}");
        let gone = host.index_of("no-such-device-as-this-one").await.unwrap_err();
        assert!(matches!(gone, Error::NoSuchDevice(_)), "{gone:?}");
        set("net/ipv6/conf/ppp0/disable_ipv6", "1");
        let off = host.add_address_p2p(ppp0, addr("2001:db8:6::1"), addr("2001:db8:6::2")).await.unwrap_err();
        assert!(matches!(off, Error::Ipv6Off(_)), "{off:?}");
        set("net/ipv6/conf/ppp0/disable_ipv6", "0");
        ip("address add 2001:db8:5::1/64 dev ppp0 nodad");
        let missing = host
            .enable_forwarding(Family::Ipv6, Forwarding::Devices(vec!["nope0".into()]))
            .await
            .unwrap_err();
        assert!(missing.to_string().contains("nope0"), "{missing}");
        assert!(host.undo().await.changes.is_empty());
        assert_same_in_any_order(&before, &snapshot());
    });
}

#[test]
fn a_failed_change_says_what_the_kernel_said_and_leaves_nothing_to_undo() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        let error = b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap_err();
        // The device is down.
        assert!(error.to_string().contains("`ip route add 10.0.0.0/8 dev ppp0`"), "{error}");
        let Error::Netlink { detail: Some(detail), .. } = &error else { panic!("{error:?}") };
        assert!(detail.contains("not up"), "{detail}");
        assert_eq!(b.host.changes().count(), 0);
        let text = std::fs::read_to_string(b.host.journal_path().unwrap()).unwrap();
        assert!(text.lines().last().unwrap().contains("\"mark\":\"failed\""), "{text}");
        drop(b.host);
        assert!(journals(&b.dir.path().join("run")).is_empty());
    });
}

#[test]
fn undo_leaves_what_somebody_else_made_or_changed_since() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        b.host.link_up(ppp0, Some(1400)).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.add_route(route("10.5.0.0/16", ppp0)).await.unwrap();
        b.host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap();
        // An administrator makes the same route by hand, another on the device, another MTU, and stops forwarding.
        ip("route replace 10.0.0.0/8 dev ppp0 proto static");
        ip("route add 10.77.0.0/16 dev ppp0");
        ip("link set ppp0 mtu 1300");
        set("net/ipv4/ip_forward", "0");
        ip("address del 192.168.1.1 peer 192.168.2.1/32 dev ppp0");
        ip("address add 192.168.1.1 peer 192.168.2.1/32 dev ppp0");
        ip("route replace 10.0.0.0/8 dev ppp0 proto static");
        ip("route replace 10.77.0.0/16 dev ppp0");
        let theirs = snapshot();
        let report = b.host.undo().await;
        assert!(report.is_clean(), "{report:#?}");
        let outcome = |words: &str| {
            let change =
                report.changes.iter().find(|c| c.change.contains(words)).unwrap_or_else(|| panic!("{words}"));
            change.outcome.to_string()
        };
        assert!(outcome("10.0.0.0/8").starts_with("left alone"), "{report:#?}");
        assert!(outcome("192.168.1.1").starts_with("left alone"), "{report:#?}");
        assert!(outcome("MTU").contains("1300"), "{report:#?}");
        assert!(outcome("set up").contains("somebody else uses ppp0"), "{report:#?}");
        assert_eq!(outcome("ip_forward"), "already gone");
        // The device's last address went with our 10.5.0.0/16, by the administrator's hand.
        assert_eq!(outcome("10.5.0.0/16"), "already gone");
        assert_same(&theirs, &snapshot());
    });
}

#[test]
fn removing_our_address_keeps_the_addresses_and_routes_the_kernel_would_drop_with_it() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        ip("link set ppp0 up");
        set("net/ipv6/conf/ppp0/addr_gen_mode", "1");
        b.host.add_address(ppp0, "10.7.7.1/24".parse().unwrap()).await.unwrap();
        // In the same network, so the kernel makes it a secondary of ours.
        ip("address add 10.7.7.99/24 dev ppp0");
        ip("route add 10.88.0.0/16 dev ppp0 metric 3");
        ip("route add 10.89.0.0/16 via 10.7.7.50 dev ppp0");
        assert_all_undone(&b.host.undo().await);
        assert!(!snapshot().contains("10.7.7.1/24"));
        assert!(snapshot().contains("inet 10.7.7.99/24"), "{}", snapshot());
        assert!(snapshot().contains("10.88.0.0/16 dev ppp0 scope link metric 3"), "{}", snapshot());
        assert!(snapshot().contains("10.89.0.0/16 via 10.7.7.50 dev ppp0"), "{}", snapshot());

        ip("address del 10.7.7.99/24 dev ppp0");
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        // Through a device whose last address goes.
        ip("route add 10.90.0.0/16 dev ppp0");
        assert_all_undone(&b.host.undo().await);
        assert!(snapshot().contains("10.90.0.0/16 dev ppp0 scope link"), "{}", snapshot());
    });
}

#[test]
fn a_device_that_vanished_took_its_changes_along_and_that_is_fine() {
    in_namespace(async || {
        let mut b = bench().await;
        let before = snapshot();
        let ppp0 = ppp0(&b.host).await;
        b.host.disable_auto_link_local(ppp0).await.unwrap();
        b.host.link_up(ppp0, Some(1400)).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.enable_forwarding(Family::Ipv4, Forwarding::Devices(vec!["ppp0".into()])).await.unwrap();
        ip("link del ppp0");
        let report = b.host.undo().await;
        assert!(report.is_clean(), "{report:#?}");
        assert!(report.changes.iter().all(|c| c.outcome == Outcome::AlreadyGone), "{report:#?}");
        assert_same(&before, &snapshot());
        assert!(b.journals().is_empty());
    });
}

#[test]
fn a_proxy_arp_entry_goes_where_the_smallest_network_with_arp_is_and_comes_back_out() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("link add lan0 type veth peer name far1");
        ip("address add 192.0.2.65/26 dev lan0");
        let proxies = || ip("neigh show proxy");
        let before = snapshot();
        // Not on a device that is down, however well its network fits; and nowhere but where a network does.
        assert_eq!(b.host.add_proxy_arp([192, 0, 2, 77].into()).await.unwrap().as_deref(), Some("eth0"));
        assert_eq!(proxies().trim(), "192.0.2.77 dev eth0 proxy proto 112");
        assert_eq!(b.host.add_proxy_arp([192, 0, 2, 77].into()).await.unwrap().as_deref(), Some("eth0"));
        assert_eq!(b.host.changes().count(), 1);
        assert_eq!(b.host.add_proxy_arp([10, 0, 0, 1].into()).await.unwrap(), None);
        b.host.remove_proxy_arp([192, 0, 2, 77].into()).await.unwrap();
        assert_same(&before, &snapshot());

        ip("link set far1 up");
        ip("link set lan0 up");
        ip("link set lan0 arp off");
        assert_eq!(b.host.add_proxy_arp([192, 0, 2, 77].into()).await.unwrap().as_deref(), Some("eth0"));
        b.host.remove_proxy_arp([192, 0, 2, 77].into()).await.unwrap();
        ip("link set lan0 arp on");
        let before = snapshot();
        assert_eq!(b.host.add_proxy_arp([192, 0, 2, 77].into()).await.unwrap().as_deref(), Some("lan0"));
        assert_eq!(b.host.add_proxy_arp([192, 0, 2, 7].into()).await.unwrap().as_deref(), Some("eth0"));
        // A point-to-point address is a network of one, and whoever asks for the loop-back's asks in vain.
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.0.2.78")).await.unwrap();
        assert_eq!(b.host.add_proxy_arp([127, 0, 0, 9].into()).await.unwrap(), None);
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());

        // What was there is left alone, and so is what somebody made anew.
        ip("neigh add proxy 192.0.2.8 dev eth0");
        b.host.add_proxy_arp([192, 0, 2, 8].into()).await.unwrap();
        assert_eq!(b.host.changes().count(), 0);
        b.host.add_proxy_arp([192, 0, 2, 9].into()).await.unwrap();
        ip("neigh del proxy 192.0.2.9 dev eth0");
        ip("neigh add proxy 192.0.2.9 dev eth0");
        let report = b.host.undo().await;
        assert!(report.changes[0].outcome.to_string().starts_with("left alone"), "{report:#?}");
        assert_eq!(proxies().lines().count(), 2, "{}", proxies());
    });
}

#[test]
fn a_number_given_to_another_device_does_not_bring_that_one_down() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        b.host.link_up(ppp0, Some(1400)).await.unwrap();
        ip("link del ppp0");
        ip(&format!("link add lan0 index {ppp0} mtu 1400 type veth peer name far0"));
        ip("link set lan0 up");
        let before = snapshot();
        let report = b.host.undo().await;
        assert!(report.is_clean());
        assert!(report.changes.iter().all(|c| c.outcome.to_string().contains("is lan0 now")), "{report:#?}");
        assert_same(&before, &snapshot());
    });
}

#[test]
fn a_redial_can_change_the_addresses_and_keeps_the_routes() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        let before = snapshot();
        b.host.link_up(ppp0, None).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host
            .add_route(Route { src: Some(addr("192.168.1.1")), ..route("10.1.0.0/16", ppp0) })
            .await
            .unwrap();
        ip("route add 10.66.0.0/16 dev ppp0");

        // Another local address; another peer; both; back again.
        for (old, local, peer) in [
            ("192.168.1.1", "192.168.1.7", "192.168.2.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.2.8"),
            ("192.168.1.7", "192.168.3.3", "192.168.4.4"),
            ("192.168.3.3", "192.168.1.1", "192.168.2.1"),
        ] {
            b.host.replace_address(ppp0, addr(old), addr(local), addr(peer)).await.unwrap();
            let now = snapshot();
            assert!(now.contains(&format!("inet {local} peer {peer}/32")), "{now}");
            assert_eq!(ip("-4 -o address show dev ppp0").lines().count(), 1, "{now}");
            assert!(now.contains("\n10.0.0.0/8 dev ppp0"), "{now}");
            assert!(
                now.contains(&format!("\n10.1.0.0/16 dev ppp0 proto 112 scope link src {local}")),
                "{now}"
            );
            assert!(now.contains("\n10.66.0.0/16 dev ppp0"), "{now}");
        }
        ip("route del 10.66.0.0/16");
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn the_same_for_ipv6_where_an_address_is_taken_once_a_device() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        b.host.disable_auto_link_local(ppp0).await.unwrap();
        b.host.link_up(ppp0, None).await.unwrap();
        let before = snapshot();
        let mut host = HostNet::open(&b.dir.path().join("other"), "second").await.unwrap();
        host.add_address_p2p(ppp0, addr("2001:db8::1"), addr("2001:db8::2")).await.unwrap();
        host.add_route(Route { src: Some(addr("2001:db8::1")), ..route("2001:db8:9::/48", ppp0) })
            .await
            .unwrap();
        host.replace_address(ppp0, addr("2001:db8::1"), addr("2001:db8::5"), addr("2001:db8::2"))
            .await
            .unwrap();
        assert!(snapshot().contains("2001:db8:9::/48 dev ppp0 proto 112 src 2001:db8::5"), "{}", snapshot());
        host.replace_address(ppp0, addr("2001:db8::5"), addr("2001:db8::5"), addr("2001:db8::6"))
            .await
            .unwrap();
        assert!(snapshot().contains("inet6 2001:db8::5 peer 2001:db8::6/128"), "{}", snapshot());
        assert!(snapshot().contains("2001:db8:9::/48 dev ppp0 proto 112 src 2001:db8::5"), "{}", snapshot());
        assert_all_undone(&host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn what_the_kernel_dropped_when_the_device_went_down_is_put_back() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        let before = snapshot();
        b.host.disable_auto_link_local(ppp0).await.unwrap();
        b.host.link_up(ppp0, None).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("192.168.1.1"), addr("192.168.2.1")).await.unwrap();
        b.host.add_address_p2p(ppp0, addr("2001:db8::1"), addr("2001:db8::2")).await.unwrap();
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        b.host.add_route(route("2001:db8:9::/48", ppp0)).await.unwrap();
        let up = snapshot();
        ip("link set ppp0 down");
        assert_eq!(b.host.reapply().await.unwrap(), 4);
        assert_same_in_any_order(&up, &snapshot());
        assert_eq!(b.host.reapply().await.unwrap(), 0);
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn forwarding_everywhere_puts_back_every_switch_the_kernel_moved_along() {
    in_namespace(async || {
        let mut b = bench().await;
        let _ = ppp0(&b.host).await;
        make_uplink();
        // A hardened host, with one device that forwards already.
        set("net/ipv4/conf/all/accept_redirects", "0");
        set("net/ipv4/conf/eth0/forwarding", "1");
        set("net/ipv6/conf/eth0/forwarding", "1");
        let before = snapshot();
        b.host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap();
        b.host.enable_forwarding(Family::Ipv6, Forwarding::Everywhere).await.unwrap();
        assert_eq!(get("net/ipv4/conf/ppp0/forwarding"), "1");
        // Meanwhile somebody stops it on one device.
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());

        b.host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await.unwrap();
        set("net/ipv4/conf/eth0/forwarding", "0");
        assert_all_undone(&b.host.undo().await);
        assert_eq!(get("net/ipv4/conf/eth0/forwarding"), "0");
    });
}

#[test]
fn forwarding_between_two_devices_leaves_the_others_alone() {
    in_namespace(async || {
        let mut b = bench().await;
        let _ = ppp0(&b.host).await;
        make_uplink();
        let before = snapshot();
        let between = Forwarding::Devices(vec!["ppp0".into(), "eth0".into()]);
        b.host.enable_forwarding(Family::Ipv4, between.clone()).await.unwrap();
        assert_eq!(get("net/ipv4/ip_forward"), "0");
        assert_eq!(get("net/ipv4/conf/ppp0/forwarding"), "1");
        assert_eq!(get("net/ipv4/conf/far0/forwarding"), "0");
        b.host.enable_forwarding(Family::Ipv6, between).await.unwrap();
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn forwarding_ipv6_does_not_cut_a_host_off_that_lives_by_router_advertisements() {
    in_namespace(async || {
        let mut b = bench().await;
        make_uplink();
        ip("-6 route del default");
        // As a router advertisement would have it (RTPROT_RA).
        ip("-6 route add default via 2001:db8:1::1 dev eth0 proto ra");
        assert_eq!(get("net/ipv6/conf/eth0/accept_ra"), "1");
        let before = snapshot();
        b.host.enable_forwarding(Family::Ipv6, Forwarding::Everywhere).await.unwrap();
        assert_eq!(get("net/ipv6/conf/eth0/accept_ra"), "2");
        assert_eq!(get("net/ipv6/conf/gw0/accept_ra"), "1");
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn the_way_to_an_address_is_read_with_its_gateway_and_mtu() {
    in_namespace(async || {
        make_uplink();
        ip("route add 198.51.100.0/24 via 192.0.2.9 mtu 1280");
        let way = hostnet::routes::route_to(addr("203.0.113.5")).await.unwrap().unwrap();
        assert_eq!(way.dst, "0.0.0.0/0".parse().unwrap());
        assert_eq!(
            (way.device.as_str(), way.via, way.src),
            ("eth0", Some(addr("192.0.2.1")), Some(addr("192.0.2.2")))
        );
        assert_eq!((way.mtu, way.local), (1500, false));
        assert_eq!(hostnet::routes::mtu_to(addr("198.51.100.1")).await.unwrap(), Some(1280));
        let way = hostnet::routes::route_to(addr("2001:db8:2::1")).await.unwrap().unwrap();
        assert_eq!((way.device.as_str(), way.via), ("eth0", Some(addr("2001:db8:1::1"))));
        let own = hostnet::routes::route_to(addr("192.0.2.2")).await.unwrap().unwrap();
        assert!(own.local);
        ip("route del default");
        ip("-6 route del default");
        ip("route add unreachable 203.0.113.0/24");
        assert_eq!(hostnet::routes::route_to(addr("203.0.113.5")).await.unwrap(), None);
        assert_eq!(hostnet::routes::route_to(addr("8.8.8.8")).await.unwrap(), None);
        assert_eq!(hostnet::routes::route_to(addr("2001:db8:2::1")).await.unwrap(), None);
    });
}

#[test]
fn a_route_that_covers_the_carrier_gets_a_guard_and_one_that_does_not_does_not() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("route add 10.9.0.0/16 via 192.0.2.9");
        ip("link set ppp0 up");
        let before = snapshot();
        let device_to =
            async |host: &HostNet, to: &str| host.route_to(addr(to)).await.unwrap().unwrap().device;
        // By the more specific route of the two; by the default route.
        for (carrier, route_, gateway) in [
            ("10.9.9.2", "10.9.9.0/24", "192.0.2.9"),
            ("203.0.113.5", "0.0.0.0/1", "192.0.2.1"),
            ("203.0.113.5", "128.0.0.0/1", "192.0.2.1"),
        ] {
            b.host.protect_carrier(addr(carrier)).await.unwrap();
            b.host.add_route(route(route_, ppp0)).await.unwrap();
            let way = b.host.route_to(addr(carrier)).await.unwrap().unwrap();
            assert_eq!((way.device.as_str(), way.via), ("eth0", Some(addr(gateway))), "{carrier}");
            if route_ != "0.0.0.0/1" {
                assert_eq!(way.dst.to_string(), format!("{carrier}/32"));
            }
        }
        assert_eq!(device_to(&b.host, "10.9.9.3").await, "ppp0");
        assert_eq!(device_to(&b.host, "203.0.113.6").await, "ppp0");
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());

        // 10.9.0.0/16 is more specific than 10.0.0.0/8, so it wins anyway.
        b.host.add_route(route("10.0.0.0/8", ppp0)).await.unwrap();
        assert_eq!(b.host.changes().count(), 1);
        assert_all_undone(&b.host.undo().await);

        let swallowed = b.host.add_route(route("10.9.9.2/32", ppp0)).await.unwrap_err();
        assert!(matches!(swallowed, Error::SwallowsCarrier { .. }), "{swallowed:?}");
        let swallowed = b.host.add_address_p2p(ppp0, addr("10.9.9.1"), addr("10.9.9.2")).await.unwrap_err();
        assert!(matches!(swallowed, Error::SwallowsCarrier { .. }), "{swallowed:?}");
        // The network of an address is a route as well.
        b.host.add_address(ppp0, "10.9.9.1/24".parse().unwrap()).await.unwrap();
        assert_eq!(device_to(&b.host, "10.9.9.2").await, "eth0");
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}

#[test]
fn the_guard_is_added_late_follows_the_gateway_and_can_be_released() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("link set ppp0 up");
        let before = snapshot();
        let carrier = addr("203.0.113.5");
        b.host.add_route(Route { metric: Some(1), ..route("0.0.0.0/0", ppp0) }).await.unwrap();
        b.host.add_route(route("200.0.0.0/6", ppp0)).await.unwrap();
        b.host.protect_carrier(carrier).await.unwrap();
        assert_eq!(b.host.route_to(carrier).await.unwrap().unwrap().via, Some(addr("192.0.2.1")));
        // Protecting again changes nothing.
        let guarded = snapshot();
        b.host.protect_carrier(carrier).await.unwrap();
        assert_same(&guarded, &snapshot());
        // Another gateway on the same network (the laptop moved).
        ip("route replace default via 192.0.2.77 dev eth0");
        b.host.protect_carrier(carrier).await.unwrap();
        assert_eq!(b.host.route_to(carrier).await.unwrap().unwrap().via, Some(addr("192.0.2.77")));
        // The device was down and up: the kernel dropped the guard.
        ip("link set eth0 down");
        ip("link set eth0 up");
        ip("route add default via 192.0.2.1 dev eth0");
        ip("address add 2001:db8:1::2/64 dev eth0 nodad");
        ip("route add default via 2001:db8:1::1 dev eth0");
        b.host.protect_carrier(carrier).await.unwrap();
        assert_eq!(b.host.route_to(carrier).await.unwrap().unwrap().via, Some(addr("192.0.2.1")));
        b.host.release_carrier(carrier).await.unwrap();
        assert_eq!(b.host.route_to(carrier).await.unwrap().unwrap().device, "ppp0");
        b.host.protect_carrier(carrier).await.unwrap();
        let report = b.host.undo().await;
        assert_all_undone(&report);
        // The guard was the last to go.
        assert!(report.changes.last().unwrap().change.contains("203.0.113.5/32"), "{report:#?}");
        assert_same_in_any_order(&before, &snapshot());
    });
}

#[test]
fn carriers_over_ipv6_and_on_this_host_itself() {
    in_namespace(async || {
        let mut b = bench().await;
        let ppp0 = ppp0(&b.host).await;
        make_uplink();
        ip("link set ppp0 up");
        set("net/ipv6/conf/ppp0/addr_gen_mode", "1");
        let before = snapshot();
        for carrier in ["2001:db8:2::5", "127.0.0.1", "192.0.2.2"] {
            b.host.protect_carrier(addr(carrier)).await.unwrap();
        }
        b.host.add_route(route("2001:db8::/33", ppp0)).await.unwrap();
        b.host.add_route(route("192.0.0.0/4", ppp0)).await.unwrap();
        b.host.add_route(route("64.0.0.0/2", ppp0)).await.unwrap();
        let way = b.host.route_to(addr("2001:db8:2::5")).await.unwrap().unwrap();
        assert_eq!(way.via, Some(addr("2001:db8:1::1")));
        assert_eq!(b.host.changes().count(), 4, "{:#?}", b.host.changes().collect::<Vec<_>>());
        assert_all_undone(&b.host.undo().await);
        assert_same(&before, &snapshot());
    });
}
