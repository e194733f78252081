//! A point-to-point IP link over an SSH login.

pub mod cli;
pub mod config;
pub mod control;
pub mod exit;
pub mod hooks;
pub mod keys;
pub mod log;
pub mod privilege;
pub mod session;
pub mod status;
pub mod supervisor;
