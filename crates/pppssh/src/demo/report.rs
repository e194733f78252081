//! The figures, in a small table.

use std::time::Duration;

use super::measure::Transferred;
use super::ping::RoundTrips;

/// What was measured in one direction.
pub(super) struct Direction {
    /// The transfer.
    pub(super) data: Transferred,
    /// Pings during it.
    pub(super) pings: RoundTrips,
}

/// What was measured.
pub(super) struct Figures {
    /// From the call to the first ping answered, network to network.
    pub(super) first_ping: Duration,
    /// With nothing else on the link.
    pub(super) idle: RoundTrips,
    /// From venus's network to saturn's.
    pub(super) up: Direction,
    /// From saturn's network to venus's.
    pub(super) down: Direction,
}

impl Figures {
    /// The table.
    pub(super) fn table(&self) -> String {
        let megabits = |direction: &Direction| format!("{:.0} Mb/s", direction.data.megabits());
        let first_ping = format!("{:.0} ms", self.first_ping.as_secs_f64() * 1e3);
        let rows = [
            ("from the call to the first ping answered", first_ping),
            ("ping, idle (min / mean / max)", self.idle.summary()),
            ("ping, during the transfer up", self.up.pings.summary()),
            ("ping, during the transfer down", self.down.pings.summary()),
            ("one TCP flow up, v-lan to s-lan", megabits(&self.up)),
            ("one TCP flow down, s-lan to v-lan", megabits(&self.down)),
        ];
        let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
        let lines: Vec<String> =
            rows.iter().map(|(what, value)| format!("  {what:<width$}  {value}\n")).collect();
        lines.concat()
    }
}
