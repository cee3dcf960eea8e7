//! Rendering of one customer's explanation and timeline: JSON for programs, text for people.
//!
//! `format` (values and times), `phrases` (shared wording), `text` and `json` (an explanation), `timeline` (a history).

mod format;
mod json;
mod phrases;
mod text;
mod timeline;

use crate::customer::{CustomerState, Explanation, StageChange};
use crate::event::{CustomerId, EventTime};
use crate::model::{ModelId, Models};

pub(crate) use format::format_exact_span;
pub use format::format_instant;
pub(crate) use timeline::{TimelineFormatter, TimelineStep};

/// A customer's stage in every model, and why.
#[derive(Debug)]
pub struct CustomerExplanation<'a> {
    models: &'a Models,
    customer: &'a CustomerId,
    now: EventTime,
    as_of: AsOf,
    latest: EventTime,
    notes: ExplanationNotes,
    /// Explanations with the index of their model.
    explained: Vec<(ModelId, Explanation)>,
}

/// The meaning of the instant of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The partition's watermark.
    Watermark,
    /// The time of the customer's latest event, which is after the watermark.
    LatestEvent,
    /// The end of the replayed events.
    EndOfEvents,
    /// A requested later instant: timers fire up to it, without events.
    Requested,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ExplanationNotes {
    /// The stored state has older models; the explanation is of a migrated copy.
    is_migrated: bool,
    /// Transitions by time alone up to the requested instant.
    meanwhile: Vec<StageChange>,
}

/// A requested instant that cannot be explained from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownInstant {
    /// A state has no earlier history.
    #[error(
        "the state is as of {now} and does not contain the earlier {requested}; use the events: `tenure explain \
        CUSTOMER --at TIME --model FILE INPUT…`, or `tenure replay --story CUSTOMER`"
    )]
    TooEarly { requested: EventTime, now: EventTime },
    /// Time alone causes too many transitions up to the instant.
    #[error("time alone causes too many transitions up to {requested}; request an earlier time")]
    TooFar { requested: EventTime },
}

impl<'a> CustomerExplanation<'a> {
    /// Explains a state as of `now`, up to which all its timers have fired. `requested` fires the timers up to a later
    /// instant first, without events.
    ///
    /// # Errors
    /// The requested instant is before `now`, or too many transitions are before it.
    pub fn new(
        models: &'a Models,
        customer: &'a CustomerId,
        state: &CustomerState,
        (now, as_of): (EventTime, AsOf),
        requested: Option<EventTime>,
        is_migrated: bool,
    ) -> Result<CustomerExplanation<'a>, UnknownInstant> {
        let mut notes = ExplanationNotes { is_migrated, meanwhile: Vec::new() };
        let later = match requested {
            None => None,
            Some(requested) if requested < now => {
                return Err(UnknownInstant::TooEarly { requested, now });
            }
            Some(requested) => {
                let mut later = state.clone();
                if !later.advance_to(models, requested, &mut notes.meanwhile) {
                    return Err(UnknownInstant::TooFar { requested });
                }
                Some((later, requested))
            }
        };
        let (state, now, as_of) = match &later {
            Some((later, requested)) => (later, *requested, AsOf::Requested),
            None => (state, now, as_of),
        };
        let explain = |model| (model, state.explain(models, model, now));
        Ok(CustomerExplanation {
            models,
            customer,
            now,
            as_of,
            latest: state.latest,
            notes,
            explained: models.list.keys().map(explain).collect(),
        })
    }

    /// Drops the explanations of other models.
    pub(crate) fn retain_models(mut self, names: &[String]) -> CustomerExplanation<'a> {
        let is_wanted = |model: ModelId| names.contains(&self.models.list[model].name);
        self.explained.retain(|(model, _)| is_wanted(*model));
        self
    }
}
