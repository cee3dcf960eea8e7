//! State to bytes.

use crate::customer::ground::Seen;
use crate::customer::{CustomerState, FactState, ModelState, Past};
use crate::event::{EventTime, Scalar};

/// Appends everything behind the version.
pub(super) fn state(state: &CustomerState, bytes: &mut Vec<u8>) {
    let mut out = Writer {
        bytes,
        base: state.latest.0,
    };
    out.unsigned(state.generation.into());
    out.signed(state.latest.0.into());
    out.unsigned(state.position.input.into());
    out.signed(state.position.offset.into());
    out.optional_instant(state.armed);
    out.many(&state.recent.0, |out, (time, id)| {
        out.instant(*time);
        out.bytes.extend_from_slice(&id.to_be_bytes());
    });
    out.bytes.push(state.ledger.is_some().into());
    if let Some(ledger) = &state.ledger {
        out.ledger(ledger);
    }
    out.many(&state.facts, Writer::fact);
    out.many(&state.models, Writer::model);
}

pub(super) struct Writer<'w> {
    pub(super) bytes: &'w mut Vec<u8>,
    base: i64,
}

impl Writer<'_> {
    pub(super) fn unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(super) fn signed(&mut self, number: i128) {
        self.unsigned(((number << 1) ^ (number >> 127)) as u128);
    }

    pub(super) fn instant(&mut self, instant: EventTime) {
        self.signed(i128::from(instant.0) - i128::from(self.base));
    }

    pub(super) fn optional_instant(&mut self, instant: Option<EventTime>) {
        self.bytes.push(instant.is_some().into());
        if let Some(instant) = instant {
            self.instant(instant);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u128);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn many<T>(&mut self, list: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.unsigned(list.len() as u128);
        list.iter().for_each(|item| one(self, item));
    }

    /// A number that is mostly larger than the one before it.
    fn step(&mut self, number: i64, before: &mut i64) {
        self.signed(i128::from(number) - i128::from(*before));
        *before = number;
    }

    pub(super) fn fact(&mut self, fact: &FactState) {
        match fact {
            FactState::Count(count) => {
                self.bytes.push(0);
                self.unsigned((*count).into());
            }
            FactState::Sum(sum) => {
                self.bytes.push(1);
                self.signed(sum.nanos());
            }
            FactState::Instant(instant) => {
                self.bytes.push(2);
                self.optional_instant(*instant);
            }
            FactState::Kept(None) => self.bytes.push(3),
            FactState::Kept(Some((time, value))) => {
                self.bytes.push(4);
                self.timed(*time, value);
            }
            FactState::Buckets(buckets) => {
                self.bytes.push(5);
                let mut before = 0;
                self.many(buckets, |out, (number, sum)| {
                    out.step(*number, &mut before);
                    out.signed(sum.nanos());
                });
            }
            FactState::Extreme(None) => self.bytes.push(6),
            FactState::Extreme(Some(number)) => {
                self.bytes.push(7);
                self.signed(number.nanos());
            }
            FactState::Firsts(firsts) => {
                self.bytes.push(8);
                self.many(firsts, |out, (time, value)| out.timed(*time, value));
            }
            FactState::Distinct(distinct) => {
                self.bytes.push(9);
                let mut before = 0;
                self.many(&distinct.0, |out, (hash, bucket)| {
                    out.bytes.extend_from_slice(&hash.to_be_bytes());
                    out.step(*bucket, &mut before);
                });
            }
            FactState::Gaps(gaps) => {
                self.bytes.push(10);
                self.bytes.push(gaps.ends.is_some().into());
                if let Some((first, last)) = gaps.ends {
                    self.instant(first);
                    self.instant(last);
                }
                self.many(&gaps.longest, |out, (from, to)| {
                    out.instant(*from);
                    out.instant(*to);
                });
            }
        }
    }

    fn timed(&mut self, time: EventTime, value: &Scalar) {
        self.instant(time);
        self.scalar(value);
    }

    pub(super) fn scalar(&mut self, value: &Scalar) {
        match value {
            Scalar::Number(number) => {
                self.bytes.push(0);
                self.signed(number.nanos());
            }
            Scalar::Text(text) => {
                self.bytes.push(1);
                self.text(text);
            }
            Scalar::Flag(flag) => self.bytes.push(2 + u8::from(*flag)),
        }
    }

    fn model(&mut self, model: &ModelState) {
        self.unsigned(model.stage as u128);
        self.instant(model.entered);
        self.unsigned(model.sequence.into());
        self.optional_instant(model.due);
        self.many(&model.holding, |out, (transition, since)| {
            out.unsigned(*transition as u128);
            out.instant(*since);
        });
        self.signed(i128::from(model.effective.since(model.entered).0));
        self.unsigned(model.previous.map_or(0, |stage| stage as u128 + 1));
        self.bytes.push(model.past.is_some().into());
        if let Some(past) = &model.past {
            self.past(past);
        }
        self.last(model.last.as_deref());
    }

    fn past(&mut self, past: &Past) {
        self.many(&past.taken, |out, (transition, at)| {
            out.unsigned(*transition as u128);
            out.instant(*at);
        });
        self.many(&past.visits, |out, (stage, visits)| {
            out.unsigned(*stage as u128);
            out.unsigned(visits.count.into());
            out.unsigned(visits.ended.0.unsigned_abs().into());
            out.instant(visits.entered);
            out.optional_instant(visits.left);
        });
        self.bytes.push(past.ground.is_some().into());
        if let Some(ground) = &past.ground {
            self.unsigned(ground.transition as u128);
            self.instant(ground.at);
            self.unsigned(ground.event.map_or(0, |kind| kind.index() as u128 + 1));
            self.unsigned(match ground.seen {
                Seen::All => 0,
                Seen::Applied { orders } => u128::from(orders) + 1,
            });
            self.model(&ground.before);
            self.many(&ground.slots, |out, (slot, fact)| {
                out.unsigned(*slot as u128);
                out.fact(fact);
            });
        }
    }
}
