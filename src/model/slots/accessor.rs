//! How the value of a fact is read from slots and stages.

use crate::model::fact::Window;
use crate::model::ids::{SlotId, StageId};

/// The source of a fact's value, and its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactAccessor {
    pub source: ValueSource,
    /// `None`: all time.
    pub window: Option<Window>,
}

/// The source of a fact's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    Number(SlotId),
    /// `sum / count`.
    Mean {
        sum: SlotId,
        count: SlotId,
    },
    /// The number of distinct values, at most `cap`.
    Distinct {
        slot: SlotId,
        cap: u32,
    },
    Instant(SlotId),
    /// The stored value of a field.
    FieldValue(SlotId),
    /// `(last - first) / (count - 1)`.
    MeanGap {
        first: SlotId,
        last: SlotId,
        count: SlotId,
    },
    /// The longest time between two successive events.
    MaxGap(SlotId),
    /// The customer's stages in the fact's model.
    Stage(StageFact),
}

/// A fact about a customer's stages in the fact's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageFact {
    /// The stage before the current one.
    Previous,
    /// Time since the current stage was entered, in days.
    DaysIn,
    /// How many times the stage was entered; the initial one first when the customer was created.
    Visits(StageId),
    /// Total time in the stage, up to now.
    TimeIn(StageId),
    /// When the stage was last entered.
    Entered(StageId),
}

impl FactAccessor {
    pub(crate) fn from_stage_fact(fact: StageFact) -> FactAccessor {
        FactAccessor { source: ValueSource::Stage(fact), window: None }
    }

    /// The stage whose visits must be stored for it.
    pub(crate) fn visited_stage(self) -> Option<StageId> {
        match self.source {
            ValueSource::Stage(
                StageFact::Visits(stage) | StageFact::TimeIn(stage) | StageFact::Entered(stage),
            ) => Some(stage),
            _ => None,
        }
    }
}

impl ValueSource {
    pub fn slots(self) -> Vec<SlotId> {
        match self {
            ValueSource::Number(slot)
            | ValueSource::Distinct { slot, .. }
            | ValueSource::Instant(slot)
            | ValueSource::FieldValue(slot)
            | ValueSource::MaxGap(slot) => vec![slot],
            ValueSource::Mean { sum, count } => vec![sum, count],
            ValueSource::MeanGap { first, last, count } => vec![first, last, count],
            ValueSource::Stage(_) => Vec::new(),
        }
    }
}

impl StageFact {
    /// Whether the value changes with every millisecond.
    pub(crate) fn is_time_dependent(self) -> bool {
        matches!(self, StageFact::DaysIn | StageFact::TimeIn(_))
    }
}
