//! PPP protocol numbers (RFC 1661 §2, "PPP DLL Protocol Numbers" at IANA).
//!
//! ```text
//! 0xxx–3xxx  network-layer packets            8xxx–bxxx  their Network Control Protocols
//! 4xxx–7xxx  low-volume traffic without NCP   cxxx–fxxx  link-layer Control Protocols
//! ```

/// Internet Protocol version 4 (RFC 1332).
pub const IPV4: u16 = 0x0021;
/// Van Jacobson compressed TCP/IP (RFC 1144).
pub const VJ_COMPRESSED: u16 = 0x002d;
/// Van Jacobson uncompressed TCP/IP (RFC 1144).
pub const VJ_UNCOMPRESSED: u16 = 0x002f;
/// Internet Protocol version 6 (RFC 5072).
pub const IPV6: u16 = 0x0057;
/// A compressed datagram (RFC 1962).
pub const COMPRESSED: u16 = 0x00fd;
/// Internet Protocol Control Protocol (RFC 1332).
pub const IPCP: u16 = 0x8021;
/// Encryption Control Protocol (RFC 1968).
pub const ECP: u16 = 0x8053;
/// IPv6 Control Protocol (RFC 5072).
pub const IPV6CP: u16 = 0x8057;
/// Compression Control Protocol (RFC 1962).
pub const CCP: u16 = 0x80fd;
/// Link Control Protocol (RFC 1661).
pub const LCP: u16 = 0xc021;
/// Password Authentication Protocol (RFC 1334).
pub const PAP: u16 = 0xc023;
/// Link Quality Report (RFC 1989).
pub const LQR: u16 = 0xc025;
/// Challenge Handshake Authentication Protocol (RFC 1994).
pub const CHAP: u16 = 0xc223;
/// Extensible Authentication Protocol (RFC 3748).
pub const EAP: u16 = 0xc227;

/// From here up to 0xffff lie the control protocols: NCPs, LCP, authentication.
pub const FIRST_CONTROL: u16 = 0x8000;

/// From here up to 0xffff lie the control protocols of the link itself: LCP, authentication, quality.
pub const FIRST_LINK_CONTROL: u16 = 0xc000;

/// Whether the number keeps RFC 1661 §2: low octet odd, high octet even.
pub const fn is_well_formed(protocol: u16) -> bool {
    protocol & 0x0101 == 0x0001
}

/// Whether packets of this protocol configure the link (NCPs, LCP, authentication) rather than carry traffic.
pub const fn is_control(protocol: u16) -> bool {
    protocol >= FIRST_CONTROL
}

/// Whether packets of this protocol concern the link itself, whatever passes through it.
pub const fn is_link_control(protocol: u16) -> bool {
    protocol >= FIRST_LINK_CONTROL
}

/// The usual short name of a protocol, for people.
pub const fn name(protocol: u16) -> Option<&'static str> {
    Some(match protocol {
        IPV4 => "IPv4",
        VJ_COMPRESSED => "VJ compressed TCP/IP",
        VJ_UNCOMPRESSED => "VJ uncompressed TCP/IP",
        IPV6 => "IPv6",
        COMPRESSED => "compressed datagram",
        IPCP => "IPCP",
        ECP => "ECP",
        IPV6CP => "IPV6CP",
        CCP => "CCP",
        LCP => "LCP",
        PAP => "PAP",
        LQR => "LQR",
        CHAP => "CHAP",
        EAP => "EAP",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: [u16; 14] = [
        IPV4,
        VJ_COMPRESSED,
        VJ_UNCOMPRESSED,
        IPV6,
        COMPRESSED,
        IPCP,
        ECP,
        IPV6CP,
        CCP,
        LCP,
        PAP,
        LQR,
        CHAP,
        EAP,
    ];

    #[test]
    fn every_named_protocol_is_well_formed() {
        for protocol in NAMED {
            assert!(is_well_formed(protocol), "{protocol:#06x}");
            assert!(name(protocol).is_some(), "{protocol:#06x}");
        }
    }

    #[test]
    fn an_even_low_octet_or_an_odd_high_octet_is_malformed() {
        for protocol in [0x0020, 0x0121, 0xc020, 0xc121, 0x0000, 0xffff] {
            assert!(!is_well_formed(protocol), "{protocol:#06x}");
        }
    }

    #[test]
    fn traffic_is_not_control() {
        assert!(!is_control(IPV4) && !is_control(IPV6) && !is_control(COMPRESSED));
        assert!(is_control(IPCP) && is_control(IPV6CP) && is_control(LCP) && is_control(CHAP));
    }

    #[test]
    fn network_control_is_not_link_control() {
        assert!(!is_link_control(IPV4) && !is_link_control(IPCP) && !is_link_control(CCP));
        assert!(is_link_control(LCP) && is_link_control(PAP) && is_link_control(CHAP));
    }
}
