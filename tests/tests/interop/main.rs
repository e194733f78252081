//! pppssh against real pppd and slirp, in a kernel that has PPP.
//!
//! Few machines that test have PPP in their kernel. So this program boots some that have, Debian's user-mode Linux, on the
//! machine's own files, read-only, one for each processor; and it is their first process itself. There it makes two hosts
//! for each row of its share of the matrix (`rows.rs`), joins them, moves data, and prints a line of a Markdown table; the
//! program outside sees to it that every row was there and well.
//!
//! `cargo test -p pppssh-tests --test interop -- WORDS` runs only the rows whose name contains WORDS.

mod anew;
mod authentication;
mod dump;
mod inside;
mod measured;
mod outside;
mod place;
mod rows;
mod slirp;

use pppssh_tests::lab_kernel::{first_process, hosts, is_first_process};

fn main() {
    if is_first_process() {
        first_process(inside::rows)
    } else {
        outside::boot_and_judge(std::env::args().skip(1).find(|argument| !argument.starts_with('-')));
    }
}
