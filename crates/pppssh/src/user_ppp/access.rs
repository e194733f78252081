//! `allow users` and `allow modes`: who may use a section, and how.

use super::vocabulary::{COMMANDS, find};
use super::{Line, Mode, Problem, Sections};

/// What the `allow` commands of the sections that count say.
///
/// As in ppp they are looked at before anything else and bind everybody but root; a section that names no users is open to
/// those that `default` names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Whom `default` allows; `*` is everybody.
    default_users: Vec<String>,
    /// For each label that is asked for, whom it allows, if it says.
    users: Vec<(String, Option<Vec<String>>)>,
    /// The modes that the last `allow modes` names.
    modes: Option<Vec<Mode>>,
}

impl Access {
    /// Reads the `allow` commands of `default` and of `labels`.
    pub fn read(conf: &Sections, labels: &[String]) -> (Self, Vec<Problem>) {
        let mut access = Self::default();
        let mut problems = Vec::new();
        let mut section = |access: &mut Self, label: &str| {
            let mut users: Option<Vec<String>> = None;
            for line in conf.get(label).unwrap_or_default() {
                match Allow::of(line) {
                    None => {}
                    Some(Ok(Allow::Users(names))) => users.get_or_insert_default().extend(names),
                    Some(Ok(Allow::Modes(modes))) => access.modes = Some(modes),
                    Some(Err(why)) => problems.push(Problem::of(line, why)),
                }
            }
            users
        };
        access.default_users = section(&mut access, "default").unwrap_or_default();
        for label in labels.iter().filter(|label| *label != "default") {
            let users = section(&mut access, label);
            access.users.push((label.clone(), users));
        }
        (access, problems)
    }

    /// Why `user` may not run these sections in `mode`; root always may.
    pub fn refusal(&self, user: Option<&str>, root: bool, mode: Mode) -> Option<String> {
        if root {
            return None;
        }
        let names = |list: &[String]| list.iter().any(|entry| entry == "*" || Some(entry.as_str()) == user);
        let who = user.unwrap_or("who calls");
        if self.users.is_empty() && !names(&self.default_users) {
            return Some(format!("{who} is not in `allow users` of the section default"));
        }
        for (label, users) in &self.users {
            if !names(users.as_deref().unwrap_or(&self.default_users)) {
                return Some(format!(
                    "{who} is not in `allow users` of the section {label}, nor of default if {label} has none"
                ));
            }
        }
        let denied = self.modes.as_ref().is_some_and(|modes| !modes.contains(&mode));
        denied.then(|| format!("`allow modes` does not name {}", mode.name()))
    }

    /// Whether a mode is allowed by name, and not merely because none is.
    pub fn names(&self, mode: Mode) -> bool {
        self.modes.as_ref().is_some_and(|modes| modes.contains(&mode))
    }
}

/// One `allow` command.
enum Allow {
    Users(Vec<String>),
    Modes(Vec<Mode>),
}

impl Allow {
    fn of(line: &Line) -> Option<Result<Self, String>> {
        let [command, words @ ..] = &line.words[..] else { return None };
        if find(COMMANDS, command) != Some("allow") {
            return None;
        }
        let (what, names) = words.split_first().map_or(("", words), |(what, names)| (what.as_str(), names));
        Some(match find(&["users|user", "modes|mode"], what) {
            Some("users") => Ok(Self::Users(names.to_vec())),
            Some(_) => {
                let mode = |word: &String| match Mode::named(word) {
                    Some(mode) => Ok(Some(mode)),
                    // These exist, and nobody can ask for them here.
                    None if ["interactive", "dedicated"].contains(&&*word.to_ascii_lowercase()) => Ok(None),
                    None if word == "*" => Ok(None),
                    None => Err(format!("there is no mode `{word}`")),
                };
                let all = names.iter().any(|word| word == "*");
                let modes = names.iter().map(mode).collect::<Result<Vec<_>, _>>();
                modes.map(|modes| {
                    Self::Modes(if all { Mode::ALL.to_vec() } else { modes.into_iter().flatten().collect() })
                })
            }
            None => Err("write `allow users NAME…` or `allow modes MODE…`".to_owned()),
        })
    }
}
