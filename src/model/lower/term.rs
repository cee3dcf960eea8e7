//! Lowers terms: arithmetic with numbers, durations and instants.

use super::fact_symbol::STAGE_FACT_NAMES;
use super::lowering::Lowering;
use crate::event::Quantity;
use crate::model::condition::{Arithmetic, Term};
use crate::model::fact::AGGREGATES;
use crate::model::ids::FactId;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{Expr, ExprKind};
use crate::model::value_type::ValueType;

/// A term with its type.
pub(super) struct TypedTerm {
    pub(super) term: Term,
    pub(super) value_type: ValueType,
    /// Whether the value changes with every millisecond.
    pub(super) is_time_dependent: bool,
}

/// The functions of conditions, in addition to the aggregates.
pub const FUNCTIONS: [&str; 8] =
    ["since", "days", "hours", "minutes", "has", "visits", "time_in", "entered"];

impl Lowering<'_> {
    pub(super) fn lower_term(&mut self, expr: &Expr) -> Option<TypedTerm> {
        match &expr.kind {
            ExprKind::Number(text) => match Quantity::parse(text) {
                Some(number) => Some(TypedTerm::constant(number, ValueType::Number)),
                None => self.add_fault(
                    expr,
                    &format!("`{text}` is not a decimal number, or out of range"),
                    None,
                ),
            },
            ExprKind::Name(_) => {
                let fact = self.resolve_fact(expr)?;
                self.lower_fact_term(expr, fact)
            }
            ExprKind::Unary("-", inner) => {
                let inner = self.lower_term(inner)?;
                if inner.value_type == ValueType::Instant {
                    return self.add_fault(expr, "an instant cannot be negated", None);
                }
                Some(TypedTerm { term: Term::Negate(Box::new(inner.term)), ..inner })
            }
            ExprKind::Binary(operator, left, right) => match arithmetic_operator(operator) {
                Some(operator) => self.lower_arithmetic(expr, operator, left, right),
                None => self.add_fault(expr, "this is a condition, not a number", None),
            },
            ExprKind::Call(name, arguments) => match self.resolve_inline_fact(expr) {
                Some(fact) => self.lower_fact_term(expr, fact?),
                None => self.lower_call(expr, name, arguments),
            },
            ExprKind::Member(..) => self.add_fault(
                expr,
                "a field cannot be read in a condition",
                Some("declare a fact for it: latest(event_type.field)"),
            ),
            _ => self.add_fault(expr, "this is not a number", None),
        }
    }

    fn lower_fact_term(&mut self, expr: &Expr, fact: FactId) -> Option<TypedTerm> {
        match self.bind_type(fact, ValueType::Number) {
            value_type @ (ValueType::Number | ValueType::Instant | ValueType::Duration) => {
                Some(TypedTerm {
                    term: Term::Fact(fact),
                    value_type,
                    is_time_dependent: self.facts[fact].is_time_dependent(),
                })
            }
            other => {
                let message = format!(
                    "`{}` is {}, not a number",
                    self.source_text(expr),
                    other.description()
                );
                self.add_fault(expr, &message, None)
            }
        }
    }

    fn lower_call(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<TypedTerm> {
        let unit_millis = match name {
            "since" => {
                let fact = self.resolve_fact_argument(expr, "since", arguments)?;
                return match self.facts[fact].value_type {
                    Some(ValueType::Instant) => Some(TypedTerm {
                        term: Term::Since(fact),
                        value_type: ValueType::Duration,
                        is_time_dependent: true,
                    }),
                    _ => self.add_fault(
                        expr,
                        &format!("`{}` is not an instant", self.facts[fact].name.clone()),
                        Some("since() takes a fact that is last(event_type) or first(event_type)"),
                    ),
                };
            }
            "days" => 86_400_000,
            "hours" => 3_600_000,
            "minutes" => 60_000,
            "has" => {
                let help = "leave out the comparison: write has(fact) or !has(fact)";
                return self.add_fault(expr, "`has` is a condition, not a value", Some(help));
            }
            other if STAGE_FACT_NAMES.contains(&other) => {
                let message = format!("`{other}` is written without parentheses");
                return self.add_fault(expr, &message, None);
            }
            other => {
                let all = FUNCTIONS.into_iter().chain(AGGREGATES);
                let help = did_you_mean(other, all);
                return self.add_fault(
                    expr,
                    &format!("unknown function `{other}`"),
                    help.as_deref().or(Some(
                        "there are since(), days(), hours(), minutes(), has(), visits(), time_in() and entered()",
                    )),
                );
            }
        };
        let [argument] = arguments else {
            return self.add_fault(expr, &format!("`{name}` takes one number"), None);
        };
        let number = self.lower_term(argument)?;
        if number.value_type != ValueType::Number {
            return self.add_fault(
                argument,
                &format!("`{name}` takes a number, not {}", number.value_type.description()),
                None,
            );
        }
        let unit = Term::Constant(Quantity::from_whole(unit_millis));
        let term = fold_constants(Arithmetic::Multiply, number.term, unit);
        Some(TypedTerm {
            term,
            value_type: ValueType::Duration,
            is_time_dependent: number.is_time_dependent,
        })
    }

    fn lower_arithmetic(
        &mut self,
        expr: &Expr,
        operator: Arithmetic,
        left: &Expr,
        right: &Expr,
    ) -> Option<TypedTerm> {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        use ValueType::{Duration, Instant, Number};
        let (left, right) = (self.lower_term(left), self.lower_term(right));
        let (left, right) = (left?, right?);
        let value_type = match (operator, left.value_type, right.value_type) {
            (Add | Subtract | Multiply | Divide | Remainder, Number, Number) => Number,
            (Add | Subtract | Remainder, Duration, Duration) => Duration,
            (Divide, Duration, Duration) => Number,
            (Multiply, Number, Duration) | (Multiply | Divide, Duration, Number) => Duration,
            (Add | Subtract, Instant, Duration) | (Add, Duration, Instant) => Instant,
            (Subtract, Instant, Instant) => Duration,
            (_, a, b) => {
                return self.add_fault(
                    expr,
                    &format!(
                        "{} and {} cannot be combined by this operator",
                        a.description(),
                        b.description()
                    ),
                    None,
                );
            }
        };
        // Timers solve for the instant at which a comparison changes, so each side must be linear in time.
        let is_non_linear = match operator {
            Add | Subtract => false,
            Multiply => left.is_time_dependent && right.is_time_dependent,
            Divide => right.is_time_dependent,
            Remainder => left.is_time_dependent || right.is_time_dependent,
        };
        if is_non_linear {
            return self.add_fault(
                expr,
                "this does not change linearly with time",
                Some("multiply or divide a value that changes with time, such as `since`, by one that does not"),
            );
        }
        Some(TypedTerm {
            term: fold_constants(operator, left.term, right.term),
            value_type,
            is_time_dependent: left.is_time_dependent || right.is_time_dependent,
        })
    }
}

impl TypedTerm {
    fn constant(number: Quantity, value_type: ValueType) -> TypedTerm {
        TypedTerm { term: Term::Constant(number), value_type, is_time_dependent: false }
    }
}

/// Computes constant arithmetic once, when the model is loaded. Arithmetic that fails, such as an overflow, is left
/// to evaluation.
fn fold_constants(operator: Arithmetic, left: Term, right: Term) -> Term {
    if let (Term::Constant(a), Term::Constant(b)) = (&left, &right)
        && let Some(result) = operator.apply(*a, *b)
    {
        return Term::Constant(result);
    }
    Term::Binary(operator, Box::new(left), Box::new(right))
}

fn arithmetic_operator(symbol: &str) -> Option<Arithmetic> {
    Some(match symbol {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "%" => Arithmetic::Remainder,
        _ => return None,
    })
}
