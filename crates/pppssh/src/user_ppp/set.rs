//! `set VARIABLE VALUE…`.

use std::net::Ipv4Addr;
use std::time::Duration;

use ppp_proto::ccp::deflate::{MAX_WINDOW, MIN_WINDOW};
use ppp_proto::frame::ExtraEscapes;
use ppp_proto::link::Timers;

use super::IfAddr;
use super::addresses::address;
use super::draft::{AuthKey, Draft, Redial};
use super::vocabulary::{FACILITIES, VARIABLES, find};
use crate::config::{ControlMap, Escapes, PacketSize, Seconds};

/// ppp's own bounds for MRU and MTU.
const LEAST_MRU: u16 = 296;
const MOST_MRU: u16 = 2048;

impl Draft {
    /// Obeys `set`.
    pub(super) fn set(&mut self, words: &[String]) -> Result<(), String> {
        let (word, values) = words.split_first().ok_or("write `set VARIABLE VALUE`")?;
        let variable = find(VARIABLES, word).ok_or_else(|| format!("there is no variable `{word}`"))?;
        match variable {
            "accmap" => self.profile.asyncmap = hex_map(one(values)?)?,
            "authkey" => self.authkey = AuthKey(one_or_none(values)?.unwrap_or_default().to_owned()),
            "authname" => one_or_none(values)?.unwrap_or_default().clone_into(&mut self.authname),
            "device" => self.devices(values)?,
            "dns" => self.dns = servers(values)?,
            "nbns" => self.profile.nbns_offer = servers(values)?,
            "echoperiod" => self.echo_period = seconds(one(values)?)?,
            "lqrperiod" => {
                self.lqr_period = seconds(one(values)?)?;
                if self.lqr_period.is_zero() {
                    return Err("the period is at least 1 second".to_owned());
                }
            }
            "escape" => self.profile.escape = escapes(values)?,
            "ifaddr" => self.ifaddr = IfAddr::parse(values)?,
            "lcpretry" => {
                let timers = retry(values)?;
                self.profile.lcp_restart = Seconds::whole(timers.restart.as_secs());
                self.profile.lcp_max_configure = timers.max_configure;
                self.profile.lcp_max_terminate = timers.max_terminate;
            }
            "ipcpretry" => self.ipcp_timers = retry(values)?,
            "ipv6cpretry" => self.ipv6cp_timers = retry(values)?,
            "log" => self.log(values)?,
            "mru" => self.profile.mru = size(values)?.unwrap_or(PacketSize::DEFAULT),
            "mtu" => self.profile.mtu = size(values)?.unwrap_or(PacketSize::DEFAULT),
            "openmode" => match (one_of(values, 2)?.to_ascii_lowercase().as_str(), values.get(1)) {
                ("active", delay) => {
                    delay.map(|delay| number(delay)).transpose()?;
                    self.silent = false;
                }
                ("passive", None) => self.silent = true,
                _ => return Err("write `set openmode active [DELAY]` or `set openmode passive`".to_owned()),
            },
            "reconnect" => {
                let [pause, tries] = values else {
                    return Err("write `set reconnect SECONDS TRIES`".to_owned());
                };
                self.reconnect = (pause_of(pause)?, number(tries)?);
            }
            "redial" => self.redial = redial(values)?,
            "timeout" => {
                let idle = seconds(one_of(values, 2)?)?;
                let least = values.get(1).map(|word| seconds(word)).transpose()?;
                self.idle = idle;
                self.least = least.unwrap_or_default();
            }
            "deflate" => {
                self.deflate = match values {
                    [out] => (window(out)?, MAX_WINDOW),
                    // In ppp, 0 takes whatever the peer asks for.
                    [out, any] if any == "0" => (window(out)?, MAX_WINDOW),
                    [out, incoming] => (window(out)?, window(incoming)?),
                    _ => return Err("write `set deflate OUT` or `set deflate OUT IN`".to_owned()),
                };
            }
            "vj" => match values {
                [slots, count] if find(&["slots", "slotcomp"], slots) == Some("slots") => {
                    let count = number(count)?;
                    let count = u8::try_from(count).ok().filter(|count| (4..=16).contains(count));
                    self.profile.vj_max_slots = count.ok_or("slots are 4 to 16")?;
                }
                [slotcomp, switch] if find(&["slots", "slotcomp"], slotcomp) == Some("slotcomp") => {
                    self.profile.vj_cid = on_off(switch)?;
                }
                _ => return Err("write `set vj slots N` or `set vj slotcomp on|off`".to_owned()),
            },
            "server" => match values {
                [none, ..] if none.eq_ignore_ascii_case("none") => {}
                _ => {
                    return Err(
                        "there is no diagnostic port; use `pppssh status` and `pppssh disconnect`".to_owned()
                    );
                }
            },
            "dial" | "login" | "logout" | "hangup" => empty_chat(values)?,
            "callback" if values.iter().all(|word| word.eq_ignore_ascii_case("none")) => {}
            "cbcp" | "radius" | "mppe" | "pppoe" | "procname" if values.is_empty() => {}
            "mrru" if matches!(values, [zero] if zero == "0") => {}
            // A modem's, a multilink bundle's, or a detail of how ppp itself queues and counts.
            "bandwidth" | "ccpretry" | "cd" | "chapretry" | "choked" | "ctsrts" | "enddisc" | "ifqueue"
            | "papretry" | "parity" | "phone" | "port_id" | "procname" | "proctitle" | "rad_alive"
            | "rad_port_id" | "recvpipe" | "sendpipe" | "speed" | "stopped" | "urgent" => {}
            other => return Err(refused(other).to_owned()),
        }
        Ok(())
    }

    fn devices(&mut self, values: &[String]) -> Result<(), String> {
        let mut devices = Vec::new();
        for value in values.iter().filter(|value| !value.is_empty()) {
            let Some(command) = value.strip_prefix('!') else {
                return Err(format!(
                    "`{value}` is not a command: write \"!ssh HOST COMMAND\"; there are no serial lines"
                ));
            };
            let words = super::split(command, false).map_err(|error| error.to_string())?;
            if words.is_empty() {
                return Err("a command has to stand behind `!`".to_owned());
            }
            devices.push(words);
        }
        self.devices = devices;
        Ok(())
    }

    /// `set log [local] [+|-]FACILITY…`.
    fn log(&mut self, values: &[String]) -> Result<(), String> {
        let mut values = values;
        // What a prompt would show; there is none.
        let local = values.first().is_some_and(|first| first.eq_ignore_ascii_case("local"));
        if local {
            values = &values[1..];
        }
        let mut kept =
            if values.first().is_some_and(|first| first.starts_with(['+', '-'])) || values.is_empty() {
                self.facilities.clone()
            } else {
                Vec::new()
            };
        for value in values {
            let (on, name) = match value.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, value.strip_prefix('+').unwrap_or(value)),
            };
            let all = name.eq_ignore_ascii_case("all");
            let facility = find(FACILITIES, name).filter(|_| !all);
            if facility.is_none() && !all {
                return Err(format!("there is no log facility `{name}`"));
            }
            kept.retain(|kept| !all && Some(*kept) != facility);
            if on {
                kept.extend(facility);
                kept.extend(FACILITIES.iter().filter(|_| all));
            }
        }
        if !local {
            self.facilities = kept;
        }
        Ok(())
    }

    /// How talkative pppssh is for it, as a number of `-v`.
    pub(super) fn verbosity(&self) -> u8 {
        let level = |facility: &&str| match *facility {
            "async" | "debug" | "hdlc" | "sync" | "tcp/ip" => 2,
            "cbcp" | "ccp" | "dns" | "filter" | "id0" | "ipcp" | "ipv6cp" | "lcp" | "lqm" | "physical"
            | "radius" | "timer" => 1,
            _ => 0,
        };
        self.facilities.iter().map(level).max().unwrap_or_default()
    }
}

fn refused(variable: &str) -> &'static str {
    match variable {
        "autoload" | "mrru" => "a link over SSH is one link: there is no multilink",
        "callback" | "cbcp" => "nobody calls back over SSH",
        "filter" => "there are no packet filters; use nftables on the device",
        "mode" => "name the mode on the command line",
        "mppe" => "SSH encrypts already, and better",
        "pppoe" => "there is no Ethernet below the link",
        "radius" => "there is no RADIUS; SSH has checked who calls",
        _ => "it is not supported",
    }
}

fn empty_chat(values: &[String]) -> Result<(), String> {
    if values.iter().all(|value| value.trim().is_empty()) {
        return Ok(());
    }
    Err("chat scripts are not supported: SSH logs in; leave it empty".to_owned())
}

fn one(values: &[String]) -> Result<&str, String> {
    one_of(values, 1)
}

/// The first of at most `most` values.
fn one_of(values: &[String], most: usize) -> Result<&str, String> {
    match values {
        [first, ..] if values.len() <= most => Ok(first),
        [] => Err("a value is missing".to_owned()),
        _ => Err("too many values".to_owned()),
    }
}

fn one_or_none(values: &[String]) -> Result<Option<&str>, String> {
    if values.is_empty() { Ok(None) } else { one(values).map(Some) }
}

fn number(word: &str) -> Result<u32, String> {
    let digits = !word.starts_with('+');
    word.parse().ok().filter(|_| digits).ok_or_else(|| format!("`{word}` is not a number"))
}

/// `set …retry PERIOD [REQUESTS [TERMINATES]]`.
fn retry(values: &[String]) -> Result<Timers, String> {
    let (period, requests, terminates) = match values {
        [] => (None, None, None),
        [period] => (Some(period), None, None),
        [period, requests] => (Some(period), Some(requests), None),
        [period, requests, terminates] => (Some(period), Some(requests), Some(terminates)),
        _ => return Err("write SECONDS [REQUESTS [TERMINATES]]".to_owned()),
    };
    let count =
        |word: Option<&String>, default| word.map_or(Ok(default), |word| number(word).map(|n| n.max(1)));
    let restart = period.map_or(Ok(Duration::from_secs(3)), |word| seconds(word))?;
    if restart.is_zero() {
        return Err("the period is at least 1 second".to_owned());
    }
    Ok(Timers {
        restart,
        max_configure: count(requests, 5)?,
        max_terminate: count(terminates, 5)?,
        ..Timers::default()
    })
}

/// A window of Deflate. zlib cannot do 8: the next one is taken.
fn window(word: &str) -> Result<u8, String> {
    let window = u8::try_from(number(word)?).ok().filter(|window| (8..=MAX_WINDOW).contains(window));
    Ok(window.ok_or("windows are 8 to 15")?.max(MIN_WINDOW))
}

/// At most a day, as in a profile.
fn seconds(word: &str) -> Result<Duration, String> {
    let whole = number(word)?;
    let seconds: Seconds =
        whole.to_string().parse().map_err(|error: crate::config::BadSeconds| error.to_string())?;
    Ok(seconds.get())
}

/// `random`, which our own jitter stands for, or seconds.
fn pause_of(word: &str) -> Result<Duration, String> {
    if word.eq_ignore_ascii_case("random") { Ok(Duration::from_secs(15)) } else { seconds(word) }
}

fn on_off(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{word}` is neither on nor off")),
    }
}

fn hex_map(word: &str) -> Result<ControlMap, String> {
    word.parse().map_err(|error: crate::config::BadControlMap| error.to_string())
}

fn escapes(values: &[String]) -> Result<Escapes, String> {
    let mut octets = Vec::new();
    for word in values {
        let bare = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        let one: Escapes = bare.parse().map_err(|error: crate::config::BadEscapes| error.to_string())?;
        octets.extend(one.0);
    }
    octets.sort_unstable();
    octets.dedup();
    ExtraEscapes::new(&octets).map_err(|error| error.to_string())?;
    Ok(Escapes(octets))
}

/// `[max[imum]] OCTETS`; 0 is the default.
fn size(values: &[String]) -> Result<Option<PacketSize>, String> {
    let values = match values {
        [max, rest @ ..] if find(&["maximum"], max).is_some() => rest,
        all => all,
    };
    let octets = number(one(values)?)?;
    if octets == 0 {
        return Ok(None);
    }
    let octets = u16::try_from(octets).ok().filter(|octets| (LEAST_MRU..=MOST_MRU).contains(octets));
    let octets = octets.ok_or_else(|| format!("a size is {LEAST_MRU} to {MOST_MRU} octets"))?;
    PacketSize::try_from(i64::from(octets)).map(Some).map_err(|error| error.to_string())
}

fn servers(values: &[String]) -> Result<Vec<Ipv4Addr>, String> {
    if values.len() > 2 {
        return Err("there can be two servers".to_owned());
    }
    let all = values.iter().map(|word| address(word)).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|address| !address.is_unspecified()).collect())
}

/// `SECONDS[+INC[-MAX]][.NEXT] [ATTEMPTS]`. NEXT is the pause between telephone numbers: there is one "number".
fn redial(values: &[String]) -> Result<Redial, String> {
    let first = one_of(values, 2)?;
    let mut redial = Redial::default();
    let pauses = first.split_once('.').map_or(first, |(pauses, _)| pauses);
    let (pause, increment) =
        pauses.split_once('+').map_or((pauses, None), |(pause, rest)| (pause, Some(rest)));
    redial.pause = pause_of(pause)?;
    if let Some(rest) = increment {
        let (step, times) = rest.split_once('-').map_or((rest, None), |(step, times)| (step, Some(times)));
        let times = times.map_or(Ok(10), number)?;
        redial.most = redial.pause.saturating_add(seconds(step)?.saturating_mul(times));
    } else {
        redial.most = redial.pause;
    }
    if let Some(attempts) = values.get(1) {
        redial.attempts = number(attempts)?;
    }
    Ok(redial)
}
