//! What the values of pppd's options mean, as pppd reads them, and its words about those that it does not take.

use std::net::{Ipv4Addr, ToSocketAddrs};
use std::time::Duration;

use super::options::{Options, is_usable};
use crate::config::{Escapes, InterfaceIds, PacketSize, Seconds};

/// C's strtoul, with what follows the digits left alone as pppd does.
pub(super) fn integer(option: &str, text: &str, radix: u32) -> Result<u32, String> {
    let digits = text.trim_start();
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let hexadecimal = hexadecimal.filter(|rest| rest.starts_with(|char: char| char.is_ascii_hexdigit()));
    let (radix, digits) = match (radix, hexadecimal) {
        (0 | 16, Some(rest)) => (16, rest),
        (0, None) if digits.starts_with('0') => (8, digits),
        (0, None) => (10, digits),
        (radix, _) => (radix, digits),
    };
    let end = digits.find(|char: char| !char.is_digit(radix)).unwrap_or(digits.len());
    if end == 0 {
        return Err(format!("invalid numeric parameter '{text}' for {option} option"));
    }
    let value = u64::from_str_radix(&digits[..end], radix).unwrap_or(u64::MAX);
    let value = if negative { value.wrapping_neg() } else { value };
    // As C does when it stores an unsigned long in 32 bits.
    Ok(u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX))
}

/// pppd's words for a number that is out of bounds.
pub(super) fn within(option: &str, value: i32, least: i32, most: i32) -> Result<(), String> {
    match (value < least || value > most, least, most) {
        (false, _, _) => Ok(()),
        (true, least, i32::MAX) => Err(format!("{option} value must be >= {least}")),
        (true, least, most) => Err(format!("{option} value must be between {least} and {most}")),
    }
}

/// An option that another one may have disabled before.
pub(super) fn enable(name: &str, disabled: bool, value: &mut bool) -> Result<(), String> {
    *value = !disabled;
    if disabled { Err(format!("{name} option is disabled")) } else { Ok(()) }
}

/// Disables an option, and takes back that it was said.
pub(super) fn disable(disabled: &mut bool, value: &mut bool) {
    *disabled = true;
    *value = false;
}

pub(super) fn allow_ip(options: &mut Options, word: &str) -> Result<(), String> {
    let rule = crate::secrets::rule(word, &mut |host| resolve(host)).map_err(|error| error.to_string())?;
    options.auth.allow_ip.push(rule);
    Ok(())
}

pub(super) fn seconds(number: i32) -> Seconds {
    Seconds::whole(count(number).into())
}

/// Of a restart timer, which never stands still.
pub(super) fn period(number: i32) -> Duration {
    Duration::from_secs(count(number).max(1).into())
}

pub(super) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn size(octets: i32) -> PacketSize {
    PacketSize::try_from(i64::from(octets)).unwrap_or(PacketSize::DEFAULT)
}

pub(super) fn file_name(option: &str, name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains('/') || name.contains('\0') || name.starts_with('.') {
        return Err(format!("{option} '{name}' cannot be part of a file's name"));
    }
    Ok(name.to_owned())
}

pub(super) fn interface(name: &str) -> Result<String, String> {
    // IFNAMSIZ, less the final zero.
    let fits = (1..=15).contains(&name.len());
    let plain =
        !name.contains(|char: char| char == '/' || char == '%' || char.is_whitespace() || char.is_control());
    if fits && plain && name != "." && name != ".." {
        return Ok(name.to_owned());
    }
    Err(format!("ifname '{name}' cannot be the name of an interface"))
}

pub(super) fn set(options: &mut Options, word: &str) -> Result<(), String> {
    let (name, value) = word.split_once('=').ok_or_else(|| format!("missing = in name=value: {word}"))?;
    if name.is_empty() {
        return Err(format!("missing variable name: {word}"));
    }
    options.environment.retain(|(old, _)| old != name);
    options.environment.push((name.to_owned(), value.to_owned()));
    Ok(())
}

pub(super) fn unset(options: &mut Options, name: &str) -> Result<(), String> {
    if name.contains('=') {
        return Err(format!("unexpected = in name: {name}"));
    }
    if name.is_empty() {
        return Err("missing variable name for unset".to_owned());
    }
    options.environment.retain(|(old, _)| old != name);
    Ok(())
}

pub(super) fn slots(options: &mut Options, word: &str) -> Result<(), String> {
    let value = integer("vj-max-slots", word, 0)?;
    let slots = u8::try_from(value).ok().filter(|slots| (2..=16).contains(slots));
    options.profile.vj_max_slots = slots.ok_or("vj-max-slots value must be between 2 and 16")?;
    Ok(())
}

/// `RECEIVE` or `RECEIVE,SEND`: windows, or 0 for none.
pub(super) fn deflate(options: &mut Options, word: &str) -> Result<(), String> {
    // Unlike other numbers, with nothing behind its digits.
    let whole = |text: &str| match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8),
        None => text.parse(),
    };
    let window =
        |text: &str| whole(text).map_err(|_| format!("invalid parameter '{word}' for deflate option"));
    let (receive, send) = match word.split_once(',') {
        Some((receive, send)) => (window(receive)?, window(send)?),
        None => (window(word)?, window(word)?),
    };
    let usable = |window| match window {
        0 | 9..=15 => Ok(window as u8),
        // zlib cannot do it: pppd takes 9, too.
        8 => Ok(9),
        _ => Err("deflate option values must be 0 or 8 .. 15"),
    };
    (options.profile.deflate_receive, options.profile.deflate_send) = (usable(receive)?, usable(send)?);
    options.profile.deflate = receive != 0 || send != 0;
    Ok(())
}

/// The last two count, and one alone counts twice: so the link has it anyway.
pub(super) fn name_server(option: &str, servers: &mut Vec<Ipv4Addr>, word: &str) -> Result<(), String> {
    let address =
        resolve(word).ok_or_else(|| format!("invalid address parameter '{word}' for {option} option"))?;
    servers.push(address);
    if servers.len() > 2 {
        servers.remove(0);
    }
    Ok(())
}

/// The address of a host, by its name or as it is.
pub fn resolve(word: &str) -> Option<Ipv4Addr> {
    if let Ok(address) = word.parse() {
        return Some(address);
    }
    if word.is_empty() {
        return None;
    }
    (word, 0).to_socket_addrs().ok()?.find_map(|address| match address.ip() {
        std::net::IpAddr::V4(address) => Some(address),
        std::net::IpAddr::V6(_) => None,
    })
}

/// `LOCAL:REMOTE`; a side that is empty or 0.0.0.0 says nothing.
pub(super) fn addresses(options: &mut Options, word: &str) -> Result<(), String> {
    let Some((local, remote)) = word.split_once(':') else { return Ok(()) };
    let both = &mut options.profile.addresses;
    for (side, text, value) in [("local", local, &mut both.local), ("remote", remote, &mut both.remote)] {
        if text.is_empty() {
            continue;
        }
        let address = resolve(text).ok_or_else(|| format!("unknown host: {text}"))?;
        if !is_usable(address) {
            return Err(format!("bad {side} IP address {address}"));
        }
        if !address.is_unspecified() {
            *value = Some(address);
        }
    }
    Ok(())
}

/// `LOCAL,REMOTE`, in the form of the lower half of an address; a side may be missing, and so may the comma.
pub(super) fn identifiers(options: &mut Options, word: &str) -> Result<(), String> {
    let parse = |text: String, side: &str, word: &str| -> Result<InterfaceIds, String> {
        text.parse().map_err(|_| format!("Illegal interface identifier ({side}): {word}"))
    };
    let (local, remote) = word.split_once(',').unwrap_or((word, ""));
    options.profile.ipv6_ids = InterfaceIds {
        local: parse(format!("{local},"), "local", local)?.local.or(options.profile.ipv6_ids.local),
        remote: parse(format!(",{remote}"), "remote", remote)?.remote.or(options.profile.ipv6_ids.remote),
    };
    options.profile.ipv6 = true;
    Ok(())
}

pub(super) fn escape(options: &mut Options, word: &str) -> Result<(), String> {
    for text in word.split([',', ' ']).filter(|text| !text.is_empty()) {
        let octet = u32::from_str_radix(text.trim_start_matches("0x"), 16)
            .map_err(|_| format!("escape parameter contains invalid hex number '{text}'"))?;
        let cannot = || format!("can't escape character 0x{octet:x}");
        // What stands for 0x5e behind the escape is the flag itself.
        let octet = Some(octet).filter(|octet| *octet != 0x5e).ok_or_else(cannot)?;
        let escape: Escapes = format!("{octet:x}").parse().map_err(|_| cannot())?;
        for octet in escape.0 {
            if !options.profile.escape.0.contains(&octet) {
                options.profile.escape.0.push(octet);
            }
        }
    }
    Ok(())
}
