//! Lines into words, as ppp's command parser does it.

/// ppp takes no more words than this in one command.
const MAX_WORDS: usize = 40;

/// Why a line is not a list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// A quotation mark without its partner.
    #[error("a quotation mark is not closed: write a second \", or \\\" for the character itself")]
    Quote,
    /// Too many of them.
    #[error("more than 40 words: quote what belongs together")]
    TooMany,
}

/// The words of `line`: separated by blanks, joined by quotation marks; a backslash makes the next character an ordinary
/// one. With `comments`, an unquoted `#` ends the line.
pub fn split(line: &str, comments: bool) -> Result<Vec<String>, BadWords> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' | '\t' if !quoted => words.extend(word.take()),
            '#' if comments && !quoted => break,
            _ => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    match (quoted, words.len()) {
        (true, _) => Err(BadWords::Quote),
        (false, count) if count > MAX_WORDS => Err(BadWords::TooMany),
        (false, _) => Ok(words),
    }
}

/// `line` with `$NAME`, `${NAME}` and a `~` before a slash or the end replaced by what `env` says. `\$`, `\~` and `$$` are
/// the characters themselves; a variable that is not set is empty.
pub(super) fn expand(line: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '\\' => {
                let next = rest.chars().next();
                // Every other escape is for `split`.
                if !matches!(next, Some('$' | '~')) {
                    out.push('\\');
                }
                out.extend(next);
                rest = &rest[next.map_or(0, char::len_utf8)..];
            }
            '$' => rest = variable(rest, &mut out, env),
            '~' if rest.is_empty() || rest.starts_with(['/', ' ', '\t']) => match env("HOME") {
                Some(home) => out.push_str(&home),
                None => out.push('~'),
            },
            _ => out.push(char),
        }
    }
    out
}

/// Puts the variable that `rest` begins with behind `out`; what is left of `rest`.
fn variable<'t>(rest: &'t str, out: &mut String, env: &dyn Fn(&str) -> Option<String>) -> &'t str {
    let (name, left) = if let Some(left) = rest.strip_prefix('$') {
        ("", left)
    } else if let Some((name, left)) = rest.strip_prefix('{').and_then(|braced| braced.split_once('}'))
        && !name.is_empty()
    {
        (name, left)
    } else {
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
        rest.split_at(end)
    };
    if name.is_empty() {
        out.push('$');
    } else {
        out.extend(env(name));
    }
    left
}

/// `word` with each variable that stands alone in it replaced, once: what is put in is not looked at again. A backslash
/// before a variable keeps it and goes.
pub(super) fn substitute(word: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let in_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = rest.find(|char| !in_word(char)).unwrap_or(rest.len());
        let (name, left) = rest.split_at(end);
        match value(name) {
            Some(_) if out.ends_with('\\') => {
                out.pop();
                out.push_str(name);
            }
            Some(value) => out.push_str(&value),
            None => out.push_str(name),
        }
        let between = left.find(in_word).unwrap_or(left.len());
        out.push_str(&left[..between]);
        rest = &left[between..];
    }
    out
}
