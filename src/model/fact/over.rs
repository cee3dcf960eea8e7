//! `… over 90d`: finds and parses the window of a declaration.

use std::ops::Range;

use super::fault::Fault;
use super::window::{Bucket, Window};
use crate::event::Millis;

/// A window in a condition, where none is allowed.
pub(crate) fn find_misplaced(text: &str) -> Option<Fault> {
    let span = find_keyword(text, &["over"])?;
    Some(Fault {
        span,
        message: "a fact with a window needs a name".to_owned(),
        help: Some("write `name: count(order_completed) over 30d` under `facts:`".to_owned()),
    })
}

/// The declaration up to `over`, and the byte range of the window after it.
pub(super) fn split_window(text: &str) -> (&str, Option<Range<usize>>) {
    match find_keyword(text, &["over"]) {
        Some(over) => (&text[..over.start], Some(trimmed_rest(text, over.end))),
        None => (text, None),
    }
}

/// Parses `90d`, or `30d before 30d`.
pub(super) fn parse_window(text: &str, span: Range<usize>) -> Result<Window, Fault> {
    let within = &text[span.clone()];
    let (length, shift) = match find_keyword(within, &["before"]) {
        Some(before) => {
            let shift = trimmed_rest(text, span.start + before.end);
            let end = span.start + within[..before.start].trim_end().len();
            (span.start..end, Some(shift))
        }
        None => (span, None),
    };
    let window = parse_length(text, length, "the length of the window is missing", |length| {
        Window::from_length(length)
            .ok_or("up to 72h in whole hours, longer ones in whole days up to 3660d")
    })?;
    match shift {
        None => Ok(window),
        Some(shift) => {
            parse_length(text, shift, "the duration after `before` is missing", |shift| {
                window.shifted_back(shift).ok_or(match window.bucket {
                Bucket::Hour => "a window up to 72h is moved back by whole hours up to 744h",
                Bucket::Day => {
                    "a window longer than 72h is moved back by whole days; both together are at most 3660d"
                }
            })
            })
        }
    }
}

fn parse_length(
    text: &str,
    span: Range<usize>,
    missing: &str,
    to_window: impl Fn(Millis) -> Result<Window, &'static str>,
) -> Result<Window, Fault> {
    let length = &text[span.clone()];
    let message = match length {
        "" => missing.to_owned(),
        _ => format!("`{length}` is not a valid window length"),
    };
    let help = match Millis::parse(length).map(to_window) {
        Some(Ok(window)) => return Ok(window),
        Some(Err(help)) => help,
        None => "up to 72h in whole hours, longer ones in whole days up to 3660d",
    };
    Err(Fault { span, message, help: Some(help.to_owned()) })
}

/// A window that begins with another word than `over`.
pub(super) fn find_wrong_keyword(text: &str) -> Option<Fault> {
    let word = find_keyword(text, &["in", "within", "during", "for"])?;
    let length = trimmed_rest(text, word.end);
    Millis::parse(&text[length.clone()])?;
    Some(Fault {
        message: format!("`{}` does not begin a window", &text[word.clone()]),
        help: Some(format!("write `over {}`", &text[length.clone()])),
        span: word.start..length.end,
    })
}

/// The byte range of the text after `from`, without surrounding white space.
fn trimmed_rest(text: &str, from: usize) -> Range<usize> {
    let end = text.trim_end().len().max(from);
    let start = end - text[from..end].trim_start().len();
    start..end
}

/// The last occurrence of one of `words` as a whole word outside quotes.
fn find_keyword(text: &str, words: &[&str]) -> Option<Range<usize>> {
    let (mut last, mut quote, mut before) = (None, None, ' ');
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if before == '\\' => {}
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None if is_word_char(before) => {}
            None => {
                let is = |word: &&str| {
                    let after = text[at..].strip_prefix(*word);
                    after.is_some_and(|after| !after.starts_with(is_word_char))
                };
                if let Some(word) = words.iter().find(|word| is(word)) {
                    last = Some(at..at + word.len());
                }
            }
        }
        // An escaped backslash does not escape the next character.
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    last
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '(')
}
