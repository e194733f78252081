//! Outside: boots the kernel, shows what it says, and judges.

use std::time::Duration;

use pppssh_tests::lab_kernel::Kernel;

use crate::rows;

/// The kernel is given up after this long.
const PATIENCE: Duration = Duration::from_mins(20);

/// Begins the line that ends a row: `ROW well|badly name`.
pub(crate) const ROW: &str = "ROW";

/// The variable that tells the first process which rows to run.
pub(crate) const WORDS: &str = "INTEROP_ROWS";

/// Runs the rows whose name contains `words`, or all; ends the process badly if one of them failed or is missing.
pub(crate) fn boot_and_judge(words: Option<String>) {
    let words = words.unwrap_or_default();
    let wanted: Vec<_> =
        rows::all().into_iter().map(|row| row.name).filter(|name| name.contains(&words)).collect();
    assert!(!wanted.is_empty(), "no row's name contains {words:?}");

    let mut lines = Vec::new();
    // A space is written as a plus.
    let environment = vec![(WORDS, words.replace(' ', "+"))];
    Kernel { patience: PATIENCE, environment, ..Kernel::default() }.boot(|line| {
        println!("{line}");
        lines.push(line);
    });
    let (well, said) = judge(&wanted, &lines);
    for line in said {
        println!("{line}");
    }
    assert!(well, "rows failed or are missing: see above");
    println!("interop: {} rows, all well", wanted.len());
}

/// Whether each of the rows is there and well, and what is to be said about those that are not.
fn judge(wanted: &[&str], lines: &[String]) -> (bool, Vec<String>) {
    let mut said = Vec::new();
    for name in wanted {
        if lines.iter().any(|line| line == &format!("{ROW} well {name}")) {
            continue;
        }
        let failed = lines.iter().any(|line| line == &format!("{ROW} badly {name}"));
        said.push(format!("{} {name}", if failed { "FAILED: " } else { "NEVER RUN: " }));
    }
    (said.is_empty(), said)
}
