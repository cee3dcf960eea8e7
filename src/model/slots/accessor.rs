//! How facts are read from what is remembered.

use crate::model::fact::Window;

/// How a fact is read: from which slots or from where the customer is, and over which window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactAccessor {
    /// From what.
    pub source: ValueSource,
    /// Over which window; without one, over all time.
    pub window: Option<Window>,
}

/// What a fact is read from; numbers are slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// A number.
    Number(usize),
    /// A total over how many there were.
    Mean {
        /// The total.
        sum: usize,
        /// How many.
        count: usize,
    },
    /// How many different values, at most `cap`.
    Distinct {
        /// The slot.
        slot: usize,
        /// The most that is told.
        cap: u32,
    },
    /// An instant.
    Instant(usize),
    /// A kept value.
    FieldValue(usize),
    /// The time from the first event to the last over how many there were between them.
    MeanGap {
        /// The first.
        first: usize,
        /// The last.
        last: usize,
        /// How many events.
        count: usize,
    },
    /// The longest time between two events.
    MaxGap(usize),
    /// Where the customer is and has been in the model.
    Stage(StageFact),
}

/// What is known of a customer's stages in the model that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageFact {
    /// The stage before the current one.
    Previous,
    /// Time since the current stage was entered, in days.
    DaysIn,
    /// How many times the stage was entered; the initial one first when the customer was created.
    Visits(usize),
    /// Time in the stage altogether, up to now.
    TimeIn(usize),
    /// When the stage was last entered.
    Entered(usize),
}

impl FactAccessor {
    pub(crate) fn from_stage_fact(fact: StageFact) -> FactAccessor {
        FactAccessor {
            source: ValueSource::Stage(fact),
            window: None,
        }
    }

    /// The stage whose visits must be remembered for it.
    pub(crate) fn visited_stage(self) -> Option<usize> {
        match self.source {
            ValueSource::Stage(
                StageFact::Visits(stage) | StageFact::TimeIn(stage) | StageFact::Entered(stage),
            ) => Some(stage),
            _ => None,
        }
    }
}

impl ValueSource {
    /// The slots that it is read from.
    pub fn slots(self) -> Vec<usize> {
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
    /// Whether the passing of time alone changes it.
    pub fn is_time_dependent(self) -> bool {
        matches!(self, StageFact::DaysIn | StageFact::TimeIn(_))
    }
}
