use super::super::vocabulary::find;
use super::super::words::expand;
use super::super::{BadRequest, BadWords, Mode, Request, Sections, split};
use super::Files;

fn words(line: &str) -> Vec<String> {
    split(line, true).unwrap()
}

#[test]
fn words_are_joined_by_quotation_marks_and_kept_by_backslashes() {
    assert_eq!(words("set device \"!ssh -e none saturn\""), ["set", "device", "!ssh -e none saturn"]);
    assert_eq!(words(r#"a "b \"c\" d" e\ f \#g"#), ["a", "b \"c\" d", "e f", "#g"]);
    assert_eq!(words("set dial \"\"  # nothing"), ["set", "dial", ""]);
    assert_eq!(words("a\tb#c d"), ["a", "b"]);
    assert_eq!(words("\"# no comment\""), ["# no comment"]);
    assert_eq!(split("a #b", false).unwrap(), ["a", "#b"]);
    assert_eq!(words("end\\"), ["end"]);
}

#[test]
fn a_line_that_is_no_list_of_words_says_why() {
    assert_eq!(split("set phone \"123", true), Err(BadWords::Quote));
    assert_eq!(split(&"x ".repeat(40), true).unwrap().len(), 40);
    assert_eq!(split(&"x ".repeat(41), true), Err(BadWords::TooMany));
}

#[test]
fn variables_and_the_tilde_are_expanded_before_the_words_are_split() {
    let env = |name: &str| {
        (name == "PEER").then(|| "saturn".to_owned()).or((name == "HOME").then(|| "/h".to_owned()))
    };
    for (line, expanded) in [
        ("ssh $PEER", "ssh saturn"),
        ("ssh ${PEER}x $PEERx.", "ssh saturnx ."),
        ("a$$b \\$PEER ${PEER", "a$b $PEER ${PEER"),
        ("~ ~/key a~/b \\~/c ~eve/d", "/h /h/key a/h/b ~/c ~eve/d"),
        ("a\\\"b\\\\", "a\\\"b\\\\"),
        ("${}", "${}"),
    ] {
        assert_eq!(expand(line, &env), expanded, "{line}");
    }
}

fn labels(sections: &Sections) -> Vec<&str> {
    sections.labels().collect()
}

#[test]
fn labels_stand_in_column_one_and_commands_behind_a_blank() {
    let conf = "\
set log lost\n\n# comment\ndefault:\n set log phase # why\n\n   # nothing\n\tset timeout 0\nvpn :\n set mru \\\n  1500\n\
\x20set escape ff\nvpn:\n set mru 1400\nempty:\n";
    let sections = Files::new([("ppp.conf", conf)]).sections("ppp.conf");
    assert_eq!(labels(&sections), ["default", "vpn", "vpn", "empty"]);
    let lines = sections.get("vpn").unwrap();
    assert_eq!(lines[0].words, ["set", "mru", "1500"]);
    assert_eq!(
        (lines[0].place.line, lines[1].place.line),
        (10, 12),
        "a command over two lines counts for both"
    );
    assert_eq!(sections.get("empty"), Some(&[][..]));
    assert_eq!(sections.get("mars"), None);
    assert_eq!(sections.problems.len(), 1, "{:?}", sections.problems);
    assert_eq!(
        sections.problems[0].to_string(),
        "ppp.conf:1: `set log`: not a label: end it with `:`, or indent it if it is a command"
    );
}

#[test]
fn commands_before_the_first_label_and_behind_an_include_belong_to_nobody() {
    let conf = " set nonsense\na:\n set mru 1500\n!include more.conf\n set nonsense\nb:\n set mtu 1400\n";
    let files = Files::new([("ppp.conf", conf), ("more.conf", "c:\n set mru 1300\n")]);
    let sections = files.sections("ppp.conf");
    assert_eq!(labels(&sections), ["a", "c", "b"]);
    assert_eq!(sections.get("a").unwrap().len(), 1);
    assert_eq!(sections.get("c").unwrap().len(), 1, "nor to the last section of the included file");
    assert_eq!(sections.get("c").unwrap()[0].place.to_string(), "more.conf:2");
    assert!(sections.problems.is_empty());
}

#[test]
fn a_file_may_include_others_by_a_variable_but_not_itself_for_ever() {
    let files = Files::new([
        ("ppp.conf", "!include ~/${PEER}.conf\n!include missing.conf\n!INCLUDE \\\n loop # twice\n!exec x\n"),
        ("/home/vpn/saturn.conf", "saturn:\n"),
        ("loop", "x:\n!include loop\n!include loop\n"),
    ]);
    let sections = files.sections("ppp.conf");
    assert_eq!(labels(&sections)[..2], ["saturn", "x"]);
    let problems: Vec<_> = sections.problems.iter().map(ToString::to_string).collect();
    assert!(
        problems.iter().any(|text| text.starts_with("loop:2: `!include loop`: more than 32 files")),
        "{problems:?}"
    );
    assert!(problems.iter().any(|text| text.starts_with("ppp.conf:5: `!exec x`: only")), "{problems:?}");
}

#[test]
fn names_may_be_shortened_as_long_as_one_only_is_meant() {
    let table = ["set|setup", "shell|!", "show"];
    for (word, found) in [
        ("set", Some("set")),
        ("SE", Some("set")),
        ("setu", Some("set")),
        ("!", Some("shell")),
        ("sho", Some("show")),
        ("sh", None),
        ("", None),
        ("showy", None),
        ("é", None),
    ] {
        assert_eq!(find(&table, word), found, "{word}");
    }
}

fn request(line: &str) -> Result<Request, BadRequest> {
    Request::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn the_command_line_names_a_mode_and_labels() {
    let vpn = request("-ddial vpn").unwrap();
    assert_eq!((vpn.mode, vpn.labels), (Mode::Ddial, vec!["vpn".to_owned()]));
    let two = request("-quiet --config-dir /tmp/x -unit3 -auto vpn more").unwrap();
    assert_eq!((two.mode, two.unit, two.labels.len()), (Mode::Auto, Some(3), 2));
    assert_eq!(two.config_dir, Some("/tmp/x".into()));
    assert_eq!(request("-direct").unwrap().labels, [""; 0]);
    assert_eq!(request("-unit 4 -background vpn --config-dir=y").unwrap().unit, Some(4));
}

#[test]
fn a_command_line_that_cannot_be_obeyed_says_why() {
    assert_eq!(request("vpn"), Err(BadRequest::NoMode));
    assert_eq!(request("-ddial"), Err(BadRequest::NoLabel(Mode::Ddial)));
    assert_eq!(request("-ddial -auto vpn"), Err(BadRequest::TwoModes(Mode::Ddial, Mode::Auto)));
    assert_eq!(request("-ddial -unitx vpn"), Err(BadRequest::Unknown("-unitx".to_owned())));
    assert_eq!(request("-ddial vpn -what"), Err(BadRequest::Unknown("-what".to_owned())));
    assert_eq!(request("-ddial vpn --config-dir"), Err(BadRequest::NoValue("--config-dir")));
    assert!(request("-nat -ddial vpn").unwrap_err().to_string().contains("nftables"));
    assert!(request("-interactive vpn").unwrap_err().to_string().contains("-foreground"));
}
