//! Answering for the peer on the network that its address belongs to.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::HostNet;
use crate::{Change, Device, Error};

impl HostNet {
    /// Answers ARP requests for `address` on the device whose network holds it, if there is one: its name.
    ///
    /// The device is one that is up and has ARP; of several, the one with the smallest such network. The kernel answers
    /// there only while it forwards packets that come in by that device.
    pub async fn add_proxy_arp(&mut self, address: Ipv4Addr) -> Result<Option<String>, Error> {
        let mut scene = self.session.begin().await?;
        let Some(device) = self.device_beside(address).await? else { return Ok(None) };
        let name = device.name.clone();
        let change = Change::ProxyArp { device, address };
        let there = self.kernel.proxies().await?.iter().any(|proxy| proxy.is(&change));
        self.session.ensure(&self.kernel, &mut scene, change, there).await?;
        Ok(Some(name))
    }

    /// No longer answers for `address`, where this session did.
    pub async fn remove_proxy_arp(&mut self, address: Ipv4Addr) -> Result<(), Error> {
        let scene = self.session.begin().await?;
        let ours = |change: &&Change| matches!(change, Change::ProxyArp { address: a, .. } if *a == address);
        let found: Vec<Change> = self.session.changes().filter(ours).cloned().collect();
        for change in found {
            self.session.take_back(&self.kernel, &scene, &change).await?;
        }
        Ok(())
    }

    async fn device_beside(&self, address: Ipv4Addr) -> Result<Option<Device>, Error> {
        let mut best: Option<(u8, Device)> = None;
        for own in self.kernel.addresses().await? {
            let Ok(network) = IpNet::new(own.local, own.prefix) else { continue };
            let fits = network.contains(&IpAddr::from(address))
                && best.as_ref().is_none_or(|(prefix, _)| own.prefix >= *prefix);
            if !fits {
                continue;
            }
            if let Some(link) = self.kernel.link(own.index).await?.filter(|link| link.takes_arp) {
                best = Some((own.prefix, Device { index: own.index, name: link.name }));
            }
        }
        Ok(best.map(|(_, device)| device))
    }
}
