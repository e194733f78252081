//! Which instruction set does the work: chosen once, by what the processor has.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A set of vector instructions, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Words of the machine, and `memchr` for searches.
    Portable,
    /// x86-64 with SSE4.2, POPCNT and PCLMULQDQ: 16 octets at a time.
    Sse42,
    /// x86-64 with AVX2, BMI1 and BMI2 besides: 32 octets are classified at a time.
    Avx2,
    /// x86-64 with AVX-512 BW, VBMI2 and VPCLMULQDQ besides: 64 octets at a time, moved by expansion and compression.
    Avx512,
    /// AArch64 with PMULL: 16 octets at a time.
    Neon,
}

/// The place in [`Isa::ALL`] of the one in use; `UNCHOSEN` before the first question.
static IN_USE: AtomicUsize = AtomicUsize::new(UNCHOSEN);
const UNCHOSEN: usize = usize::MAX;

impl Isa {
    /// All of them, the better ones later.
    pub const ALL: [Isa; 5] = [Isa::Portable, Isa::Sse42, Isa::Avx2, Isa::Avx512, Isa::Neon];

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Sse42 => {
                is_x86_feature_detected!("sse4.2")
                    && is_x86_feature_detected!("popcnt")
                    && is_x86_feature_detected!("pclmulqdq")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                Isa::Sse42.is_available()
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("vpclmulqdq")
            }
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => {
                std::arch::is_aarch64_feature_detected!("neon")
                    && std::arch::is_aarch64_feature_detected!("aes")
            }
            #[allow(unreachable_patterns)] // which remain depends on the architecture
            _ => false,
        }
    }

    /// Those this processor has, the better ones later.
    pub fn available() -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The best one this processor has, or the one that [`prefer`](Isa::prefer) has put in its place.
    pub fn in_use() -> Isa {
        if let Some(&isa) = Isa::ALL.get(IN_USE.load(Ordering::Relaxed)) {
            return isa;
        }
        let best = Isa::available().last().unwrap_or(Isa::Portable);
        best.prefer();
        best
    }

    /// Puts this one in use in the whole process, for classes made and check sequences begun from now on: for measuring.
    ///
    /// # Panics
    ///
    /// When the processor does not have it.
    pub fn prefer(self) {
        self.require();
        let at = Isa::ALL.iter().position(|&isa| isa == self);
        IN_USE.store(at.unwrap_or(UNCHOSEN), Ordering::Relaxed);
    }

    /// Every way to an instruction set's own functions leads through here.
    pub(crate) fn require(self) {
        assert!(self.is_available(), "this processor lacks {self}; choose one of Isa::available()");
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isa::Portable => "portable",
            Isa::Sse42 => "sse4.2",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512-vbmi2",
            Isa::Neon => "neon",
        })
    }
}
