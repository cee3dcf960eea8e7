//! The picture in the language of Graphviz.

use super::label::heading;
use super::{ANY_OTHER, BEGINNING, Diagram};

const TIME_DRIVEN_LEGEND: &str = "dashed: by time alone, when nothing happens";

/// The names of stages are their own ids: they have no white space, which those of what is no stage have.
pub(super) fn render(sketch: &Diagram<'_>) -> String {
    let model = sketch.model;
    let mut head = vec![sketch.title()];
    head.extend(model.description.as_deref().map(heading));
    head.push(TIME_DRIVEN_LEGEND.to_owned());
    let mut out = format!("digraph \"{}\" {{\n", model.name);
    let mut line = |text: &str| {
        out.push_str("    ");
        out.push_str(text);
        out.push('\n');
    };
    let (label, direction) = (escape_label(&head), sketch.direction("TB"));
    line(&format!(
        "graph [label=\"{label}\", labelloc=t, rankdir={direction}, fontname=Helvetica]"
    ));
    line("node [shape=box, style=rounded, fontname=Helvetica]");
    line("edge [fontname=Helvetica, fontsize=11]");
    line(&format!("\"{BEGINNING}\" [shape=oval]"));
    if sketch.has_any_other() {
        line(&format!("\"{ANY_OTHER}\" [shape=oval]"));
    }
    for (stage, notes) in model.stages.iter().zip(&sketch.notes) {
        let label = escape_label(std::iter::once(&stage.name).chain(notes));
        line(&format!("\"{}\" [label=\"{label}\"]", stage.name));
    }
    let name = |stage: usize| model.stages[stage].name.as_str();
    line(&format!("\"{BEGINNING}\" -> \"{}\"", name(model.initial)));
    for arrow in &sketch.arrows {
        let (from, to) = (arrow.from.map_or(ANY_OTHER, name), name(arrow.to));
        let label = escape_label(&arrow.label);
        let style = if arrow.is_time_driven {
            ", style=dashed"
        } else {
            ""
        };
        line(&format!(
            "\"{from}\" -> \"{to}\" [label=\"{label}\"{style}]"
        ));
    }
    out.push_str("}\n");
    out
}

/// Lines of a label. Beside its own escapes, Graphviz reads what looks like an entity of HTML.
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
