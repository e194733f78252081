//! TUN devices: create, adopt, read and write packets.
