//! A set of octets that may not stand bare on the wire, and what is done with it.
#![allow(unsafe_code)]

use std::{fmt, mem::MaybeUninit};

use bytes::BytesMut;

use crate::{ESCAPE, FLAG, Isa, portable};

/// What a kernel may write at a time, the octets behind its last good one included: 64 octets and their escapes.
pub(crate) const STUFF_ROOM: usize = 128;
/// The same for undoing: 64 octets without escapes.
pub(crate) const UNSTUFF_ROOM: usize = 64;

/// Flag, Control Escape, and whichever octets are escaped besides; the instruction set that works on it is chosen when
/// it is made.
#[derive(Clone)]
pub struct Class {
    member: [bool; 256],
    pub(crate) nibbles: Nibbles,
    kernels: &'static Kernels,
}

/// The set as two tables for a byte shuffle: bit *h* of entry *l* stands for the octet *hl* (`low`) or *(h+8)l* (`high`).
#[derive(Clone, Default)]
pub(crate) struct Nibbles {
    pub(crate) low: [u8; 16],
    pub(crate) high: [u8; 16],
}

/// How members are told apart, so that the usual sets need no table: a constant parameter of every kernel.
pub(crate) mod kind {
    /// Flag and Control Escape only: a transparent carrier.
    pub(crate) const PAIR: u8 = 0;
    /// These and all of 00–1f: before negotiation.
    pub(crate) const CONTROLS: u8 = 1;
    /// Any other set.
    pub(crate) const ANY: u8 = 2;
}

/// What one instruction set does for one [`kind`] of class. Each may be called only on a processor that has it, and with
/// a class of that kind. None panics or reads outside of what it is given, whatever the octets are.
#[derive(Debug)]
pub(crate) struct Kernels {
    pub(crate) plain_prefix: PlainPrefix,
    pub(crate) stuff: Stuff,
    pub(crate) unstuff: Unstuff,
}

/// As [`Class::plain_prefix`].
type PlainPrefix = unsafe fn(&Class, &[u8]) -> usize;
/// Stuffs from the front while octets are left and so is [`STUFF_ROOM`]. The first `written` octets are then good.
type Stuff = unsafe fn(&Class, &[u8], &mut [MaybeUninit<u8>]) -> Stuffed;
/// Unstuffs from the front until a flag, while octets are left and so is [`UNSTUFF_ROOM`]; `true` says that a Control
/// Escape came last. The first `written` octets are then good.
type Unstuff = unsafe fn(&Class, bool, &[u8], &mut [MaybeUninit<u8>]) -> Undone;

/// How far stuffing came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stuffed {
    pub(crate) read: usize,
    pub(crate) written: usize,
}

/// How far unstuffing came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Undone {
    pub(crate) read: usize,
    pub(crate) written: usize,
    pub(crate) dropped: usize,
    pub(crate) escaped: bool,
}

/// What [`Class::unstuff`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unstuffed {
    /// Octets that are done with.
    pub consumed: usize,
    /// How many of them were bare members of the class, and dropped.
    pub dropped: usize,
}

impl Class {
    /// Flag, Control Escape and these, for the instruction set in use.
    pub fn new(others: impl IntoIterator<Item = u8>) -> Class {
        Class::with_isa(Isa::in_use(), others)
    }

    /// The same for a certain instruction set.
    ///
    /// # Panics
    ///
    /// When the processor does not have it.
    pub fn with_isa(isa: Isa, others: impl IntoIterator<Item = u8>) -> Class {
        isa.require();
        let mut member = [false; 256];
        let mut nibbles = Nibbles::default();
        for octet in others.into_iter().chain([FLAG, ESCAPE]) {
            member[usize::from(octet)] = true;
            let half = if octet < 0x80 { &mut nibbles.low } else { &mut nibbles.high };
            half[usize::from(octet & 0xf)] |= 1 << (octet >> 4 & 7);
        }
        let count = member.iter().filter(|&&is| is).count();
        let kind = match count {
            2 => kind::PAIR,
            34 if member[..0x20].iter().all(|&is| is) => kind::CONTROLS,
            _ => kind::ANY,
        };
        Class { member, nibbles, kernels: &kernels(isa)[usize::from(kind)] }
    }

    /// Whether the octet is in the set.
    #[inline]
    pub fn contains(&self, octet: u8) -> bool {
        self.member[usize::from(octet)]
    }

    /// How many octets at the front are not in the set.
    #[inline]
    pub fn plain_prefix(&self, octets: &[u8]) -> usize {
        // SAFETY: `with_isa` has asked whether the processor has what the kernels need, and found the kind.
        unsafe { (self.kernels.plain_prefix)(self, octets) }
    }

    /// Appends `octets`, those of the set as Control Escape and complement (RFC 1662 §4.2).
    pub fn stuff(&self, mut octets: &[u8], out: &mut BytesMut) {
        while !octets.is_empty() {
            // Random octets have two escapes in 256; what has more comes round again.
            out.reserve(octets.len() + octets.len() / 64 + STUFF_ROOM);
            // SAFETY: as in `plain_prefix`.
            let Stuffed { read, written } =
                unsafe { (self.kernels.stuff)(self, octets, out.spare_capacity_mut()) };
            // SAFETY: so many of the octets that were spare are good now.
            unsafe { out.set_len(out.len() + written) };
            octets = &octets[read..];
        }
    }

    /// Appends what was stuffed as `stuffed` until a flag, which is not consumed, or the end, or as soon as `out` is
    /// longer than `limit`. `escaped` says, before and after, that a Control Escape came last. Other members of the set
    /// that stand bare are dropped, as inserted on the way (RFC 1662 §4.2), also behind a Control Escape.
    ///
    /// `out` never gets more than 64 octets longer than `limit`.
    pub fn unstuff(&self, escaped: &mut bool, stuffed: &[u8], out: &mut Vec<u8>, limit: usize) -> Unstuffed {
        let Some(left) = limit.checked_sub(out.len()) else { return Unstuffed { consumed: 0, dropped: 0 } };
        // Undoing never makes it longer, so that a kernel that runs out of room has passed the limit.
        let room = left.min(stuffed.len()) + UNSTUFF_ROOM;
        out.reserve(room);
        let spare = &mut out.spare_capacity_mut()[..room];
        // SAFETY: as in `plain_prefix`.
        let undone = unsafe { (self.kernels.unstuff)(self, *escaped, stuffed, spare) };
        // SAFETY: so many of the octets that were spare are good now.
        unsafe { out.set_len(out.len() + undone.written) };
        *escaped = undone.escaped;
        Unstuffed { consumed: undone.read, dropped: undone.dropped }
    }
}

/// The next whole block to read, if there is one.
#[inline]
pub(crate) fn block_at<const LEN: usize>(octets: &[u8], at: usize) -> Option<&[u8; LEN]> {
    octets.get(at..)?.first_chunk()
}

/// The next room to write, if there is enough.
#[inline]
pub(crate) fn room_at<const LEN: usize>(
    out: &mut [MaybeUninit<u8>],
    at: usize,
) -> Option<&mut [MaybeUninit<u8>; LEN]> {
    out.get_mut(at..)?.first_chunk_mut()
}

/// By [`kind`].
fn kernels(isa: Isa) -> &'static [Kernels; 3] {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Sse42 => &crate::x86::sse42::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &crate::x86::avx2::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &crate::x86::avx512::KERNELS,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &crate::neon::KERNELS,
        _ => &portable::KERNELS,
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..=u8::MAX).filter(|&octet| self.contains(octet))).finish()
    }
}
