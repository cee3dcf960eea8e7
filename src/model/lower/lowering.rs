//! What is known while a condition is lowered, and the faults found.

use std::ops::Range;

use typed_index_collections::{TiSlice, TiVec};

use super::fact_symbol::FactSymbol;
use crate::event::Vocabulary;
use crate::model::fact::Fault;
use crate::model::ids::{FactId, StageId};
use crate::model::syntax::Expr;

/// The use of an event type in a condition.
#[derive(Clone, Debug)]
pub(crate) struct EventReference {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    /// A quoted name cannot be a misspelled fact.
    pub(crate) quoted: bool,
}

/// The names of a model's stages.
pub(crate) type StageNames<'n> = TiSlice<StageId, &'n str>;

/// Lowers one condition of a model.
pub(crate) struct Lowering<'l> {
    /// The declared facts; facts that are written in conditions are appended.
    pub(crate) facts: &'l mut TiVec<FactId, FactSymbol>,
    pub(crate) stages: &'l StageNames<'l>,
    pub(crate) vocabulary: &'l mut Vocabulary,
    /// The condition's text.
    pub(crate) text: &'l str,
    pub(crate) faults: &'l mut Vec<Fault>,
    /// The names that were resolved to event types, for later checks.
    pub(crate) event_references: &'l mut Vec<EventReference>,
    /// Whether some fact declarations could not be read, so that an unknown name may be correct.
    pub(crate) incomplete: bool,
}

impl Lowering<'_> {
    pub(super) fn source_text(&self, expr: &Expr) -> String {
        self.text[expr.span.clone()].to_owned()
    }

    pub(super) fn add_fault<T>(
        &mut self,
        expr: &Expr,
        message: &str,
        help: Option<&str>,
    ) -> Option<T> {
        self.faults.push(Fault::at(expr, message, help));
        None
    }
    /// An expression may be resolved more than once ([`Self::type_hint`]), and its fault is reported once.
    pub(super) fn add_fault_once<T>(&mut self, fault: Fault) -> Option<T> {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }
}
