//! A model as a picture: the text from which Mermaid or Graphviz draws it.
//!
//! What there is to see is found once ([`Sketch`]): stages, and an arrow for each way from one to another. The
//! two languages only say it, each with its own escapes.

mod dot;
mod drift;
mod label;
mod mermaid;

use super::{Model, Reentry, Slots, Transition};
use crate::event::Millis;
use label::{wrap_condition, wrap_prose};

/// What draws the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// Mermaid, as web pages and Markdown have it.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// The text from which a model is drawn; `slots` are those it was compiled with.
pub fn render_graph(model: &Model, slots: &Slots, drawing: GraphFormat) -> String {
    let sketch = Diagram::new(model, slots);
    match drawing {
        GraphFormat::Mermaid => mermaid::render(&sketch),
        GraphFormat::Dot => dot::render(&sketch),
    }
}

/// From so many stages on, a transition that leads out of every other one is drawn as one arrow.
const OTHERS_MIN: usize = 5;

/// What leads into the initial stage.
const BEGINNING: &str = "first event";
/// Where an arrow comes from that leads out of every stage but its own.
const ANY_OTHER: &str = "any other stage";

/// What there is to see.
struct Diagram<'m> {
    model: &'m Model,
    /// Of each stage, what stands below its name.
    notes: Vec<Vec<String>>,
    arrows: Vec<Arrow>,
}

/// A way from one stage into another.
struct Arrow {
    /// Out of this stage; `None`: out of any other.
    from: Option<usize>,
    to: usize,
    label: Vec<String>,
    /// Whether it can be taken although nothing happens.
    is_time_driven: bool,
}

impl Diagram<'_> {
    fn new<'m>(model: &'m Model, slots: &Slots) -> Diagram<'m> {
        let notes = model.stages.iter().map(|stage| {
            let mut notes = wrap_prose(stage.description.as_deref().unwrap_or_default());
            if stage.min_dwell > Millis(0) {
                notes.push(format!("stays at least {}", stage.min_dwell));
            }
            match stage.reentry {
                Reentry::Always => {}
                Reentry::After(span) => notes.push(format!("again {span} after leaving")),
                Reentry::Never => notes.push("entered once".to_owned()),
            }
            notes
        });
        let mut arrows = Vec::new();
        for transition in &model.transitions {
            let by_time = transition.hold > Millis(0)
                || drift::can_become_true_by_time(&transition.when, &model.facts, slots);
            let arrow = |from| Arrow {
                from,
                to: transition.to,
                label: transition_label(transition),
                is_time_driven: by_time,
            };
            let from = &transition.from;
            match from.len() >= OTHERS_MIN && from.len() + 1 == model.stages.len() {
                true => arrows.push(arrow(None)),
                false => arrows.extend(from.iter().map(|from| arrow(Some(*from)))),
            }
        }
        Diagram {
            model,
            notes: notes.collect(),
            arrows,
        }
    }

    fn has_any_other(&self) -> bool {
        self.arrows.iter().any(|arrow| arrow.from.is_none())
    }

    /// Where arrows point: `down`, or to the right where they fan out of one place.
    fn direction(&self, down: &'static str) -> &'static str {
        match self.has_any_other() {
            true => "LR",
            false => down,
        }
    }

    fn title(&self) -> String {
        format!("{}, version {}", self.model.name, self.model.version)
    }
}

fn transition_label(transition: &Transition) -> Vec<String> {
    let mut lines = wrap_prose(transition.name.as_deref().unwrap_or_default());
    lines.extend(wrap_condition(&transition.text));
    if transition.hold > Millis(0) {
        lines.push(format!("for {}", transition.hold));
    }
    if transition.cooldown > Millis(0) {
        lines.push(format!("not again for {}", transition.cooldown));
    }
    lines
}
