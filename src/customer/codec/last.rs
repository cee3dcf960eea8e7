//! The last transition as bytes: in most states the only part that says why.

use super::read::Reader;
use super::write::Writer;
use crate::customer::last::{By, TookBack, Value};
use crate::customer::{Cause, Last};
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
    let one = Quantity::whole(1).nanos();
    (number.nanos() % one == 0).then(|| number.nanos() / one)
}

impl Writer<'_> {
    /// Cause and whether more is known in one byte; 0 where there is none.
    pub(super) fn last(&mut self, last: Option<&Last>) {
        let Some(Last { cause, by }) = last else {
            return self.bytes.push(0);
        };
        let cause = CAUSES.iter().position(|known| known == cause);
        let cause = cause.expect("every cause is in the list") as u8;
        self.bytes.push(1 + 2 * cause + u8::from(by.is_some()));
        let Some(by) = by else {
            return;
        };
        self.unsigned(by.transition as u128);
        self.unsigned(by.event.map_or(0, |kind| kind.index() as u128 + 1));
        self.optional_instant(by.held_since);
        if let Some(took_back) = by.took_back {
            self.unsigned(took_back.from as u128);
            self.instant(took_back.effective_at);
            self.instant(took_back.at);
            self.unsigned(took_back.transition as u128);
        }
        self.many(&by.facts, |out, value| match value {
            None => out.bytes.push(0),
            Some(value) => out.value(value),
        });
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Number(number) => match whole(*number) {
                // Most are counts.
                Some(whole) => {
                    self.bytes.push(1);
                    self.signed(whole);
                }
                None => {
                    self.bytes.push(2);
                    self.signed(number.nanos());
                }
            },
            Value::Instant(instant) => {
                self.bytes.push(3);
                self.instant(*instant);
            }
            Value::Text(text) => {
                self.bytes.push(4);
                self.text(text);
            }
            Value::Flag(flag) => self.bytes.push(5 + u8::from(*flag)),
            Value::Stage(stage) => {
                self.bytes.push(7);
                self.unsigned(*stage as u128);
            }
        }
    }
}

impl Reader<'_> {
    pub(super) fn last(&mut self) -> Option<Option<Last>> {
        let Some(number) = self.byte()?.checked_sub(1) else {
            return Some(None);
        };
        let cause = *CAUSES.get(usize::from(number / 2))?;
        let by = match number % 2 {
            0 => None,
            _ => Some(self.by(cause)?),
        };
        Some(Some(Last { cause, by }))
    }

    fn by(&mut self, cause: Cause) -> Option<By> {
        let transition = self.number()?;
        let event = self.number::<u16>()?.checked_sub(1);
        let held_since = self.optional_instant()?;
        let took_back = match cause {
            Cause::Correction => Some(self.took_back(transition)?),
            Cause::Event | Cause::Timer | Cause::ModelChange => None,
        };
        Some(By {
            transition,
            event: event.map(EventType::of_index),
            held_since,
            facts: self.many(Reader::value)?,
            took_back,
        })
    }

    /// Before version 5 it was `transition`, and looked at when it had taken effect.
    fn took_back(&mut self, transition: usize) -> Option<TookBack> {
        let (from, effective_at) = (self.number()?, self.instant()?);
        let (at, transition) = match self.version {
            ..=4 => (effective_at, transition),
            _ => (self.instant()?, self.number()?),
        };
        Some(TookBack {
            transition,
            from,
            effective_at,
            at,
        })
    }

    fn value(&mut self) -> Option<Option<Value>> {
        Some(Some(match self.byte()? {
            0 => return Some(None),
            1 => {
                let nanos = self.signed()?.checked_mul(Quantity::whole(1).nanos())?;
                Value::Number(Quantity::from_nanos(nanos))
            }
            2 => {
                let number = Quantity::from_nanos(self.signed()?);
                Value::Number(Some(number).filter(|number| whole(*number).is_none())?)
            }
            3 => Value::Instant(self.instant()?),
            4 => Value::Text(self.text()?.into()),
            5 => Value::Flag(false),
            6 => Value::Flag(true),
            7 => Value::Stage(self.number()?),
            _ => return None,
        }))
    }
}
