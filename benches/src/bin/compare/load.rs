//! What is on the way while it is measured.

use clap::ValueEnum;

use crate::contender::Way;
use crate::traffic::Traffic;
use crate::{datagrams, pipe, scene::Scene, tcp};

/// What is on the way while it is measured.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One flow from venus to saturn
    Up,
    /// One flow from saturn to venus
    Down,
    /// One flow each way at once
    Both,
    /// Packets of 64 octets from venus to saturn, as many as venus can send
    Small,
}

impl Load {
    /// All; the packets that get lost come last.
    pub(crate) const ALL: [Load; 4] = [Load::Up, Load::Down, Load::Both, Load::Small];

    /// For a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Load::Up => "up",
            Load::Down => "down",
            Load::Both => "both",
            Load::Small => "small",
        }
    }

    /// Whether something goes up, and something down.
    pub(crate) fn directions(self) -> (bool, bool) {
        match self {
            Load::Up | Load::Small => (true, false),
            Load::Down => (false, true),
            Load::Both => (true, true),
        }
    }

    /// Starts it on a way; nothing where the way carries no packets and the load is made of them.
    pub(crate) fn start(self, scene: &Scene, way: &Way<'_>) -> Option<Traffic> {
        match (self, way.addresses()) {
            (Load::Small, None) => None,
            (_, None) => Some(pipe::start(scene, self.directions())),
            (Load::Small, Some(ends)) => Some(datagrams::start(&scene.world, ends)),
            (_, Some(ends)) => Some(tcp::start(&scene.world, ends, self.directions())),
        }
    }
}
