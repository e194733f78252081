//! What flows get from a link that is slower than they are, told in simulated time.

mod bottleneck;
mod congestion;
mod fairness;
mod limits;
mod packets;
mod policing;
mod properties;
mod sources;
