//! A text as a value in YAML.

/// As plain as it can stand, in brackets or not.
pub(super) fn quote_scalar(text: &str) -> String {
    let inside =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+' | '@' | '>');
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inside)
        && !text.ends_with(':')
        && text != "null";
    match plain {
        true => text.to_owned(),
        false => double_quoted(text),
    }
}

/// In the quotes of the value in whose place it comes.
pub(super) fn quote_scalar_like(before: &str, text: &str) -> String {
    match before.chars().next() {
        Some('\'') if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', "''")),
        Some('\'' | '"') => double_quoted(text),
        _ => quote_scalar(text),
    }
}

/// JSON's texts are YAML's.
fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether this stretch of a file is surely the plain or quoted text that was read there.
pub(super) fn is_source_of(written: &str, text: &str) -> bool {
    let inner = |quote: char| written.strip_prefix(quote)?.strip_suffix(quote);
    let one_line = !written.contains(['\n', '\r']);
    one_line
        && match written.chars().next() {
            Some('\'') => inner('\'').is_some_and(|inner| inner.replace("''", "'") == text),
            Some('"') => inner('"').is_some_and(|inner| inner.contains('\\') || inner == text),
            _ => written == text,
        }
}

/// How long the quoted text is that a stretch of a file begins with.
pub(super) fn quoted_scalar_len(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        let escapes = match quote {
            '"' => c == '\\',
            _ => c == quote && rest.peek().is_some_and(|(_, next)| *next == quote),
        };
        match escapes {
            true => drop(rest.next()),
            false if c == quote => return Some(at + 1),
            false => {}
        }
    }
    None
}
