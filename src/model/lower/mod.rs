//! From the syntax of a condition to its typed form: every name resolved, every type checked.

mod known;
mod names;
mod term;
mod unnamed;

use super::condition::{
    Comparison, Condition, Moves, Operator, Term, TextComparison, TextTerm, Unit,
};
use super::fact::Fault;
use super::syntax::{Expr, Kind};
use super::value_type::Type;
use crate::event::Vocabulary;
pub(super) use known::{About, Known};
pub(super) use names::Happening;
pub use term::FUNCTIONS;
pub use unnamed::STAGE_NAMES;

/// Reads the conditions of one model.
pub(super) struct Lowering<'l> {
    /// Those that stand in conditions are added.
    pub(super) facts: &'l mut Vec<Known>,
    /// The names of the model's stages.
    pub(super) stages: &'l [&'l str],
    pub(super) vocabulary: &'l mut Vocabulary,
    /// The condition's text.
    pub(super) text: &'l str,
    pub(super) faults: &'l mut Vec<Fault>,
    /// What was read as an event type.
    pub(super) events: &'l mut Vec<Happening>,
    /// Whether there are facts that could not be read, so that an unknown name is no mistake.
    pub(super) incomplete: bool,
}

impl Lowering<'_> {
    /// The condition that `expr` says; `None` after something was wrong with it.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.kind {
            Kind::Truth(truth) => Some(Condition::Always(*truth)),
            Kind::Unary("!", inner) => Some(Condition::Not(Box::new(self.condition(inner)?))),
            Kind::Binary(operator @ ("&&" | "||"), ..) => {
                let mut parts = Vec::new();
                self.parts(expr, operator, &mut parts);
                let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
                Some(if *operator == "&&" {
                    Condition::All(parts)
                } else {
                    Condition::Any(parts)
                })
            }
            Kind::Binary(operator, left, right) => match Operator::written(operator) {
                Some(operator) => self.comparison(expr, operator, left, right),
                None => self.number_as_condition(expr),
            },
            Kind::Call(name, arguments) if name == "has" => {
                Some(Condition::Has(self.fact_argument(expr, "has", arguments)?))
            }
            Kind::Name(name) => match self.unnamed(expr) {
                Some(fact) => self.fact_as_condition(expr, fact?),
                None => self.name_as_condition(expr, name),
            },
            Kind::Text(text) if !text.is_empty() => self.happened(expr, Some(text), true),
            _ => match self.unnamed(expr) {
                Some(fact) => self.fact_as_condition(expr, fact?),
                None => self.fault(
                    expr,
                    "this is a value, not a condition",
                    Some("compare it with something"),
                ),
            },
        }
    }

    /// Both sides are read even if one is wrong, so that every problem is found.
    fn parts(&mut self, expr: &Expr, operator: &str, parts: &mut Vec<Option<Condition>>) {
        match &expr.kind {
            Kind::Binary(own, left, right) if *own == operator => {
                self.parts(left, operator, parts);
                self.parts(right, operator, parts);
            }
            _ => parts.push(self.condition(expr)),
        }
    }

    fn comparison(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        for (null, other) in [(left, right), (right, left)] {
            if matches!(&null.kind, Kind::Name(name) if name.eq_ignore_ascii_case("null")) {
                return self.null(expr, operator, other);
            }
        }
        let (left_type, right_type) = (self.hint(left), self.hint(right));
        let wanted = match (left_type, right_type) {
            (Some(Type::Text), _) | (_, Some(Type::Text)) => Type::Text,
            (Some(Type::Flag), _) | (_, Some(Type::Flag)) => Type::Flag,
            (None, None) => {
                return self.fault(
                    expr,
                    "nothing tells what these two are",
                    Some("compare each with a number, a text in quotes or true"),
                );
            }
            _ => return self.quantities(expr, operator, left, right),
        };
        let equal = match operator {
            Operator::Equal => true,
            Operator::Unequal => false,
            _ => {
                return self.fault(
                    expr,
                    &format!("{} can only be compared with `==` and `!=`", wanted.name()),
                    None,
                );
            }
        };
        if wanted == Type::Flag {
            return self.flag(expr, equal, left, right);
        }
        self.check_previous(left, right);
        let (left, right) = (self.text_term(left), self.text_term(right));
        Some(Condition::SameText(TextComparison {
            left: left?,
            right: right?,
            equal,
            text: self.text_of(expr),
        }))
    }

    fn flag(&mut self, expr: &Expr, equal: bool, left: &Expr, right: &Expr) -> Option<Condition> {
        let (Kind::Name(_) | Kind::Call(..), Kind::Truth(truth)) = (&left.kind, &right.kind) else {
            return self.fault(expr, "a truth value is compared as `fact == true`", None);
        };
        let fact = self.fact(left)?;
        match self.bind(fact, Type::Flag) {
            Type::Flag => Some(Condition::Flag {
                fact,
                is: *truth == equal,
                text: self.text_of(expr),
            }),
            other => {
                let message = format!(
                    "`{}` is {}, not true or false",
                    self.text_of(left),
                    other.name()
                );
                self.fault(left, &message, None)
            }
        }
    }

    fn text_term(&mut self, expr: &Expr) -> Option<TextTerm> {
        match &expr.kind {
            Kind::Text(text) => Some(TextTerm::Constant(text.clone())),
            Kind::Name(_) | Kind::Call(..) => {
                let fact = self.fact(expr)?;
                match self.bind(fact, Type::Text) {
                    Type::Text => Some(TextTerm::Fact(fact)),
                    other => {
                        let message =
                            format!("`{}` is {}, not a text", self.text_of(expr), other.name());
                        self.fault(expr, &message, None)
                    }
                }
            }
            _ => self.fault(expr, "this is not a text", None),
        }
    }

    fn quantities(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left_expr: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        let (left, right) = (self.term(left_expr), self.term(right));
        let (left, right) = (left?, right?);
        if left.value_type != right.value_type {
            let message = format!(
                "{} is compared with {}",
                left.value_type.name(),
                right.value_type.name()
            );
            let days = self.text_of(left_expr) == STAGE_NAMES[1];
            let help = match (left.value_type, right.value_type) {
                (Type::Number, Type::Duration) if days => {
                    Some("it counts days already: write days_in_stage >= 3")
                }
                (Type::Duration, Type::Number) | (Type::Number, Type::Duration) => {
                    Some("say the unit: days(45), hours(12), minutes(30)")
                }
                (Type::Instant, _) | (_, Type::Instant) => {
                    Some("the time since an instant is since(fact)")
                }
                _ => None,
            };
            return self.fault(expr, &message, help);
        }
        let moves = Moves::of(left.moves, right.moves);
        if moves != Moves::Neither && matches!(operator, Operator::Equal | Operator::Unequal) {
            return self.fault(
                expr,
                "what moves with time cannot be compared with `==` or `!=`: it is so for a millisecond only",
                Some("use `>=` or `<`"),
            );
        }
        let unit = match left.value_type {
            Type::Duration => Unit::Duration,
            Type::Instant => Unit::Instant,
            Type::Number | Type::Text | Type::Flag => Unit::Number,
        };
        let mut facts = Vec::new();
        collect_facts(&left.term, &mut facts);
        collect_facts(&right.term, &mut facts);
        let windows = facts
            .iter()
            .copied()
            .filter(|fact| self.facts[*fact].is_windowed())
            .collect();
        let text = self.text_of(expr);
        Some(Condition::Compare(Comparison {
            operator,
            left: left.term,
            right: right.term,
            unit,
            moves,
            windows,
            facts,
            text,
        }))
    }

    fn text_of(&self, expr: &Expr) -> String {
        self.text[expr.span.clone()].to_owned()
    }
}

fn collect_facts(term: &Term, facts: &mut Vec<usize>) {
    match term {
        Term::Constant(_) => {}
        Term::Fact(fact) | Term::Since(fact) => {
            if !facts.contains(fact) {
                facts.push(*fact);
            }
        }
        Term::Negate(inner) => collect_facts(inner, facts),
        Term::Binary(_, left, right) => {
            collect_facts(left, facts);
            collect_facts(right, facts);
        }
    }
}
