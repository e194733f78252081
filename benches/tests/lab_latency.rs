//! The latency laboratory at work: a kernel boots, or not, a line is made, plain TCP and a link of pppssh's pass data on it both
//! ways at once, and what was measured is written down. How fast it was is nobody's business here.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_laboratory_measures_a_line_without_and_with_a_link_on_it() {
    measures(&[]);
}

#[test]
fn so_does_this_machine_s_own_kernel_with_a_line_of_the_program_s() {
    measures(&["--here"]);
}

fn measures(more: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let mut laboratory = Command::new(env!("CARGO_BIN_EXE_lab-latency"));
    laboratory.args(["--smoke", "--plot", "plain,native", "--output"]).arg(directory.path()).args(more);
    let output = laboratory.stdin(Stdio::null()).output().expect("the laboratory runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let cells: Vec<Value> =
        read("cells.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let contenders: Vec<_> = cells.iter().map(|cell| &cell["contender"]).collect();
    assert_eq!(contenders, ["plain", "native"]);
    for cell in &cells {
        let flows: Vec<f64> = cell["flows"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
        assert!(flows.len() == 2 && flows.iter().all(|flow| *flow > 0.0), "{cell}");
        // The line is what it should be: no answer comes sooner than its round trip.
        let rtt = cell["line"]["rtt_ms"].as_f64().unwrap();
        assert!(cell["idle"]["p50"].as_f64().unwrap() >= rtt, "{cell}");
        assert!(cell["loaded"]["p50"].as_f64().unwrap() > rtt, "{cell}");
        assert_eq!(cell["link_lost"], false);
    }
    assert_eq!(read("table.md").matches("| both |").count(), 2);
    let drawn = read("rtt.svg");
    assert!(drawn.contains("plain TCP on the line") && drawn.contains("pppssh, native carrier"), "{drawn}");
}
