//! Writes texts as YAML scalars.

/// A plain scalar if it is valid both in block and flow style, else a quoted one.
pub(super) fn quote_scalar(text: &str) -> String {
    let inside =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+' | '@' | '>');
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inside)
        && !text.ends_with(':')
        && text != "null";
    if plain {
        text.to_owned()
    } else {
        double_quoted(text)
    }
}

/// A scalar with the same quotes as the one that it replaces.
pub(super) fn quote_scalar_like(before: &str, text: &str) -> String {
    match before.chars().next() {
        Some('\'') if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', "''")),
        Some('\'' | '"') => double_quoted(text),
        _ => quote_scalar(text),
    }
}

/// A JSON string is a valid YAML scalar.
fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a part of a file is certainly the plain or quoted scalar that was read as `text`.
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

/// The length in bytes of the quoted scalar at the beginning of `text`.
pub(super) fn quoted_scalar_len(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = rest.next() {
        let escapes = match quote {
            '"' => c == '\\',
            _ => c == quote && rest.peek().is_some_and(|(_, next)| *next == quote),
        };
        if escapes {
            rest.next();
        } else if c == quote {
            return Some(at + 1);
        }
    }
    None
}
