//! The CRC register behind a run of octets, by carry-less multiplication.
//!
//! ```text
//! A·x^D + B  ≡  A·(x^D mod P) + B      (mod P)
//! ```
//!
//! Sixteen octets A that stand D bits before sixteen others B may be multiplied by a constant and added to them. So all is
//! folded into the last sixteen; these are folded once more and reduced as Barrett does (Gopal et al., "Fast CRC Computation
//! for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). Registers and octets are reflected: the lowest bit
//! of the first octet is the highest power.
#![allow(unsafe_code)]

use crate::Isa;

/// The blocks that are folded into each other, in octets.
const BLOCK: usize = 16;
/// Below this, the table is quicker than any folding.
const MIN_LEN: usize = 32;

/// The constants of a polynomial of degree 32 or less.
#[derive(Debug, Clone)]
pub struct Folding {
    /// By how many blocks less one: what the first eight octets of a block are multiplied by, and the last eight.
    pub(crate) by_blocks: [[u64; 2]; 16],
    /// For four blocks beside each other: by three, two, one and none; the last is not moved, but left out.
    #[cfg_attr(target_arch = "aarch64", expect(dead_code))]
    pub(crate) to_the_last_quarter: [[u64; 2]; 4],
    /// What the first eight octets of a block are multiplied by to stand four octets behind it, where the register will be,
    /// and what the first four of the twelve that this leaves.
    pub(crate) to_the_register: [u64; 2],
    /// The quotient of x^64 and the polynomial, and the polynomial, both whole.
    pub(crate) barrett: [u64; 2],
}

impl Folding {
    /// For the polynomial whose reflected form without its highest power is this: 0x8408 for the 16-bit FCS,
    /// `0xedb8_8320` for the 32-bit one.
    pub const fn new(reflected: u32) -> Folding {
        let mut by_blocks = [[0; 2]; 16];
        let mut blocks = 0;
        while blocks < 16 {
            let distance = 8 * BLOCK as u32 * (blocks as u32 + 1);
            // Multiplying two reflected factors of 64 bits gives the reflected product times x.
            by_blocks[blocks] = [power(reflected, distance + 64 - 1), power(reflected, distance - 1)];
            blocks += 1;
        }
        Folding {
            by_blocks,
            to_the_last_quarter: [by_blocks[2], by_blocks[1], by_blocks[0], [0; 2]],
            to_the_register: [power(reflected, 64 + 32 - 1), power(reflected, 64 - 1)],
            barrett: [quotient(reflected), (reflected as u64) << 1 | 1],
        }
    }

    /// What `octets` make of a register; `None` where the instruction set in use cannot fold, or so few are not worth it.
    #[inline]
    pub fn update(&self, register: u32, octets: &[u8]) -> Option<u32> {
        self.update_unchecked(Isa::in_use(), register, octets)
    }

    /// The same with a certain instruction set.
    ///
    /// # Panics
    ///
    /// When the processor does not have it.
    pub fn update_with(&self, isa: Isa, register: u32, octets: &[u8]) -> Option<u32> {
        isa.require();
        self.update_unchecked(isa, register, octets)
    }

    /// The processor must have `isa`.
    #[inline]
    fn update_unchecked(&self, isa: Isa, register: u32, octets: &[u8]) -> Option<u32> {
        if octets.len() < MIN_LEN {
            return None;
        }
        match isa {
            // SAFETY: these are what makes the instruction set available.
            #[cfg(target_arch = "x86_64")]
            Isa::Sse42 => Some(unsafe { crate::x86::sse42::fold(self, register, octets) }),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Some(unsafe { crate::x86::avx2::fold(self, register, octets) }),
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Some(unsafe { crate::x86::avx512::fold(self, register, octets) }),
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Some(unsafe { crate::neon::fold(self, register, octets) }),
            _ => None,
        }
    }
}

/// x^n modulo the polynomial, as the upper half of a reflected factor of 64 bits.
const fn power(reflected: u32, n: u32) -> u64 {
    let mut register = 1_u32 << 31;
    let mut done = 0;
    while done < n {
        register = if register & 1 == 1 { register >> 1 ^ reflected } else { register >> 1 };
        done += 1;
    }
    (register as u64) << 32
}

/// x^64 divided by the polynomial, reflected in 33 bits.
const fn quotient(reflected: u32) -> u64 {
    let polynomial = 1_u128 << 32 | reflected.reverse_bits() as u128;
    let (mut rest, mut quotient) = (1_u128 << 64, 0_u64);
    let mut power = 33;
    while power > 0 {
        power -= 1;
        if rest >> (32 + power) & 1 == 1 {
            quotient |= 1 << power;
            rest ^= polynomial << power;
        }
    }
    quotient.reverse_bits() >> 31
}
