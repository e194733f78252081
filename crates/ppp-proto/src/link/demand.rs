//! Which packets are a reason to call somebody.

/// Whether `packet` goes to one host: a link that comes up on demand is called for it. Multicast is not worth a call:
/// a host sends it by itself on every interface that is up, to learn who is there.
pub fn calls_for_a_link(packet: &[u8]) -> bool {
    match packet.first().map(|octet| octet >> 4) {
        // Behind the source address: RFC 791 §3.1. 224.0.0.0/4 is multicast, and 255.255.255.255 everybody.
        Some(4) => packet.len() >= 20 && packet[16] < 224,
        // RFC 8200 §3; ff00::/8 is multicast.
        Some(6) => packet.len() >= 40 && packet[24] != 0xff,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_to_one_host_calls_and_a_multicast_or_a_fragment_of_one_does_not() {
        let mut v4 = [0x45; 28];
        v4[16] = 10;
        assert!(calls_for_a_link(&v4));
        v4[16] = 224;
        assert!(!calls_for_a_link(&v4));
        let mut v6 = [0x60; 48];
        assert!(calls_for_a_link(&v6));
        v6[24] = 0xff;
        assert!(!calls_for_a_link(&v6));
        for short in [&[][..], &[0x45; 19], &[0x60; 39], &[0x75; 64]] {
            assert!(!calls_for_a_link(short));
        }
    }
}
