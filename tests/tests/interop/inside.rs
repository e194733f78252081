//! Inside: runs the rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use crate::outside::{ROW, SHARE, WORDS};
use crate::rows::{self, Row};

/// Runs this kernel's share of the rows that are wanted, and prints their lines of the table.
pub(crate) fn rows() {
    let words = std::env::var(WORDS).unwrap_or_default().replace('+', " ");
    let (number, all) = share();
    let wanted = rows::all().into_iter().filter(|row| row.name.contains(&words));
    // By turns, since rows that are alike are beside each other.
    for row in wanted.skip(number).step_by(all) {
        let name = row.name;
        let well = run_one(row);
        println!("{ROW} {} {name}", if well { "well" } else { "badly" });
    }
}

/// Which share this is, and of how many.
fn share() -> (usize, usize) {
    let said = std::env::var(SHARE).expect("the share, as the program outside tells it");
    let (number, all) = said.split_once('/').expect("NUMBER/ALL");
    (number.parse().expect("a number"), all.parse().expect("a number"))
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
