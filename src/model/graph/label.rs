//! Texts of a model as lines of a label: short enough for a picture, and free of what is not to be seen.

use crate::model::sanitize_for_terminal;

/// How long a line may become; a longer one Mermaid breaks itself, at 200 pixels and less sensibly.
const LINE_CHARS: usize = 25;
/// Where a word that is longer than a line is cut.
const WORD_CHARS_MAX: usize = 60;
/// Where a heading is cut.
const HEADING_CHARS_MAX: usize = 120;
/// Most lines of one text.
const LINES_MAX: usize = 12;

/// A text for people.
pub(super) fn wrap_prose(text: &str) -> Vec<String> {
    wrap_words(&text.split_whitespace().collect::<Vec<_>>(), &[])
}

/// A text for people on one line.
pub(super) fn heading(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(sanitize_for_terminal).collect();
    truncate(&words.join(" "), HEADING_CHARS_MAX)
}

/// A condition. It is broken before `&&` and `||`, where that is not enough before what compares, and only then
/// elsewhere.
pub(super) fn wrap_condition(text: &str) -> Vec<String> {
    wrap_words(
        &split_words(text),
        &[&["&&", "||"], &["<", "<=", ">", ">=", "==", "!="]],
    )
}

/// What white space separates; a text in quotes stays whole. The condition has been parsed, so quotes close.
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

/// The words on lines. `breaks` are the words before which a line is rather broken than elsewhere, the best first.
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
    line.is_some_and(|line| match line.is_empty() {
        true => length(more) <= LINE_CHARS,
        false => length(line) + 1 + length(more) <= LINE_CHARS,
    })
}

fn append(lines: &mut [String], more: &str) {
    let Some(line) = lines.last_mut() else { return };
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(&truncate(&sanitize_for_terminal(more), WORD_CHARS_MAX));
}

fn truncate(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
