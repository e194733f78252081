//! AVX-512 BW, VBMI2 and VPCLMULQDQ: sixty-four octets at a time, without a branch on what they are.
//!
//! Stuffing expands the octets around the Control Escapes, undoing compresses over them.
#![allow(unsafe_code)]

use std::{
    arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm_cvtsi64_si128, _mm_loadu_si128, _mm_xor_si128,
        _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_xor_si256, _mm512_and_si512,
        _mm512_broadcast_i32x4, _mm512_castsi256_si512, _mm512_castsi512_si256, _mm512_clmulepi64_epi128,
        _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
        _mm512_mask_blend_epi8, _mm512_mask_expand_epi8, _mm512_maskz_compress_epi8,
        _mm512_maskz_expand_epi8, _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi64, _mm512_maskz_set1_epi8,
        _mm512_movepi8_mask, _mm512_set1_epi8, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8,
        _mm512_srli_epi16, _mm512_storeu_si512, _mm512_sub_epi8, _mm512_ternarylogic_epi64,
        _mm512_test_epi8_mask, _mm512_xor_si512, _mm512_zextsi128_si512, _pdep_u64, _pext_u64,
    },
    mem::MaybeUninit,
};

use super::sse42;
use crate::{
    ESCAPE, ESCAPE_XOR, FLAG,
    class::{Class, Kernels, STUFF_ROOM, Stuffed, UNSTUFF_ROOM, Undone, block_at, kind, room_at},
    fold::Folding,
};

/// Octets done at a time.
const WIDTH: usize = 64;
// What the unsafe stores and one comparison rely on.
const _: () = assert!(UNSTUFF_ROOM == WIDTH && FLAG == ESCAPE + 1);

pub(crate) static KERNELS: [Kernels; 3] =
    [kernels::<{ kind::PAIR }>(), kernels::<{ kind::CONTROLS }>(), kernels::<{ kind::ANY }>()];

const fn kernels<const KIND: u8>() -> Kernels {
    Kernels { plain_prefix: plain_prefix::<KIND>, stuff: stuff::<KIND>, unstuff: unstuff::<KIND> }
}

#[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
fn plain_prefix<const KIND: u8>(class: &Class, octets: &[u8]) -> usize {
    let mut plain = 0;
    while let Some(block) = block_at(octets, plain) {
        let special = special::<KIND>(class, load(block));
        if special != 0 {
            return plain + special.trailing_zeros() as usize;
        }
        plain += WIDTH;
    }
    let (block, len) = first_block(&octets[plain..]);
    let special = special::<KIND>(class, block);
    plain + len.min(special.trailing_zeros()) as usize
}

#[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
fn stuff<const KIND: u8>(class: &Class, octets: &[u8], out: &mut [MaybeUninit<u8>]) -> Stuffed {
    let mut done = Stuffed::default();
    while let (Some(block), Some(room)) = (block_at(octets, done.read), room_at(out, done.written)) {
        let block = load(block);
        let escapes = special::<KIND>(class, block);
        put_stuffed(block, escapes, room);
        done.read += WIDTH;
        done.written += WIDTH + escapes.count_ones() as usize;
    }
    if let Some(room) = room_at(out, done.written) {
        let (block, len) = first_block(&octets[done.read..]);
        let escapes = special::<KIND>(class, block) & first_bits(len);
        put_stuffed(block, escapes, room);
        done.read += len as usize;
        done.written += (len + escapes.count_ones()) as usize;
    }
    done
}

/// Stuffs the block. What is behind the octets that count is written too.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi2,bmi2,popcnt")]
fn put_stuffed(block: __m512i, escapes: u64, room: &mut [MaybeUninit<u8>; STUFF_ROOM]) {
    let octets = _mm512_xor_si512(block, _mm512_maskz_set1_epi8(escapes, ESCAPE_XOR as i8));
    let (first, last) = (escapes as u32, (escapes >> 32) as u32);
    put_half(octets, first, room, 0);
    let octets = _mm512_castsi256_si512(_mm512_extracti64x4_epi64::<1>(octets));
    put_half(octets, last, room, WIDTH / 2 + first.count_ones() as usize);
}

/// The first thirty-two octets, with a Control Escape before each of `escapes`.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi2,bmi2")]
fn put_half(octets: __m512i, escapes: u32, room: &mut [MaybeUninit<u8>; STUFF_ROOM], at: usize) {
    // For every octet a place before it and its own; of those before, the ones for a Control Escape remain.
    const OWN: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let own = _pext_u64(OWN, OWN | _pdep_u64(escapes.into(), !OWN));
    let stuffed = _mm512_mask_expand_epi8(_mm512_set1_epi8(ESCAPE as i8), own, octets);
    let room: &mut [MaybeUninit<u8>] = &mut room[at..at + WIDTH];
    // SAFETY: the slice is sixty-four octets long, and needs no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), stuffed) };
}

#[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
fn unstuff<const KIND: u8>(
    class: &Class,
    escaped: bool,
    stuffed: &[u8],
    out: &mut [MaybeUninit<u8>],
) -> Undone {
    let mut undone = Undone { escaped, ..Undone::default() };
    while let (Some(block), Some(room)) = (block_at(stuffed, undone.read), room_at(out, undone.written)) {
        let block = load(block);
        if _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(FLAG as i8)) != 0 {
            break;
        }
        // So many is known beforehand, and the next block need not wait for it.
        put_unstuffed::<KIND>(class, stuffed, block, WIDTH as u32, &mut undone, room);
    }
    // Less than a block, or one with a flag.
    if let Some(room) = room_at(out, undone.written) {
        let (block, len) = first_block(&stuffed[undone.read..]);
        let flags = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(FLAG as i8));
        let len = len.min(flags.trailing_zeros());
        put_unstuffed::<KIND>(class, stuffed, block, len, &mut undone, room);
    }
    undone
}

/// Unstuffs the first `len` octets of `block`, where no flag stands among them; in `stuffed` they are those behind what
/// is `undone`. What is behind the octets that count is written too.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
fn put_unstuffed<const KIND: u8>(
    class: &Class,
    stuffed: &[u8],
    block: __m512i,
    len: u32,
    undone: &mut Undone,
    room: &mut [MaybeUninit<u8>; UNSTUFF_ROOM],
) {
    let valid = first_bits(len);
    let escapes = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(ESCAPE as i8)) & valid;
    let behind = escapes << 1 | u64::from(undone.escaped);
    let dropped = if KIND == kind::PAIR { 0 } else { special::<KIND>(class, block) & valid & !escapes };
    if dropped | (escapes & behind) != 0 {
        let read = undone.read;
        undone.step(class, &stuffed[read..read + len as usize], room);
        return;
    }
    let octets = _mm512_xor_si512(block, _mm512_maskz_set1_epi8(behind, ESCAPE_XOR as i8));
    let octets = _mm512_maskz_compress_epi8(valid & !escapes, octets);
    // SAFETY: the room is sixty-four octets long, and needs no alignment.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), octets) };
    undone.read += len as usize;
    undone.written += (len - escapes.count_ones()) as usize;
    undone.escaped = match len {
        64 => escapes >> 63 == 1,
        _ => behind >> len & 1 == 1,
    };
}

/// Bit *n* for octet *n*, if it is of the class.
#[inline]
#[target_feature(enable = "avx512bw")]
fn special<const KIND: u8>(class: &Class, octets: __m512i) -> u64 {
    if KIND == kind::ANY {
        let nibble = _mm512_set1_epi8(0xf);
        let low = _mm512_and_si512(octets, nibble);
        let high = _mm512_and_si512(_mm512_srli_epi16(octets, 4), nibble);
        let set = _mm512_mask_blend_epi8(
            _mm512_movepi8_mask(octets),
            _mm512_shuffle_epi8(load_table(&class.nibbles.low), low),
            _mm512_shuffle_epi8(load_table(&class.nibbles.high), low),
        );
        // 1 << (high & 7)
        let bits = _mm512_set1_epi64(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
        return _mm512_test_epi8_mask(set, _mm512_shuffle_epi8(bits, high));
    }
    let pair =
        _mm512_cmple_epu8_mask(_mm512_sub_epi8(octets, _mm512_set1_epi8(ESCAPE as i8)), _mm512_set1_epi8(1));
    if KIND == kind::PAIR {
        return pair;
    }
    pair | _mm512_cmple_epu8_mask(octets, _mm512_set1_epi8(0x1f))
}

/// As [`Folding::update`], of at least four octets.
#[target_feature(enable = "avx512bw,avx512vbmi2,vpclmulqdq,pclmulqdq")]
pub(crate) fn fold(folding: &Folding, register: u32, octets: &[u8]) -> u32 {
    /// Blocks of 64 octets folded beside each other.
    const LANES: usize = 4;
    // By how many blocks of 64 octets.
    let pair = |blocks: usize| load_pair(&folding.by_blocks[4 * blocks - 1]);

    // As in `sse42`: the head behind zeros, and the register added to the first four octets of all.
    let (head, blocks) = octets.as_rchunks::<WIDTH>();
    let behind_zeros = !(u64::MAX >> head.len());
    let head_len = head.len();
    let (head, _) = first_block(head);
    let head = _mm512_xor_si512(head, _mm512_zextsi128_si512(_mm_cvtsi32_si128(register as i32)));
    let mut folded = _mm512_maskz_expand_epi8(behind_zeros, head);
    let pending = u64::from(register) >> (8 * head_len.min(4));
    let mut pending = _mm512_zextsi128_si512(_mm_cvtsi64_si128(pending as i64));

    let (groups, blocks) = blocks.as_chunks::<LANES>();
    if let Some((first, groups)) = groups.split_first() {
        let mut lanes = [load(&first[0]), load(&first[1]), load(&first[2]), load(&first[3])];
        lanes[0] = _mm512_xor_si512(lanes[0], step(folded, pair(1), pending));
        let by_group = pair(LANES);
        for group in groups {
            for (lane, block) in lanes.iter_mut().zip(group) {
                *lane = step(*lane, by_group, load(block));
            }
        }
        pending = _mm512_setzero_si512();
        folded = step(lanes[0], pair(3), step(lanes[1], pair(2), step(lanes[2], pair(1), lanes[3])));
    }
    for block in blocks {
        folded = step(folded, pair(1), _mm512_xor_si512(load(block), pending));
        pending = _mm512_setzero_si512();
    }

    // The first three quarters by their distance to the last, which is added as it is.
    let by_distance = load_pairs(&folding.to_the_last_quarter);
    let last = _mm512_maskz_mov_epi64(0b1100_0000, folded);
    let sums = step(folded, by_distance, last);
    let halves = _mm256_xor_si256(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums));
    let sum = _mm_xor_si128(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
    sse42::reduce(folding, sum)
}

/// `folded` moved by what `pair` stands for, and `next` added.
#[inline]
#[target_feature(enable = "avx512f,vpclmulqdq")]
fn step(folded: __m512i, pair: __m512i, next: __m512i) -> __m512i {
    /// Of three operands, those of which an odd number is one.
    const XOR: i32 = 0x96;
    let first = _mm512_clmulepi64_epi128::<0x00>(folded, pair);
    let last = _mm512_clmulepi64_epi128::<0x11>(folded, pair);
    _mm512_ternarylogic_epi64::<XOR>(first, last, next)
}

/// The first block, zeros behind the octets where they are fewer, and how many they are.
#[inline]
#[target_feature(enable = "avx512bw")]
fn first_block(octets: &[u8]) -> (__m512i, u32) {
    let len = octets.len().min(WIDTH) as u32;
    // SAFETY: no more octets are read than the mask has bits, and there are so many.
    (unsafe { _mm512_maskz_loadu_epi8(first_bits(len), octets.as_ptr().cast()) }, len)
}

/// The lowest `len` bits; at most all.
#[inline]
fn first_bits(len: u32) -> u64 {
    match len {
        0 => 0,
        _ => u64::MAX >> (64 - len),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(octets: &[u8; WIDTH]) -> __m512i {
    // SAFETY: they are sixty-four, and need no alignment.
    unsafe { _mm512_loadu_si512(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_table(table: &[u8; 16]) -> __m512i {
    // SAFETY: it has sixteen octets, and needs no alignment.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_pair(pair: &[u64; 2]) -> __m512i {
    // SAFETY: they are sixteen octets.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(pair.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_pairs(pairs: &[[u64; 2]; 4]) -> __m512i {
    // SAFETY: they are sixty-four octets.
    unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) }
}
