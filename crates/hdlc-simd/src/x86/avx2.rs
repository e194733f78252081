//! AVX2, BMI1 and BMI2: thirty-two octets are classified at a time, and put in place sixteen at a time as in
//! [`sse42`], whose functions are compiled again here, for three operands.
#![allow(unsafe_code)]

use std::{
    arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_blendv_epi8, _mm256_broadcastsi128_si256,
        _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_loadu_si256,
        _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8,
        _mm256_shuffle_epi8, _mm256_srli_epi16,
    },
    mem::MaybeUninit,
};

use super::sse42;
use crate::{
    ESCAPE, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, block_at, kind, room_at},
    fold::Folding,
};

/// Octets classified at a time.
const WIDTH: usize = 32;
/// Octets put in place at a time.
const HALF: usize = WIDTH / 2;

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
    let (block, len) = load_part(&octets[plain..]);
    let special = mask(special::<KIND>(class, block));
    plain + len.min(special.trailing_zeros() as usize)
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
    let mut done = Stuffed::default();
    while let Some(room) = room_at(out, done.written) {
        let Some(block) = block_at(octets, done.read) else {
            let (block, len) = load_part(&octets[done.read..]);
            let special = special::<KIND>(class, block);
            let escapes = mask(special) & ((1 << len) - 1);
            put_stuffed::<KIND>(block, special, escapes, room);
            done.read += len;
            done.written += len + escapes.count_ones() as usize;
            break;
        };
        let block = load(block);
        let special = special::<KIND>(class, block);
        let escapes = mask(special);
        put_stuffed::<KIND>(block, special, escapes, room);
        done.read += WIDTH;
        done.written += WIDTH + escapes.count_ones() as usize;
    }
    done
}

/// As [`sse42::put_stuffed`], in two halves.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn put_stuffed<const KIND: u8>(
    block: __m256i,
    special: __m256i,
    escapes: u32,
    room: &mut [MaybeUninit<u8>; STUFF_ROOM],
) {
    let (first, last) = (escapes & 0xffff, escapes >> HALF);
    sse42::put_stuffed::<KIND>(low(block), low(special), first, room);
    let at = HALF + first.count_ones() as usize;
    sse42::put_stuffed::<KIND>(high(block), high(special), last, &mut room[at..]);
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn unstuff<const KIND: u8>(
    class: &Class,
    escaped: bool,
    stuffed: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Undone {
    let mut undone = Undone { escaped, ..Undone::default() };
    while let Some(room) = room_at(out, undone.written) {
        let Some(block) = block_at(stuffed, undone.read) else {
            let (block, len) = load_part(&stuffed[undone.read..]);
            let flags = mask(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(FLAG as i8)));
            let len = len.min(flags.trailing_zeros() as usize);
            put_unstuffed::<KIND>(class, stuffed, block, len, &mut undone, room);
            break;
        };
        let block = load(block);
        let flags = mask(_mm256_cmpeq_epi8(block, _mm256_set1_epi8(FLAG as i8)));
        if flags != 0 {
            let len = flags.trailing_zeros() as usize;
            put_unstuffed::<KIND>(class, stuffed, block, len, &mut undone, room);
            break;
        }
        // A number known beforehand, so that the next block need not wait for it.
        put_unstuffed::<KIND>(class, stuffed, block, WIDTH, &mut undone, room);
    }
    undone
}

/// As [`sse42::put_unstuffed`], in two halves.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn put_unstuffed<const KIND: u8>(
    class: &Class,
    stuffed: &[u8],
    block: __m256i,
    len: usize,
    undone: &mut Undone,
    room: &mut [MaybeUninit<u8>; UNSTUFF_ROOM],
) {
    let (first_len, before) = (len.min(HALF), undone.written);
    sse42::put_unstuffed::<KIND>(class, stuffed, low(block), first_len, undone, room);
    let room = &mut room[undone.written - before..];
    sse42::put_unstuffed::<KIND>(class, stuffed, high(block), len - first_len, undone, room);
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

/// Less than a block with zeros behind it, and how many octets they are.
#[inline]
#[target_feature(enable = "avx2")]
fn load_part(octets: &[u8]) -> (__m256i, usize) {
    let mut block = [0; WIDTH];
    block[..octets.len()].copy_from_slice(octets);
    (load(&block), octets.len())
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
