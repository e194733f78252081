//! Stuffing without vector instructions of our own; and octet by octet what no kernel has a quick way for.
//!
//! Long plain runs are found by a search and copied; where escapes lie close together, blocks are done without branching
//! on the octets, because there a search costs more than it finds.

use std::mem::MaybeUninit;

use crate::{
    ESCAPE, ESCAPE_XOR, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, kind},
};

/// Octets done one by one before the next search for a plain run.
const BLOCK: usize = 16;

pub(crate) static KERNELS: [Kernels; 3] =
    [kernels::<{ kind::PAIR }>(), kernels::<{ kind::CONTROLS }>(), kernels::<{ kind::ANY }>()];

const fn kernels<const KIND: u8>() -> Kernels {
    Kernels { plain_prefix: plain_prefix::<KIND>, stuff: stuff::<KIND>, unstuff: unstuff::<KIND> }
}

fn plain_prefix<const KIND: u8>(class: &Class, octets: &[u8]) -> usize {
    let next = if KIND == kind::PAIR {
        memchr::memchr2(FLAG, ESCAPE, octets)
    } else {
        octets.iter().position(|&octet| class.contains(octet))
    };
    next.unwrap_or(octets.len())
}

fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
    let (mut read, mut written) = (0, 0);
    let mut dense = false;
    while read < octets.len() && out.len() - written >= STUFF_ROOM {
        if !dense {
            let rest = &octets[read..];
            let plain = plain_prefix::<KIND>(class, rest).min(out.len() - written);
            copy(&rest[..plain], &mut out[written..]);
            read += plain;
            written += plain;
            if out.len() - written < 2 * BLOCK {
                break;
            }
        }
        let rest = &octets[read..];
        let block = &rest[..rest.len().min(BLOCK)];
        let out: &mut [MaybeUninit<u8>; 2 * BLOCK] =
            out[written..].first_chunk_mut().expect("STUFF_ROOM is more");
        let mut len = 0;
        for &octet in block {
            let escaped = class.contains(octet);
            out[len].write(ESCAPE);
            len += usize::from(escaped);
            out[len].write(octet ^ (ESCAPE_XOR * u8::from(escaped)));
            len += 1;
        }
        read += block.len();
        written += len;
        dense = len - block.len() >= 2;
    }
    Stuffed { read, written }
}

fn unstuff<const KIND: u8>(
    class: &Class,
    escaped: bool,
    stuffed: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Undone {
    let mut undone = Undone { escaped, ..Undone::default() };
    let mut dense = escaped;
    while undone.read < stuffed.len() && out.len() - undone.written >= UNSTUFF_ROOM {
        if !dense {
            let rest = &stuffed[undone.read..];
            let plain = plain_prefix::<KIND>(class, rest).min(out.len() - undone.written);
            copy(&rest[..plain], &mut out[undone.written..]);
            undone.read += plain;
            undone.written += plain;
            if out.len() - undone.written < BLOCK {
                break;
            }
        }
        let rest = &stuffed[undone.read..];
        let block = &rest[..rest.len().min(BLOCK)];
        let before = undone;
        undone.step(class, block, &mut out[undone.written..]);
        if stuffed.get(undone.read) == Some(&FLAG) {
            break;
        }
        dense = undone.escaped || undone.read - before.read - (undone.written - before.written) >= 2;
    }
    undone
}

fn copy(octets: &[u8], out: &mut [MaybeUninit<u8>]) {
    for (to, &octet) in out[..octets.len()].iter_mut().zip(octets) {
        to.write(octet);
    }
}

impl Undone {
    /// Octet by octet through `block` or until a flag. `out` has room for as many.
    #[inline(never)] // so that the kernels stay small enough to be compiled as one
    pub(crate) fn step(&mut self, class: &Class, block: &[u8], out: &mut [MaybeUninit<u8>]) {
        let mut len = 0;
        for &octet in block {
            if octet == FLAG {
                break;
            }
            self.read += 1;
            if octet != ESCAPE && class.contains(octet) {
                self.dropped += 1;
                continue;
            }
            let is_escape = octet == ESCAPE && !self.escaped;
            out[len].write(octet ^ (ESCAPE_XOR * u8::from(self.escaped)));
            len += usize::from(!is_escape);
            self.escaped = is_escape;
        }
        self.written += len;
    }
}
