//! Why a customer is in a stage, what keeps them there, and what time alone does next (rule 25).
//!
//! `explanation` has the values; `outgoing` evaluates the transitions out of the stage, `next` simulates the time
//! ahead. The module `explanation` of the crate renders them as text and JSON.

mod explanation;
mod next;
mod outgoing;

pub(crate) use explanation::{
    Arrival, Block, BlockKind, EvaluatedComparison, EvaluatedCondition, OutgoingTransition,
    TakenTransition, VariableSides,
};
pub use explanation::{Explanation, NextChange};

use typed_index_collections::TiVec;

use super::change::RetractedTransition;
use super::display_value::DisplayValue;
use super::fact_source::FactSource;
use super::recorded_facts::RecordedFacts;
use super::state::CustomerState;
use super::view::ModelView;
use crate::event::EventTime;
use crate::model::{Fact, FactId, ModelId, Models, ValueSource};

impl CustomerState {
    /// Explains the customer's stage in a model as of `now`, which must not be before the latest event or transition
    /// of the state.
    pub fn explain(&self, models: &Models, model: ModelId, now: EventTime) -> Explanation {
        let (view, state) = (self.view(models, model), &self.models[model]);
        Explanation {
            stage: state.stage,
            since: state.entered,
            previous: state.previous,
            sequence: state.sequence,
            last_transition: view.arrival(),
            outgoing: view.outgoing_transitions(now),
            next: self.next_transitions(models, model),
        }
    }

    /// The values of a model's facts at an instant; `None` also for facts about stages.
    pub fn facts_at(
        &self,
        models: &Models,
        model: ModelId,
        now: EventTime,
    ) -> TiVec<FactId, Option<DisplayValue>> {
        let context = self.view(models, model).at(now, None);
        let value = |(id, fact): (FactId, &Fact)| match fact.accessor.source {
            ValueSource::Stage(_) => None,
            _ => context.display_value(id),
        };
        models.list[model].facts.iter_enumerated().map(value).collect()
    }
}

impl ModelView<'_> {
    /// How the customer entered their stage.
    fn arrival(&self) -> Option<Arrival> {
        let ModelView { model, state, .. } = self;
        let last = state.last_transition.as_deref()?;
        let transition = last.record.as_ref().map(|record| {
            let definition = &model.transitions[record.transition];
            // The correction began in the target stage of the transition that it retracted.
            let (from, corrects) = match record.retracted {
                None => (state.previous, None),
                Some(retracted) => {
                    let corrects = RetractedTransition {
                        sequence: state.sequence.saturating_sub(1),
                        transition: retracted.transition,
                        from: retracted.from,
                        effective_at: retracted.effective_at,
                    };
                    (Some(definition.to), Some(corrects))
                }
            };
            let evaluated_at =
                record.retracted.map_or(state.effective_at, |retracted| retracted.evaluated_at);
            let recorded = RecordedFacts { model, record, at: evaluated_at };
            TakenTransition {
                transition: record.transition,
                from,
                event: record.event,
                held_since: record.held_since,
                condition: outgoing::evaluate_condition(
                    &definition.when,
                    false,
                    &recorded,
                    &self.models.vocabulary,
                ),
                corrects,
            }
        });
        Some(Arrival { cause: last.cause, effective_at: state.effective_at, transition })
    }
}
