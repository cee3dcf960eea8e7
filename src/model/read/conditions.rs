//! Reads the condition of a transition: parses and types it, and checks its use of event types.

use typed_index_collections::TiVec;

use super::model_reader::ModelReader;
use crate::model::FactId;
use crate::model::condition::Condition;
use crate::model::fact::{Fault, misplaced_window};
use crate::model::lower::{EventReference, FactSymbol, FactSymbols, Lowering, StageNames};
use crate::model::problem::did_you_mean;
use crate::model::syntax::{self, Expr, ExprKind};
use crate::model::yaml::YamlNode;

impl ModelReader<'_> {
    pub(super) fn read_condition(
        &mut self,
        node: &YamlNode,
        text: &str,
        stages: &StageNames<'_>,
        facts: &mut TiVec<FactId, FactSymbol>,
        has_hold: bool,
    ) -> Option<Condition> {
        let expr = match syntax::parse(text) {
            Ok(expr) => expr,
            Err(error) => {
                let fault = misplaced_window(text).unwrap_or(Fault {
                    span: error.span,
                    message: error.message,
                    help: None,
                });
                self.add_fault(node, fault);
                return None;
            }
        };
        let (mut faults, mut events) = (Vec::new(), Vec::new());
        let (vocabulary, incomplete) = (&mut self.models.vocabulary, self.has_invalid_facts);
        let condition = Lowering {
            facts,
            stages,
            vocabulary,
            text,
            faults: &mut faults,
            event_references: &mut events,
            incomplete,
        }
        .lower_condition(&expr);
        for fault in faults {
            self.add_fault(node, fault);
        }
        for event in &events {
            self.check_event_reference(node, event, facts, has_hold);
        }
        if !self.has_invalid_facts
            && let Some(negated) = negated_event(&expr, facts)
        {
            let location = self.location_within(node, negated.span.clone());
            let help = "every other event would make it true; write since(last_...) or a count";
            self.add_error(location, "an event type cannot be negated".to_owned(), Some(help));
        }
        condition
    }

    fn check_event_reference(
        &mut self,
        node: &YamlNode,
        event: &EventReference,
        facts: &FactSymbols,
        has_hold: bool,
    ) {
        let EventReference { name, span, quoted } = event;
        if has_hold {
            let location = self.location_within(node, span.clone());
            let help = "an event is true only for an instant; use `hold` with facts, such as since(last_order) >= days(3)";
            self.add_error(
                location,
                format!("the event type `{name}` cannot have a `hold`"),
                Some(help),
            );
        }
        // A misspelt fact is read as an event type that never occurs.
        let declared = |fact: &FactSymbol| fact.event_type() == Some(name);
        if *quoted
            || self.has_invalid_facts
            || self.problems.is_full()
            || facts.iter().any(declared)
        {
            return;
        }
        if let Some(help) = did_you_mean(name, facts.iter().map(|fact| fact.name.as_str())) {
            let location = self.location_within(node, span.clone());
            let message = format!("`{name}` is not a fact, so it is read as an event type");
            self.add_warning(location, message, Some(&help));
        }
    }
}

/// The first event type inside a `!`: a name that is not a fact, or a text.
fn negated_event<'e>(expr: &'e Expr, facts: &FactSymbols) -> Option<&'e Expr> {
    fn bare<'e>(expr: &'e Expr, facts: &FactSymbols) -> Option<&'e Expr> {
        match &expr.kind {
            ExprKind::Name(name) if !facts.iter().any(|fact| fact.name == *name) => Some(expr),
            ExprKind::Text(_) => Some(expr),
            ExprKind::Unary("!", inner) => bare(inner, facts),
            ExprKind::Binary("&&" | "||", left, right) => {
                bare(left, facts).or_else(|| bare(right, facts))
            }
            _ => None,
        }
    }
    match &expr.kind {
        ExprKind::Unary("!", inner) => bare(inner, facts),
        ExprKind::Binary("&&" | "||", left, right) => {
            negated_event(left, facts).or_else(|| negated_event(right, facts))
        }
        _ => None,
    }
}
