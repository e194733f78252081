//! Who runs this process.

use std::path::PathBuf;

/// The account of this process, as the user database has it.
///
/// OpenSSH takes `~` from there too and not from `$HOME`, so that both mean the same files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: Option<String>,
    pub(super) home: Option<PathBuf>,
}

impl Account {
    /// Accounts that are not in `/etc/passwd` but in a directory service are known by their environment.
    pub(super) fn own() -> Self {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = Self::find(&accounts, rustix::process::geteuid().as_raw());
        Self {
            name: found.name.or_else(|| std::env::var("USER").ok()),
            home: found.home.or_else(std::env::home_dir),
        }
    }

    /// passwd(5): name:password:uid:gid:comment:home:shell.
    fn find(accounts: &str, uid: u32) -> Self {
        let uid = uid.to_string();
        let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let own = fields.into_iter().find(|fields| fields.get(2) == Some(&uid.as_str()));
        let field =
            |index: usize| own.as_ref().and_then(|own| own.get(index)).filter(|text| !text.is_empty());
        Self { name: field(0).map(|&name| name.to_owned()), home: field(5).map(PathBuf::from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_found_by_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\nvpn:x:998:998::/home/vpn:/bin/sh\nbroken\n";
        let vpn = Account::find(accounts, 998);
        assert_eq!(vpn, Account { name: Some("vpn".into()), home: Some("/home/vpn".into()) });
        assert_eq!(Account::find(accounts, 1), Account::default());
    }
}
