//! What is said of one customer: as JSON for programs, as text for whoever cares for customers.
//!
//! `words` (values and times as people write them), `phrases` (what is said again and again), `text` and `json`
//! (an explanation), `story` (a history).

mod format;
mod json;
mod phrases;
mod text;
mod timeline;

use crate::customer::{CustomerState, Explanation, StageChange};
use crate::event::{CustomerId, EventTime};
use crate::model::Models;

pub use timeline::{TimelineFormatter, TimelineStep};

/// Where a customer is in every model, and why.
#[derive(Debug)]
pub struct CustomerExplanation<'a> {
    models: &'a Models,
    customer: &'a CustomerId,
    now: EventTime,
    as_of: AsOf,
    latest: EventTime,
    notes: ExplanationNotes,
    /// By index of the model.
    explained: Vec<(usize, Explanation)>,
}

/// What the instant is that somebody is explained at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Up to here time has come.
    Watermark,
    /// That of the customer's latest event, which is ahead of the watermark.
    LatestEvent,
    /// The end of the events that were replayed.
    EndOfEvents,
    /// It was asked for; from where the state stands, time passes and nothing happens.
    Requested,
}

/// What else has to be said.
#[derive(Clone, Debug, Default, PartialEq)]
struct ExplanationNotes {
    /// Other models have taken over, and the customer is still to be brought under them: shown is what that
    /// comes to.
    is_migrated: bool,
    /// What happens by time alone up to an instant that was asked for.
    meanwhile: Vec<StageChange>,
}

/// An instant that a state says nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownInstant {
    /// What was before is not kept.
    #[error(
        "the state says nothing of {asked}: it stands at {now}; of earlier times the events tell: `tenure explain \
        CUSTOMER --at TIME --model FILE INPUT…`, or `tenure replay --story CUSTOMER`"
    )]
    TooEarly {
        /// The instant.
        asked: EventTime,
        /// Where the state stands.
        now: EventTime,
    },
    /// By time alone stages follow each other too often to be told.
    #[error("up to {asked} more happens by time alone than can be told; ask for an earlier time")]
    TooFar {
        /// The instant.
        asked: EventTime,
    },
}

impl<'a> CustomerExplanation<'a> {
    /// Explains a state that stands at `now`: up to there everything that time alone does has been done.
    /// `asked` lets time pass from there to a later instant.
    ///
    /// # Errors
    /// Where the state says nothing of the instant that is asked for.
    pub fn new(
        models: &'a Models,
        customer: &'a CustomerId,
        state: &CustomerState,
        (now, as_of): (EventTime, AsOf),
        asked: Option<EventTime>,
        is_brought_over: bool,
    ) -> Result<CustomerExplanation<'a>, UnknownInstant> {
        let mut notes = ExplanationNotes {
            is_migrated: is_brought_over,
            meanwhile: Vec::new(),
        };
        let later = match asked {
            None => None,
            Some(asked) if asked < now => return Err(UnknownInstant::TooEarly { asked, now }),
            Some(asked) => {
                let mut later = state.clone();
                if !later.advance_to(models, asked, &mut notes.meanwhile) {
                    return Err(UnknownInstant::TooFar { asked });
                }
                Some((later, asked))
            }
        };
        let (state, now, as_of) = match &later {
            Some((later, asked)) => (later, *asked, AsOf::Requested),
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
            explained: (0..models.list.len()).map(explain).collect(),
        })
    }

    /// Only of these models.
    pub fn retain_models(mut self, names: &[String]) -> CustomerExplanation<'a> {
        let wanted = |model: usize| names.contains(&self.models.list[model].name);
        self.explained.retain(|(model, _)| wanted(*model));
        self
    }
}
