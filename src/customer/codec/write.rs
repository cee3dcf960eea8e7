//! Encodes a customer's state.

use crate::customer::model_state::SeenEvents;
use crate::customer::{CustomerState, FactState, ModelHistory, ModelState};
use crate::event::{EventTime, Scalar};

/// Appends everything after the version byte.
pub(super) fn write_state(state: &CustomerState, bytes: &mut Vec<u8>) {
    let mut out = StateWriter { bytes, base_time: state.latest.0 };
    out.write_unsigned(state.generation.into());
    out.write_signed(state.latest.0.into());
    out.write_unsigned(state.position.input.into());
    out.write_signed(state.position.offset.into());
    out.write_optional_instant(state.armed);
    out.write_list(&state.recent.0, |out, (time, id)| {
        out.write_instant(*time);
        out.bytes.extend_from_slice(&id.to_be_bytes());
    });
    out.bytes.push(state.ledger.is_some().into());
    if let Some(ledger) = &state.ledger {
        out.write_ledger(ledger);
    }
    out.write_list(&state.facts.raw, StateWriter::write_fact);
    out.write_list(&state.models.raw, StateWriter::write_model);
}

pub(super) struct StateWriter<'w> {
    pub(super) bytes: &'w mut Vec<u8>,
    base_time: i64,
}

impl StateWriter<'_> {
    pub(super) fn write_unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// The index of a list of the models.
    pub(super) fn write_id(&mut self, id: impl Into<usize>) {
        self.write_unsigned(id.into() as u128);
    }

    pub(super) fn write_signed(&mut self, number: i128) {
        self.write_unsigned(((number << 1) ^ (number >> 127)) as u128);
    }

    pub(super) fn write_instant(&mut self, instant: EventTime) {
        self.write_signed(i128::from(instant.0) - i128::from(self.base_time));
    }

    pub(super) fn write_optional_instant(&mut self, instant: Option<EventTime>) {
        self.bytes.push(instant.is_some().into());
        if let Some(instant) = instant {
            self.write_instant(instant);
        }
    }

    pub(super) fn write_text(&mut self, text: &str) {
        self.write_unsigned(text.len() as u128);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn write_list<T>(
        &mut self,
        list: &[T],
        mut write_element: impl FnMut(&mut Self, &T),
    ) {
        self.write_unsigned(list.len() as u128);
        list.iter().for_each(|element| write_element(self, element));
    }

    /// Encodes the difference from the bucket before: mostly small.
    fn write_bucket_number(&mut self, number: i64, before: &mut i64) {
        self.write_signed(i128::from(number) - i128::from(*before));
        *before = number;
    }

    pub(super) fn write_fact(&mut self, fact: &FactState) {
        match fact {
            FactState::Count(count) => {
                self.bytes.push(0);
                self.write_unsigned((*count).into());
            }
            FactState::Sum(sum) => {
                self.bytes.push(1);
                self.write_signed(sum.nanos());
            }
            FactState::Instant(instant) => {
                self.bytes.push(2);
                self.write_optional_instant(*instant);
            }
            FactState::TimedValue(None) => self.bytes.push(3),
            FactState::TimedValue(Some((time, value))) => {
                self.bytes.push(4);
                self.write_timed_value(*time, value);
            }
            FactState::Buckets(buckets) => {
                self.bytes.push(5);
                let mut before = 0;
                self.write_list(buckets, |out, (number, sum)| {
                    out.write_bucket_number(*number, &mut before);
                    out.write_signed(sum.nanos());
                });
            }
            FactState::Extreme(None) => self.bytes.push(6),
            FactState::Extreme(Some(number)) => {
                self.bytes.push(7);
                self.write_signed(number.nanos());
            }
            FactState::Firsts(firsts) => {
                self.bytes.push(8);
                self.write_list(firsts, |out, (time, value)| out.write_timed_value(*time, value));
            }
            FactState::Distinct(distinct) => {
                self.bytes.push(9);
                let mut before = 0;
                self.write_list(&distinct.0, |out, (hash, bucket)| {
                    out.bytes.extend_from_slice(&hash.to_be_bytes());
                    out.write_bucket_number(*bucket, &mut before);
                });
            }
            FactState::Gaps(gaps) => {
                self.bytes.push(10);
                self.bytes.push(gaps.first_and_last.is_some().into());
                if let Some((first, last)) = gaps.first_and_last {
                    self.write_instant(first);
                    self.write_instant(last);
                }
                self.write_list(&gaps.longest, |out, (from, to)| {
                    out.write_instant(*from);
                    out.write_instant(*to);
                });
            }
        }
    }

    fn write_timed_value(&mut self, time: EventTime, value: &Scalar) {
        self.write_instant(time);
        self.write_scalar(value);
    }

    pub(super) fn write_scalar(&mut self, value: &Scalar) {
        match value {
            Scalar::Number(number) => {
                self.bytes.push(0);
                self.write_signed(number.nanos());
            }
            Scalar::Text(text) => {
                self.bytes.push(1);
                self.write_text(text);
            }
            Scalar::Bool(flag) => self.bytes.push(2 + u8::from(*flag)),
        }
    }

    fn write_model(&mut self, model: &ModelState) {
        self.write_id(model.stage);
        self.write_instant(model.entered);
        self.write_unsigned(model.sequence.into());
        self.write_optional_instant(model.due);
        self.write_list(&model.active_holds, |out, (transition, since)| {
            out.write_id(*transition);
            out.write_instant(*since);
        });
        self.write_signed(i128::from(model.effective_at.duration_since(model.entered).0));
        self.write_unsigned(model.previous.map_or(0, |stage| stage.index() as u128 + 1));
        self.bytes.push(model.history.is_some().into());
        if let Some(history) = &model.history {
            self.write_history(history);
        }
        self.write_last_transition(model.last_transition.as_deref());
    }

    fn write_history(&mut self, history: &ModelHistory) {
        self.write_list(&history.last_taken, |out, (transition, at)| {
            out.write_id(*transition);
            out.write_instant(*at);
        });
        self.write_list(&history.visits, |out, (stage, visits)| {
            out.write_id(*stage);
            out.write_unsigned(visits.count.into());
            out.write_unsigned(visits.completed_time.0.unsigned_abs().into());
            out.write_instant(visits.entered);
            out.write_optional_instant(visits.left);
        });
        self.bytes.push(history.basis.is_some().into());
        if let Some(basis) = &history.basis {
            self.write_id(basis.transition);
            self.write_instant(basis.at);
            self.write_unsigned(basis.event.map_or(0, |kind| kind.index() as u128 + 1));
            self.write_unsigned(match basis.seen {
                SeenEvents::All => 0,
                SeenEvents::Applied { orders } => u128::from(orders) + 1,
            });
            self.write_model(&basis.state_before);
            self.write_list(&basis.slots, |out, (slot, fact)| {
                out.write_id(*slot);
                out.write_fact(fact);
            });
        }
    }
}
