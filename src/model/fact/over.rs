//! `… over 90d`: where the window of a declaration stands, and what it says.

use std::ops::Range;

use super::{Fault, Window};
use crate::event::Millis;

/// Cuts a declaration before its `over`; with the bytes of the length after it.
pub(super) fn split(text: &str) -> (&str, Option<Range<usize>>) {
    match word(text, &["over"]) {
        Some(found) => (&text[..found.start], Some(rest(text, found.end))),
        None => (text, None),
    }
}

pub(super) fn window(text: &str, span: Range<usize>) -> Result<Window, Fault> {
    let length = &text[span.clone()];
    let message = match length {
        "" => "the length of the window is missing".to_owned(),
        _ => format!("`{length}` is no length for a window"),
    };
    let window = Millis::parse(length).and_then(Window::of);
    window.ok_or_else(|| Fault {
        span,
        message,
        help: Some("up to 72h in whole hours, longer ones in whole days up to 3660d".to_owned()),
    })
}

/// A window that is written with another word.
pub(super) fn other_word(text: &str) -> Option<Fault> {
    let found = word(text, &["in", "within", "during", "for"])?;
    let length = rest(text, found.end);
    Millis::parse(&text[length.clone()])?;
    Some(Fault {
        message: format!("`{}` begins no window", &text[found.clone()]),
        help: Some(format!("write `over {}`", &text[length.clone()])),
        span: found.start..length.end,
    })
}

/// What is left of the text, without the space around it.
fn rest(text: &str, from: usize) -> Range<usize> {
    let end = text.trim_end().len().max(from);
    let start = end - text[from..end].trim_start().len();
    start..end
}

/// The last of these words that stands by itself, outside quotes.
fn word(text: &str, words: &[&str]) -> Option<Range<usize>> {
    let (mut found, mut quote, mut before) = (None, None, ' ');
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if before == '\\' => {}
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if is_part(before) => {}
            None => {
                let is = |word: &&str| {
                    let after = text[at..].strip_prefix(*word);
                    after.is_some_and(|after| !after.starts_with(is_part))
                };
                found = match words.iter().find(|word| is(word)) {
                    Some(word) => Some(at..at + word.len()),
                    None => found,
                };
            }
        }
        // An escaped backslash escapes nothing.
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    found
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '(')
}
