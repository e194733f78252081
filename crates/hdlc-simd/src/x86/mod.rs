//! x86-64.
// The operands of these instructions are signed, for no reason; octets are not.
#![allow(clippy::cast_possible_wrap)]

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sse42;
