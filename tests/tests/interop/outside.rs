//! Outside: boots the kernels, shows what they say, and judges.

use std::num::NonZero;
use std::thread::{available_parallelism, scope};
use std::time::Duration;

use pppssh_tests::lab_kernel::Kernel;

use crate::rows;

/// A kernel is given up after this long.
const PATIENCE: Duration = Duration::from_mins(20);

/// A kernel has one processor and much memory: one for each processor here, but no more than this many.
const KERNELS: usize = 4;

/// Begins the line that ends a row: `ROW well|badly name`.
pub(crate) const ROW: &str = "ROW";

/// The variable that tells the first process which rows to run.
pub(crate) const WORDS: &str = "INTEROP_ROWS";

/// The variable that tells it which share of them is its own, `NUMBER/ALL`.
pub(crate) const SHARE: &str = "INTEROP_SHARE";

/// Runs the rows whose name contains `words`, or all; ends the process badly if one of them failed or is missing.
pub(crate) fn boot_and_judge(words: Option<String>) {
    let words = words.unwrap_or_default();
    let wanted: Vec<_> =
        rows::all().into_iter().map(|row| row.name).filter(|name| name.contains(&words)).collect();
    assert!(!wanted.is_empty(), "no row's name contains {words:?}");

    let kernels = available_parallelism().map_or(1, NonZero::get).min(KERNELS).min(wanted.len());
    // A space is written as a plus.
    let words = words.replace(' ', "+");
    println!("| row | link | IPv4 | IPv6 | end | s |\n|---|---|---|---|---|---|");
    let lines: Vec<String> = scope(|scope| {
        let all: Vec<_> = (0..kernels)
            .map(|number| {
                let environment = vec![(WORDS, words.clone()), (SHARE, format!("{number}/{kernels}"))];
                let kernel = Kernel { patience: PATIENCE, environment, number, ..Kernel::default() };
                scope.spawn(move || heard_from(kernel))
            })
            .collect();
        all.into_iter().flat_map(|kernel| kernel.join().expect("a kernel that boots")).collect()
    });
    let (well, said) = judge(&wanted, &lines);
    for line in said {
        println!("{line}");
    }
    assert!(well, "rows failed or are missing: see above");
    println!("interop: {} rows, all well", wanted.len());
}

/// What a kernel says until it is off, shown meanwhile.
fn heard_from(kernel: Kernel) -> Vec<String> {
    let mut lines = Vec::new();
    kernel.boot(|line| {
        println!("{line}");
        lines.push(line);
    });
    lines
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
