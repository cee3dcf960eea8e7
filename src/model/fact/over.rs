//! `… over 90d`: where the window of a declaration stands, and what it says.

use std::ops::Range;

use super::{Bucket, Fault, Window};
use crate::event::Millis;

/// Where a window stands in a text that can have none: a condition.
pub(crate) fn find_misplaced(text: &str) -> Option<Fault> {
    let found = find_keyword(text, &["over"])?;
    Some(Fault {
        span: found,
        message: "a fact with a window needs a name".to_owned(),
        help: Some("write `name: count(order_completed) over 30d` under `facts:`".to_owned()),
    })
}

/// Cuts a declaration before its `over`; with the bytes of the length after it.
pub(super) fn split_window(text: &str) -> (&str, Option<Range<usize>>) {
    match find_keyword(text, &["over"]) {
        Some(found) => (&text[..found.start], Some(trimmed_rest(text, found.end))),
        None => (text, None),
    }
}

/// Reads `90d`, or `30d before 30d`.
pub(super) fn parse_window(text: &str, span: Range<usize>) -> Result<Window, Fault> {
    let within = &text[span.clone()];
    let (length, shift) = match find_keyword(within, &["before"]) {
        Some(found) => {
            let shift = trimmed_rest(text, span.start + found.end);
            let end = span.start + within[..found.start].trim_end().len();
            (span.start..end, Some(shift))
        }
        None => (span, None),
    };
    let window = parse_length(
        text,
        length,
        "the length of the window is missing",
        |length| {
            Window::from_length(length)
                .ok_or("up to 72h in whole hours, longer ones in whole days up to 3660d")
        },
    )?;
    match shift {
        None => Ok(window),
        Some(shift) => parse_length(text, shift, "how long before is missing", |shift| {
            window.shifted_back(shift).ok_or(match window.bucket {
                Bucket::Hour => "a window up to 72h is moved back by whole hours up to 744h",
                Bucket::Day => {
                    "a window longer than 72h is moved back by whole days; both together are at most 3660d"
                }
            })
        }),
    }
}

fn parse_length(
    text: &str,
    span: Range<usize>,
    missing: &str,
    take: impl Fn(Millis) -> Result<Window, &'static str>,
) -> Result<Window, Fault> {
    let length = &text[span.clone()];
    let message = match length {
        "" => missing.to_owned(),
        _ => format!("`{length}` is no length for a window"),
    };
    let help = match Millis::parse(length).map(take) {
        Some(Ok(window)) => return Ok(window),
        Some(Err(help)) => help,
        None => "up to 72h in whole hours, longer ones in whole days up to 3660d",
    };
    Err(Fault {
        span,
        message,
        help: Some(help.to_owned()),
    })
}

/// A window that is written with another word.
pub(super) fn find_wrong_keyword(text: &str) -> Option<Fault> {
    let found = find_keyword(text, &["in", "within", "during", "for"])?;
    let length = trimmed_rest(text, found.end);
    Millis::parse(&text[length.clone()])?;
    Some(Fault {
        message: format!("`{}` begins no window", &text[found.clone()]),
        help: Some(format!("write `over {}`", &text[length.clone()])),
        span: found.start..length.end,
    })
}

/// What is left of the text, without the space around it.
fn trimmed_rest(text: &str, from: usize) -> Range<usize> {
    let end = text.trim_end().len().max(from);
    let start = end - text[from..end].trim_start().len();
    start..end
}

/// The last of these words that stands by itself, outside quotes.
fn find_keyword(text: &str, words: &[&str]) -> Option<Range<usize>> {
    let (mut found, mut quote, mut before) = (None, None, ' ');
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

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '(')
}
