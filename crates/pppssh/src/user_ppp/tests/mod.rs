//! Lines, sections, every command, and whole files.

mod commands;
mod files;
mod refusals;
mod syntax;

use std::collections::HashMap;
use std::io;

use super::{BadPlan, LinkScript, Mode, Plan, Problem, Request, Sections};

/// Files of `ppp` by name.
pub(super) struct Files(HashMap<&'static str, String>);

impl Files {
    pub(super) fn new<const N: usize>(files: [(&'static str, &str); N]) -> Self {
        Self(files.into_iter().map(|(name, text)| (name, text.to_owned())).collect())
    }

    pub(super) fn sections(&self, file: &str) -> Sections {
        let mut read = |name: &str| self.0.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        let env = |name: &str| match name {
            "HOME" => Some("/home/vpn".to_owned()),
            "PEER" => Some("saturn".to_owned()),
            _ => None,
        };
        Sections::read(file, &mut read, &env).unwrap_or_default()
    }

    pub(super) fn plan(&self, mode: Mode, labels: &[&str]) -> Result<Plan, BadPlan> {
        let labels = labels.iter().map(ToString::to_string).collect();
        let request = Request { mode, labels, unit: None, config_dir: None };
        let script = |name| LinkScript(self.sections(name));
        Plan::read(&self.sections("ppp.conf"), &script("ppp.linkup"), &script("ppp.linkdown"), &request)
    }
}

/// The plan of a `ppp.conf` whose section `vpn` has these lines besides a device.
pub(super) fn vpn(lines: &str) -> Plan {
    let text = format!("vpn:\n set device \"!ssh saturn\"\n{lines}");
    let plan = Files::new([("ppp.conf", &text)]).plan(Mode::Ddial, &["vpn"]);
    plan.unwrap_or_else(|error| panic!("{lines}: {error}"))
}

/// What is wrong with these lines, which stand from line 3 on.
pub(super) fn problems(lines: &str) -> Vec<Problem> {
    let text = format!("vpn:\n set device \"!ssh saturn\"\n{lines}");
    match Files::new([("ppp.conf", &text)]).plan(Mode::Ddial, &["vpn"]) {
        Err(BadPlan::Lines(problems)) => problems,
        other => panic!("{lines}: {other:?}"),
    }
}

#[test]
fn every_command_variable_and_option_stands_in_the_document() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/user-ppp.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tables = [super::vocabulary::COMMANDS, super::vocabulary::VARIABLES, super::negotiate::OPTIONS];
    for name in tables.into_iter().flatten().flat_map(|names| names.split('|')) {
        let row = |line: &&str| line.starts_with('|') && line.contains(&format!("`{name}`"));
        assert!(text.lines().any(|line| row(&line)), "`{name}` is in no table of docs/user-ppp.md");
    }
    for mode in Mode::ALL {
        assert!(text.contains(&format!("| `{mode}")), "{mode}");
    }
}
