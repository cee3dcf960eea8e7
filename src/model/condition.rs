//! The typed form of a condition: what `lower` makes of the text, and `customer` evaluates.
//!
//! Facts are named by their index in the model. Numbers, money, durations (milliseconds) and
//! instants (milliseconds since 1970) are all [`Quantity`], so nothing is converted at run time.

use crate::event::{EventType, Quantity};

/// A truth that depends on facts, the time, and the event that is being evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always so.
    Constant(bool),
    /// An event of this type (`None`: any) is being evaluated, for the first link of its chain.
    OnEvent(Option<EventType>),
    /// The fact has a value.
    Has(usize),
    /// Not so.
    Not(Box<Condition>),
    /// All of them.
    All(Vec<Condition>),
    /// At least one of them.
    Any(Vec<Condition>),
    /// A comparison of quantities; an absent operand makes it false.
    Compare(Comparison),
    /// A comparison of texts; an absent operand makes it false.
    CompareText(TextComparison),
    /// The fact is this truth value; an absent fact makes it false.
    Bool {
        /// The fact.
        fact: usize,
        /// What it must be.
        is: bool,
        /// As written.
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

/// What a quantity counts, for the reader of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number or money.
    Number,
    /// A duration.
    Duration,
    /// An instant.
    Instant,
}

/// Two terms and how they must relate.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// How.
    pub operator: Operator,
    /// The left side.
    pub left: Term,
    /// The right side.
    pub right: Term,
    /// What both sides count.
    pub unit: Unit,
    /// Which side changes with every millisecond: `since`, and how long the customer is in a stage.
    pub time_dependent: TimeDependentSides,
    /// The windowed facts in it: their buckets leave as time passes.
    pub windowed_facts: Vec<usize>,
    /// All facts in it.
    pub facts: Vec<usize>,
    /// As written.
    pub text: String,
}

/// Which side of a comparison changes with every millisecond that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeDependentSides {
    /// None.
    Neither,
    /// The left one.
    Left,
    /// The right one.
    Right,
    /// Both.
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
    /// A constant.
    Constant(Quantity),
    /// The value of a fact.
    Fact(usize),
    /// The time since the instant of a fact, never negative.
    Since(usize),
    /// `-a`
    Negate(Box<Term>),
    /// `a op b`
    Binary(Arithmetic, Box<Term>, Box<Term>),
}

/// Operators between terms; absent when either side is, when the result does not fit, or when
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
    /// The left side.
    pub left: TextTerm,
    /// The right side.
    pub right: TextTerm,
    /// Whether they must be equal.
    pub equal: bool,
    /// As written.
    pub text: String,
}

/// A side of a comparison of texts.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTerm {
    /// The value of a fact.
    Fact(usize),
    /// A constant.
    Constant(String),
}

impl TextTerm {
    /// The fact, if it is one.
    pub fn fact(&self) -> Option<usize> {
        match self {
            TextTerm::Fact(fact) => Some(*fact),
            TextTerm::Constant(_) => None,
        }
    }
}

impl Operator {
    /// Whether `left` relates so to `right`.
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

    /// The operator that is written so, if there is one.
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

    /// The same with the sides exchanged.
    pub fn mirrored(self) -> Operator {
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
    /// The facts in this condition, those of conditions inside it left out.
    pub fn facts(&self) -> Vec<usize> {
        match self {
            Condition::Compare(comparison) => comparison.facts.clone(),
            Condition::Has(fact) | Condition::Bool { fact, .. } => vec![*fact],
            Condition::CompareText(same) => {
                let sides = [&same.left, &same.right].into_iter();
                sides.filter_map(TextTerm::fact).collect()
            }
            Condition::Constant(_)
            | Condition::OnEvent(_)
            | Condition::Not(_)
            | Condition::All(_)
            | Condition::Any(_) => Vec::new(),
        }
    }

    /// Calls `see` for this condition and every one inside it.
    pub fn visit<'c>(&'c self, see: &mut impl FnMut(&'c Condition)) {
        see(self);
        match self {
            Condition::Not(inner) => inner.visit(see),
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| part.visit(see))
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
    /// The result, if there is one that fits.
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
