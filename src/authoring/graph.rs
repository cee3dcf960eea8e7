//! Renders a model as a diagram in the language of Mermaid or Graphviz.
//!
//! A [`diagram::Diagram`] has the stages and arrows; the two renderers write it in their language, with its escapes.

mod diagram;
mod dot;
mod label;
mod mermaid;

use crate::model::{Model, Slots};
use diagram::Diagram;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    Mermaid,
    /// Graphviz.
    Dot,
}

/// The source text of a model's diagram; `slots` are those it was compiled with.
pub fn render_graph(model: &Model, slots: &Slots, format: GraphFormat) -> String {
    let diagram = Diagram::new(model, slots);
    match format {
        GraphFormat::Mermaid => mermaid::render(&diagram),
        GraphFormat::Dot => dot::render(&diagram),
    }
}
