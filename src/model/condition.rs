//! The typed form of a condition: the output of `lower`, which `customer` evaluates.
//!
//! Numbers, money, durations (milliseconds) and instants (milliseconds since 1970) are all [`Quantity`], so nothing is
//! converted at run time.

use super::ids::FactId;
use crate::event::{EventType, Quantity};

/// A condition on facts, the time, and the event that is being applied.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Constant(bool),
    /// An event of this type (`None`: any) is being applied. It is true only for the first transition of a chain.
    OnEvent(Option<EventType>),
    /// The fact has a value.
    Has(FactId),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// A comparison of quantities; an absent operand makes it false.
    Compare(Comparison),
    /// A comparison of texts; an absent operand makes it false.
    CompareText(TextComparison),
    /// The fact is this truth value; an absent fact makes it false.
    Bool {
        fact: FactId,
        is: bool,
        text: String,
    },
}

/// How two quantities are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// The unit of a quantity, for the display of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number or money.
    Number,
    Duration,
    Instant,
}

/// A comparison of two terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub operator: Operator,
    pub left: Term,
    pub right: Term,
    /// The unit of both sides.
    pub unit: Unit,
    /// The sides with `since`, or with the time in a stage.
    pub time_dependent: TimeDependentSides,
    /// The facts with a window: their buckets expire as time passes.
    pub windowed_facts: Vec<FactId>,
    pub facts: Vec<FactId>,
    pub text: String,
}

/// Which sides of a comparison change with every millisecond that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeDependentSides {
    Neither,
    Left,
    Right,
    Both,
}

impl TimeDependentSides {
    pub(super) fn from_sides(left: bool, right: bool) -> TimeDependentSides {
        match (left, right) {
            (false, false) => TimeDependentSides::Neither,
            (true, false) => TimeDependentSides::Left,
            (false, true) => TimeDependentSides::Right,
            (true, true) => TimeDependentSides::Both,
        }
    }
}

/// An arithmetic expression over facts.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Constant(Quantity),
    /// The value of a fact.
    Fact(FactId),
    /// The time since the instant of a fact, never negative.
    Since(FactId),
    /// `-a`
    Negate(Box<Term>),
    /// `a op b`
    Binary(Arithmetic, Box<Term>, Box<Term>),
}

/// Operators between terms. The result is absent if a side is absent, if the result does not fit, or if
/// the divisor is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// `a == b` or `a != b` over texts.
#[derive(Clone, Debug, PartialEq)]
pub struct TextComparison {
    pub left: TextTerm,
    pub right: TextTerm,
    /// `true` for `==`, `false` for `!=`.
    pub equal: bool,
    pub text: String,
}

/// One side of a comparison of texts.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTerm {
    /// The value of a fact.
    Fact(FactId),
    Constant(String),
}

impl TextTerm {
    pub fn fact(&self) -> Option<FactId> {
        match self {
            TextTerm::Fact(fact) => Some(*fact),
            TextTerm::Constant(_) => None,
        }
    }
}

impl Operator {
    #[inline]
    pub fn is_true(self, left: Quantity, right: Quantity) -> bool {
        let order = left.cmp(&right);
        match self {
            Operator::Less => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
            Operator::Equal => order.is_eq(),
            Operator::Unequal => order.is_ne(),
        }
    }

    pub(super) fn from_symbol(symbol: &str) -> Option<Operator> {
        Some(match symbol {
            "<" => Operator::Less,
            "<=" => Operator::AtMost,
            ">" => Operator::Greater,
            ">=" => Operator::AtLeast,
            "==" => Operator::Equal,
            "!=" => Operator::Unequal,
            _ => return None,
        })
    }

    /// The operator for exchanged sides.
    pub(crate) fn mirrored(self) -> Operator {
        match self {
            Operator::Less => Operator::Greater,
            Operator::AtMost => Operator::AtLeast,
            Operator::Greater => Operator::Less,
            Operator::AtLeast => Operator::AtMost,
            same @ (Operator::Equal | Operator::Unequal) => same,
        }
    }
}

impl Condition {
    /// The facts of this condition itself, without those of nested conditions.
    pub fn facts(&self) -> Vec<FactId> {
        match self {
            Condition::Compare(comparison) => comparison.facts.clone(),
            Condition::Has(fact) | Condition::Bool { fact, .. } => vec![*fact],
            Condition::CompareText(texts) => {
                let sides = [&texts.left, &texts.right].into_iter();
                sides.filter_map(TextTerm::fact).collect()
            }
            Condition::Constant(_)
            | Condition::OnEvent(_)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_) => Vec::new(),
        }
    }

    /// Calls `visitor` for this condition and all nested ones, in the order of the text.
    pub fn visit<'c>(&'c self, visitor: &mut impl FnMut(&'c Condition)) {
        visitor(self);
        match self {
            Condition::Not(inner) => inner.visit(visitor),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| part.visit(visitor))
            }
            Condition::Constant(_)
            | Condition::OnEvent(_)
            | Condition::Has(_)
            | Condition::Compare(_)
            | Condition::CompareText(_)
            | Condition::Bool { .. } => {}
        }
    }
}

impl Arithmetic {
    pub fn apply(self, left: Quantity, right: Quantity) -> Option<Quantity> {
        match self {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => left.checked_div(right),
            Arithmetic::Remainder => left.checked_rem(right),
        }
    }
}
