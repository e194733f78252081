//! `AT_SECURE`: the kernel's word on whether this program was given rights that its caller has not.
#![allow(unsafe_code)]

/// Whether the kernel set `AT_SECURE` in the auxiliary vector (getauxval(3)): the program file gave the process a
/// user id, a group id or capabilities.
///
/// `/proc/self/auxv` would say the same, but is root's own in just that case.
pub(crate) fn at_secure() -> bool {
    // SAFETY: getauxval takes any number, touches no memory of ours and has no preconditions.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
