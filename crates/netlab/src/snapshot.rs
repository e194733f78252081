//! What `ip` says of a host, without what changes by itself.

use crate::{Host, LabError};

const QUESTIONS: [&[&str]; 6] = [
    &["-o", "addr", "show"],
    &["-o", "link", "show"],
    &["-4", "route", "show", "table", "all"],
    &["-6", "route", "show", "table", "all"],
    &["-4", "rule", "show"],
    &["-6", "rule", "show"],
];

const SWITCHES: [&str; 2] = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

/// Words followed by a value that runs down or up.
const CLOCKS: [&str; 4] = ["valid_lft", "preferred_lft", "expires", "age"];

/// What says nothing: the line break of `ip -o`, and a word that goes by itself: an address is tentative until it is known to have no duplicate (RFC 4862), for a moment
/// also where that is not asked.
const PASSING: [&str; 2] = ["\\", "tentative"];

pub(crate) fn take(host: &Host) -> Result<String, LabError> {
    let mut text = String::new();
    for question in QUESTIONS {
        text.extend(["# ip ", &question.join(" "), "\n", &normalise(&ask(host, question)?)]);
    }
    for switch in SWITCHES {
        let path = format!("/proc/sys/{switch}");
        // A kernel without IPv6 lacks the second.
        if let Ok(value) = host.run(|| std::fs::read_to_string(&path))? {
            text.extend([switch, " = ", value.trim(), "\n"]);
        }
    }
    Ok(text)
}

fn ask(host: &Host, question: &[&str]) -> Result<String, LabError> {
    let output = host
        .command("ip")
        .args(question)
        .output()
        .map_err(|error| LabError::io(host.name(), "run `ip` (package iproute2)", error))?;
    if !output.status.success() {
        return Err(LabError::Program {
            host: host.name().to_owned(),
            program: format!("ip {}", question.join(" ")),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One space between words, no running clocks, lines in order.
fn normalise(answer: &str) -> String {
    let mut lines: Vec<String> = answer
        .lines()
        .map(|line| {
            let mut words = Vec::new();
            let mut input = line.split_whitespace().filter(|word| !PASSING.contains(word));
            while let Some(word) = input.next() {
                if CLOCKS.contains(&word) {
                    input.next();
                } else {
                    words.push(word);
                }
            }
            words.join(" ") + "\n"
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_spacing_do_not_matter_and_lines_are_in_order() {
        let before =
            "2: b  inet6 fd00::1/64 scope global \\   valid_lft 100sec preferred_lft 50sec\n1: a x\n";
        let after = "1: a   x\n2: b inet6 fd00::1/64 scope global \\  valid_lft 99sec preferred_lft 49sec\n";
        assert_eq!(normalise(before), normalise(after));
        assert_eq!(normalise(before), "1: a x\n2: b inet6 fd00::1/64 scope global\n");
    }
}
