//! Wraps texts of a model into the lines of a label, without control characters.

use crate::model::sanitize_for_terminal;

/// The length of a line. Mermaid itself breaks longer ones at 200 pixels, between any words.
const LINE_CHARS: usize = 25;
/// A longer word is truncated.
const WORD_CHARS_MAX: usize = 60;
/// A longer heading is truncated.
const HEADING_CHARS_MAX: usize = 120;
/// Further lines of a text are left out.
const LINES_MAX: usize = 12;

pub(super) fn wrap_prose(text: &str) -> Vec<String> {
    wrap_words(&text.split_whitespace().collect::<Vec<_>>(), &[])
}

/// Prose on one line.
pub(super) fn heading(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(sanitize_for_terminal).collect();
    truncate(&words.join(" "), HEADING_CHARS_MAX)
}

/// A condition, broken before `&&` and `||`; lines that are still too long before comparison operators; and only
/// then at other white space.
pub(super) fn wrap_condition(text: &str) -> Vec<String> {
    wrap_words(&split_words(text), &[&["&&", "||"], &["<", "<=", ">", ">=", "==", "!="]])
}

/// Splits at white space outside quotes. The condition has been parsed before, so all quotes are closed.
fn split_words(text: &str) -> Vec<&str> {
    let (mut words, mut begin) = (Vec::new(), None);
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && quote.is_none() {
            words.extend(begin.take().map(|begin| &text[begin..at]));
            continue;
        }
        begin.get_or_insert(at);
        quote = match quote {
            None if matches!(c, '\'' | '"') => Some(c),
            Some(open) if c == open && !escaped => None,
            same => same,
        };
        escaped = c == '\\' && !escaped;
    }
    words.extend(begin.map(|begin| &text[begin..]));
    words
}

/// Wraps words into lines. `breaks` are groups of words before which a line is preferably broken, the best first.
fn wrap_words(words: &[&str], breaks: &[&[&str]]) -> Vec<String> {
    let mut lines = vec![String::new()];
    fill_lines(&mut lines, words, breaks);
    lines.retain(|line| !line.is_empty());
    if lines.len() > LINES_MAX {
        lines.truncate(LINES_MAX);
        lines.push("…".to_owned());
    }
    lines
}

fn fill_lines(lines: &mut Vec<String>, words: &[&str], breaks: &[&[&str]]) {
    let whole = words.join(" ");
    if fits(lines.last(), &whole) {
        append(lines, &whole);
        return;
    }
    let Some((breaks, rest)) = breaks.split_first() else {
        for word in words {
            if !fits(lines.last(), word) {
                lines.push(String::new());
            }
            append(lines, word);
        }
        return;
    };
    for part in words.chunk_by(|_, next| !breaks.contains(next)) {
        if !fits(lines.last(), &part.join(" ")) {
            lines.push(String::new());
        }
        fill_lines(lines, part, rest);
    }
}

fn fits(line: Option<&String>, more: &str) -> bool {
    let length = |text: &str| text.chars().count();
    line.is_some_and(|line| {
        let space = usize::from(!line.is_empty());
        length(line) + space + length(more) <= LINE_CHARS
    })
}

fn append(lines: &mut [String], more: &str) {
    let Some(line) = lines.last_mut() else { return };
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(&truncate(&sanitize_for_terminal(more), WORD_CHARS_MAX));
}

fn truncate(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
