//! Names in conditions: which fact or event type each of them means.

use std::ops::Range;

use super::{Condition, Fault, Lowering, Operator};
use crate::event::EventType;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{Expr, Kind};
use crate::model::value_type::Type;

/// An event type that stands in a condition.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// Its name.
    pub(crate) name: String,
    /// Where.
    pub(crate) span: Range<usize>,
    /// Whether it is in quotes, and so no misspelt fact.
    pub(crate) quoted: bool,
}

/// Most event types that conditions of all models name: they are looked up one by one.
const EVENT_TYPES_MAX: usize = 2048;
/// From so many mistakes in one condition on, none is looked at closer.
const FAULTS_HELPED_MAX: usize = 20;

impl Lowering<'_> {
    pub(super) fn name_as_condition(&mut self, expr: &Expr, name: &str) -> Option<Condition> {
        match self.position(name) {
            None => self.happened(expr, (name != "any").then_some(name), false),
            Some(fact) if self.facts[fact].is_broken() => None,
            Some(fact) => self.fact_as_condition(expr, fact),
        }
    }

    /// An event type; without a name, any.
    pub(super) fn happened(
        &mut self,
        expr: &Expr,
        name: Option<&str>,
        quoted: bool,
    ) -> Option<Condition> {
        self.events.push(Happening {
            name: name.unwrap_or("any").to_owned(),
            span: expr.span.clone(),
            quoted,
        });
        let Some(name) = name else {
            return Some(Condition::Happened(None));
        };
        if self.vocabulary.types() > EVENT_TYPES_MAX {
            let message = format!("all models name more than {EVENT_TYPES_MAX} event types");
            let said = self.faults.iter().any(|fault| fault.message == message);
            return match said {
                true => None,
                false => self.fault(expr, &message, None),
            };
        }
        let kind = self.vocabulary.intern_type(name);
        Some(Condition::Happened(Some(kind)))
    }

    /// A sum where a condition is needed; `order-completed` may be meant as one name.
    pub(super) fn number_as_condition<T>(&mut self, expr: &Expr) -> Option<T> {
        let text = self.text_of(expr);
        let dashed = text.contains('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            && text.split('-').all(|part| self.position(part).is_none());
        let quote = format!("an event type with `-` in its name is put in quotes: \"'{text}'\"");
        let help = if dashed {
            &quote
        } else {
            "compare it with something"
        };
        self.fault(expr, "this is a number, not a condition", Some(help))
    }

    /// `fact == null` and `fact != null`, as other languages have it.
    pub(super) fn null<T>(&mut self, expr: &Expr, operator: Operator, other: &Expr) -> Option<T> {
        let fact = self.text_of(other);
        let help = match operator {
            Operator::Equal => format!("write !has({fact})"),
            _ => format!("write has({fact})"),
        };
        self.fault(expr, "there is no null to compare with", Some(&help))
    }

    pub(super) fn fact_argument(
        &mut self,
        expr: &Expr,
        function: &str,
        arguments: &[Expr],
    ) -> Option<usize> {
        let [argument] = arguments else {
            return self.no_fact(expr, function);
        };
        if let Some(fact) = self.unnamed(argument) {
            return fact;
        }
        let Kind::Name(name) = &argument.kind else {
            return self.no_fact(expr, function);
        };
        if self.position(name).is_none() && self.is_event(name) {
            let help = match function {
                "since" => {
                    format!(
                        "declare a fact `last_{name}: last({name})`, and write since(last_{name})"
                    )
                }
                _ => format!("declare a fact, for example `last_{name}: last({name})`"),
            };
            let message = format!("`{name}` is an event type, not a fact");
            return self.fault(argument, &message, Some(&help));
        }
        self.named_fact(argument, name)
    }

    fn no_fact<T>(&mut self, expr: &Expr, function: &str) -> Option<T> {
        let message = format!("`{function}` takes the name of a fact");
        self.fault(expr, &message, None)
    }

    fn is_event(&self, name: &str) -> bool {
        self.vocabulary.type_of(name) != EventType::UNNAMED
            || self.facts.iter().any(|fact| fact.event() == Some(name))
    }

    pub(super) fn named_fact(&mut self, expr: &Expr, name: &str) -> Option<usize> {
        if let Some(at) = self.position(name) {
            return (!self.facts[at].is_broken()).then_some(at);
        }
        if self.incomplete {
            return None;
        }
        let facts = self.facts.iter().map(|fact| fact.name.as_str());
        let help = (self.faults.len() < FAULTS_HELPED_MAX)
            .then(|| did_you_mean(name, facts))
            .flatten();
        let help = help
            .as_deref()
            .or(Some("facts are declared under `facts:`"));
        self.fault(expr, &format!("unknown fact `{name}`"), help)
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.facts.iter().position(|fact| fact.name == name)
    }

    /// The type of the fact; one that had none yet becomes `wanted`.
    pub(super) fn bind(&mut self, fact: usize, wanted: Type) -> Type {
        *self.facts[fact].value_type.get_or_insert(wanted)
    }

    /// The type of an operand as far as it can be seen without binding anything.
    pub(super) fn hint(&mut self, expr: &Expr) -> Option<Type> {
        if let Some(fact) = self.unnamed(expr) {
            return fact.map_or(Some(Type::Number), |fact| self.facts[fact].value_type);
        }
        match &expr.kind {
            Kind::Text(_) => Some(Type::Text),
            Kind::Truth(_) => Some(Type::Flag),
            Kind::Name(name) => match self.position(name) {
                Some(at) if self.facts[at].is_broken() => Some(Type::Number),
                Some(at) => self.facts[at].value_type,
                None => Some(Type::Number), // Unknown: reported when it is read as a term.
            },
            _ => Some(Type::Number),
        }
    }

    pub(super) fn fault<T>(&mut self, expr: &Expr, message: &str, help: Option<&str>) -> Option<T> {
        self.faults.push(Fault::of(expr, message, help));
        None
    }
}
