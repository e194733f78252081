//! The documents say what the program does.

use std::path::Path;

use pppssh::config::KEYS;

#[test]
fn the_table_of_rights_gives_every_key_once_with_its_class() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/privileges.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| *line != "| keys | the caller may | because |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let listed: usize = rows.iter().map(|row| row[0].split_whitespace().count()).sum();
    assert_eq!(listed, KEYS.len());
    for key in KEYS {
        let word = format!("`{}`", key.name());
        let of_key: Vec<_> =
            rows.iter().filter(|row| row[0].split_whitespace().any(|key| key == word)).collect();
        assert_eq!(of_key.len(), 1, "{word}");
        assert_eq!(of_key[0][1], key.class.permission(), "{word}");
    }
}
