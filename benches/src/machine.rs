//! The machine's own accounts.

use std::fs;
use std::time::Duration;

/// Processors and kernel, in words.
pub fn describe() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores, Linux {}, load before {load}", release.trim())
}

/// Ticks of /proc in a second: `USER_HZ`, the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Processor time used by everything on this machine since it started.
pub fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").expect("/proc is mounted");
    let total = stat.lines().next().expect("a first line");
    let ticks: Vec<u64> = total.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal: all but idle, iowait and steal.
    let used: u64 = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum();
    Duration::from_secs_f64(used as f64 / TICKS)
}

/// Processor time used by the process whose `/proc/PID/stat` this is.
pub fn used_by(stat: &str) -> Duration {
    // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15 (proc(5)).
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> =
        behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Duration::from_secs_f64(fields.iter().sum::<u64>() as f64 / TICKS)
}
