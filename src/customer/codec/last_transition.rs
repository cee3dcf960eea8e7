//! Encodes and decodes the last transition.

use super::read::StateReader;
use super::write::StateWriter;
use crate::customer::last_transition::{FactValue, RetractionRecord, TransitionRecord};
use crate::customer::{Cause, LastTransition};
use crate::event::{EventType, Quantity};
use crate::model::TransitionId;

/// The index is the encoded number: append only.
const CAUSES: [Cause; 4] = [Cause::Event, Cause::Timer, Cause::Correction, Cause::ModelChange];

/// The number as an integer, if it has no fraction.
fn whole(number: Quantity) -> Option<i128> {
    let unit = Quantity::from_whole(1).nanos();
    (number.nanos() % unit == 0).then(|| number.nanos() / unit)
}

impl StateWriter<'_> {
    /// First byte: 0 without a transition, otherwise 1 + 2 × cause + whether there is a record.
    pub(super) fn write_last_transition(&mut self, last: Option<&LastTransition>) {
        let Some(LastTransition { cause, record }) = last else {
            return self.bytes.push(0);
        };
        let cause = CAUSES.iter().position(|known| known == cause);
        let cause = cause.expect("every cause is in the list") as u8;
        self.bytes.push(1 + 2 * cause + u8::from(record.is_some()));
        let Some(record) = record else {
            return;
        };
        self.write_id(record.transition);
        self.write_unsigned(record.event.map_or(0, |kind| kind.index() as u128 + 1));
        self.write_optional_instant(record.held_since);
        if let Some(retracted) = record.retracted {
            self.write_id(retracted.from);
            self.write_instant(retracted.effective_at);
            self.write_instant(retracted.evaluated_at);
            self.write_id(retracted.transition);
        }
        self.write_list(&record.facts, |out, value| match value {
            None => out.bytes.push(0),
            Some(value) => out.write_fact_value(value),
        });
    }

    fn write_fact_value(&mut self, value: &FactValue) {
        match value {
            FactValue::Number(number) => match whole(*number) {
                // Most values are counts: shorter without nanos.
                Some(whole) => {
                    self.bytes.push(1);
                    self.write_signed(whole);
                }
                None => {
                    self.bytes.push(2);
                    self.write_signed(number.nanos());
                }
            },
            FactValue::Instant(instant) => {
                self.bytes.push(3);
                self.write_instant(*instant);
            }
            FactValue::Text(text) => {
                self.bytes.push(4);
                self.write_text(text);
            }
            FactValue::Flag(flag) => self.bytes.push(5 + u8::from(*flag)),
            FactValue::Stage(stage) => {
                self.bytes.push(7);
                self.write_id(*stage);
            }
        }
    }
}

impl StateReader<'_> {
    pub(super) fn read_last_transition(&mut self) -> Option<Option<LastTransition>> {
        let Some(tag) = self.read_byte()?.checked_sub(1) else {
            return Some(None);
        };
        let cause = *CAUSES.get(usize::from(tag / 2))?;
        let record = match tag % 2 {
            0 => None,
            _ => Some(self.read_record(cause)?),
        };
        Some(Some(LastTransition { cause, record }))
    }

    fn read_record(&mut self, cause: Cause) -> Option<TransitionRecord> {
        let transition = self.read_id()?;
        let event = self.read_number::<u16>()?.checked_sub(1);
        let held_since = self.read_optional_instant()?;
        let retracted = match cause {
            Cause::Correction => Some(self.read_retracted(transition)?),
            Cause::Event | Cause::Timer | Cause::ModelChange => None,
        };
        Some(TransitionRecord {
            transition,
            event: event.map(EventType::from_index),
            held_since,
            facts: self.read_list(StateReader::read_fact_value)?,
            retracted,
        })
    }

    /// Before version 5 the retracted transition was always `transition`, evaluated at its effective time.
    fn read_retracted(&mut self, transition: TransitionId) -> Option<RetractionRecord> {
        let (from, effective_at) = (self.read_id()?, self.read_instant()?);
        let (evaluated_at, transition) = match self.version {
            ..=4 => (effective_at, transition),
            _ => (self.read_instant()?, self.read_id()?),
        };
        Some(RetractionRecord { transition, from, effective_at, evaluated_at })
    }

    fn read_fact_value(&mut self) -> Option<Option<FactValue>> {
        Some(Some(match self.read_byte()? {
            0 => return Some(None),
            1 => {
                let nanos = self.read_signed()?.checked_mul(Quantity::from_whole(1).nanos())?;
                FactValue::Number(Quantity::from_nanos(nanos))
            }
            2 => {
                let number = Quantity::from_nanos(self.read_signed()?);
                FactValue::Number(Some(number).filter(|number| whole(*number).is_none())?)
            }
            3 => FactValue::Instant(self.read_instant()?),
            4 => FactValue::Text(self.read_text()?.into()),
            5 => FactValue::Flag(false),
            6 => FactValue::Flag(true),
            7 => FactValue::Stage(self.read_id()?),
            _ => return None,
        }))
    }
}
