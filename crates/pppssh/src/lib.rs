//! A point-to-point IP link over an SSH login.
//!
//! [`session::Pump`] moves packets between any [`session::Device`] and any [`ssh_carrier::Carrier`] through a
//! [`ppp_proto::link::Link`]; that much needs no privilege and is all that an embedding program wants
//! (`examples/embed.rs`). [`session::Session`] adds what a host needs (addresses, routes, hooks, a control socket), and
//! [`supervisor`] calls again when a link is lost. [`commands`] are the verbs of the `pppssh` program.
//!
//! This crate wires `ppp-proto`, `ssh-carrier`, `tunio` and `hostnet` together; it never looks into a packet.

#![deny(unsafe_code)]

pub mod capture;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
mod deference;
pub mod demo;
pub mod exit;
pub mod foreign;
pub mod hooks;
pub mod keys;
pub mod log;
pub mod pppd;
pub mod privilege;
pub mod secrets;
pub mod session;
pub mod status;
pub mod supervisor;
pub mod user_ppp;
