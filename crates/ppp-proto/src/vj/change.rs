//! The first octet of a compressed header.

pub(super) const SLOT: u8 = 0x40;
pub(super) const IDENTIFICATION: u8 = 0x20;
pub(super) const PUSH: u8 = 0x10;
pub(super) const SEQUENCE: u8 = 0x08;
pub(super) const ACKNOWLEDGEMENT: u8 = 0x04;
pub(super) const WINDOW: u8 = 0x02;
pub(super) const URGENT: u8 = 0x01;
/// Echoed interactive traffic: both numbers advanced by the last packet's data.
pub(super) const ECHOED: u8 = SEQUENCE | WINDOW | URGENT;
/// Data in one direction: the sequence number advanced by the last packet's data.
pub(super) const ONE_WAY: u8 = SEQUENCE | ACKNOWLEDGEMENT | WINDOW | URGENT;
