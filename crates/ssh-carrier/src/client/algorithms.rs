//! Which algorithms to ask for.

use std::borrow::Cow;
use std::time::Duration;

use russh::{Limits, Preferred, client, compression};

use super::host_key::Verifier;
use super::target::Target;
use crate::ciphers::CIPHERS;
use crate::{CarrierError, unread};

/// Bytes after which keys are exchanged anew. Sending stops meanwhile, so not more often than it must: all of these
/// ciphers are good for 64 GiB under one key (RFC 4344 §3.2: 2^32 blocks), and a quarter of that keeps the
/// 32-bit packet sequence number from wrapping even with small packets.
const REKEY_BYTES: u64 = 16 << 30;

/// RFC 4253 §9.
const REKEY_TIME: Duration = Duration::from_secs(3600);

/// OpenSSH's largest channel packet, and what all implementations can take (RFC 4253 §6.1).
const MAX_PACKET: u32 = 32 * 1024;

/// What russh needs to know for one host.
pub(super) fn config(
    target: &Target,
    verifier: &Verifier,
    window: u32,
) -> Result<client::Config, CarrierError> {
    let (key, host_key_certificates) = verifier.algorithms(&target.host_key_algorithms);
    let default = Preferred::DEFAULT;
    let filter = |name: &str, list: usize| {
        if list == 0 {
            return Err(CarrierError::Config(format!(
                "none of the {name} that the ssh configuration allows for {} is implemented here: use the openssh \
                 carrier, or allow more",
                target.host
            )));
        }
        Ok(())
    };
    let is_extension = |name: &str| name.starts_with("ext-info") || name.starts_with("kex-strict");
    let cipher: Vec<_> = CIPHERS.into_iter().filter(|name| target.ciphers.contains(name.as_ref())).collect();
    let mac: Vec<_> =
        default.mac.iter().copied().filter(|name| target.macs.contains(name.as_ref())).collect();
    let kex: Vec<_> = default
        .kex
        .iter()
        .copied()
        .filter(|name| is_extension(name.as_ref()) || target.kex.contains(name.as_ref()))
        .collect();
    filter("ciphers", cipher.len())?;
    filter("MACs", mac.len())?;
    filter("key exchanges", kex.iter().filter(|name| !is_extension(name.as_ref())).count())?;
    filter("host key algorithms", key.len() + host_key_certificates.len())?;
    let rekey_bytes = usize::try_from(REKEY_BYTES).unwrap_or(1 << 30);
    Ok(client::Config {
        limits: Limits {
            rekey_write_limit: rekey_bytes,
            rekey_read_limit: rekey_bytes,
            rekey_time_limit: REKEY_TIME,
        },
        window_size: window,
        channel_buffer_size: unread(window),
        maximum_packet_size: MAX_PACKET,
        preferred: Preferred {
            kex: kex.into(),
            key: key.into(),
            host_key_certificates: host_key_certificates.into(),
            cipher: cipher.into(),
            mac: mac.into(),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        keepalive_interval: target.keepalive,
        keepalive_max: target.keepalive_max,
        nodelay: true,
        ..client::Config::default()
    })
}
