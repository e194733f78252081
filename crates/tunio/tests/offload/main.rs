//! Validation, cutting and merging of packets, without any device.

mod merge;
mod packets;
mod split;
mod validate;
