//! A customer's state as bytes: compact, versioned, and never trusted when read.
//!
//! Version 1: the version byte; the latest event time; the position; the armed timer; the facts by
//! slot, each with a tag; the models. Numbers are variable-length (LEB128, signed ones zigzag);
//! instants are differences from the latest event time. A version byte is never used again.

use std::mem::discriminant;

use smallvec::SmallVec;

use super::{CustomerState, FactState, ModelState};
use crate::event::{EventTime, Millis, Position, Quantity, Scalar};
use crate::model::{Model, Models, Slot};

const VERSION: u8 = 1;

/// Bytes that are no state of the loaded models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// They end early, go on too long, or contain what cannot be.
    #[error("the bytes of a customer's state are damaged")]
    Damaged,
    /// They were written by a later version of Tenure.
    #[error(
        "a customer's state has format {found}, and this version reads up to {VERSION}; run the version that wrote it"
    )]
    NewerFormat {
        /// The format found.
        found: u8,
    },
}

/// Appends the state to `bytes`.
pub fn encode(state: &CustomerState, bytes: &mut Vec<u8>) {
    bytes.push(VERSION);
    let mut out = Writer {
        bytes,
        base: state.latest.0,
    };
    out.signed(state.latest.0.into());
    out.unsigned(state.position.input.into());
    out.signed(state.position.offset.into());
    out.optional_instant(state.armed);
    out.unsigned(state.facts.len() as u128);
    state.facts.iter().for_each(|fact| out.fact(fact));
    out.unsigned(state.models.len() as u128);
    state.models.iter().for_each(|model| out.model(model));
}

/// Reads what [`encode`] wrote; all bytes must be used, and the state must be one of these models.
pub fn decode(bytes: &[u8], models: &Models) -> Result<CustomerState, Corrupt> {
    let mut from = Reader::of(bytes)?;
    let state = from.state().ok_or(Corrupt::Damaged)?;
    if from.rest.is_empty() && fits(&state, models) {
        Ok(state)
    } else {
        Err(Corrupt::Damaged)
    }
}

/// The armed timer alone, which stands before all that takes long to read. The rest is not looked at.
pub fn armed(bytes: &[u8]) -> Result<Option<EventTime>, Corrupt> {
    let head = Reader::of(bytes)?.head().ok_or(Corrupt::Damaged)?;
    Ok(head.armed)
}

/// Whether the state is one that the models could have made, so that no index in it can be wrong.
fn fits(state: &CustomerState, models: &Models) -> bool {
    let same_kind = |(fact, slot): (&FactState, &Slot)| {
        discriminant(fact) == discriminant(&FactState::new(slot))
    };
    let known_stage = |(state, model): (&ModelState, &Model)| {
        state.stage < model.stages.len()
            && state
                .holding
                .iter()
                .all(|(at, _)| *at < model.transitions.len())
    };
    state.facts.len() == models.slots.iter().len()
        && state.facts.iter().zip(models.slots.iter()).all(same_kind)
        && state.models.len() == models.list.len()
        && state.models.iter().zip(&models.list).all(known_stage)
}

/// An instant that an event can have.
fn valid(millis: i128) -> Option<EventTime> {
    let instant = millis.try_into().ok().map(EventTime);
    instant.filter(|instant| (EventTime::MIN..=EventTime::MAX).contains(instant))
}

struct Writer<'w> {
    bytes: &'w mut Vec<u8>,
    base: i64,
}

impl Writer<'_> {
    fn unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn signed(&mut self, number: i128) {
        self.unsigned(((number << 1) ^ (number >> 127)) as u128);
    }

    fn instant(&mut self, instant: EventTime) {
        self.signed(i128::from(instant.0) - i128::from(self.base));
    }

    fn optional_instant(&mut self, instant: Option<EventTime>) {
        self.bytes.push(instant.is_some().into());
        if let Some(instant) = instant {
            self.instant(instant);
        }
    }

    fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u128);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn fact(&mut self, fact: &FactState) {
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
                self.instant(*time);
                self.scalar(value);
            }
            FactState::Buckets(buckets) => {
                self.bytes.push(5);
                self.unsigned(buckets.len() as u128);
                let mut before = 0;
                for (number, sum) in buckets {
                    self.signed(i128::from(number - before));
                    self.signed(sum.nanos());
                    before = *number;
                }
            }
        }
    }

    fn scalar(&mut self, value: &Scalar) {
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
        self.unsigned(model.holding.len() as u128);
        for (transition, since) in &model.holding {
            self.unsigned(*transition as u128);
            self.instant(*since);
        }
    }
}

/// What stands before facts and models.
struct Head {
    latest: EventTime,
    position: Position,
    armed: Option<EventTime>,
}

struct Reader<'r> {
    rest: &'r [u8],
    base: i64,
}

impl Reader<'_> {
    /// Behind the version, which must be ours.
    fn of(bytes: &[u8]) -> Result<Reader<'_>, Corrupt> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Reader { rest, base: 0 }),
            Some((found, _)) if *found > VERSION => Err(Corrupt::NewerFormat { found: *found }),
            Some(_) | None => Err(Corrupt::Damaged),
        }
    }

    fn head(&mut self) -> Option<Head> {
        let latest = valid(self.signed()?)?;
        self.base = latest.0;
        let position = Position {
            input: self.number()?,
            offset: self.signed()?.try_into().ok()?,
        };
        let armed = self.optional_instant()?;
        Some(Head {
            latest,
            position,
            armed,
        })
    }

    fn state(&mut self) -> Option<CustomerState> {
        let Head {
            latest,
            position,
            armed,
        } = self.head()?;
        let facts = self.many(Reader::fact)?;
        let models = self.many(Reader::model)?;
        Some(CustomerState {
            latest,
            position,
            armed,
            facts,
            models,
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number in its one encoding: the shortest, and no bit beyond 128.
    fn unsigned(&mut self) -> Option<u128> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn number<N: TryFrom<u128>>(&mut self) -> Option<N> {
        self.unsigned()?.try_into().ok()
    }

    fn signed(&mut self) -> Option<i128> {
        let number = self.unsigned()?;
        Some((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    fn instant(&mut self) -> Option<EventTime> {
        valid(self.signed()?.checked_add(self.base.into())?)
    }

    fn optional_instant(&mut self) -> Option<Option<EventTime>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.instant().map(Some),
            _ => None,
        }
    }

    /// A list; every element takes at least a byte, so that no length can ask for more memory
    /// than there are bytes.
    fn many<T>(&mut self, one: fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length: usize = self.number()?;
        if length > self.rest.len() {
            return None;
        }
        (0..length).map(|_| one(self)).collect()
    }

    fn fact(&mut self) -> Option<FactState> {
        Some(match self.byte()? {
            0 => FactState::Count(self.number()?),
            1 => FactState::Sum(Quantity::from_nanos(self.signed()?)),
            2 => FactState::Instant(self.optional_instant()?),
            3 => FactState::Kept(None),
            4 => FactState::Kept(Some((self.instant()?, self.scalar()?))),
            5 => FactState::Buckets(self.buckets()?),
            _ => return None,
        })
    }

    fn buckets(&mut self) -> Option<Vec<(i64, Quantity)>> {
        let steps = self.many(|from| Some((from.signed()?, from.signed()?)))?;
        let (mut number, mut before) = (0_i64, None);
        let absolute = steps.into_iter().map(|(step, sum)| {
            number = number.checked_add(step.try_into().ok()?)?;
            // An hour is the shortest bucket.
            valid(i128::from(number) * i128::from(Millis::HOUR.0))?;
            let ascending = before.replace(number) < Some(number);
            ascending.then_some((number, Quantity::from_nanos(sum)))
        });
        absolute.collect()
    }

    fn scalar(&mut self) -> Option<Scalar> {
        Some(match self.byte()? {
            0 => Scalar::Number(Quantity::from_nanos(self.signed()?)),
            1 => {
                let length: usize = self.number()?;
                let (text, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Scalar::Text(std::str::from_utf8(text).ok()?.into())
            }
            2 => Scalar::Flag(false),
            3 => Scalar::Flag(true),
            _ => return None,
        })
    }

    fn model(&mut self) -> Option<ModelState> {
        Some(ModelState {
            stage: self.number()?,
            entered: self.instant()?,
            sequence: self.number()?,
            due: self.optional_instant()?,
            holding: SmallVec::from_vec(self.many(|from| Some((from.number()?, from.instant()?)))?),
        })
    }
}
