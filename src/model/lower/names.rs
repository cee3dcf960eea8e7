//! Resolves names in conditions to facts and event types.

use super::lowering::{EventReference, Lowering};
use crate::event::EventType;
use crate::model::condition::{Condition, Operator};
use crate::model::fact::Fault;
use crate::model::ids::FactId;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{Expr, ExprKind};
use crate::model::value_type::ValueType;

/// The most event types in conditions of all models; looking one up is a linear search.
const EVENT_TYPES_MAX: usize = 2048;
/// The most faults of one condition for which a similar name is searched, which is slow.
const FAULTS_WITH_HELP_MAX: usize = 20;

impl Lowering<'_> {
    pub(super) fn lower_name(&mut self, expr: &Expr, name: &str) -> Option<Condition> {
        match self.fact_index(name) {
            None => self.lower_event(expr, (name != "any").then_some(name), false),
            Some(fact) if self.facts[fact].is_invalid() => None,
            Some(fact) => self.lower_fact(expr, fact),
        }
    }

    /// An event type as a condition; `None`: any type.
    pub(super) fn lower_event(
        &mut self,
        expr: &Expr,
        name: Option<&str>,
        quoted: bool,
    ) -> Option<Condition> {
        self.event_references.push(EventReference {
            name: name.unwrap_or("any").to_owned(),
            span: expr.span.clone(),
            quoted,
        });
        let Some(name) = name else {
            return Some(Condition::OnEvent(None));
        };
        if self.vocabulary.type_count() > EVENT_TYPES_MAX {
            let message = format!("all models name more than {EVENT_TYPES_MAX} event types");
            if self.faults.iter().any(|fault| fault.message == message) {
                return None;
            }
            return self.add_fault(expr, &message, None);
        }
        let event_type = self.vocabulary.intern_type(name);
        Some(Condition::OnEvent(Some(event_type)))
    }

    /// Arithmetic where a condition is needed; `order-completed` may be meant as one name.
    pub(super) fn reject_number<T>(&mut self, expr: &Expr) -> Option<T> {
        let text = self.source_text(expr);
        let dashed = text.contains('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            && text.split('-').all(|part| self.fact_index(part).is_none());
        let quote = format!("an event type with `-` in its name is put in quotes: \"'{text}'\"");
        let help = if dashed { &quote } else { "compare it with something" };
        self.add_fault(expr, "this is a number, not a condition", Some(help))
    }

    pub(super) fn reject_null_comparison<T>(
        &mut self,
        expr: &Expr,
        operator: Operator,
        other: &Expr,
    ) -> Option<T> {
        if matches!(other.kind, ExprKind::Member(..)) {
            self.lower_term(other);
            return None;
        }
        let fault = Fault::null_comparison(expr, operator, &self.source_text(other));
        self.add_fault_once(fault)
    }

    pub(super) fn resolve_fact_argument(
        &mut self,
        expr: &Expr,
        function: &str,
        arguments: &[Expr],
    ) -> Option<FactId> {
        let [argument] = arguments else {
            return self.reject_argument(expr, function);
        };
        if let Some(fact) = self.resolve_inline_fact(argument) {
            return fact;
        }
        let ExprKind::Name(name) = &argument.kind else {
            return self.reject_argument(expr, function);
        };
        if self.fact_index(name).is_none() && self.is_event_type(name) {
            let help = match function {
                "since" => {
                    format!(
                        "declare a fact `last_{name}: last({name})`, and write since(last_{name})"
                    )
                }
                _ => format!("declare a fact, for example `last_{name}: last({name})`"),
            };
            let message = format!("`{name}` is an event type, not a fact");
            return self.add_fault(argument, &message, Some(&help));
        }
        self.resolve_named_fact(argument, name)
    }

    fn reject_argument<T>(&mut self, expr: &Expr, function: &str) -> Option<T> {
        let message = format!("`{function}` takes the name of a fact");
        self.add_fault(expr, &message, None)
    }

    fn is_event_type(&self, name: &str) -> bool {
        self.vocabulary.find_type(name) != EventType::UNNAMED
            || self.facts.iter().any(|fact| fact.event_type() == Some(name))
    }

    pub(super) fn resolve_named_fact(&mut self, expr: &Expr, name: &str) -> Option<FactId> {
        if let Some(at) = self.fact_index(name) {
            return (!self.facts[at].is_invalid()).then_some(at);
        }
        if self.incomplete {
            return None;
        }
        let facts = self.facts.iter().map(|fact| fact.name.as_str());
        let help =
            (self.faults.len() < FAULTS_WITH_HELP_MAX).then(|| did_you_mean(name, facts)).flatten();
        let help = help.as_deref().or(Some("facts are declared under `facts:`"));
        self.add_fault(expr, &format!("unknown fact `{name}`"), help)
    }

    pub(super) fn fact_index(&self, name: &str) -> Option<FactId> {
        self.facts.position(|fact| fact.name == name)
    }

    /// The type of the fact; `wanted` if the fact had none yet.
    pub(super) fn bind_type(&mut self, fact: FactId, wanted: ValueType) -> ValueType {
        *self.facts[fact].value_type.get_or_insert(wanted)
    }

    /// The type of an operand, as far as it is known without binding the type of a fact.
    pub(super) fn type_hint(&mut self, expr: &Expr) -> Option<ValueType> {
        if let Some(fact) = self.resolve_inline_fact(expr) {
            return fact.map_or(Some(ValueType::Number), |fact| self.facts[fact].value_type);
        }
        match &expr.kind {
            ExprKind::Text(_) => Some(ValueType::Text),
            ExprKind::Bool(_) => Some(ValueType::Bool),
            ExprKind::Name(name) => match self.fact_index(name) {
                Some(at) if self.facts[at].is_invalid() => Some(ValueType::Number),
                Some(at) => self.facts[at].value_type,
                None => Some(ValueType::Number), // Unknown: reported when it is lowered as a term.
            },
            _ => Some(ValueType::Number),
        }
    }
}
