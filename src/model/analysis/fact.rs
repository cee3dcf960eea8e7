//! What is known of a fact without any customer: its possible values, and how the value changes without events.

use typed_index_collections::{TiSlice, TiVec};

use super::range::ValueRange;
use crate::event::Quantity;
use crate::model::fact::{Aggregate, Window};
use crate::model::lower::{FactOrigin, FactSymbol, FactSymbols};
use crate::model::{Accumulator, Fact, FactId, Model, SlotKind, Slots, StageFact, ValueSource};

/// The part of a fact that the analysis needs; it is the same before and after the fact is resolved to slots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnalyzedFact {
    Stage(StageFact),
    Events {
        aggregate: Aggregate,
        /// Whether a field is aggregated, not the events themselves.
        is_of_field: bool,
        window: Option<Window>,
    },
    /// The declaration is wrong.
    Unknown,
}

pub(crate) type AnalyzedFacts = TiSlice<FactId, AnalyzedFact>;

impl From<&FactSymbol> for AnalyzedFact {
    fn from(symbol: &FactSymbol) -> Self {
        match &symbol.origin {
            FactOrigin::Stages(fact) => AnalyzedFact::Stage(*fact),
            FactOrigin::Events(declaration) => AnalyzedFact::Events {
                aggregate: declaration.aggregate,
                is_of_field: declaration.field.is_some(),
                window: declaration.window,
            },
            FactOrigin::Invalid => AnalyzedFact::Unknown,
        }
    }
}

impl AnalyzedFact {
    pub(crate) fn from_symbols(symbols: &FactSymbols) -> TiVec<FactId, AnalyzedFact> {
        symbols.iter().map(AnalyzedFact::from).collect()
    }

    /// The facts of a compiled model; `slots` are those it was compiled with.
    pub(crate) fn from_model(model: &Model, slots: &Slots) -> TiVec<FactId, AnalyzedFact> {
        let facts = model.facts.iter();
        facts.map(|fact| AnalyzedFact::from_fact(fact, slots)).collect()
    }

    fn from_fact(fact: &Fact, slots: &Slots) -> AnalyzedFact {
        let kind = |slot| &slots.get(slot).kind;
        let (aggregate, is_of_field) = match fact.accessor.source {
            ValueSource::Stage(fact) => return AnalyzedFact::Stage(fact),
            ValueSource::Number(slot) => match kind(slot) {
                SlotKind::Accumulator(accumulator) | SlotKind::Buckets { accumulator, .. } => {
                    match accumulator {
                        Accumulator::Count => (Aggregate::Count, false),
                        Accumulator::CountOf(_) => (Aggregate::Count, true),
                        Accumulator::Sum(_) => (Aggregate::Sum, true),
                        Accumulator::Min(_) => (Aggregate::Min, true),
                        Accumulator::Max(_) => (Aggregate::Max, true),
                        Accumulator::First => (Aggregate::First, false),
                    }
                }
                _ => return AnalyzedFact::Unknown,
            },
            ValueSource::Mean { .. } => (Aggregate::Avg, true),
            ValueSource::Distinct { cap, .. } => (Aggregate::CountDistinct(cap), true),
            ValueSource::Instant(slot) => match kind(slot) {
                SlotKind::Last => (Aggregate::Last, false),
                _ => (Aggregate::First, false),
            },
            ValueSource::FieldValue(slot) => match kind(slot) {
                SlotKind::LatestOf(_) => (Aggregate::Latest, true),
                _ => (Aggregate::First, true),
            },
            ValueSource::MeanGap { .. } => (Aggregate::MeanGap, false),
            ValueSource::MaxGap(_) => (Aggregate::MaxGap, false),
        };
        AnalyzedFact::Events { aggregate, is_of_field, window: fact.accessor.window }
    }

    pub(super) fn possible_values(self) -> ValueRange {
        match self {
            AnalyzedFact::Stage(StageFact::Previous | StageFact::Entered(_))
            | AnalyzedFact::Unknown => ValueRange::default(),
            AnalyzedFact::Stage(_) => ValueRange::FROM_ZERO,
            AnalyzedFact::Events { aggregate, .. } => match aggregate {
                Aggregate::Count | Aggregate::MeanGap | Aggregate::MaxGap => ValueRange::FROM_ZERO,
                Aggregate::CountDistinct(cap) => {
                    ValueRange::FROM_ZERO.up_to(Quantity::from_whole(cap.into()))
                }
                _ => ValueRange::default(),
            },
        }
    }

    /// Summands are assumed to be positive, as money and counts are.
    pub(super) fn drift(self) -> Drift {
        let (aggregate, is_of_field, window) = match self {
            AnalyzedFact::Stage(fact) if fact.is_time_dependent() => return Drift::Rises,
            AnalyzedFact::Events { aggregate, is_of_field, window: Some(window) } => {
                (aggregate, is_of_field, window)
            }
            _ => return Drift::Steady,
        };
        if window.buckets_ago > 0 {
            return Drift::Either; // Events enter the window, too.
        }
        match aggregate {
            Aggregate::Count | Aggregate::CountDistinct(_) | Aggregate::Sum | Aggregate::Max => {
                Drift::Falls
            }
            Aggregate::Min => Drift::Rises,
            Aggregate::First if is_of_field => Drift::Either,
            Aggregate::First => Drift::Rises,
            Aggregate::Last | Aggregate::Latest => Drift::Steady,
            Aggregate::Avg | Aggregate::MeanGap | Aggregate::MaxGap => Drift::Either,
        }
    }

    /// Whether the fact can lose its value as its window moves on.
    pub(super) fn can_vanish(self) -> bool {
        match self {
            AnalyzedFact::Events { aggregate, window: Some(_), .. } => !matches!(
                aggregate,
                Aggregate::Count | Aggregate::CountDistinct(_) | Aggregate::Sum
            ),
            _ => false,
        }
    }

    /// Whether its window begins and ends in the past, so that it can gain a value without an event.
    pub(super) fn can_appear(self) -> bool {
        matches!(self, AnalyzedFact::Events { window: Some(window), .. } if window.buckets_ago > 0)
    }

    /// Whether only events change the fact: neither time nor transitions do.
    pub(super) fn is_fixed(self) -> bool {
        matches!(self, AnalyzedFact::Events { window: None, .. })
    }
}

/// How a value changes without events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
    Steady,
    Falls,
    Rises,
    Either,
}

impl Drift {
    pub(super) fn reversed(self) -> Drift {
        match self {
            Drift::Falls => Drift::Rises,
            Drift::Rises => Drift::Falls,
            same => same,
        }
    }

    pub(super) fn combine(self, other: Drift) -> Drift {
        match (self, other) {
            (Drift::Steady, drift) | (drift, Drift::Steady) => drift,
            (left, right) if left == right => left,
            _ => Drift::Either,
        }
    }
}
