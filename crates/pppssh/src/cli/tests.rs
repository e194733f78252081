use clap::{CommandFactory, Parser};

use super::*;
use crate::config::KEYS;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn flags_of_connect_set_the_keys_that_they_are_named_after() {
    let line = "pppssh connect vpn@saturn --addresses 192.168.1.1: --route 192.168.2.0/24 --route 10.0.0.0/8,metric=5 \
                --no-persist --holdoff 0.5 -i /k --no-ipv6 -o asyncmap=0 -o lcp-echo-failure=2 -vv";
    let Verb::Connect(args) = parse(line).unwrap().verb else { panic!("not connect") };
    assert_eq!(args.target.user.as_deref(), Some("vpn"));
    let set: Vec<String> = args
        .link
        .given()
        .into_iter()
        .chain(args.call.given())
        .map(|given| format!("{} {} = {}", given.flag, given.key, given.value))
        .collect();
    assert_eq!(
        set,
        [
            "-o asyncmap asyncmap = \"0\"",
            "-o lcp-echo-failure lcp-echo-failure = 2",
            "--addresses addresses = \"192.168.1.1:\"",
            "--no-ipv6 ipv6 = false",
            "--route routes = [\"192.168.2.0/24\", { metric = 5, to = \"10.0.0.0/8\" }]",
            "--identity identity = [\"/k\"]",
            "--no-persist persist = false",
            "--holdoff holdoff = 0.5",
        ]
    );
}

#[test]
fn values_out_of_range_are_refused_with_advice_and_pppds_exit_code() {
    for (line, advice) in [
        ("pppssh connect saturn --mtu 20", "use 68"),
        ("pppssh connect saturn --addresses 192.168.1.1", "LOCAL:REMOTE"),
        ("pppssh serve --route 192.168.2.1/24", "did you mean 192.168.2.0/24?"),
        ("pppssh serve -o mtuu=1500", "did you mean `mtu`?"),
        ("pppssh serve -o mtu=20", "use 68"),
        ("pppssh serve -o persist=maybe", "persist"),
        ("pppssh serve --profile ../evil", "cannot name a profile"),
        ("pppssh serve --host saturn", "unexpected argument"),
        ("pppssh config", "required"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.to_string().contains(advice), "{line}: {error}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn every_verb_has_help_and_every_flag_a_sentence() {
    let mut command = Cli::command();
    command.build();
    for verb in command.get_subcommands() {
        let about = verb.get_about().unwrap_or_else(|| panic!("{} has no help", verb.get_name())).to_string();
        assert!(about.ends_with(['.', ',']) || !about.contains('\n'), "{}: {about}", verb.get_name());
        for arg in verb.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {} has no help", verb.get_name(), arg.get_id());
        }
    }
}

#[test]
fn a_completion_script_knows_the_verbs() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        completions(shell, &mut script).unwrap();
        let script = String::from_utf8(script).unwrap();
        for verb in ["connect", "disconnect", "authorize"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn the_manual_lists_verbs_exit_codes_and_files() {
    let mut page = Vec::new();
    man(&ManArgs { verb: None, dir: None }, &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    for word in ["EXIT STATUS", "the peer no longer answers echo requests", "FILES", "pppssh\\-connect(1)"] {
        assert!(page.contains(word), "{word} in {page}");
    }
    let mut connect = Vec::new();
    man(&ManArgs { verb: Some("connect".into()), dir: None }, &mut connect).unwrap();
    assert!(String::from_utf8(connect).unwrap().contains("remote\\-command"));
    assert!(man(&ManArgs { verb: Some("dance".into()), dir: None }, &mut Vec::new()).is_err());
}

#[test]
fn all_manual_pages_can_be_written_to_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    man(&ManArgs { verb: None, dir: Some(dir.path().join("man1")) }, &mut Vec::new()).unwrap();
    let mut names: Vec<_> = dir
        .path()
        .join("man1")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(
        names.contains(&"pppssh.1".to_owned()) && names.contains(&"pppssh-connect.1".to_owned()),
        "{names:?}"
    );
    let verbs = Cli::command().get_subcommands().count();
    assert_eq!(names.len(), verbs + 1);
}

#[test]
fn o_takes_every_key_as_the_example_writes_it() {
    for key in KEYS {
        let line = format!("{}={}", key.name(), key.sample);
        let parsed: Result<crate::config::key_value::KeyValue, _> = line.parse();
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn the_words_of_user_ppp_are_left_to_it() {
    for words in ["-quiet -ddial vpn", "-ddial -unit3 vpn more", "-direct", "--config-dir /tmp -auto vpn"] {
        let Verb::UserPpp(args) = parse(&format!("pppssh -v user-ppp {words}")).unwrap().verb else {
            panic!("not user-ppp")
        };
        assert_eq!(args.words.join(" "), words);
    }
    assert_eq!(parse("pppssh user-ppp").unwrap_err().exit_code(), 2);
}
