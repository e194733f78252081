//! SSE4.2, POPCNT and PCLMULQDQ: sixteen octets at a time.
//!
//! Where escapes are rare, sixteen octets with none or one of them go through one shuffle, so that the usual case needs
//! no branch; any others, eight at a time, through a table of shuffles for each set of places.
#![allow(unsafe_code)]

use std::{
    arch::x86_64::{
        __m128i, _mm_alignr_epi8, _mm_and_si128, _mm_blendv_epi8, _mm_clmulepi64_si128, _mm_cmpeq_epi8,
        _mm_cvtsi32_si128, _mm_cvtsi64_si128, _mm_extract_epi32, _mm_loadl_epi64, _mm_loadu_si128,
        _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setr_epi8, _mm_setzero_si128,
        _mm_shuffle_epi8, _mm_slli_si128, _mm_srli_epi16, _mm_srli_si128, _mm_storel_epi64, _mm_storeu_si128,
        _mm_xor_si128,
    },
    mem::MaybeUninit,
};

use crate::{
    ESCAPE, ESCAPE_XOR, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, block_at, kind, room_at},
    fold::Folding,
    tables::{ALL_WITHOUT, GAP_BEFORE, GAPS_BEFORE, TO_THE_END, WITHOUT},
};

/// Octets done at a time.
const WIDTH: usize = 16;

pub(crate) static KERNELS: [Kernels; 3] =
    [kernels::<{ kind::PAIR }>(), kernels::<{ kind::CONTROLS }>(), kernels::<{ kind::ANY }>()];

const fn kernels<const KIND: u8>() -> Kernels {
    Kernels { plain_prefix: plain_prefix::<KIND>, stuff: stuff::<KIND>, unstuff: unstuff::<KIND> }
}

#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn plain_prefix<const KIND: u8>(class: &Class, octets: &[u8]) -> usize {
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

#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
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

#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn unstuff<const KIND: u8>(
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
        if mask(_mm_cmpeq_epi8(block, _mm_set1_epi8(FLAG as i8))) != 0 {
            break;
        }
        // So many is known beforehand, and the next block need not wait for it.
        put_unstuffed::<KIND>(class, stuffed, block, WIDTH, &mut undone, room);
    }
    // Less than a block, or one with a flag.
    if let Some(room) = room_at::<UNSTUFF_ROOM>(out, undone.written) {
        let (block, len) = first_block(&stuffed[undone.read..]);
        let flags = mask(_mm_cmpeq_epi8(block, _mm_set1_epi8(FLAG as i8)));
        let len = len.min(flags.trailing_zeros() as usize);
        put_unstuffed::<KIND>(class, stuffed, block, len, &mut undone, room);
    }
    undone
}

/// Stuffs the block. What is behind the octets that count is written too.
#[inline]
#[target_feature(enable = "sse4.2,popcnt")]
fn put_stuffed<const KIND: u8>(block: __m128i, special: __m128i, escapes: u32, room: &mut [MaybeUninit<u8>]) {
    let octets = _mm_xor_si128(block, _mm_and_si128(special, _mm_set1_epi8(ESCAPE_XOR as i8)));
    put_spread::<KIND>(octets, escapes, room);
}

/// Puts down the octets with a Control Escape before those of `escapes`, thirty-two in all at most.
#[inline]
#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn put_spread<const KIND: u8>(octets: __m128i, escapes: u32, room: &mut [MaybeUninit<u8>]) {
    let escape = _mm_set1_epi8(ESCAPE as i8);
    if KIND == kind::PAIR && escapes & escapes.wrapping_sub(1) == 0 {
        let shuffle = load(&GAP_BEFORE[(escapes | 1 << WIDTH).trailing_zeros() as usize]);
        // The last octet falls out of the shuffle where there is an escape.
        store(room, 1, octets);
        store(room, 0, _mm_blendv_epi8(_mm_shuffle_epi8(octets, shuffle), escape, shuffle));
    } else {
        let low = load(&GAPS_BEFORE[(escapes & 0xff) as usize]);
        let high = load(&GAPS_BEFORE[(escapes >> 8 & 0xff) as usize]);
        store(room, 0, _mm_blendv_epi8(_mm_shuffle_epi8(octets, low), escape, low));
        let octets = _mm_srli_si128(octets, 8);
        let at = 8 + (escapes & 0xff).count_ones() as usize;
        store(room, at, _mm_blendv_epi8(_mm_shuffle_epi8(octets, high), escape, high));
    }
}

/// Unstuffs the first `len` octets of `block`, where no flag stands among them; in `stuffed` they are those behind what
/// is `undone`. What is behind the octets that count is written too.
#[inline]
#[target_feature(enable = "sse4.2,popcnt")]
fn put_unstuffed<const KIND: u8>(
    class: &Class,
    stuffed: &[u8],
    block: __m128i,
    len: usize,
    undone: &mut Undone,
    room: &mut [MaybeUninit<u8>],
) {
    let is_escape = _mm_cmpeq_epi8(block, _mm_set1_epi8(ESCAPE as i8));
    let valid = first_bits(len);
    let escapes = mask(is_escape) & valid;
    let behind = escapes << 1 | u32::from(undone.escaped);
    let dropped = if KIND == kind::PAIR { 0 } else { mask(special::<KIND>(class, block)) & valid & !escapes };
    if dropped | (escapes & behind) != 0 {
        let read = undone.read;
        undone.step(class, &stuffed[read..read + len], room);
        return;
    }
    let first = _mm_cvtsi32_si128(i32::from(undone.escaped) * 0xff);
    let is_behind = _mm_or_si128(_mm_alignr_epi8::<15>(is_escape, _mm_setzero_si128()), first);
    let octets = _mm_xor_si128(block, _mm_and_si128(is_behind, _mm_set1_epi8(ESCAPE_XOR as i8)));
    put_without::<KIND>(octets, escapes, room);
    undone.read += len;
    undone.written += len - escapes.count_ones() as usize;
    undone.escaped = behind >> len & 1 == 1;
}

/// Puts down the octets but those of `escapes`, sixteen in all.
#[inline]
#[target_feature(enable = "sse4.2,popcnt")]
pub(super) fn put_without<const KIND: u8>(octets: __m128i, escapes: u32, room: &mut [MaybeUninit<u8>]) {
    if KIND == kind::PAIR && escapes & escapes.wrapping_sub(1) == 0 {
        let shuffle = load(&WITHOUT[(escapes | 1 << WIDTH).trailing_zeros() as usize]);
        store(room, 0, _mm_shuffle_epi8(octets, shuffle));
    } else {
        let (low, high) = (escapes & 0xff, escapes >> 8 & 0xff);
        store_half(room, 0, _mm_shuffle_epi8(octets, load_half(&ALL_WITHOUT[low as usize])));
        let at = 8 - low.count_ones() as usize;
        let octets = _mm_srli_si128(octets, 8);
        store_half(room, at, _mm_shuffle_epi8(octets, load_half(&ALL_WITHOUT[high as usize])));
    }
}

/// ff for each octet of the class.
#[inline]
#[target_feature(enable = "sse4.2")]
fn special<const KIND: u8>(class: &Class, octets: __m128i) -> __m128i {
    if KIND == kind::ANY {
        let nibble = _mm_set1_epi8(0xf);
        let low = _mm_and_si128(octets, nibble);
        let high = _mm_and_si128(_mm_srli_epi16(octets, 4), nibble);
        let set = _mm_blendv_epi8(
            _mm_shuffle_epi8(load(&class.nibbles.low), low),
            _mm_shuffle_epi8(load(&class.nibbles.high), low),
            octets,
        );
        let bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
        let bit = _mm_shuffle_epi8(bits, high);
        return _mm_cmpeq_epi8(_mm_and_si128(set, bit), bit);
    }
    let pair = _mm_or_si128(
        _mm_cmpeq_epi8(octets, _mm_set1_epi8(FLAG as i8)),
        _mm_cmpeq_epi8(octets, _mm_set1_epi8(ESCAPE as i8)),
    );
    if KIND == kind::PAIR {
        return pair;
    }
    _mm_or_si128(pair, _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1f)), octets))
}

/// As [`Folding::update`], of at least sixteen octets.
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(crate) fn fold(folding: &Folding, register: u32, octets: &[u8]) -> u32 {
    /// Blocks folded beside each other, since a multiplication takes longer than the processor needs to begin the next.
    const LANES: usize = 4;
    let pair = |blocks: usize| load_pair(&folding.by_blocks[blocks - 1]);

    // The first octets that do not fill a block are put behind zeros, which leave a register of zeros as it is. Adding
    // the register to the first four octets of all stands for having begun with it.
    let first: &[u8; 16] = octets.first_chunk().expect("no caller folds less");
    let (head, blocks) = octets.as_rchunks::<16>();
    let head_len = head.len();
    let shuffle: &[u8; 16] = TO_THE_END[head_len..].first_chunk().expect("the head is less than a block");
    let first = _mm_xor_si128(load(first), _mm_cvtsi32_si128(register as i32));
    let mut folded = _mm_shuffle_epi8(first, load(shuffle));
    let mut pending = _mm_cvtsi64_si128((u64::from(register) >> (8 * head_len.min(4))) as i64);

    let (groups, blocks) = blocks.as_chunks::<LANES>();
    if let Some((first, groups)) = groups.split_first() {
        let mut lanes = first.map(|block| load(&block));
        lanes[0] = _mm_xor_si128(lanes[0], step(folded, pair(1), pending));
        let by_group = pair(LANES);
        for group in groups {
            for (lane, block) in lanes.iter_mut().zip(group) {
                *lane = step(*lane, by_group, load(block));
            }
        }
        pending = _mm_setzero_si128();
        folded = step(lanes[0], pair(3), step(lanes[1], pair(2), step(lanes[2], pair(1), lanes[3])));
    }
    for block in blocks {
        folded = step(folded, pair(1), _mm_xor_si128(load(block), pending));
        pending = _mm_setzero_si128();
    }
    reduce(folding, folded)
}

/// What sixteen octets make of a register of zeros.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
pub(super) fn reduce(folding: &Folding, block: __m128i) -> u32 {
    let constants = load_pair(&folding.to_the_register);
    // Its last eight octets, moved by four; and so the product of the first eight: twelve octets, of which the first four
    // are multiplied once more.
    let last = _mm_slli_si128::<4>(_mm_srli_si128::<8>(block));
    let twelve = _mm_xor_si128(_mm_clmulepi64_si128::<0x00>(block, constants), last);
    let eight = _mm_xor_si128(_mm_clmulepi64_si128::<0x10>(twelve, constants), twelve);
    let eight = _mm_srli_si128::<8>(eight);

    let constants = load_pair(&folding.barrett);
    let four = _mm_cvtsi64_si128(0xffff_ffff);
    let quotient = _mm_clmulepi64_si128::<0x00>(_mm_and_si128(eight, four), constants);
    let product = _mm_clmulepi64_si128::<0x10>(_mm_and_si128(quotient, four), constants);
    _mm_extract_epi32::<1>(_mm_xor_si128(product, eight)) as u32
}

/// `folded` moved by what `pair` stands for, and `next` added.
#[inline]
#[target_feature(enable = "sse4.2,pclmulqdq")]
fn step(folded: __m128i, pair: __m128i, next: __m128i) -> __m128i {
    let first = _mm_clmulepi64_si128::<0x00>(folded, pair);
    let last = _mm_clmulepi64_si128::<0x11>(folded, pair);
    _mm_xor_si128(_mm_xor_si128(first, last), next)
}

/// The first block, zeros behind the octets where they are fewer, and how many they are.
#[inline]
#[target_feature(enable = "sse4.2")]
fn first_block(octets: &[u8]) -> (__m128i, usize) {
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

#[inline]
#[target_feature(enable = "sse4.2")]
fn mask(octets: __m128i) -> u32 {
    _mm_movemask_epi8(octets) as u32
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load(octets: &[u8; 16]) -> __m128i {
    // SAFETY: they are sixteen, and need no alignment.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load_half(octets: &[u8; 8]) -> __m128i {
    // SAFETY: they are eight, and need no alignment.
    unsafe { _mm_loadl_epi64(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn load_pair(pair: &[u64; 2]) -> __m128i {
    // SAFETY: they are sixteen octets.
    unsafe { _mm_loadu_si128(pair.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn store(room: &mut [MaybeUninit<u8>], at: usize, octets: __m128i) {
    let room = &mut room[at..at + 16];
    // SAFETY: the slice is sixteen octets long, and needs no alignment.
    unsafe { _mm_storeu_si128(room.as_mut_ptr().cast(), octets) };
}

#[inline]
#[target_feature(enable = "sse4.2")]
fn store_half(room: &mut [MaybeUninit<u8>], at: usize, octets: __m128i) {
    let room = &mut room[at..at + 8];
    // SAFETY: the slice is eight octets long, and needs no alignment.
    unsafe { _mm_storel_epi64(room.as_mut_ptr().cast(), octets) };
}
