//! The diagram as a Mermaid flowchart, as GitHub renders it.

use std::fmt::Write;

use super::diagram::{ANY_OTHER, BEGINNING, Diagram};
use crate::model::StageId;

/// Pairs that Mermaid interprets even if each character is written as its number: a line break, a formula, an icon,
/// and its internal marks for such numbers.
const SPECIAL_PAIRS: [(char, char); 5] =
    [('\\', 'n'), ('$', '$'), (':', 'f'), ('ﬂ', '°'), ('¶', 'ß')];
/// An invisible character without width, put between the characters of a pair.
const WORD_JOINER: &str = "#8288;";
const TIME_DRIVEN_LEGEND: &str = "dotted: by time alone, when nothing happens";

/// The ids of stages are numbers, since their names may be keywords. All text of the model is in quotes.
pub(super) fn render(diagram: &Diagram<'_>) -> String {
    let (title, direction) = (diagram.title(), diagram.direction("TD"));
    let mut out =
        format!("---\ntitle: \"{title} ({TIME_DRIVEN_LEGEND})\"\n---\nflowchart {direction}\n");
    let mut line = |text: &str| {
        out.push_str("    ");
        out.push_str(text);
        out.push('\n');
    };
    line(&format!("start([\"{BEGINNING}\"])"));
    if diagram.has_any_other() {
        line(&format!("other([\"{ANY_OTHER}\"])"));
    }
    for ((id, stage), notes) in diagram.model.stages.iter_enumerated().zip(&diagram.notes) {
        let name = std::iter::once(&stage.name);
        line(&format!("{}[\"{}\"]", node(id), escape_label(name.chain(notes))));
    }
    line(&format!("start --> {}", node(diagram.model.initial)));
    for arrow in &diagram.arrows {
        let from = arrow.from.map_or_else(|| "other".to_owned(), node);
        let shaft = if arrow.is_time_driven { "-.->" } else { "-->" };
        let label = escape_label(&arrow.label);
        line(&format!("{from} {shaft}|\"{label}\"| {}", node(arrow.to)));
    }
    out
}

fn node(stage: StageId) -> String {
    format!("s{}", stage.index())
}

/// The lines as a quoted label. A character that could have a meaning in Mermaid, in Markdown, which it reads in
/// labels, or in HTML is written as its number.
fn escape_label<'l>(lines: impl IntoIterator<Item = &'l String>) -> String {
    let mut out = String::new();
    for (number, line) in lines.into_iter().enumerate() {
        if number > 0 {
            out.push_str("<br/>");
        }
        let mut before = None;
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            if is_plain(before, c, rest.peek().copied()) {
                out.push(c);
            } else {
                // Writing to a string cannot fail.
                write!(out, "#{};", u32::from(c)).unwrap_or_default();
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

/// Whether a character has no special meaning between its neighbours.
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
