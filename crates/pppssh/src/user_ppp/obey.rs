//! The commands of `ppp.conf`, one after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::draft::Draft;
use super::vocabulary::{COMMANDS, NO_NAT, VARIABLES, find, shell};
use super::{Line, LinkScript, Problem, Sections, routes};
use crate::config::Route;

/// Sections that one `load` may bring along in all.
const MAX_LOADED: usize = 64;

impl Draft {
    pub(super) fn section(&mut self, conf: &Sections, lines: &[Line], problems: &mut Vec<Problem>) {
        for line in lines {
            if let Err(why) = self.command(conf, line, problems) {
                problems.push(Problem::of(line, why));
            }
        }
    }

    fn command(&mut self, conf: &Sections, line: &Line, problems: &mut Vec<Problem>) -> Result<(), String> {
        let (word, words) = line.words.split_first().ok_or("there is no command")?;
        if shell(&line.words).is_some() {
            return Err("programs are run from ppp.linkup and ppp.linkdown only".to_owned());
        }
        let command = find(COMMANDS, word).ok_or("there is no such command")?;
        match command {
            // Looked at before: `Access`.
            "allow" => {}
            "set" => self.set(words)?,
            "enable" | "disable" | "accept" | "deny" => {
                if words.is_empty() {
                    return Err("an option is missing".to_owned());
                }
                words.iter().try_for_each(|word| self.negotiable.obey(command, word))?;
            }
            "load" => self.load(conf, words, problems)?,
            "add" | "add!" | "delete" | "delete!" => self.route(command, words)?,
            "ident" => self.identification = Some(words.join(" ")).filter(|text| !text.is_empty()),
            other => idle_talk(other, words)?,
        }
        Ok(())
    }

    fn load(
        &mut self,
        conf: &Sections,
        labels: &[String],
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        let labels = if labels.is_empty() { &["default".to_owned()] } else { labels };
        for label in labels {
            self.loaded += 1;
            if self.loaded > MAX_LOADED {
                return Err("too many sections are loaded: does one load itself?".to_owned());
            }
            let lines = conf.get(label).ok_or_else(|| format!("there is no section `{label}:`"))?;
            self.section(conf, lines, problems);
        }
        Ok(())
    }

    fn route(&mut self, command: &str, words: &[String]) -> Result<(), String> {
        let names = routes::Names::of(&self.ifaddr);
        let routes = &mut self.profile.routes;
        if let "add" | "add!" = command {
            let route = routes::add(words, names)?;
            if !routes.contains(&route) {
                routes.push(route);
            }
            return Ok(());
        }
        let Some(to) = routes::delete(words, names)? else {
            routes.clear();
            return Ok(());
        };
        let before = routes.len();
        routes.retain(|route: &Route| route.to != to);
        if routes.len() == before && command == "delete" {
            return Err(
                "only routes that were added above can be deleted; write `delete!` if there may be none"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The lines of a link script that may count: routes are added with the others, programs wait for the link.
    pub(super) fn script(&mut self, script: &LinkScript, label: &str, up: bool, problems: &mut Vec<Problem>) {
        let with_ipv4 = self.negotiable.ipcp.ask != Some(false);
        let LinkScript(sections) = script;
        problems.extend(sections.problems.iter().cloned());
        let fixed = self.ifaddr.fixed_local();
        // An address that nobody has: no section is called like it.
        let v4 = fixed.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut lines = Vec::new();
        if with_ipv4 {
            lines.extend(script.section(v4.into(), label, true));
        }
        lines.extend(script.section(Ipv6Addr::UNSPECIFIED.into(), label, with_ipv4));
        for line in lines {
            if let Err(why) = self.script_line(line, up) {
                problems.push(Problem::of(line, why));
            }
        }
        for other in sections.labels() {
            let may_count = match other.parse() {
                Ok(IpAddr::V4(address)) => with_ipv4 && fixed.is_none() && self.ifaddr.may_be(address),
                Ok(IpAddr::V6(_)) => true,
                Err(_) => false,
            };
            for line in sections.get(other).filter(|_| may_count).unwrap_or_default() {
                let why = match line.words.first().and_then(|word| find(COMMANDS, word)) {
                    Some("add" | "add!") => {
                        Err("whether this route is wanted is not known before the link is up: add it \
                                                 in ppp.conf"
                            .to_owned())
                    }
                    _ => self.script_line(line, up),
                };
                if let Err(why) = why {
                    problems.push(Problem::of(line, why));
                }
            }
        }
    }

    fn script_line(&mut self, line: &Line, up: bool) -> Result<(), String> {
        let (word, words) = line.words.split_first().ok_or("there is no command")?;
        if let Some((_, argv)) = shell(&line.words) {
            return if argv.is_empty() {
                Err("a program is missing: there is no prompt".to_owned())
            } else {
                Ok(())
            };
        }
        let command = find(COMMANDS, word).ok_or("there is no such command")?;
        match command {
            "add" | "add!" if up => self.route(command, words),
            // Routes go with the link.
            "delete" | "delete!" => routes::delete(words, routes::Names::of(&self.ifaddr)).map(|_| ()),
            "allow" => Ok(()),
            "set" if words.first().is_some_and(|word| find(VARIABLES, word) == Some("log")) => Ok(()),
            "set" | "enable" | "disable" | "accept" | "deny" | "load" | "add" | "add!" | "ident" => {
                Err("the link is made by then: this belongs into ppp.conf".to_owned())
            }
            other => idle_talk(other, words),
        }
    }
}

/// Commands that are about ppp's prompt, its bundle of links and its statistics.
fn idle_talk(command: &str, words: &[String]) -> Result<(), String> {
    let first = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let why = match (command, first.as_str()) {
        ("show" | "clear" | "log" | "save" | "help", _)
        | ("iface", "clear" | "show")
        | ("resolv", "readonly" | "restore" | "reload") => return Ok(()),
        ("nat", "enable") if words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("no")) => {
            return Ok(());
        }
        ("nat", _) => NO_NAT,
        ("iface", _) => "the device has the addresses of `set ifaddr` and no others",
        ("resolv", _) => {
            "resolv.conf is left alone: a program in ppp.linkup finds the servers as DNS0 and DNS1"
        }
        ("link" | "clone" | "remove" | "rename", _) => "a link over SSH is one link: there is no multilink",
        ("dial" | "open" | "close" | "down" | "quit", _) => {
            "the mode on the command line says when to call; `pppssh disconnect` ends it"
        }
        ("passwd" | "term", _) => "there is no prompt",
        _ => "it is not supported",
    };
    Err(why.to_owned())
}
