//! What a device leaves to this program.

/// The work on packets that the kernel leaves to whoever reads a device, as TUNSETOFFLOAD takes it, and that whoever
/// writes one leaves to the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offload {
    /// TUN_F_CSUM: checksums. All others need it.
    pub checksum: bool,
    /// TUN_F_TSO4: segmentation of TCP over IPv4.
    pub tcp4: bool,
    /// TUN_F_TSO6: segmentation of TCP over IPv6.
    pub tcp6: bool,
    /// TUN_F_TSO_ECN: segmentation of TCP also for packets with CWR.
    pub ecn: bool,
    /// TUN_F_USO4 and TUN_F_USO6, which Linux 6.2 brought: segmentation of UDP.
    pub udp: bool,
}

impl Offload {
    /// All that this crate can do.
    pub const ALL: Offload = Offload { checksum: true, tcp4: true, tcp6: true, ecn: true, udp: true };
    /// Every packet comes complete.
    pub const NONE: Offload = Offload { checksum: false, tcp4: false, tcp6: false, ecn: false, udp: false };
}
