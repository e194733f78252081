//! Two links, or a link and a peer by hand, in simulated time.

mod addresses;
mod by_hand;
mod ccp;
mod closing;
mod deflate;
mod keepalive;
mod negotiation;
mod pair;
mod status;
mod transcript;
mod vj;
