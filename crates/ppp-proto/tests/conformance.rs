//! docs/conformance.md keeps its word: every rule that it calls kept names the tests that show it, and they exist.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// The RFCs whose every rule has a row, and the least number of rows that this takes.
const RFCS: [(&str, usize); 11] = [
    ("1661", 120),
    ("1662", 30),
    ("1570", 25),
    ("1332", 18),
    ("1877", 5),
    ("5072", 28),
    ("1989", 24),
    ("1334", 11),
    ("1994", 20),
    ("1962", 15),
    ("1979", 14),
];

fn crates() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn document() -> String {
    let path = crates().join("../docs/conformance.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of a source file that is named as the document does: below this crate, or below all of them.
fn source(file: &str) -> Option<String> {
    [format!("ppp-proto/{file}.rs"), format!("{file}.rs")]
        .iter()
        .find_map(|path| fs::read_to_string(crates().join(path)).ok())
}

/// Whether `name` is a test in `text`: a function behind a `test` attribute.
fn has_test(text: &str, name: &str) -> bool {
    let mut before = "";
    text.lines().map(str::trim).any(|line| {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let is_it = function
            .is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
            && matches!(before, "#[test]" | "#[tokio::test]");
        before = line;
        is_it
    })
}

/// What is wrong with one cell of tests.
fn faults_of_tests(cell: &str) -> Vec<String> {
    let tests = cell.split_whitespace().map(|word| word.trim_matches('`'));
    tests
        .filter_map(|test| match test.split_once("::") {
            None => Some(format!("`{test}` is no FILE::TEST")),
            Some((file, name)) => match source(file) {
                None => Some(format!("there is no file {file}.rs")),
                Some(text) => (!has_test(&text, name)).then(|| format!("{file}.rs has no test {name}")),
            },
        })
        .collect()
}

/// What is wrong with one row.
fn faults_of_row(row: &str) -> Vec<String> {
    let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
    let &[section, rule, here, tests] = &cells[..] else {
        return vec![format!("expected 4 cells, there are {}", cells.len())];
    };
    let mut faults = faults_of_tests(tests);
    if section.is_empty() || rule.is_empty() {
        faults.push(String::from("a rule needs its section and its words"));
    }
    let reason = here.split_once(':').is_some_and(|(_, reason)| reason.trim().len() > 10);
    let (needs_test, needs_reason) = match here {
        _ if here.starts_with("kept by the owner") => (true, true),
        _ if here.starts_with("kept") => (true, false),
        _ if here.starts_with("departs") || here.starts_with("not applicable") => (false, true),
        _ => {
            faults.push(format!("`{here}` is none of kept, kept by the owner, not applicable, departs"));
            (false, false)
        }
    };
    if needs_test && tests.is_empty() {
        faults.push(String::from("what is kept must be shown by a test"));
    }
    if needs_reason && !reason {
        faults.push(String::from("a reason is missing"));
    }
    faults
}

/// The rows of each RFC's table.
fn rows(document: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut rfc = "";
    for line in document.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            rfc = title.strip_prefix("RFC ").and_then(|title| title.split(':').next()).unwrap_or("");
        } else if line.starts_with('|') && !line.starts_with("| §") && !line.starts_with("|---") {
            rows.entry(rfc).or_default().push(line);
        }
    }
    rows
}

#[test]
fn every_rule_is_shown_by_tests_that_exist_or_has_its_reason() {
    let document = document();
    let faults: Vec<String> = rows(&document)
        .into_iter()
        .flat_map(|(rfc, rows)| rows.into_iter().map(move |row| (rfc, row)))
        .flat_map(|(rfc, row)| {
            faults_of_row(row).into_iter().map(move |fault| format!("RFC {rfc}: {row}\n  {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "docs/conformance.md:\n{}", faults.join("\n"));
}

#[test]
fn every_rfc_has_its_table() {
    let document = document();
    let rows = rows(&document);
    for (rfc, least) in RFCS {
        let count = rows.get(rfc).map_or(0, Vec::len);
        assert!(count >= least, "RFC {rfc} has {count} rows, fewer than {least}");
    }
    assert_eq!(rows.len(), RFCS.len(), "a table that is not checked: {:?}", rows.keys());
}

#[test]
fn tests_named_in_the_text_exist() {
    for word in
        document().split_whitespace().filter(|word| word.starts_with("`tests/") && word.contains("::"))
    {
        assert_eq!(faults_of_tests(word.trim_end_matches(['.', ','])), [""; 0]);
    }
}

#[test]
fn a_row_that_does_not_keep_its_word_is_found() {
    let here = "`tests/conformance::a_row_that_does_not_keep_its_word_is_found`";
    for (row, fault) in [
        (format!("| 1 | a rule | kept | {here} |"), None),
        (String::from("| 1 | a rule | not applicable: there is no such thing | |"), None),
        (String::from("| 1 | a rule | kept | |"), Some("must be shown by a test")),
        (
            String::from("| 1 | a rule | kept by the owner: he does what he must | |"),
            Some("must be shown by a test"),
        ),
        (format!("| 1 | a rule | kept by the owner | {here} |"), Some("a reason is missing")),
        (String::from("| 1 | a rule | departs | |"), Some("a reason is missing")),
        (String::from("| 1 | a rule | perhaps | |"), Some("is none of kept")),
        (format!("| | a rule | kept | {here} |"), Some("needs its section")),
        (String::from("| 1 | a rule | kept | `tests/conformance::source` |"), Some("has no test source")),
        (String::from("| 1 | a rule | kept | `tests/conformance::nobody` |"), Some("has no test nobody")),
        (String::from("| 1 | a rule | kept | `tests/nowhere::nobody` |"), Some("there is no file")),
        (String::from("| 1 | a rule | kept | somehow |"), Some("is no FILE::TEST")),
        (format!("| 1 | a rule | kept | {here} | more |"), Some("expected 4 cells")),
    ] {
        let faults = faults_of_row(&row);
        match fault {
            None => assert_eq!(faults, [""; 0], "{row}"),
            Some(fault) => assert!(faults.iter().any(|found| found.contains(fault)), "{row}: {faults:?}"),
        }
    }
}
