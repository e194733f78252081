//! `add` and `delete`: the routes that go through the link.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::IfAddr;
use super::addresses::address;
use crate::config::Route;

/// How a route is written.
const ADD: &str = "write `add DEST/n HISADDR`, `add DEST MASK HISADDR` or `add default HISADDR`";

/// The addresses that stand for names here, as far as they are known before the negotiation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names {
    mine: Option<Ipv4Addr>,
    his: Option<Ipv4Addr>,
}

impl Names {
    pub(super) fn of(ifaddr: &IfAddr) -> Self {
        Self { mine: ifaddr.fixed_local(), his: ifaddr.fixed_remote() }
    }
}

/// The route of `add DEST [MASK] GATEWAY`.
pub(super) fn add(words: &[String], names: Names) -> Result<Route, String> {
    let (gateway, dest) = words.split_last().ok_or(ADD)?;
    let to = match dest {
        [dest] => network(dest, names)?,
        [dest, mask] => {
            let mask = address(mask)?;
            let net = Ipv4Net::with_netmask(one(dest, names)?, mask);
            net.map_err(|_| format!("`{mask}` is not a netmask"))?.trunc().into()
        }
        _ => return Err(ADD.to_owned()),
    };
    through_the_link(gateway, &to, names)?;
    Ok(Route { to, metric: None, table: None })
}

/// What `delete` is about; `None` is everything.
pub(super) fn delete(words: &[String], names: Names) -> Result<Option<IpNet>, String> {
    match words {
        [all] if all.eq_ignore_ascii_case("all") => Ok(None),
        [dest] => network(dest, names).map(Some),
        _ => Err("write `delete DEST` or `delete ALL`".to_owned()),
    }
}

fn network(word: &str, names: Names) -> Result<IpNet, String> {
    if word.eq_ignore_ascii_case("default") {
        return Ok(Ipv4Net::default().into());
    }
    if word.eq_ignore_ascii_case("default6") {
        return Ok(Ipv6Net::default().into());
    }
    let (written, bits) = word.split_once('/').map_or((word, None), |(written, bits)| (written, Some(bits)));
    let bits = bits.map(|bits| bits.parse::<u8>().map_err(|_| ADD.to_owned())).transpose()?;
    if let Ok(v6) = written.parse::<Ipv6Addr>() {
        let net = Ipv6Net::new(v6, bits.unwrap_or(128)).map_err(|_| ADD.to_owned())?;
        return Ok(net.trunc().into());
    }
    let v4 = one(written, names)?;
    // A zero without a mask is the default route, as in route(8).
    let bits = bits.unwrap_or(if v4.is_unspecified() { 0 } else { 32 });
    Ok(Ipv4Net::new(v4, bits).map_err(|_| ADD.to_owned())?.trunc().into())
}

fn one(word: &str, names: Names) -> Result<Ipv4Addr, String> {
    let known = match word.to_ascii_uppercase().as_str() {
        "MYADDR" => names.mine,
        "HISADDR" => names.his,
        _ => return address(word),
    };
    known.ok_or_else(|| {
        format!("{word} as a destination is not known before the link is up: `set ifaddr` must fix it above this line")
    })
}

/// Routes go to the other end, and nowhere else.
fn through_the_link(gateway: &str, to: &IpNet, names: Names) -> Result<(), String> {
    let v4 = matches!(to, IpNet::V4(_));
    match gateway.to_ascii_uppercase().as_str() {
        "INTERFACE" => return Ok(()),
        "HISADDR" if v4 => return Ok(()),
        "HISADDR6" if !v4 => return Ok(()),
        "HISADDR" | "HISADDR6" => return Err(format!("{gateway} is of the other family than {to}")),
        _ => {}
    }
    if let (Ok(IpAddr::V4(address)), Some(his)) = (gateway.parse(), names.his)
        && address == his
        && v4
    {
        return Ok(());
    }
    Err(format!(
        "`{gateway}` is not the other end of this link: write HISADDR, and set other routes up elsewhere"
    ))
}
