//! The picture as a Mermaid flowchart, as GitHub shows it.

use std::fmt::Write;

use super::{ANY_OTHER, BEGINNING, Diagram};

/// What Mermaid reads even where each character is written as its number: a new line, a formula, an icon, and its
/// own signs for such numbers.
const SPECIAL_PAIRS: [(char, char); 5] =
    [('\\', 'n'), ('$', '$'), (':', 'f'), ('ﬂ', '°'), ('¶', 'ß')];
/// A character that is not to be seen, and has no width.
const WORD_JOINER: &str = "#8288;";
const TIME_DRIVEN_LEGEND: &str = "dotted: by time alone, when nothing happens";

/// Stages are numbered, since their names may be words of the language. All foreign text is in quotes.
pub(super) fn render(sketch: &Diagram<'_>) -> String {
    let (title, direction) = (sketch.title(), sketch.direction("TD"));
    let mut out =
        format!("---\ntitle: \"{title} ({TIME_DRIVEN_LEGEND})\"\n---\nflowchart {direction}\n");
    let mut line = |text: &str| {
        out.push_str("    ");
        out.push_str(text);
        out.push('\n');
    };
    line(&format!("start([\"{BEGINNING}\"])"));
    if sketch.has_any_other() {
        line(&format!("other([\"{ANY_OTHER}\"])"));
    }
    for (at, (stage, notes)) in sketch.model.stages.iter().zip(&sketch.notes).enumerate() {
        let name = std::iter::once(&stage.name);
        line(&format!("s{at}[\"{}\"]", escape_label(name.chain(notes))));
    }
    line(&format!("start --> s{}", sketch.model.initial));
    for arrow in &sketch.arrows {
        let from = arrow
            .from
            .map_or_else(|| "other".to_owned(), |from| format!("s{from}"));
        let shaft = if arrow.is_time_driven { "-.->" } else { "-->" };
        let label = escape_label(&arrow.label);
        line(&format!("{from} {shaft}|\"{label}\"| s{}", arrow.to));
    }
    out
}

/// Lines of a label. What could mean anything to Mermaid, to the Markdown that it reads in labels, or to the
/// page around it is written as the number of its character.
fn escape_label<'l>(lines: impl IntoIterator<Item = &'l String>) -> String {
    let mut out = String::new();
    for (number, line) in lines.into_iter().enumerate() {
        if number > 0 {
            out.push_str("<br/>");
        }
        let mut before = None;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            match is_plain(before, c, rest.peek().copied()) {
                true => out.push(c),
                // A string takes whatever is written to it.
                false => write!(out, "#{};", u32::from(c)).unwrap_or_default(),
            }
            if let Some(next) = rest.peek()
                && SPECIAL_PAIRS.contains(&(c, *next))
            {
                out.push_str(WORD_JOINER);
            }
            before = Some(c);
        }
    }
    out
}

/// Whether a character stands for itself between its neighbours.
fn is_plain(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), after) = (before, after.unwrap_or(' ')) else {
        return c.is_alphabetic(); // At the beginning of a line `1.`, `-` or `+` would begin a list.
    };
    match c {
        ' ' | ',' | '(' | ')' | '=' | '-' | '+' | '/' | '…' => true,
        '_' => before.is_alphanumeric() && after.is_alphanumeric(),
        '.' => after == ' ' || (before.is_ascii_digit() && after.is_ascii_digit()),
        c => c.is_alphanumeric(),
    }
}
