//! Switches below `/proc/sys/net`. Each thread sees those of its own network namespace there.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::PathBuf,
};

use crate::{Error, Family};

/// The switch for forwarding everywhere.
pub(crate) const FORWARD_V4: &str = "net/ipv4/ip_forward";
pub(crate) const FORWARD_V6: &str = "net/ipv6/conf/all/forwarding";
/// `inet_forward_change()` (net/ipv4/devinet.c) sets this to the opposite of the above.
const REDIRECTS_V4: &str = "net/ipv4/conf/all/accept_redirects";
/// The switches that may occur in a journal: so a forged one cannot have any other written.
pub(crate) fn is_ours(name: &str) -> bool {
    if name == FORWARD_V4 || name == REDIRECTS_V4 {
        return true;
    }
    let parts: Vec<&str> = name.split('/').collect();
    let ["net", family, "conf", device, switch] = parts[..] else { return false };
    if matches!(device, "" | "." | "..") {
        return false;
    }
    match family {
        "ipv4" => switch == "forwarding",
        "ipv6" => matches!(switch, "forwarding" | "force_forwarding" | "accept_ra"),
        _ => false,
    }
}

/// Values are small numbers.
pub(crate) fn is_value(value: &str) -> bool {
    !value.is_empty() && value.len() <= 4 && value.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

pub(crate) fn of_device(family: Family, device: &str, switch: &str) -> String {
    let family = match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    };
    format!("net/{family}/conf/{device}/{switch}")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name)
}

/// The value, `None` if there is no such switch (the device went away, or the kernel does not have it).
pub(crate) fn read(name: &str) -> Result<Option<String>, Error> {
    match fs::read_to_string(path(name)) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Sysctl { name: name.to_owned(), source, hint: "" }),
    }
}

pub(crate) fn write(name: &str, value: &str) -> Result<(), Error> {
    let result =
        fs::OpenOptions::new().write(true).open(path(name)).and_then(|mut f| f.write_all(value.as_bytes()));
    result.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => Error::NotPermitted {
            what: format!("setting {name} to {value}"),
            command: format!("sysctl -w {name}={value}"),
        },
        io::ErrorKind::ReadOnlyFilesystem => Error::Sysctl {
            name: name.to_owned(),
            source,
            hint: "; in a container it must be set from outside (such as `docker run --sysctl`)",
        },
        _ => Error::Sysctl { name: name.to_owned(), source, hint: "" },
    })
}

/// The switches the kernel sets along with `name`, and what they are now.
///
/// Both global switches overwrite the one of every device and that for new devices, and IPv4's turns
/// `accept_redirects` round: writing back the one value would leave a hardened host less so.
pub(crate) fn set_along(name: &str) -> Result<BTreeMap<String, String>, Error> {
    let family = match name {
        FORWARD_V4 => Family::Ipv4,
        FORWARD_V6 => Family::Ipv6,
        _ => return Ok(BTreeMap::new()),
    };
    let mut names: Vec<String> =
        devices(family)?.iter().map(|device| of_device(family, device, "forwarding")).collect();
    if family == Family::Ipv4 {
        names.push(REDIRECTS_V4.to_owned());
    }
    let mut along = BTreeMap::new();
    for name in names {
        if let Some(value) = read(&name)? {
            along.insert(name, value);
        }
    }
    Ok(along)
}

/// What the kernel makes of a switch of [`set_along`] when the global one is set to `after`.
pub(crate) fn value_along<'a>(name: &str, after: &'a str) -> &'a str {
    match (name == REDIRECTS_V4, after) {
        (true, "0") => "1",
        (true, _) => "0",
        (false, value) => value,
    }
}

/// Every device that has switches of that family, and `default`.
pub(crate) fn devices(family: Family) -> Result<Vec<String>, Error> {
    let name = match family {
        Family::Ipv4 => "net/ipv4/conf",
        Family::Ipv6 => "net/ipv6/conf",
    };
    let failed = |source| Error::Sysctl { name: name.to_owned(), source, hint: "" };
    let mut devices = Vec::new();
    for entry in fs::read_dir(path(name)).map_err(failed)? {
        let device = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if device != "all" {
            devices.push(device);
        }
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_switches_this_crate_sets_may_be_written() {
        for name in [
            "net/ipv4/ip_forward",
            "net/ipv4/conf/all/accept_redirects",
            "net/ipv4/conf/eth0.5/forwarding",
            "net/ipv6/conf/all/forwarding",
            "net/ipv6/conf/eth0/accept_ra",
            "net/ipv6/conf/ppp0/force_forwarding",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "kernel/core_pattern",
            "net/ipv4/conf/../../../kernel/core_pattern",
            "net/ipv4/conf/../forwarding",
            "net/ipv4/conf/a/b/forwarding",
            "net/ipv4/conf//forwarding",
            "/net/ipv4/ip_forward",
            "net/ipv4/conf/eth0/rp_filter",
            "net/ipv6/conf/eth0/addr_gen_mode",
            "net/ipv6/conf/all/../forwarding",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        assert!(is_value("0") && is_value("-1") && is_value("2"));
        assert!(!is_value("") && !is_value("|/bin/x") && !is_value("12345"));
    }
}
