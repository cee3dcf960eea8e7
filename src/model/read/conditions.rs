//! The condition of a transition: parsed, typed, and checked against what bare event types allow.

use super::Reader;
use crate::model::condition::Condition;
use crate::model::fact::{Fault, misplaced_window};
use crate::model::lower::{Happening, Known, Lowering};
use crate::model::problem::did_you_mean;
use crate::model::syntax::{self, Expr, Kind};
use crate::model::yaml::Node;

impl Reader<'_> {
    pub(super) fn condition(
        &mut self,
        node: &Node,
        text: &str,
        stages: &[&str],
        facts: &mut Vec<Known>,
        held: bool,
    ) -> Option<Condition> {
        let expr = match syntax::parse(text) {
            Ok(expr) => expr,
            Err(error) => {
                let fault = misplaced_window(text).unwrap_or(Fault {
                    span: error.span,
                    message: error.message,
                    help: None,
                });
                self.fault(node, fault);
                return None;
            }
        };
        let (mut faults, mut events) = (Vec::new(), Vec::new());
        let (vocabulary, incomplete) = (&mut self.models.vocabulary, self.incomplete);
        let condition = Lowering {
            facts,
            stages,
            vocabulary,
            text,
            faults: &mut faults,
            events: &mut events,
            incomplete,
        }
        .condition(&expr);
        for fault in faults {
            self.fault(node, fault);
        }
        for event in &events {
            self.check_event(node, event, facts, held);
        }
        if !self.incomplete
            && let Some(negated) = negated_event(&expr, facts)
        {
            let place = self.place_within(node, negated.span.clone());
            let help = "every other event would fulfil it; write since(last_...) or a count";
            self.error(
                place,
                "an event type cannot be negated".to_owned(),
                Some(help),
            );
        }
        condition
    }

    fn check_event(&mut self, node: &Node, event: &Happening, facts: &[Known], held: bool) {
        let Happening { name, span, quoted } = event;
        if held {
            let place = self.place_within(node, span.clone());
            let help = "an event is true for an instant only; hold a condition over facts, such as since(last_order) >= days(3)";
            self.error(
                place,
                format!("the event type `{name}` cannot be held"),
                Some(help),
            );
        }
        // A misspelt fact reads as an event type that never happens.
        let declared = |fact: &Known| fact.event() == Some(name);
        if *quoted || self.incomplete || self.problems.is_full() || facts.iter().any(declared) {
            return;
        }
        if let Some(help) = did_you_mean(name, facts.iter().map(|fact| fact.name.as_str())) {
            let place = self.place_within(node, span.clone());
            let message = format!("`{name}` is no fact, so it is read as an event type");
            self.warning(place, message, Some(&help));
        }
    }
}

/// The first event type under a `!`: a name that is no fact, or a text.
fn negated_event<'e>(expr: &'e Expr, facts: &[Known]) -> Option<&'e Expr> {
    fn bare<'e>(expr: &'e Expr, facts: &[Known]) -> Option<&'e Expr> {
        match &expr.kind {
            Kind::Name(name) if !facts.iter().any(|fact| fact.name == *name) => Some(expr),
            Kind::Text(_) => Some(expr),
            Kind::Unary("!", inner) => bare(inner, facts),
            Kind::Binary("&&" | "||", left, right) => {
                bare(left, facts).or_else(|| bare(right, facts))
            }
            _ => None,
        }
    }
    match &expr.kind {
        Kind::Unary("!", inner) => bare(inner, facts),
        Kind::Binary("&&" | "||", left, right) => {
            negated_event(left, facts).or_else(|| negated_event(right, facts))
        }
        _ => None,
    }
}
