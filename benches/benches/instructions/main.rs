//! Instructions of every fast path, counted by valgrind: unlike times, they are the same on a busy machine and an idle one.
//!
//! `scripts/instructions` compares them with `baseline.tsv`, which lies beside this file, and ends badly where one has grown
//! by more than a quarter; `scripts/instructions --bless` writes it anew. A new compiler may call for that as well.
//!
//! The program runs itself under callgrind, which counts from each call of [`counted_by_callgrind`] to its return, and then
//! writes a file.

mod cases;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use cases::Counter;

/// Each operation is done as often before it is counted, and then counted: the table of branches is no matter here, but
/// buffers reach their size.
const WARM_UP: u64 = 4;
const TIMES: u64 = 64;

/// What may be added without being told: a quarter, and a few instructions that a compiler places otherwise.
const GROWTH: f64 = 1.25;
const SOME: u64 = 10;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline.tsv");
/// Tells the program that it is the inner one.
const INSIDE: &str = "--inside-callgrind";

/// Instructions of one operation, by its name.
type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    let given = |word: &str| std::env::args().any(|given| given == word);
    if given(INSIDE) {
        cases::all(&mut Inside);
        return ExitCode::SUCCESS;
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("the baseline is x86-64's: nothing to compare with here");
        return ExitCode::SUCCESS;
    }
    let counted = match count() {
        Ok(counted) => counted,
        Err(error) => {
            eprintln!("counting instructions: {error}");
            return ExitCode::FAILURE;
        }
    };
    if given("--bless") {
        let mut text =
            String::from("# Instructions of one operation: `scripts/instructions --bless` wrote this.\n");
        for (name, instructions) in &counted {
            let _ = writeln!(text, "{name}\t{instructions}");
        }
        return match std::fs::write(BASELINE, text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("writing {BASELINE}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    compare(&counted, &baseline())
}

/// Inside of callgrind.
struct Inside;

impl Counter for Inside {
    fn count(&mut self, name: &str, operation: &mut dyn FnMut()) {
        for _ in 0..WARM_UP {
            operation();
        }
        counted_by_callgrind(operation);
        println!("{name}");
    }
}

#[inline(never)]
fn counted_by_callgrind(operation: &mut dyn FnMut()) {
    for _ in 0..TIMES {
        operation();
    }
}

/// Runs this program under callgrind: the names that it says, and the files in their order.
fn count() -> Result<Counts, String> {
    let failed = |doing: &str, error: &dyn std::fmt::Display| format!("{doing}: {error}");
    let directory = tempfile::tempdir().map_err(|error| failed("a scratch directory", &error))?;
    let program = std::env::current_exe().map_err(|error| failed("finding this program", &error))?;
    let output = Command::new("valgrind")
        // Two patterns, since of two options with the same one the first is forgotten.
        .args(["--tool=callgrind", "--zero-before=*counted_by_callgrind*"])
        .arg("--dump-after=*::counted_by_callgrind*")
        .arg(format!("--callgrind-out-file={}", directory.path().join("out").display()))
        .arg(program)
        .arg(INSIDE)
        .output()
        .map_err(|error| failed("valgrind (install the package of that name)", &error))?;
    if !output.status.success() {
        return Err(failed("valgrind", &String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let of = |(at, name): (usize, &str)| {
        let file = directory.path().join(format!("out.{}", at + 1));
        Ok((name.to_owned(), total(&file)? / TIMES))
    };
    names.lines().enumerate().map(of).collect()
}

/// The line `totals:` or `summary:` of a file of callgrind's.
fn total(file: &Path) -> Result<u64, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")))
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("{} has no totals", file.display()))
}

fn baseline() -> Counts {
    let text = std::fs::read_to_string(BASELINE).unwrap_or_default();
    let parse = |line: &str| {
        let (name, number) = line.split_once('\t')?;
        Some((name.to_owned(), number.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

fn compare(counted: &Counts, baseline: &Counts) -> ExitCode {
    let mut verdict = ExitCode::SUCCESS;
    println!("| operation | instructions | before | |\n|---|---|---|---|");
    for (name, &now) in counted {
        let Some(&before) = baseline.get(name) else {
            println!("| {name} | {now} | – | new: scripts/instructions --bless |");
            verdict = ExitCode::FAILURE;
            continue;
        };
        let ratio = now as f64 / before as f64;
        let grown = now > before + SOME && ratio > GROWTH;
        if grown {
            verdict = ExitCode::FAILURE;
        }
        println!("| {name} | {now} | {before} | {ratio:.2}{} |", if grown { " TOO MANY" } else { "" });
    }
    for name in baseline.keys().filter(|name| !counted.contains_key(*name)) {
        println!("| {name} | – | | this processor, or valgrind, has not got it |");
    }
    verdict
}
