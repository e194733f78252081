//! Outside: a kernel for each line, and what is made of what it says.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use pppssh_benches::machine;
use pppssh_tests::lab_kernel::Kernel;
use serde::Serialize;

use crate::args::{Arguments, USUAL};
use crate::contender::Contender;
use crate::here;
use crate::judge;
use crate::line::Line;
use crate::load::Scenario;
use crate::plot;
use crate::record::{Cell, Failed, Said, Trace};
use crate::table;

/// What booting, and setting up one contender, may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// What came of it all.
#[derive(Default)]
struct Results {
    cells: Vec<Cell>,
    traces: Vec<Trace>,
    failed: Vec<Failed>,
}

/// Measures what was asked for, and writes it down.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let arguments = arguments.resolved();
    if let Err(why) = can_measure(&arguments, here::has_ppp()) {
        eprintln!("lab-latency: {why}");
        return ExitCode::from(2);
    }
    match measure(&arguments) {
        Ok(results) => conclude(&arguments, &results),
        Err(error) => {
            eprintln!("lab-latency: cannot write results to {}: {error}", arguments.output.display());
            ExitCode::FAILURE
        }
    }
}

/// Whether the kernel that measures has what it takes; the laboratory's has.
fn can_measure(arguments: &Arguments, has_ppp: bool) -> Result<(), &'static str> {
    let needs_ppp = arguments.contenders.iter().any(|contender| contender.needs_ppp());
    if arguments.here && needs_ppp && !has_ppp {
        return Err("this machine's kernel has no PPP: name those who can do without (--contenders \
                    ssh-w,native,openssh,listen), or leave out --here");
    }
    Ok(())
}

fn measure(arguments: &Arguments) -> std::io::Result<Results> {
    let directory = &arguments.output;
    fs::create_dir_all(directory)?;
    let create = |name: &str| File::create(directory.join(name)).map(BufWriter::new);
    let (mut cells, mut traces) = (create("cells.jsonl")?, create("traces.jsonl")?);
    println!("{}; {} congestion control", machine::describe(), arguments.congestions());
    let mut results = Results::default();
    for line in arguments.lines() {
        println!("\n{line}, queue {} packets", line.queue());
        let said = one_line(arguments, &line);
        for cell in &said.cells {
            write(&mut cells, cell)?;
        }
        for trace in &said.traces {
            write(&mut traces, trace)?;
        }
        println!("\n{}", table::of(&said.cells));
        results.cells.extend(said.cells);
        results.traces.extend(said.traces);
        results.failed.extend(said.failed);
    }
    fs::write(directory.join("table.md"), table::all(&results.cells))?;
    draw(arguments, &results.traces, &directory.join("rtt.svg"))?;
    Ok(results)
}

/// One line of JSON, on the disk at once: a run takes hours, and may be ended before it is complete.
fn write(file: &mut impl Write, record: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, record)?;
    file.write_all(b"\n")?;
    file.flush()
}

/// Has one line measured, by a kernel of its own or here.
fn one_line(arguments: &Arguments, line: &Line) -> Results {
    let mut results = Results::default();
    let cells = u32::try_from(arguments.scenarios.len()).unwrap_or(u32::MAX);
    let contenders = u32::try_from(arguments.contenders.len()).unwrap_or(u32::MAX);
    // What is in the queues may take as long again to flow off.
    let patience = PATIENCE + contenders * (PATIENCE + cells * (arguments.cell() + PATIENCE));
    let hear = |said: String| match Said::parse(&said) {
        Some(Said::Cell(cell)) => {
            println!("{}", table::brief(&cell));
            results.cells.push(*cell);
        }
        Some(Said::Trace(trace)) => results.traces.push(trace),
        Some(Said::Failed(failed)) => results.failed.push(failed),
        None => println!("    {said}"),
    };
    let told = arguments.for_line(line);
    if arguments.here {
        here::measure(&told, hear);
    } else {
        Kernel { patience, arguments: told, first: true, ..Kernel::default() }.boot(hear);
    }
    results.failed.extend(missing(arguments, line, &results));
    results
}

/// What should have been measured, and was not heard of.
fn missing(arguments: &Arguments, line: &Line, results: &Results) -> Vec<Failed> {
    let was_heard = |contender: Contender, scenario: Scenario| {
        results.cells.iter().any(|cell| (cell.contender, cell.scenario) == (contender, scenario))
            || results.failed.iter().any(|failed| failed.contender == contender && failed.scenario.is_none())
    };
    let mut missing = Vec::new();
    for &contender in &arguments.contenders {
        for &scenario in &arguments.scenarios {
            if !was_heard(contender, scenario) {
                let why = "it was not measured".to_owned();
                missing.push(Failed { line: *line, contender, scenario: Some(scenario), why });
            }
        }
    }
    missing
}

/// Draws the usual line, or the first one there is.
fn draw(arguments: &Arguments, traces: &[Trace], to: &Path) -> std::io::Result<()> {
    let up = || traces.iter().filter(|trace| trace.scenario == arguments.scenarios[0]);
    let Some(line) = up().map(|trace| trace.line).find(|line| *line == USUAL).or(up().map(|t| t.line).next())
    else {
        return Ok(());
    };
    let chosen: Vec<&Trace> =
        up().filter(|trace| trace.line == line && arguments.plot.contains(&trace.contender)).collect();
    fs::write(to, plot::svg(&line, &chosen))
}

/// Says what failed and what was missed; whether all is well.
fn conclude(arguments: &Arguments, results: &Results) -> ExitCode {
    println!("{} cells are in {}", results.cells.len(), arguments.output.display());
    for failed in &results.failed {
        println!("FAILED: {failed}");
    }
    let mut well = results.failed.is_empty();
    if arguments.judge {
        let verdict = judge::all(&results.cells);
        print!("{verdict}");
        well &= verdict.is_good();
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::judge::tests::cell;

    #[test]
    fn pppd_is_not_measured_by_a_kernel_without_ppp() {
        let can = |words: &str, has_ppp| {
            let arguments = Arguments::parse_from(words.split(' ')).resolved();
            can_measure(&arguments, has_ppp).is_ok()
        };
        assert!(can("x --contenders native,to-pppd", false) && can("x --contenders native --here", false));
        assert!(can("x --contenders native,to-pppd --here", true));
        assert!(!can("x --contenders native,to-pppd --here", false) && !can("x --here", false));
    }

    #[test]
    fn a_cell_that_nobody_heard_of_has_failed() {
        let arguments =
            Arguments::parse_from(["x", "--contenders", "native", "--scenarios", "up"]).resolved();
        let mut results = Results::default();
        results.cells.push(cell(Contender::Plain, Scenario::Up));
        let missing = missing(&arguments, &USUAL, &results);
        assert_eq!(missing.len(), 1);
        assert_eq!((missing[0].contender, missing[0].scenario), (Contender::Native, Some(Scenario::Up)));
    }
}
