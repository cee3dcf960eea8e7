//! Terms: numbers, durations and instants, and what may be computed with them.

use super::{Lowering, STAGE_NAMES};
use crate::event::Quantity;
use crate::model::condition::{Arithmetic, Term};
use crate::model::fact::AGGREGATES;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{Expr, Kind};
use crate::model::value_type::Type;

/// A term with what is known of it.
pub(super) struct Typed {
    pub(super) term: Term,
    pub(super) value_type: Type,
    /// Whether it moves with time.
    pub(super) moves: bool,
}

/// The functions of conditions, beside the aggregates.
pub const FUNCTIONS: [&str; 8] = [
    "since", "days", "hours", "minutes", "has", "visits", "time_in", "entered",
];

impl Lowering<'_> {
    pub(super) fn term(&mut self, expr: &Expr) -> Option<Typed> {
        match &expr.kind {
            Kind::Number(text) => match Quantity::parse(text) {
                Some(number) => Some(Typed::constant(number, Type::Number)),
                None => self.fault(
                    expr,
                    &format!("`{text}` is no decimal number that fits"),
                    None,
                ),
            },
            Kind::Name(_) => {
                let fact = self.fact(expr)?;
                self.fact_term(expr, fact)
            }
            Kind::Unary("-", inner) => {
                let inner = self.term(inner)?;
                if inner.value_type == Type::Instant {
                    return self.fault(expr, "an instant has no negative", None);
                }
                Some(Typed {
                    term: Term::Negate(Box::new(inner.term)),
                    ..inner
                })
            }
            Kind::Binary(operator, left, right) => match arithmetic_operator(operator) {
                Some(operator) => self.arithmetic(expr, operator, left, right),
                None => self.fault(expr, "this is a condition, not a number", None),
            },
            Kind::Call(name, arguments) => match self.unnamed(expr) {
                Some(fact) => self.fact_term(expr, fact?),
                None => self.call(expr, name, arguments),
            },
            Kind::Member(..) => self.fault(
                expr,
                "a field cannot be read in a condition",
                Some("declare a fact for it: latest(event_type.field)"),
            ),
            _ => self.fault(expr, "this is not a number", None),
        }
    }

    fn fact_term(&mut self, expr: &Expr, fact: usize) -> Option<Typed> {
        match self.bind(fact, Type::Number) {
            value_type @ (Type::Number | Type::Instant | Type::Duration) => Some(Typed {
                term: Term::Fact(fact),
                value_type,
                moves: self.facts[fact].moves(),
            }),
            other => {
                let message = format!("`{}` is {}, not a number", self.text_of(expr), other.name());
                self.fault(expr, &message, None)
            }
        }
    }

    fn call(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<Typed> {
        let unit_millis = match name {
            "since" => {
                let fact = self.fact_argument(expr, "since", arguments)?;
                return match self.facts[fact].value_type {
                    Some(Type::Instant) => Some(Typed {
                        term: Term::Since(fact),
                        value_type: Type::Duration,
                        moves: true,
                    }),
                    _ => self.fault(
                        expr,
                        &format!("`{}` is no instant", self.facts[fact].name.clone()),
                        Some("since() takes a fact that is last(event_type) or first(event_type)"),
                    ),
                };
            }
            "days" => 86_400_000,
            "hours" => 3_600_000,
            "minutes" => 60_000,
            "has" => {
                let help = "leave out the comparison: write has(fact) or !has(fact)";
                return self.fault(expr, "`has` is a condition, not a value", Some(help));
            }
            other if STAGE_NAMES.contains(&other) => {
                let message = format!("`{other}` is written without parentheses");
                return self.fault(expr, &message, None);
            }
            other => {
                let all = FUNCTIONS.into_iter().chain(AGGREGATES);
                let help = did_you_mean(other, all);
                return self.fault(
                    expr,
                    &format!("unknown function `{other}`"),
                    help.as_deref().or(Some(
                        "there are since(), days(), hours(), minutes(), has(), visits(), time_in() and entered()",
                    )),
                );
            }
        };
        let [argument] = arguments else {
            return self.fault(expr, &format!("`{name}` takes one number"), None);
        };
        let number = self.term(argument)?;
        if number.value_type != Type::Number {
            return self.fault(
                argument,
                &format!("`{name}` takes a number, not {}", number.value_type.name()),
                None,
            );
        }
        let unit = Term::Constant(Quantity::whole(unit_millis));
        let term = fold(Arithmetic::Multiply, number.term, unit);
        Some(Typed {
            term,
            value_type: Type::Duration,
            moves: number.moves,
        })
    }

    fn arithmetic(
        &mut self,
        expr: &Expr,
        operator: Arithmetic,
        left: &Expr,
        right: &Expr,
    ) -> Option<Typed> {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        use Type::{Duration, Instant, Number};
        let (left, right) = (self.term(left), self.term(right));
        let (left, right) = (left?, right?);
        let value_type = match (operator, left.value_type, right.value_type) {
            (Add | Subtract | Multiply | Divide | Remainder, Number, Number) => Number,
            (Add | Subtract | Remainder, Duration, Duration) => Duration,
            (Divide, Duration, Duration) => Number,
            (Multiply, Number, Duration) | (Multiply | Divide, Duration, Number) => Duration,
            (Add | Subtract, Instant, Duration) | (Add, Duration, Instant) => Instant,
            (Subtract, Instant, Instant) => Duration,
            (_, a, b) => {
                return self.fault(
                    expr,
                    &format!("{} and {} cannot be put together so", a.name(), b.name()),
                    None,
                );
            }
        };
        let crooked = match operator {
            Add | Subtract => false,
            Multiply => left.moves && right.moves,
            Divide => right.moves,
            Remainder => left.moves || right.moves,
        };
        if crooked {
            return self.fault(
                expr,
                "this does not move evenly with time",
                Some("multiply or divide what moves, such as `since`, by what does not"),
            );
        }
        Some(Typed {
            term: fold(operator, left.term, right.term),
            value_type,
            moves: left.moves || right.moves,
        })
    }
}

impl Typed {
    fn constant(number: Quantity, value_type: Type) -> Typed {
        Typed {
            term: Term::Constant(number),
            value_type,
            moves: false,
        }
    }
}

/// Computes what is constant once, at load.
fn fold(operator: Arithmetic, left: Term, right: Term) -> Term {
    if let (Term::Constant(a), Term::Constant(b)) = (&left, &right)
        && let Some(result) = operator.of(*a, *b)
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
