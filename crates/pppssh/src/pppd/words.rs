//! Words of an option file: pppd(8), OPTIONS FILES.

/// A longer word is cut here, as pppd does, in octets.
pub const MAX_WORD: usize = 1023;

/// Reads one word after the other.
#[derive(Debug, Clone)]
pub struct Words<'a> {
    rest: &'a [u8],
    at_start: bool,
    begins_line: bool,
}

impl<'a> Words<'a> {
    /// The words of a file with this content.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text, at_start: true, begins_line: false }
    }

    /// Whether the word that was read last is the first of its line: secrets files are read line by line.
    pub fn begins_line(&self) -> bool {
        self.begins_line
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Skips white space, comments, and lines joined by a backslash; false at the end of the text.
    fn skip_blanks(&mut self) -> bool {
        while let Some(octet) = self.peek() {
            match octet {
                b'#' => {
                    let end = self.rest.iter().position(|&octet| octet == b'\n');
                    self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
                }
                b'\\' if self.rest.get(1) == Some(&b'\n') => self.rest = &self.rest[2..],
                _ if is_space(octet) => {
                    self.begins_line |= octet == b'\n';
                    self.rest = &self.rest[1..];
                }
                _ => return true,
            }
        }
        false
    }

    /// What stands for the character or characters behind a backslash; `None` for a line's end.
    fn escaped(&mut self) -> Option<u8> {
        let octet = self.take()?;
        Some(match octet {
            b'\n' => return None,
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b's' => b' ',
            b't' => b'\t',
            b'0'..=b'7' => self.digits(octet - b'0', 2, 8),
            b'x' => self.digits(0, 2, 16),
            other => other,
        })
    }

    /// At most `count` more digits behind `value`.
    fn digits(&mut self, mut value: u8, count: usize, radix: u8) -> u8 {
        for _ in 0..count {
            let digit = self.peek().and_then(|octet| char::from(octet).to_digit(radix.into()));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.rest = &self.rest[1..];
        }
        value
    }
}

impl Words<'_> {
    /// The next word: ended by white space or `#`, joined by quotation marks of either kind; a backslash works as in C,
    /// also inside of them. A quoted word may run to the end of the file.
    pub fn next_octets(&mut self) -> Option<Vec<u8>> {
        self.begins_line = std::mem::take(&mut self.at_start);
        if !self.skip_blanks() {
            return None;
        }
        // Room enough: a buffer that grows leaves copies of a secret behind.
        let mut word = Vec::with_capacity(MAX_WORD);
        let mut quote = None;
        while let Some(octet) = self.peek() {
            if quote.is_none() && (is_space(octet) || octet == b'#') {
                break;
            }
            self.rest = &self.rest[1..];
            let plain = match octet {
                b'\\' => self.escaped(),
                _ if quote == Some(octet) => {
                    quote = None;
                    None
                }
                b'"' | b'\'' if quote.is_none() => {
                    quote = Some(octet);
                    None
                }
                _ => Some(octet),
            };
            if word.len() < MAX_WORD {
                word.extend(plain);
            }
        }
        Some(word)
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.next_octets().map(|word| String::from_utf8_lossy(&word).into_owned())
    }
}

/// C's isspace.
fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Words::new(text.as_bytes()).collect()
    }

    #[test]
    fn blanks_and_comments_separate() {
        assert_eq!(
            words(" mru 1400 # not this\n\t#nor this\nnoauth#x\nnovj"),
            ["mru", "1400", "noauth", "novj"]
        );
        assert_eq!(words("a\\\nb \\\n c"), ["ab", "c"]);
        assert!(words(" # only\n").is_empty());
    }

    #[test]
    fn quotation_marks_of_either_kind_join() {
        assert_eq!(words(r#"pty "ssh saturn 'a b'" x"#), ["pty", "ssh saturn 'a b'", "x"]);
        assert_eq!(words(r#"'say "hi" # all' one"two three""#), ["say \"hi\" # all", "onetwo three"]);
        assert_eq!(words("\"\" x"), ["", "x"]);
        assert_eq!(words("\"to the\nend"), ["to the\nend"]);
    }

    #[test]
    fn a_backslash_works_as_in_c() {
        assert_eq!(words(r"a\ b \#x \101\x42\x4G \s\t\q\\"), ["a b", "#x", "AB\u{4}G", " \tq\\"]);
        assert_eq!(words("\"\\\"\" end\\"), ["\"", "end"]);
    }

    #[test]
    fn the_first_word_of_a_line_is_known() {
        let mut words = Words::new(b" a b # c\n\\\n d\n'x\ny' e\\\nf");
        let all = std::iter::from_fn(|| Some((words.next()?, words.begins_line())));
        let all: Vec<_> =
            all.map(|(word, begins)| format!("{}{word}", if begins { "|" } else { "" })).collect();
        assert_eq!(all, ["|a", "b", "|d", "|x\ny", "ef"]);
    }

    #[test]
    fn a_word_has_a_bound() {
        assert_eq!(words(&"x".repeat(5000))[0].len(), MAX_WORD);
    }
}
