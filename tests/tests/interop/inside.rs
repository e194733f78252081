//! Inside: runs the rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::outside::{ROW, WORDS};
use crate::rows::{self, Row};

/// Runs the rows that are wanted, and prints the table.
pub(crate) fn rows() {
    let words = std::env::var(WORDS).unwrap_or_default().replace('+', " ");
    println!("| row | link | IPv4 | IPv6 | end | s |\n|---|---|---|---|---|---|");
    let mut ends = Vec::new();
    for row in rows::all().into_iter().filter(|row| row.name.contains(&words)) {
        let name = row.name;
        let well = run_one(row);
        ends.push(format!("{ROW} {} {name}", if well { "well" } else { "badly" }));
        println!("{}", ends.last().expect("just pushed"));
    }
}

fn run_one(row: Row) -> bool {
    let started = Instant::now();
    let name = row.name;
    // A panic's message is on the console when it is caught.
    let cells = catch_unwind(AssertUnwindSafe(|| row.run()));
    let shown = cells.as_ref().map_or_else(|_| "**failed** | | |".to_owned(), |cells| cells.join(" | "));
    println!("| {name} | {shown} | {:.0} |", started.elapsed().as_secs_f32());
    cells.is_ok()
}
