//! The diagram in Graphviz's DOT language.

use super::diagram::{ANY_OTHER, BEGINNING, Diagram};
use super::label::heading;
use crate::model::StageId;

const TIME_DRIVEN_LEGEND: &str = "dashed: by time alone, when nothing happens";

/// The ids of stages are their names. Other nodes' ids contain white space, so that they cannot collide.
pub(super) fn render(diagram: &Diagram<'_>) -> String {
    let model = diagram.model;
    let mut head = vec![diagram.title()];
    head.extend(model.description.as_deref().map(heading));
    head.push(TIME_DRIVEN_LEGEND.to_owned());
    let mut out = format!("digraph \"{}\" {{\n", model.name);
    let mut line = |text: &str| {
        out.push_str("    ");
        out.push_str(text);
        out.push('\n');
    };
    let (label, direction) = (escape_label(&head), diagram.direction("TB"));
    line(&format!(
        "graph [label=\"{label}\", labelloc=t, rankdir={direction}, fontname=Helvetica]"
    ));
    line("node [shape=box, style=rounded, fontname=Helvetica]");
    line("edge [fontname=Helvetica, fontsize=11]");
    line(&format!("\"{BEGINNING}\" [shape=oval]"));
    if diagram.has_any_other() {
        line(&format!("\"{ANY_OTHER}\" [shape=oval]"));
    }
    for (stage, notes) in model.stages.iter().zip(&diagram.notes) {
        let label = escape_label(std::iter::once(&stage.name).chain(notes));
        line(&format!("\"{}\" [label=\"{label}\"]", stage.name));
    }
    let name = |stage: StageId| model.stages[stage].name.as_str();
    line(&format!("\"{BEGINNING}\" -> \"{}\"", name(model.initial)));
    for arrow in &diagram.arrows {
        let (from, to) = (arrow.from.map_or(ANY_OTHER, name), name(arrow.to));
        let label = escape_label(&arrow.label);
        let style = if arrow.is_time_driven { ", style=dashed" } else { "" };
        line(&format!("\"{from}\" -> \"{to}\" [label=\"{label}\"{style}]"));
    }
    out.push_str("}\n");
    out
}

/// The lines as a quoted label. Graphviz reads HTML entities in labels, in addition to its backslash escapes.
fn escape_label<'l>(lines: impl IntoIterator<Item = &'l String>) -> String {
    let mut out = String::new();
    for (number, line) in lines.into_iter().enumerate() {
        if number > 0 {
            out.push_str("\\n");
        }
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            let entity = |next: &char| *next == '#' || next.is_ascii_alphanumeric();
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '&' if rest.peek().is_some_and(entity) => out.push_str("&amp;"),
                c => out.push(c),
            }
        }
    }
    out
}
