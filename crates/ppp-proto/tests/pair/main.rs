//! Two links, or a link and a peer by hand, in simulated time.

mod addresses;
mod authentication;
mod authentication_by_hand;
mod by_hand;
mod ccp;
mod closing;
mod deflate;
mod express;
mod keepalive;
mod lqm;
mod negotiation;
mod pair;
mod rules;
mod sampling;
mod status;
mod transcript;
mod vj;
