//! TUNSETOFFLOAD, step by step down to what the kernel knows (drivers/net/tun.c, `set_offload`).

use rustix::io::{Errno, Result};

use crate::Offload;

const CSUM: u32 = 0x01;
const TSO4: u32 = 0x02;
const TSO6: u32 = 0x04;
const TSO_ECN: u32 = 0x08;
/// Known since Linux 6.2, and only both together.
const USO: u32 = 0x20 | 0x40;

/// Sets as much of `wanted` as `set` does not find invalid, and returns that.
pub(super) fn grant(wanted: Offload, mut set: impl FnMut(u32) -> Result<()>) -> Result<Offload> {
    let without_udp = Offload { udp: false, ..wanted };
    let without_ecn = Offload { ecn: false, ..without_udp };
    let checksum_alone = Offload { tcp4: false, tcp6: false, ..without_ecn };
    for offload in [wanted, without_udp, without_ecn, checksum_alone, Offload::NONE].map(reduced) {
        match set(bits(offload)) {
            Err(Errno::INVAL) => {}
            result => return result.map(|()| offload),
        }
    }
    Err(Errno::INVAL)
}

/// Without what cannot be had because of something else that is not wanted.
fn reduced(offload: Offload) -> Offload {
    if !offload.checksum {
        return Offload::NONE;
    }
    Offload { ecn: offload.ecn && (offload.tcp4 || offload.tcp6), ..offload }
}

fn bits(offload: Offload) -> u32 {
    [
        (offload.checksum, CSUM),
        (offload.tcp4, TSO4),
        (offload.tcp6, TSO6),
        (offload.ecn, TSO_ECN),
        (offload.udp, USO),
    ]
    .into_iter()
    .filter_map(|(on, bit)| on.then_some(bit))
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel that knows only `known` grants, and what it was asked.
    fn ask(known: u32, wanted: Offload) -> (Result<Offload>, Vec<u32>) {
        let mut asked = Vec::new();
        let granted = grant(wanted, |bits| {
            asked.push(bits);
            // As the driver does: the others are not looked at without checksums.
            let looked_at = if bits & CSUM == 0 { 0 } else { known };
            if bits & !looked_at == 0 { Ok(()) } else { Err(Errno::INVAL) }
        });
        (granted, asked)
    }

    #[test]
    fn a_kernel_that_knows_all_is_asked_once() {
        assert_eq!(ask(0x6f, Offload::ALL), (Ok(Offload::ALL), vec![0x6f]));
        assert_eq!(ask(0x6f, Offload::NONE), (Ok(Offload::NONE), vec![0]));
    }

    #[test]
    fn a_kernel_before_6_2_gives_all_but_udp() {
        let expected = Offload { udp: false, ..Offload::ALL };
        assert_eq!(ask(0x1f, Offload::ALL), (Ok(expected), vec![0x6f, 0x0f]));
    }

    #[test]
    fn a_kernel_that_knows_little_is_asked_down_to_nothing() {
        let tcp = Offload { udp: false, ecn: false, ..Offload::ALL };
        assert_eq!(ask(0x07, Offload::ALL).0, Ok(tcp));
        let checksum = Offload { checksum: true, ..Offload::NONE };
        assert_eq!(ask(0x01, Offload::ALL).0, Ok(checksum));
        assert_eq!(ask(0, Offload::ALL), (Ok(Offload::NONE), vec![0x6f, 0x0f, 0x07, 0x01, 0]));
    }

    #[test]
    fn what_needs_something_unwanted_is_not_asked_for() {
        let no_checksum = Offload { checksum: false, ..Offload::ALL };
        assert_eq!(ask(0x6f, no_checksum), (Ok(Offload::NONE), vec![0]));
        let no_tcp = Offload { tcp4: false, tcp6: false, ..Offload::ALL };
        assert_eq!(ask(0x6f, no_tcp), (Ok(Offload { ecn: false, ..no_tcp }), vec![0x61]));
    }

    #[test]
    fn another_error_is_no_reason_to_ask_for_less() {
        let granted = grant(Offload::ALL, |_| Err(Errno::BADFD));
        assert_eq!(granted, Err(Errno::BADFD));
    }
}
