//! The condition of a transition: parsed, typed, and checked against what bare event types allow.

use super::Reader;
use crate::model::condition::Condition;
use crate::model::fact::Fault;
use crate::model::lower::{Known, Lowering};
use crate::model::problem::did_you_mean;
use crate::model::syntax::{self, Expr, Kind};
use crate::model::yaml::Node;

impl Reader<'_> {
    pub(super) fn condition(
        &mut self,
        node: &Node,
        text: &str,
        facts: &mut Vec<Known>,
        held: bool,
    ) -> Option<Condition> {
        let expr = match syntax::parse(text) {
            Ok(expr) => expr,
            Err(error) => {
                self.fault(
                    node,
                    Fault {
                        span: error.span,
                        message: error.message,
                        help: None,
                    },
                );
                return None;
            }
        };
        let (mut faults, mut events) = (Vec::new(), Vec::new());
        let vocabulary = &mut self.models.vocabulary;
        let condition = Lowering {
            facts,
            vocabulary,
            text,
            faults: &mut faults,
            events: &mut events,
        }
        .condition(&expr);
        for fault in faults {
            self.fault(node, fault);
        }
        for (name, span) in &events {
            let place = self.place_within(node, span.clone());
            if held {
                let help = "an event is true for an instant only; hold a condition over facts, such as since(last_order) >= days(3)";
                self.error(
                    place,
                    format!("the event type `{name}` cannot be held"),
                    Some(help),
                );
            }
            // A misspelt fact reads as an event type that never happens.
            if let Some(help) = did_you_mean(name, facts.iter().map(|fact| fact.name.as_str())) {
                self.warning(
                    place,
                    format!("`{name}` is no fact, so it is read as an event type"),
                    Some(&help),
                );
            }
        }
        if let Some(negated) = negated_event(&expr, facts) {
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
}

/// The first name under a `!` that is no fact, and so an event type.
fn negated_event<'e>(expr: &'e Expr, facts: &[Known]) -> Option<&'e Expr> {
    fn bare<'e>(expr: &'e Expr, facts: &[Known]) -> Option<&'e Expr> {
        match &expr.kind {
            Kind::Name(name) if !facts.iter().any(|fact| fact.name == *name) => Some(expr),
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
