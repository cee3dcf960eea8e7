//! Models, events and changes.

use std::collections::BTreeMap;

use super::{DAY, HOUR};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub name: String,
    pub initial: String,
    /// How long the ids of events are remembered. Models that declare it have the same
    /// value, which applies to all.
    pub dedupe_ms: Option<i64>,
    /// With that, whether an id is remembered for its type only. Models that declare it have the same value.
    pub dedupe_by_type: bool,
    /// Models that declare it have the same value, which applies to all.
    pub orders: Option<Orders>,
    /// For how long the basis of the last transition is kept.
    pub corrections_ms: Option<i64>,
    pub stages: Vec<Stage>,
    pub facts: Vec<(String, Fact)>,
    pub transitions: Vec<Transition>,
}

/// The event types of orders and of their returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    pub placed: String,
    pub refunded: Option<String>,
    pub cancelled: Option<String>,
    pub within_ms: i64,
    pub refunds: Refunds,
    pub repeated: Repeated,
}

/// What the value of a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refunds {
    Single,
    /// As `Single`; without a value it changes nothing.
    Partial,
    /// The total so far; without a value it changes nothing.
    Cumulative,
}

/// What a second order with the id of another is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeated {
    Duplicate,
    Line,
    Replace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    pub name: String,
    pub min_dwell_ms: i64,
    pub reentry: Reentry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reentry {
    Always,
    Never,
    /// So many milliseconds after the last exit.
    After(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    pub from: Vec<String>,
    pub to: String,
    pub name: Option<String>,
    pub when: Expr,
    pub hold_ms: i64,
    pub cooldown_ms: i64,
}

/// `AGGREGATE(EVENT[.FIELD] [where FILTER] [, CAP]) [over W [before D]]`. The event may be `any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub aggregate: Aggregate,
    pub event: String,
    pub field: Option<String>,
    pub filter: Option<Filter>,
    pub window: Option<Window>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    Avg,
    CountDistinct {
        cap: usize,
    },
    /// An instant, or the value of the field. `Last` with a field is written `latest`.
    First,
    Last,
    MeanGap,
    MaxGap,
}

/// Which events count in a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Has(String),
    Compare(String, Op, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Hour = HOUR as isize,
    Day = DAY as isize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub unit: Unit,
    pub buckets: i64,
    /// Shifted back by so many buckets.
    pub before: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(Op, Num, Num),
    Has(Source),
    Event(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// One side of a comparison. Texts and truth values may be facts and literals, and be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Num {
    Fact(Source),
    Literal(Value),
    Since(Source),
    Duration(i64),
    Plus(Box<Num>, Box<Num>),
    Minus(Box<Num>, Box<Num>),
    Times(Box<Num>, Box<Num>),
    Over(Box<Num>, Box<Num>),
}

/// A source of values: a declared fact, one inside the condition, or a stage fact of the condition's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Named(String),
    Inline(Fact),
    PreviousStage,
    DaysInStage,
    Visits(String),
    TimeIn(String),
    Entered(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(i128),
    Text(String),
    Bool(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub customer: String,
    pub id: Option<String>,
    pub order_id: Option<String>,
    pub kind: String,
    pub time: i64,
    /// The timestamp of its record: beyond that it advances only its own customer's time.
    pub written: i64,
    pub fields: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Event,
    Timer,
    /// An event that removed the basis of the last transition (rule 22).
    Correction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub customer: String,
    pub model: String,
    pub sequence: u64,
    pub from: String,
    pub to: String,
    pub transition: String,
    pub effective_at: i64,
    pub cause: Cause,
    pub entered_previous_at: i64,
    /// Sequence and `effective_at` of the transition that a correction corrects.
    pub corrects: Option<(u64, i64)>,
}
