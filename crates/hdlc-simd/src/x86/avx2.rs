//! AVX2, BMI1 and BMI2: thirty-two octets are told apart at a time, and put down sixteen at a time by the functions of
//! [`sse42`], which also does the last few.
#![allow(unsafe_code)]

use std::{
    arch::x86_64::{
        __m128i, __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_alignr_epi8, _mm256_and_si256,
        _mm256_blendv_epi8, _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8,
        _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_permute2x128_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_shuffle_epi8,
        _mm256_srli_epi16, _mm256_storeu_si256, _mm256_xor_si256, _mm256_zextsi128_si256,
    },
    mem::MaybeUninit,
};

use super::sse42;
use crate::{
    ESCAPE, ESCAPE_XOR, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, block_at, kind, room_at},
    fold::Folding,
};

/// Octets classified at a time.
const WIDTH: usize = 32;
/// Octets put in place at a time.
const HALF: usize = WIDTH / 2;
// What an unsafe store relies on.
const _: () = assert!(STUFF_ROOM >= WIDTH);

pub(crate) static KERNELS: [Kernels; 3] =
    [kernels::<{ kind::PAIR }>(), kernels::<{ kind::CONTROLS }>(), kernels::<{ kind::ANY }>()];

const fn kernels<const KIND: u8>() -> Kernels {
    Kernels { plain_prefix: plain_prefix::<KIND>, stuff: stuff::<KIND>, unstuff: unstuff::<KIND> }
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn plain_prefix<const KIND: u8>(class: &Class, octets: &[u8]) -> usize {
    let mut plain = 0;
    while let Some(block) = block_at(octets, plain) {
        let special = mask(special::<KIND>(class, load(block)));
        if special != 0 {
            return plain + special.trailing_zeros() as usize;
        }
        plain += WIDTH;
    }
    plain + sse42::plain_prefix::<KIND>(class, &octets[plain..])
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
    let mut done = Stuffed::default();
    while let (Some(block), Some(room)) = (block_at(octets, done.read), room_at(out, done.written)) {
        let block = load(block);
        let special = special::<KIND>(class, block);
        let escapes = mask(special);
        put_stuffed::<KIND>(block, special, escapes, room);
        done.read += WIDTH;
        done.written += WIDTH + escapes.count_ones() as usize;
    }
    let rest = sse42::stuff::<KIND>(class, &octets[done.read..], &mut out[done.written..]);
    Stuffed { read: done.read + rest.read, written: done.written + rest.written }
}

/// Stuffs the block. What is behind the octets that count is written too.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn put_stuffed<const KIND: u8>(
    block: __m256i,
    special: __m256i,
    escapes: u32,
    room: &mut [MaybeUninit<u8>; STUFF_ROOM],
) {
    let octets = _mm256_xor_si256(block, _mm256_and_si256(special, _mm256_set1_epi8(ESCAPE_XOR as i8)));
    // Random octets gain nothing by this, and text doubles its rate.
    if KIND == kind::PAIR && escapes == 0 {
        return store(room, block);
    }
    let (first, last) = (escapes & 0xffff, escapes >> HALF);
    sse42::put_spread::<KIND>(low(octets), first, room);
    let at = HALF + first.count_ones() as usize;
    sse42::put_spread::<KIND>(high(octets), last, &mut room[at..]);
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn unstuff<const KIND: u8>(
    class: &Class,
    escaped: bool,
    stuffed: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Undone {
    let mut undone = Undone { escaped, ..Undone::default() };
    while let (Some(block), Some(room)) = (block_at(stuffed, undone.read), room_at(out, undone.written)) {
        let flags = mask(_mm256_cmpeq_epi8(load(block), _mm256_set1_epi8(FLAG as i8)));
        if flags != 0 {
            break;
        }
        put_unstuffed::<KIND>(class, block, &mut undone, room);
    }
    // Less than a block, or one with a flag.
    let (read, written) = (undone.read, undone.written);
    let rest = sse42::unstuff::<KIND>(class, undone.escaped, &stuffed[read..], &mut out[written..]);
    undone.read += rest.read;
    undone.written += rest.written;
    undone.dropped += rest.dropped;
    undone.escaped = rest.escaped;
    undone
}

/// Unstuffs the block, in which no flag stands; `stuffed` begins with it. What is behind the octets that count is written
/// too.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn put_unstuffed<const KIND: u8>(
    class: &Class,
    stuffed: &[u8; WIDTH],
    undone: &mut Undone,
    room: &mut [MaybeUninit<u8>; UNSTUFF_ROOM],
) {
    let block = load(stuffed);
    let is_escape = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(ESCAPE as i8));
    let escapes = mask(is_escape);
    let behind = escapes << 1 | u32::from(undone.escaped);
    let dropped = if KIND == kind::PAIR { 0 } else { mask(special::<KIND>(class, block)) & !escapes };
    if dropped | (escapes & behind) != 0 {
        undone.step(class, stuffed, room);
        return;
    }
    // All moved up by one: a shift within each half, and the last of the lower half before the first of the upper.
    let lower_half_above = _mm256_permute2x128_si256::<0x08>(is_escape, is_escape);
    let first = _mm256_zextsi128_si256(_mm_cvtsi32_si128(i32::from(undone.escaped) * 0xff));
    let is_behind = _mm256_or_si256(_mm256_alignr_epi8::<15>(is_escape, lower_half_above), first);
    let octets = _mm256_xor_si256(block, _mm256_and_si256(is_behind, _mm256_set1_epi8(ESCAPE_XOR as i8)));
    let (first, last) = (escapes & 0xffff, escapes >> HALF);
    sse42::put_without::<KIND>(low(octets), first, room);
    let at = HALF - first.count_ones() as usize;
    sse42::put_without::<KIND>(high(octets), last, &mut room[at..]);
    undone.read += WIDTH;
    undone.written += WIDTH - escapes.count_ones() as usize;
    undone.escaped = escapes >> (WIDTH - 1) == 1;
}

/// As [`Folding::update`], of at least sixteen octets.
#[target_feature(enable = "avx2,pclmulqdq")]
pub(crate) fn fold(folding: &Folding, register: u32, octets: &[u8]) -> u32 {
    sse42::fold(folding, register, octets)
}

/// ff for each octet of the class.
#[inline]
#[target_feature(enable = "avx2")]
fn special<const KIND: u8>(class: &Class, octets: __m256i) -> __m256i {
    if KIND == kind::ANY {
        let nibble = _mm256_set1_epi8(0xf);
        let low = _mm256_and_si256(octets, nibble);
        let high = _mm256_and_si256(_mm256_srli_epi16(octets, 4), nibble);
        let set = _mm256_blendv_epi8(
            _mm256_shuffle_epi8(load_table(&class.nibbles.low), low),
            _mm256_shuffle_epi8(load_table(&class.nibbles.high), low),
            octets,
        );
        let bits = _mm256_setr_epi8(
            1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128, //
            1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128,
        );
        let bit = _mm256_shuffle_epi8(bits, high);
        return _mm256_cmpeq_epi8(_mm256_and_si256(set, bit), bit);
    }
    let pair = _mm256_or_si256(
        _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(FLAG as i8)),
        _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(ESCAPE as i8)),
    );
    if KIND == kind::PAIR {
        return pair;
    }
    _mm256_or_si256(pair, _mm256_cmpeq_epi8(_mm256_min_epu8(octets, _mm256_set1_epi8(0x1f)), octets))
}

#[inline]
#[target_feature(enable = "avx2")]
fn mask(octets: __m256i) -> u32 {
    _mm256_movemask_epi8(octets) as u32
}

#[inline]
#[target_feature(enable = "avx2")]
fn low(octets: __m256i) -> __m128i {
    _mm256_castsi256_si128(octets)
}

#[inline]
#[target_feature(enable = "avx2")]
fn high(octets: __m256i) -> __m128i {
    _mm256_extracti128_si256::<1>(octets)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(octets: &[u8; WIDTH]) -> __m256i {
    // SAFETY: they are thirty-two, and need no alignment.
    unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_table(table: &[u8; 16]) -> __m256i {
    // SAFETY: it has sixteen octets, and needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(room: &mut [MaybeUninit<u8>; STUFF_ROOM], octets: __m256i) {
    // SAFETY: the room is at least thirty-two octets long, and needs no alignment.
    unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), octets) };
}
