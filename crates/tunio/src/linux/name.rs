//! What the kernel takes for an interface's name (net/core/dev.c, `dev_valid_name` and `__dev_alloc_name`).

use super::ioctl::{IFNAMSIZ, InterfaceName};
use crate::TunError;

/// The name or pattern in the form the kernel takes it, or the rule it breaks.
pub(super) fn check(name: &str) -> Result<InterfaceName, TunError> {
    let broken = |why| Err(TunError::InvalidName { name: name.to_owned(), why });
    if name.is_empty() || name == "." || name == ".." {
        return broken("it must be a word");
    }
    if name.bytes().any(|octet| matches!(octet, b'/' | b':' | 0) || octet.is_ascii_whitespace()) {
        return broken("it must not contain '/', ':', NUL or white space");
    }
    match name.split_once('%') {
        None => {}
        Some((_, rest)) if rest.starts_with('d') && !rest.contains('%') => {}
        Some(_) => return broken("'%' may stand in it only once, as \"%d\""),
    }
    // The octet that ends the string counts.
    InterfaceName::new(name).map_or_else(|| broken(const { TOO_LONG }), Ok)
}

const TOO_LONG: &str = {
    assert!(IFNAMSIZ == 16);
    "it must not be longer than 15 octets"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_that_the_kernel_takes_pass() {
        for name in ["ppp0", "ppp%d", "a", "tun-0.1_x", "fifteen-octets!", "%d"] {
            assert_eq!(check(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn names_that_the_kernel_refuses_are_refused_with_the_rule() {
        for (name, word) in [
            ("", "word"),
            (".", "word"),
            ("..", "word"),
            ("a/b", "'/'"),
            ("a:1", "':'"),
            ("a b", "white space"),
            ("a\0b", "NUL"),
            ("ppp%s", "%d"),
            ("ppp%", "%d"),
            ("p%dp%d", "%d"),
            ("sixteen-octets!!", "15"),
        ] {
            let text = check(name).unwrap_err().to_string();
            assert!(text.contains(word), "{name:?}: {text}");
        }
    }
}
