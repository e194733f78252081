//! Small values of a profile that check their range once, when they are read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ppp_proto::AuthProtocol;
use serde::{Deserialize, Serialize};
use tunio::Offload;

use super::text::text_serde;

/// Which SSH implementation carries the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CarrierChoice {
    /// The SSH client inside pppssh.
    #[default]
    Native,
    /// The system's `ssh` as a child process.
    Openssh,
}

/// Which frame check sequence to offer (RFC 1570 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FcsChoice {
    /// 16 bits, RFC 1662's default; nothing is negotiated.
    #[default]
    #[serde(rename = "16")]
    #[value(name = "16")]
    Fcs16,
    /// 32 bits.
    #[serde(rename = "32")]
    #[value(name = "32")]
    Fcs32,
    /// None: SSH protects the stream already.
    #[serde(rename = "null")]
    #[value(name = "null")]
    Null,
}

/// What of the work on packets is left undone between the kernel's network and this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OffloadChoice {
    /// Checksums, and the segmentation of TCP and UDP, as far as the kernel knows it.
    #[default]
    All,
    /// Checksums, and the segmentation of TCP.
    Tcp,
    /// Nothing.
    None,
}

impl OffloadChoice {
    /// What to ask of the kernel.
    pub fn wanted(self) -> Offload {
        match self {
            Self::All => Offload::ALL,
            Self::Tcp => Offload { udp: false, ..Offload::ALL },
            Self::None => Offload::NONE,
        }
    }
}

/// A way to prove inside PPP who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// PAP: the secret itself.
    Pap,
    /// CHAP, with MD5.
    Chap,
    /// Microsoft's second version of CHAP.
    MschapV2,
}

impl AuthMethod {
    /// The link's word for it; `None` if this program was built without it.
    pub fn protocol(self) -> Option<AuthProtocol> {
        match self {
            Self::Pap => Some(AuthProtocol::Pap),
            Self::Chap => Some(AuthProtocol::ChapMd5),
            #[cfg(feature = "legacy-auth")]
            Self::MschapV2 => Some(AuthProtocol::MsChapV2),
            #[cfg(not(feature = "legacy-auth"))]
            Self::MschapV2 => None,
        }
    }
}

/// A size in octets that an IP packet may have: an MTU or an MRU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct PacketSize(u16);

/// Why a number is no [`PacketSize`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a packet size: use {min} (RFC 791's least) to {max} octets", min = PacketSize::MIN, max = u16::MAX)]
pub struct BadPacketSize(String);

impl PacketSize {
    /// The least an IPv4 link may carry (RFC 791 §3.2), in octets.
    pub const MIN: u16 = 68;
    /// The least an IPv6 link may carry (RFC 8200 §5), in octets.
    pub const MIN_IPV6: u16 = 1280;
    /// PPP's default MRU (RFC 1661 §6.1), in octets.
    pub const DEFAULT: Self = Self(1500);

    /// The size in octets.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for PacketSize {
    type Error = BadPacketSize;

    fn try_from(octets: i64) -> Result<Self, BadPacketSize> {
        u16::try_from(octets)
            .ok()
            .filter(|size| *size >= Self::MIN)
            .map(Self)
            .ok_or_else(|| BadPacketSize(octets.to_string()))
    }
}

impl From<PacketSize> for i64 {
    fn from(size: PacketSize) -> i64 {
        size.0.into()
    }
}

impl FromStr for PacketSize {
    type Err = BadPacketSize;

    fn from_str(text: &str) -> Result<Self, BadPacketSize> {
        text.parse::<i64>().map_err(|_| BadPacketSize(text.to_owned()))?.try_into()
    }
}

/// A time written as a number of seconds, as pppd does: `15` or `0.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Seconds(Duration);

/// Why a text is no [`Seconds`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time in seconds: use a number from 0 to 86400")]
pub struct BadSeconds(String);

impl Seconds {
    /// The longest time that can be set: a day.
    const MAX: f64 = 86_400.0;

    /// A whole number of seconds.
    pub const fn whole(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As a duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// As a duration, where 0 means "off".
    pub fn unless_zero(self) -> Option<Duration> {
        (!self.0.is_zero()).then_some(self.0)
    }

    fn checked(seconds: f64) -> Result<Self, BadSeconds> {
        if (0.0..=Self::MAX).contains(&seconds) {
            Ok(Self(Duration::from_secs_f64(seconds)))
        } else {
            Err(BadSeconds(seconds.to_string()))
        }
    }
}

impl FromStr for Seconds {
    type Err = BadSeconds;

    fn from_str(text: &str) -> Result<Self, BadSeconds> {
        Self::checked(text.parse().map_err(|_| BadSeconds(text.to_owned()))?)
    }
}

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.subsec_nanos() == 0 {
            serializer.serialize_u64(self.0.as_secs())
        } else {
            serializer.serialize_f64(self.0.as_secs_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl serde::de::Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Seconds, E> {
                Seconds::checked(seconds).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Seconds, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Seconds, E> {
                self.visit_f64(seconds as f64)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// An Async-Control-Character-Map (RFC 1662 §7.1): bit N set means that octet N must be escaped. Written in
/// hexadecimal, as pppd's `asyncmap` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ControlMap(pub u32);

/// Why a text is no [`ControlMap`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a control character map: write 32 bits in hexadecimal, for example 0 or ffffffff")]
pub struct BadControlMap(String);

impl FromStr for ControlMap {
    type Err = BadControlMap;

    fn from_str(text: &str) -> Result<Self, BadControlMap> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.starts_with('+') {
            return Err(BadControlMap(text.to_owned()));
        }
        u32::from_str_radix(digits, 16).map(Self).map_err(|_| BadControlMap(text.to_owned()))
    }
}

impl fmt::Display for ControlMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

text_serde!(ControlMap, "a control character map in hexadecimal");

/// Octets to escape besides those of the control map: `ff,11`, as pppd's `escape` option takes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Escapes(pub Vec<u8>);

/// Why a text is no [`Escapes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be escaped: write octets in hexadecimal with commas, for example ff,11; \
     20 to 3f and 5e would become other special octets"
)]
pub struct BadEscapes(String);

impl FromStr for Escapes {
    type Err = BadEscapes;

    fn from_str(text: &str) -> Result<Self, BadEscapes> {
        let words = text.split(',').filter(|_| !text.is_empty());
        let octets = words.map(|word| match u8::from_str_radix(word, 16) {
            Ok(octet) if !(0x20..=0x3f).contains(&octet) && octet != 0x5e && !word.starts_with('+') => {
                Ok(octet)
            }
            _ => Err(BadEscapes(word.to_owned())),
        });
        octets.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Escapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{octet:02x}")?;
        }
        Ok(())
    }
}

text_serde!(Escapes, "octets in hexadecimal");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_sizes_start_at_68_octets() {
        assert!("67".parse::<PacketSize>().is_err());
        assert_eq!("68".parse::<PacketSize>().unwrap().get(), 68);
        assert!("65536".parse::<PacketSize>().is_err());
        assert!("-1".parse::<PacketSize>().is_err());
    }

    #[test]
    fn seconds_may_have_a_fraction_and_no_sign() {
        assert_eq!("0.25".parse::<Seconds>().unwrap().get(), Duration::from_millis(250));
        assert_eq!("0".parse::<Seconds>().unwrap().unless_zero(), None);
        for bad in ["-1", "NaN", "inf", "1e9", "3s", ""] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
    }

    #[test]
    fn control_maps_are_hexadecimal() {
        assert_eq!("0x000a0000".parse(), Ok(ControlMap(0x000a_0000)));
        assert_eq!("ffffffff".parse(), Ok(ControlMap(u32::MAX)));
        for bad in ["", "100000000", "xyz", "+1", "-1"] {
            assert!(bad.parse::<ControlMap>().is_err(), "{bad}");
        }
    }

    #[test]
    fn octets_that_would_turn_into_special_ones_cannot_be_escaped() {
        assert_eq!("ff,11".parse(), Ok(Escapes(vec![0xff, 0x11])));
        assert_eq!("".parse(), Ok(Escapes::default()));
        for bad in ["5e", "20", "3f", "100", "ff,,11", "+1"] {
            assert!(bad.parse::<Escapes>().is_err(), "{bad}");
        }
    }
}
