//! AArch64 with PMULL: sixteen octets at a time, in the way of `x86::sse42`, where it is explained.
#![allow(unsafe_code)]

use std::{
    arch::aarch64::{
        uint8x16_t, vaddv_u8, vandq_u8, vbslq_u8, vceqq_u8, vcleq_u8, vdupq_n_u8, veorq_u8, vextq_u8,
        vget_high_u8, vget_low_u8, vgetq_lane_u64, vld1_u8, vld1q_u8, vmull_p64, vorrq_u8, vqtbl1_u8,
        vqtbl1q_u8, vreinterpretq_u8_p128, vreinterpretq_u8_u64, vreinterpretq_u64_u8, vsetq_lane_u64,
        vshrq_n_u8, vst1_u8, vst1q_u8, vtstq_u8,
    },
    mem::MaybeUninit,
};

use crate::{
    ESCAPE, ESCAPE_XOR, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, block_at, kind, room_at},
    fold::Folding,
    tables::{ALL_WITHOUT, GAP_BEFORE, GAPS_BEFORE, NONE, TO_THE_END, WITHOUT},
};

/// Octets done at a time.
const WIDTH: usize = 16;
/// Bit *n* modulo 8 for octet *n*.
static BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

pub(crate) static KERNELS: [Kernels; 3] =
    [kernels::<{ kind::PAIR }>(), kernels::<{ kind::CONTROLS }>(), kernels::<{ kind::ANY }>()];

const fn kernels<const KIND: u8>() -> Kernels {
    Kernels { plain_prefix: plain_prefix::<KIND>, stuff: stuff::<KIND>, unstuff: unstuff::<KIND> }
}

#[target_feature(enable = "neon")]
fn plain_prefix<const KIND: u8>(class: &Class, octets: &[u8]) -> usize {
    let (blocks, rest) = octets.as_chunks::<WIDTH>();
    for (at, block) in blocks.iter().enumerate() {
        let special = mask(special::<KIND>(class, load(block)));
        if special != 0 {
            return WIDTH * at + special.trailing_zeros() as usize;
        }
    }
    let plain = rest.iter().position(|&octet| class.contains(octet)).unwrap_or(rest.len());
    WIDTH * blocks.len() + plain
}

#[target_feature(enable = "neon")]
fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
    let mut done = Stuffed::default();
    while let (Some(block), Some(room)) =
        (block_at(octets, done.read), room_at::<STUFF_ROOM>(out, done.written))
    {
        let block = load(block);
        let special = special::<KIND>(class, block);
        let escapes = mask(special);
        put_stuffed::<KIND>(block, special, escapes, room);
        done.read += WIDTH;
        done.written += WIDTH + escapes.count_ones() as usize;
    }
    if let Some(room) = room_at::<STUFF_ROOM>(out, done.written) {
        let (block, len) = first_block(&octets[done.read..]);
        let special = special::<KIND>(class, block);
        let escapes = mask(special) & first_bits(len);
        put_stuffed::<KIND>(block, special, escapes, room);
        done.read += len;
        done.written += len + escapes.count_ones() as usize;
    }
    done
}

#[target_feature(enable = "neon")]
fn unstuff<const KIND: u8>(
    class: &Class,
    escaped: bool,
    stuffed: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Undone {
    let mut undone = Undone { escaped, ..Undone::default() };
    while let (Some(block), Some(room)) =
        (block_at(stuffed, undone.read), room_at::<UNSTUFF_ROOM>(out, undone.written))
    {
        let block = load(block);
        if mask(vceqq_u8(block, vdupq_n_u8(FLAG))) != 0 {
            break;
        }
        // So many is known beforehand, and the next block need not wait for it.
        put_unstuffed::<KIND>(class, stuffed, block, WIDTH, &mut undone, room);
    }
    // Less than a block, or one with a flag.
    if let Some(room) = room_at::<UNSTUFF_ROOM>(out, undone.written) {
        let (block, len) = first_block(&stuffed[undone.read..]);
        let flags = mask(vceqq_u8(block, vdupq_n_u8(FLAG)));
        let len = len.min(flags.trailing_zeros() as usize);
        put_unstuffed::<KIND>(class, stuffed, block, len, &mut undone, room);
    }
    undone
}

#[inline]
#[target_feature(enable = "neon")]
fn put_stuffed<const KIND: u8>(
    block: uint8x16_t,
    special: uint8x16_t,
    escapes: u32,
    room: &mut [MaybeUninit<u8>],
) {
    let octets = veorq_u8(block, vandq_u8(special, vdupq_n_u8(ESCAPE_XOR)));
    if KIND == kind::PAIR && escapes & escapes.wrapping_sub(1) == 0 {
        let shuffle = load(&GAP_BEFORE[(escapes | 1 << WIDTH).trailing_zeros() as usize]);
        store(room, 1, octets);
        store(room, 0, with_escapes(octets, shuffle));
    } else {
        let (low, high) = (escapes & 0xff, escapes >> 8 & 0xff);
        store(room, 0, with_escapes(octets, load(&GAPS_BEFORE[low as usize])));
        let octets = vextq_u8::<8>(octets, octets);
        store(room, 8 + low.count_ones() as usize, with_escapes(octets, load(&GAPS_BEFORE[high as usize])));
    }
}

/// The octets shuffled, and a Control Escape in every gap.
#[inline]
#[target_feature(enable = "neon")]
fn with_escapes(octets: uint8x16_t, shuffle: uint8x16_t) -> uint8x16_t {
    let gaps = vceqq_u8(shuffle, vdupq_n_u8(NONE));
    vorrq_u8(vqtbl1q_u8(octets, shuffle), vandq_u8(gaps, vdupq_n_u8(ESCAPE)))
}

#[inline]
#[target_feature(enable = "neon")]
fn put_unstuffed<const KIND: u8>(
    class: &Class,
    stuffed: &[u8],
    block: uint8x16_t,
    len: usize,
    undone: &mut Undone,
    room: &mut [MaybeUninit<u8>],
) {
    let is_escape = vceqq_u8(block, vdupq_n_u8(ESCAPE));
    let valid = first_bits(len);
    let escapes = mask(is_escape) & valid;
    let behind = escapes << 1 | u32::from(undone.escaped);
    let dropped = if KIND == kind::PAIR { 0 } else { mask(special::<KIND>(class, block)) & valid & !escapes };
    if dropped | (escapes & behind) != 0 {
        let read = undone.read;
        undone.step(class, &stuffed[read..read + len], room);
        return;
    }
    let before = vdupq_n_u8(if undone.escaped { 0xff } else { 0 });
    let is_behind = vextq_u8::<15>(before, is_escape);
    let octets = veorq_u8(block, vandq_u8(is_behind, vdupq_n_u8(ESCAPE_XOR)));
    if KIND == kind::PAIR && escapes & escapes.wrapping_sub(1) == 0 {
        let shuffle = load(&WITHOUT[(escapes | 1 << WIDTH).trailing_zeros() as usize]);
        store(room, 0, vqtbl1q_u8(octets, shuffle));
    } else {
        let (low, high) = (escapes & 0xff, escapes >> 8 & 0xff);
        store_half(room, 0, octets, &ALL_WITHOUT[low as usize]);
        let octets = vextq_u8::<8>(octets, octets);
        store_half(room, 8 - low.count_ones() as usize, octets, &ALL_WITHOUT[high as usize]);
    }
    undone.read += len;
    undone.written += len - escapes.count_ones() as usize;
    undone.escaped = behind >> len & 1 == 1;
}

/// ff for each octet of the class.
#[inline]
#[target_feature(enable = "neon")]
fn special<const KIND: u8>(class: &Class, octets: uint8x16_t) -> uint8x16_t {
    if KIND == kind::ANY {
        let low = vandq_u8(octets, vdupq_n_u8(0xf));
        let high = vshrq_n_u8::<4>(octets);
        // Each table knows eight of the sixteen high nibbles; an index above 15 gives no octet but zero.
        let upper_half = vcleq_u8(vdupq_n_u8(0x80), octets);
        let set = vbslq_u8(
            upper_half,
            vqtbl1q_u8(load(&class.nibbles.high), low),
            vqtbl1q_u8(load(&class.nibbles.low), low),
        );
        return vtstq_u8(set, vqtbl1q_u8(load(&BITS), high));
    }
    let pair = vorrq_u8(vceqq_u8(octets, vdupq_n_u8(FLAG)), vceqq_u8(octets, vdupq_n_u8(ESCAPE)));
    if KIND == kind::PAIR {
        return pair;
    }
    vorrq_u8(pair, vcleq_u8(octets, vdupq_n_u8(0x1f)))
}

/// As [`Folding::update`], of at least sixteen octets.
#[target_feature(enable = "neon,aes")]
pub(crate) fn fold(folding: &Folding, register: u32, octets: &[u8]) -> u32 {
    const LANES: usize = 4;
    let pair = |blocks: usize| folding.by_blocks[blocks - 1];

    let first: &[u8; 16] = octets.first_chunk().expect("no caller folds less");
    let (head, blocks) = octets.as_rchunks::<16>();
    let head_len = head.len();
    let shuffle: &[u8; 16] = TO_THE_END[head_len..].first_chunk().expect("the head is less than a block");
    let first = veorq_u8(load(first), beginning_with(register.into()));
    let mut folded = vqtbl1q_u8(first, load(shuffle));
    let mut pending = beginning_with(u64::from(register) >> (8 * head_len.min(4)));

    let (groups, blocks) = blocks.as_chunks::<LANES>();
    if let Some((first, groups)) = groups.split_first() {
        let mut lanes = [load(&first[0]), load(&first[1]), load(&first[2]), load(&first[3])];
        lanes[0] = veorq_u8(lanes[0], step(folded, pair(1), pending));
        for group in groups {
            for (lane, block) in lanes.iter_mut().zip(group) {
                *lane = step(*lane, pair(LANES), load(block));
            }
        }
        pending = vdupq_n_u8(0);
        folded = step(lanes[0], pair(3), step(lanes[1], pair(2), step(lanes[2], pair(1), lanes[3])));
    }
    for block in blocks {
        folded = step(folded, pair(1), veorq_u8(load(block), pending));
        pending = vdupq_n_u8(0);
    }
    // What these sixteen octets make of a register of zeros.
    let halves = vreinterpretq_u64_u8(folded);
    let [first, last] = [vgetq_lane_u64::<0>(halves), vgetq_lane_u64::<1>(halves)];
    let twelve = vmull_p64(first, folding.to_the_register[0]) ^ u128::from(last) << 32;
    let eight = vmull_p64(twelve as u64, folding.to_the_register[1]) ^ twelve;
    let eight = (eight >> 64) as u64;
    let quotient = vmull_p64(eight & 0xffff_ffff, folding.barrett[0]) as u64;
    let product = vmull_p64(quotient & 0xffff_ffff, folding.barrett[1]) as u64;
    ((product ^ eight) >> 32) as u32
}

/// `folded` moved by what `pair` stands for, and `next` added.
#[inline]
#[target_feature(enable = "neon,aes")]
fn step(folded: uint8x16_t, pair: [u64; 2], next: uint8x16_t) -> uint8x16_t {
    let halves = vreinterpretq_u64_u8(folded);
    let first = vreinterpretq_u8_p128(vmull_p64(vgetq_lane_u64::<0>(halves), pair[0]));
    let last = vreinterpretq_u8_p128(vmull_p64(vgetq_lane_u64::<1>(halves), pair[1]));
    veorq_u8(veorq_u8(first, last), next)
}

/// These eight octets, the lowest first, and eight zeros.
#[inline]
#[target_feature(enable = "neon")]
fn beginning_with(octets: u64) -> uint8x16_t {
    let zeros = vreinterpretq_u64_u8(vdupq_n_u8(0));
    vreinterpretq_u8_u64(vsetq_lane_u64::<0>(octets, zeros))
}

/// The first block, zeros behind the octets where they are fewer, and how many they are.
#[inline]
#[target_feature(enable = "neon")]
fn first_block(octets: &[u8]) -> (uint8x16_t, usize) {
    if let Some(block) = octets.first_chunk() {
        return (load(block), WIDTH);
    }
    let mut block = [0; WIDTH];
    block[..octets.len()].copy_from_slice(octets);
    (load(&block), octets.len())
}

/// The lowest `len` bits; at most all.
#[inline]
fn first_bits(len: usize) -> u32 {
    (1_u64 << len).wrapping_sub(1) as u32
}

/// Bit *n* for octet *n*, if it is ff.
#[inline]
#[target_feature(enable = "neon")]
fn mask(octets: uint8x16_t) -> u32 {
    let bits = vandq_u8(octets, load(&BITS));
    u32::from(vaddv_u8(vget_low_u8(bits))) | u32::from(vaddv_u8(vget_high_u8(bits))) << 8
}

#[inline]
#[target_feature(enable = "neon")]
fn load(octets: &[u8; 16]) -> uint8x16_t {
    // SAFETY: they are sixteen, and need no alignment.
    unsafe { vld1q_u8(octets.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(room: &mut [MaybeUninit<u8>], at: usize, octets: uint8x16_t) {
    let room = &mut room[at..at + 16];
    // SAFETY: the slice is sixteen octets long, and needs no alignment.
    unsafe { vst1q_u8(room.as_mut_ptr().cast(), octets) };
}

/// The first eight octets, shuffled.
#[inline]
#[target_feature(enable = "neon")]
fn store_half(room: &mut [MaybeUninit<u8>], at: usize, octets: uint8x16_t, shuffle: &[u8; 8]) {
    let room = &mut room[at..at + 8];
    // SAFETY: the shuffle is eight octets long, and needs no alignment.
    let shuffle = unsafe { vld1_u8(shuffle.as_ptr()) };
    // SAFETY: the slice is eight octets long, and needs no alignment.
    unsafe { vst1_u8(room.as_mut_ptr().cast(), vqtbl1_u8(octets, shuffle)) };
}
