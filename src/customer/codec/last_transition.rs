//! The last transition as bytes: in most states the only part that says why.

use super::read::StateReader;
use super::write::StateWriter;
use crate::customer::last_transition::{FactValue, RetractionRecord, TransitionRecord};
use crate::customer::{Cause, LastTransition};
use crate::event::{EventType, Quantity};

/// By their number in the bytes.
const CAUSES: [Cause; 4] = [
    Cause::Event,
    Cause::Timer,
    Cause::Correction,
    Cause::ModelChange,
];

/// A number without what stands after the point, if nothing does.
fn whole(number: Quantity) -> Option<i128> {
    let one = Quantity::from_whole(1).nanos();
    (number.nanos() % one == 0).then(|| number.nanos() / one)
}

impl StateWriter<'_> {
    /// Cause and whether more is known in one byte; 0 where there is none.
    pub(super) fn write_last_transition(&mut self, last: Option<&LastTransition>) {
        let Some(LastTransition { cause, record: by }) = last else {
            return self.bytes.push(0);
        };
        let cause = CAUSES.iter().position(|known| known == cause);
        let cause = cause.expect("every cause is in the list") as u8;
        self.bytes.push(1 + 2 * cause + u8::from(by.is_some()));
        let Some(by) = by else {
            return;
        };
        self.write_unsigned(by.transition as u128);
        self.write_unsigned(by.event.map_or(0, |kind| kind.index() as u128 + 1));
        self.write_optional_instant(by.held_since);
        if let Some(took_back) = by.retracted {
            self.write_unsigned(took_back.from as u128);
            self.write_instant(took_back.effective_at);
            self.write_instant(took_back.evaluated_at);
            self.write_unsigned(took_back.transition as u128);
        }
        self.write_list(&by.facts, |out, value| match value {
            None => out.bytes.push(0),
            Some(value) => out.write_fact_value(value),
        });
    }

    fn write_fact_value(&mut self, value: &FactValue) {
        match value {
            FactValue::Number(number) => match whole(*number) {
                // Most are counts.
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
                self.write_unsigned(*stage as u128);
            }
        }
    }
}

impl StateReader<'_> {
    pub(super) fn read_last_transition(&mut self) -> Option<Option<LastTransition>> {
        let Some(number) = self.read_byte()?.checked_sub(1) else {
            return Some(None);
        };
        let cause = *CAUSES.get(usize::from(number / 2))?;
        let by = match number % 2 {
            0 => None,
            _ => Some(self.read_record(cause)?),
        };
        Some(Some(LastTransition { cause, record: by }))
    }

    fn read_record(&mut self, cause: Cause) -> Option<TransitionRecord> {
        let transition = self.read_number()?;
        let event = self.read_number::<u16>()?.checked_sub(1);
        let held_since = self.read_optional_instant()?;
        let took_back = match cause {
            Cause::Correction => Some(self.read_retracted(transition)?),
            Cause::Event | Cause::Timer | Cause::ModelChange => None,
        };
        Some(TransitionRecord {
            transition,
            event: event.map(EventType::from_index),
            held_since,
            facts: self.read_list(StateReader::read_fact_value)?,
            retracted: took_back,
        })
    }

    /// Before version 5 it was `transition`, and looked at when it had taken effect.
    fn read_retracted(&mut self, transition: usize) -> Option<RetractionRecord> {
        let (from, effective_at) = (self.read_number()?, self.read_instant()?);
        let (at, transition) = match self.version {
            ..=4 => (effective_at, transition),
            _ => (self.read_instant()?, self.read_number()?),
        };
        Some(RetractionRecord {
            transition,
            from,
            effective_at,
            evaluated_at: at,
        })
    }

    fn read_fact_value(&mut self) -> Option<Option<FactValue>> {
        Some(Some(match self.read_byte()? {
            0 => return Some(None),
            1 => {
                let nanos = self
                    .read_signed()?
                    .checked_mul(Quantity::from_whole(1).nanos())?;
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
            7 => FactValue::Stage(self.read_number()?),
            _ => return None,
        }))
    }
}
