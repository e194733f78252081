//! A route through the link.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network reached through the link, with an optional metric and routing table.
///
/// In TOML either `"192.168.2.0/24"` or `{ to = "192.168.2.0/24", metric = 50, table = 100 }`; on the command line
/// `192.168.2.0/24,metric=50,table=100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The network; host bits are zero.
    pub to: IpNet,
    /// The metric; the kernel's default when `None`.
    pub metric: Option<u32>,
    /// The routing table; `main` when `None`.
    pub table: Option<u32>,
}

/// Why a text is no [`Route`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoute {
    /// Not a network.
    #[error("`{0}` is not a network: write ADDRESS/PREFIX, for example 192.168.2.0/24, or `default`")]
    NotANet(String),
    /// Host bits are set.
    #[error("{0} has bits set beyond its prefix: did you mean {1}?")]
    HostBits(IpNet, IpNet),
    /// An unknown word after a comma.
    #[error("`{0}` is not part of a route: use NETWORK[,metric=N][,table=N]")]
    UnknownPart(String),
}

fn network(text: &str) -> Result<IpNet, BadRoute> {
    if text == "default" {
        return Ok(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into());
    }
    let net: IpNet = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| BadRoute::NotANet(text.to_owned()))?;
    if net == net.trunc() { Ok(net) } else { Err(BadRoute::HostBits(net, net.trunc())) }
}

impl FromStr for Route {
    type Err = BadRoute;

    fn from_str(text: &str) -> Result<Self, BadRoute> {
        let mut parts = text.split(',');
        let mut route = Self { to: network(parts.next().unwrap_or_default())?, metric: None, table: None };
        for part in parts {
            let (place, number) = match part.split_once('=') {
                Some(("metric", number)) => (&mut route.metric, number),
                Some(("table", number)) => (&mut route.table, number),
                _ => return Err(BadRoute::UnknownPart(part.to_owned())),
            };
            *place = Some(number.parse().map_err(|_| BadRoute::UnknownPart(part.to_owned()))?);
        }
        Ok(route)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to)?;
        if let Some(metric) = self.metric {
            write!(f, ",metric={metric}")?;
        }
        if let Some(table) = self.table {
            write!(f, ",table={table}")?;
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    to: String,
    metric: Option<u32>,
    table: Option<u32>,
}

impl Serialize for Route {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.metric.is_none() && self.table.is_none() {
            return serializer.collect_str(&self.to);
        }
        Written { to: self.to.to_string(), metric: self.metric, table: self.table }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Route;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network, or a table with `to`, `metric` and `table`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Route, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Route, A::Error> {
                let table = Written::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let to = network(&table.to).map_err(de::Error::custom)?;
                Ok(Route { to, metric: table.metric, table: table.table })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_the_same_from_a_flag_and_from_a_file() {
        #[derive(Deserialize)]
        struct File {
            routes: Vec<Route>,
        }
        let file: File = toml::from_str(
            r#"routes = ["192.168.2.0/24", { to = "fd00::/8", metric = 50, table = 7 }, "10.0.0.1", "default"]"#,
        )
        .unwrap();
        let flags = ["192.168.2.0/24", "fd00::/8,metric=50,table=7", "10.0.0.1/32", "0.0.0.0/0"];
        assert_eq!(file.routes, flags.map(|flag| flag.parse().unwrap()));
        assert_eq!(file.routes.iter().map(ToString::to_string).collect::<Vec<_>>(), flags);
    }

    #[test]
    fn host_bits_bring_a_suggestion() {
        let error = "192.168.2.7/24".parse::<Route>().unwrap_err();
        assert!(error.to_string().ends_with("did you mean 192.168.2.0/24?"), "{error}");
        for bad in ["", "saturn", "10.0.0.0/33", "10.0.0.0/8,via=x", "10.0.0.0/8,metric=-1"] {
            assert!(bad.parse::<Route>().is_err(), "{bad}");
        }
    }
}
