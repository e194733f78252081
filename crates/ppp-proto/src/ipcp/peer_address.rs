//! Which address the peer may have: what the configuration allows, and what its secret does.

use std::net::Ipv4Addr;

use super::{AddressRule, RemoteAddress};
use crate::fsm::Failure;

#[derive(Debug)]
pub(super) struct PeerAddress {
    wanted: RemoteAddress,
    /// What the peer's secret allows, if it had to prove who it is.
    permitted: Option<Vec<AddressRule>>,
}

impl PeerAddress {
    /// As pppd: where `rules` forbid the address that is wanted, or none is, the first that they allow by itself is given
    /// to the peer. It may name another one if there are more rules than that.
    pub(super) fn new(wanted: &RemoteAddress, rules: Option<&[AddressRule]>) -> PeerAddress {
        let mut wanted = wanted.clone();
        let host = rules.and_then(|rules| rules.iter().find_map(AddressRule::host));
        if let (Some(rules), Some(host)) = (rules, host) {
            let given =
                if rules.len() == 1 { RemoteAddress::Fixed(host) } else { RemoteAddress::Prefer(host) };
            match &wanted {
                RemoteAddress::Any => wanted = given,
                RemoteAddress::Fixed(address) | RemoteAddress::Prefer(address) => {
                    if !AddressRule::allows(rules, *address) {
                        wanted = given;
                    }
                }
                // The lowest bound of what may be; the rules only choose from it.
                RemoteAddress::Ranges(_) => {}
            }
        }
        PeerAddress { wanted, permitted: rules.map(<[_]>::to_vec) }
    }

    fn is_permitted(&self, address: Ipv4Addr) -> bool {
        self.permitted.as_ref().is_none_or(|rules| AddressRule::allows(rules, address))
    }

    /// The address for a peer that asks for one, or has the wrong one.
    pub(super) fn assignable(&self, local: Ipv4Addr) -> Option<Ipv4Addr> {
        match &self.wanted {
            RemoteAddress::Any => None,
            RemoteAddress::Fixed(address) | RemoteAddress::Prefer(address) => {
                Some(*address).filter(|address| self.is_permitted(*address))
            }
            RemoteAddress::Ranges(ranges) => {
                // At most one address of a range is ours, so the second one will do when the first one is.
                let firsts = ranges.iter().flat_map(|range| {
                    let first = range.first.to_bits();
                    [first, first.saturating_add(1)].map(Ipv4Addr::from_bits)
                });
                let hosts = self.permitted.iter().flatten().filter_map(AddressRule::host);
                hosts.chain(firsts).find(|address| {
                    let inside = ranges.iter().any(|range| range.contains(*address));
                    inside && is_usable(*address) && *address != local && self.is_permitted(*address)
                })
            }
        }
    }

    pub(super) fn allows(&self, remote: Ipv4Addr, local: Ipv4Addr) -> bool {
        is_usable(remote)
            && remote != local
            && self.is_permitted(remote)
            && match &self.wanted {
                RemoteAddress::Any | RemoteAddress::Prefer(_) => true,
                RemoteAddress::Fixed(address) => remote == *address,
                RemoteAddress::Ranges(ranges) => ranges.iter().any(|range| range.contains(remote)),
            }
    }

    /// Why the peer cannot have this address.
    pub(super) fn objection(&self, remote: Ipv4Addr, local: Ipv4Addr) -> Failure {
        if remote == local {
            return format!("both ends claim the address {remote}; give one of them another");
        }
        if !remote.is_unspecified() && !is_usable(remote) {
            return format!("the peer claims {remote}, which no host can have");
        }
        if !self.is_permitted(remote) {
            return format!(
                "Peer is not authorized to use remote address {remote}: it is not among the addresses of its secret"
            );
        }
        let allowed = match &self.wanted {
            RemoteAddress::Any | RemoteAddress::Prefer(_) => String::from("any other"),
            RemoteAddress::Fixed(address) => address.to_string(),
            RemoteAddress::Ranges(ranges) => {
                ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        };
        format!("the peer claims the address {remote}, but this end allows only {allowed}")
    }
}

/// Whether a host can have this address.
pub(super) fn is_usable(address: Ipv4Addr) -> bool {
    !(address.octets()[0] == 0
        || address.is_loopback()
        || address.is_multicast()
        || address.octets()[0] >= 240)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ipv4Range;

    const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn rule(allow: bool, first: u8, last: u8) -> AddressRule {
        AddressRule { allow, range: Ipv4Range { first: address(first), last: address(last) } }
    }

    #[test]
    fn the_first_rule_about_an_address_counts_and_none_is_a_no() {
        let rules = [rule(false, 5, 5), rule(true, 2, 9)];
        let peer = PeerAddress::new(&RemoteAddress::Any, Some(&rules));
        assert!(peer.allows(address(4), LOCAL) && peer.allows(address(6), LOCAL));
        assert!(!peer.allows(address(5), LOCAL) && !peer.allows(address(10), LOCAL));
        assert!(
            peer.objection(address(5), LOCAL)
                .starts_with("Peer is not authorized to use remote address 10.0.0.5")
        );
        let nothing = PeerAddress::new(&RemoteAddress::Fixed(address(2)), Some(&[]));
        assert_eq!((nothing.allows(address(2), LOCAL), nothing.assignable(LOCAL)), (false, None));
    }

    #[test]
    fn the_address_of_a_secret_is_given_to_its_peer() {
        let only = PeerAddress::new(&RemoteAddress::Any, Some(&[rule(true, 7, 7)]));
        assert_eq!(only.assignable(LOCAL), Some(address(7)));
        assert!(!only.allows(address(8), LOCAL));
        let rules = [rule(true, 7, 7), rule(true, 8, 9)];
        let other = PeerAddress::new(&RemoteAddress::Fixed(address(3)), Some(&rules));
        assert_eq!(other.assignable(LOCAL), Some(address(7)));
        assert!(other.allows(address(8), LOCAL) && !other.allows(address(3), LOCAL));
        let wanted = PeerAddress::new(&RemoteAddress::Fixed(address(8)), Some(&rules));
        assert_eq!(wanted.assignable(LOCAL), Some(address(8)), "what is configured and permitted stays");
    }

    #[test]
    fn rules_choose_from_a_range_and_do_not_widen_it() {
        let range = RemoteAddress::Ranges(vec![Ipv4Range { first: address(1), last: address(20) }]);
        let peer = PeerAddress::new(&range, Some(&[rule(true, 30, 30), rule(true, 9, 9)]));
        assert_eq!(peer.assignable(LOCAL), Some(address(9)));
        assert!(!peer.allows(address(30), LOCAL) && !peer.allows(address(10), LOCAL));
        assert_eq!(PeerAddress::new(&range, None).assignable(LOCAL), Some(address(2)));
    }
}
