//! Profiles as a user meets them: files in directories, flags over files, and what is shown of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use clap::Parser;
use pppssh::cli::{Cli, Verb};
use pppssh::config::{
    ConfigError, Effective, Given, Places, Profile, Source, Trust, Wanted, example, for_connect, load,
};

/// A system directory and a user directory.
struct Files(tempfile::TempDir);

impl Files {
    fn new(system: &str, user: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Self(dir);
        for (place, text) in [("system", system), ("user", user)] {
            fs::create_dir(files.0.path().join(place)).unwrap();
            if !text.is_empty() {
                fs::write(files.path(place), text).unwrap();
                fs::set_permissions(files.path(place), Permissions::from_mode(0o644)).unwrap();
            }
        }
        files
    }

    fn path(&self, place: &str) -> PathBuf {
        self.0.path().join(place).join("saturn.toml")
    }

    fn load(
        &self,
        wanted: fn(pppssh::config::ProfileName) -> Wanted,
        given: &[Given],
    ) -> Result<Effective, ConfigError> {
        let places = Places { system: self.0.path().join("system"), user: Some(self.0.path().join("user")) };
        load(&Trust::Own, &places, &wanted("saturn".parse().unwrap()), given)
    }
}

#[test]
fn flags_win_over_the_users_file_and_that_over_the_systems_and_that_over_defaults() {
    let files = Files::new("mtu = 1400\nmru = 1400\nmaxfail = 7\n", "# mine\nmtu = 1300\nmru = 1350\n");
    let given = [Given::new("--mtu", "mtu", 1280)];
    let effective = files.load(Wanted::Usual, &given).unwrap();
    let Profile { mtu, mru, maxfail, lcp_echo_failure, .. } = effective.profile;
    assert_eq!((mtu.get(), mru.get(), maxfail, lcp_echo_failure), (1280, 1350, 7, 4));

    let sources = &effective.sources;
    assert_eq!(sources.of("mtu"), Source::Flag("--mtu".into()));
    assert_eq!(sources.of("mru"), Source::File { path: files.path("user"), line: 3 });
    assert_eq!(sources.of("maxfail"), Source::File { path: files.path("system"), line: 3 });
    assert_eq!(sources.of("lcp-echo-failure"), Source::Default);
}

#[test]
fn what_is_shown_can_be_read_again_and_says_where_it_came_from() {
    let files = Files::new("routes = [\"192.168.2.0/24\", { to = \"10.0.0.0/8\", metric = 5 }]\n", "");
    let effective = files.load(Wanted::Usual, &[]).unwrap();
    let shown = effective.show();
    assert!(shown.contains(&format!("# {}:1", files.path("system").display())), "{shown}");
    assert!(shown.contains("# host is not set"), "{shown}");
    assert_eq!(toml::from_str::<Profile>(&shown).unwrap(), effective.profile);
}

#[test]
fn a_profile_asked_for_by_name_must_be_there() {
    let files = Files::new("", "");
    let error = files.load(Wanted::Named, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("there is no profile `saturn`:") && error.ends_with("are not there"),
        "{error}"
    );
    assert_eq!(
        files.load(Wanted::Usual, &[]).unwrap().profile,
        Profile {
            // The only value that depends on who reads it.
            authorized_keys: Trust::Own.home().unwrap().join(".ssh/authorized_keys"),
            ..Profile::default()
        }
    );
}

#[test]
fn values_that_clash_across_layers_are_traced_to_their_line() {
    let files = Files::new("\nmtu = 1000\n", "ipv6 = true\n");
    let error = files.load(Wanted::Usual, &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}:2: `mtu` is 1000, and IPv6 needs 1280: raise it, or set ipv6 = false",
            files.path("system").display()
        )
    );
}

#[test]
fn a_file_that_anybody_may_write_is_not_used() {
    let files = Files::new("mtu = 1400", "");
    fs::set_permissions(files.path("system"), Permissions::from_mode(0o666)).unwrap();
    let error = files.load(Wanted::Usual, &[]).unwrap_err().to_string();
    assert!(error.ends_with("is not used: others may write it; `chmod go-w` it"), "{error}");
}

#[test]
fn config_dir_replaces_both_directories() {
    let files = Files::new("", "host = \"10.9.9.2\"\nidentity = [\"~/.ssh/id_x\"]\n");
    let dir = files.0.path().join("user");
    let line = ["pppssh", "connect", "vpn@saturn", "--config-dir", dir.to_str().unwrap(), "-o", "maxfail=3"];
    let Verb::Connect(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("not connect") };
    let effective = for_connect(&Trust::Own, &args.target, &args.call, &args.link).unwrap();
    let Profile { host, user, maxfail, identity, .. } = effective.profile;
    assert_eq!((host.as_deref(), user.as_deref(), maxfail), (Some("10.9.9.2"), Some("vpn"), 3));
    assert_eq!(identity, [Trust::Own.home().unwrap().join(".ssh/id_x")], "~/ is the home directory");
    assert_eq!(effective.files, [dir.join("saturn.toml")]);
}

#[test]
fn a_host_without_a_profile_is_called_by_its_name() {
    let files = Files::new("", "");
    let dir = files.0.path().join("user");
    let line = ["pppssh", "connect", "fd00::1", "--config-dir", dir.to_str().unwrap()];
    let Verb::Connect(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("not connect") };
    let effective = for_connect(&Trust::Own, &args.target, &args.call, &args.link).unwrap();
    assert_eq!(effective.profile.host.as_deref(), Some("fd00::1"));
    assert_eq!(effective.name.as_str(), "fd00__1");
}

#[test]
fn the_example_is_a_profile_of_nothing_but_defaults() {
    assert_eq!(toml::from_str::<Profile>(&example()).unwrap(), Profile::default());
}
