//! Bytes to state: whatever they are, to a state or to nothing.

use smallvec::SmallVec;

use super::{Corrupt, VERSION};
use crate::customer::ground::Seen;
use crate::customer::{
    CustomerState, Distinct, FactState, Gaps, Ground, ModelState, Past, Recent, Visits,
};
use crate::event::{EventTime, EventType, Millis, Position, Quantity, Scalar};
use crate::model::IDS_MAX;

/// An instant that an event can have.
fn valid(millis: i128) -> Option<EventTime> {
    let instant = millis.try_into().ok().map(EventTime);
    instant.filter(|instant| (EventTime::MIN..=EventTime::MAX).contains(instant))
}

/// What stands before facts and models.
pub(super) struct Head {
    pub(super) generation: u32,
    pub(super) latest: EventTime,
    position: Position,
    pub(super) armed: Option<EventTime>,
}

pub(super) struct Reader<'r> {
    pub(super) version: u8,
    rest: &'r [u8],
    base: i64,
    /// How many orders there have been.
    pub(super) placed: u64,
    /// Of grounds that are being read.
    depth: usize,
}

impl Reader<'_> {
    /// Behind the version, which must be one that we know.
    pub(super) fn of(bytes: &[u8]) -> Result<Reader<'_>, Corrupt> {
        match bytes.split_first() {
            Some((&version @ 1..=VERSION, rest)) => Ok(Reader {
                version,
                rest,
                base: 0,
                placed: 0,
                depth: 0,
            }),
            Some((found, _)) if *found > VERSION => Err(Corrupt::NewerFormat { found: *found }),
            Some(_) | None => Err(Corrupt::Damaged),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn head(&mut self) -> Option<Head> {
        let generation = match self.version {
            1 | 2 => 0,
            _ => self.number()?,
        };
        let latest = valid(self.signed()?)?;
        self.base = latest.0;
        let position = Position {
            input: self.number()?,
            offset: self.signed()?.try_into().ok()?,
        };
        let armed = self.optional_instant()?;
        Some(Head {
            generation,
            latest,
            position,
            armed,
        })
    }

    pub(super) fn state(&mut self) -> Option<CustomerState> {
        let Head {
            generation,
            latest,
            position,
            armed,
        } = self.head()?;
        let recent = match self.version {
            1 => Recent::default(),
            _ => self.recent()?,
        };
        let ledger = match self.version {
            1 => None,
            _ => match self.flag()? {
                true => Some(Box::new(self.ledger()?)),
                false => None,
            },
        };
        let facts = self.many(Reader::fact)?;
        let models = self.many(Reader::model)?;
        Some(CustomerState {
            generation,
            latest,
            position,
            armed,
            recent,
            ledger,
            facts,
            models,
        })
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
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

    pub(super) fn number<N: TryFrom<u128>>(&mut self) -> Option<N> {
        self.unsigned()?.try_into().ok()
    }

    pub(super) fn signed(&mut self) -> Option<i128> {
        let number = self.unsigned()?;
        Some((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    pub(super) fn instant(&mut self) -> Option<EventTime> {
        valid(self.signed()?.checked_add(self.base.into())?)
    }

    pub(super) fn optional_instant(&mut self) -> Option<Option<EventTime>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.instant().map(Some),
            _ => None,
        }
    }

    /// A list; every element takes at least a byte, so that no length can ask for more memory
    /// than there are bytes.
    pub(super) fn many<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let length: usize = self.number()?;
        if length > self.rest.len() {
            return None;
        }
        (0..length).map(|_| one(self)).collect()
    }

    pub(super) fn fact(&mut self) -> Option<FactState> {
        Some(match self.byte()? {
            0 => FactState::Count(self.number()?),
            1 => FactState::Sum(Quantity::from_nanos(self.signed()?)),
            2 => FactState::Instant(self.optional_instant()?),
            3 => FactState::Kept(None),
            4 => FactState::Kept(Some(self.timed()?)),
            5 => FactState::Buckets(self.buckets()?),
            6 => FactState::Extreme(None),
            7 => FactState::Extreme(Some(Quantity::from_nanos(self.signed()?))),
            8 => FactState::Firsts(self.ascending(Reader::timed, |(time, _)| *time)?),
            9 => FactState::Distinct(self.distinct()?),
            10 => FactState::Gaps(self.gaps()?),
            _ => return None,
        })
    }

    /// A list in which what `of` tells is larger from one to the next.
    fn ascending<T, K: Ord>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Option<T>,
        of: impl Fn(&T) -> K,
    ) -> Option<Vec<T>> {
        let list = self.many(&mut one)?;
        list.is_sorted_by(|a, b| of(a) < of(b)).then_some(list)
    }

    /// A number after the one before it, which is that of a bucket.
    fn step(&mut self, before: &mut i64) -> Option<i64> {
        let number = before.checked_add(self.signed()?.try_into().ok()?)?;
        // An hour is the shortest bucket.
        valid(i128::from(number) * i128::from(Millis::HOUR.0))?;
        *before = number;
        Some(number)
    }

    fn buckets(&mut self) -> Option<Vec<(i64, Quantity)>> {
        let mut before = 0;
        let one = |from: &mut Self| {
            let number = from.step(&mut before)?;
            Some((number, Quantity::from_nanos(from.signed()?)))
        };
        self.ascending(one, |(number, _)| *number)
    }

    pub(super) fn hash(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    fn distinct(&mut self) -> Option<Distinct> {
        let mut before = 0;
        let one = |from: &mut Self| Some((from.hash()?, from.step(&mut before)?));
        self.ascending(one, |(hash, _)| *hash).map(Distinct)
    }

    fn recent(&mut self) -> Option<Recent> {
        let ids = self.many(|from| Some((from.instant()?, from.hash()?)))?;
        let good = ids.len() <= IDS_MAX && ids.is_sorted_by_key(|(time, _)| *time);
        good.then_some(Recent(ids))
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn gaps(&mut self) -> Option<Gaps> {
        let ends = match self.flag()? {
            false => None,
            true => Some((self.instant()?, self.instant()?)),
        };
        let longest = self.many(|from| Some((from.instant()?, from.instant()?)))?;
        let gaps = Gaps { ends, longest };
        gaps.is_possible().then_some(gaps)
    }

    fn timed(&mut self) -> Option<(EventTime, Scalar)> {
        Some((self.instant()?, self.scalar()?))
    }

    pub(super) fn scalar(&mut self) -> Option<Scalar> {
        Some(match self.byte()? {
            0 => Scalar::Number(Quantity::from_nanos(self.signed()?)),
            1 => Scalar::Text(self.text()?.into()),
            2 => Scalar::Flag(false),
            3 => Scalar::Flag(true),
            _ => return None,
        })
    }

    fn model(&mut self) -> Option<ModelState> {
        let stage = self.number()?;
        let entered = self.instant()?;
        let mut model = ModelState {
            stage,
            entered,
            effective: entered,
            previous: None,
            sequence: self.number()?,
            due: self.optional_instant()?,
            holding: SmallVec::from_vec(self.many(|from| Some((from.number()?, from.instant()?)))?),
            past: None,
            last: None,
        };
        if self.version > 1 {
            model.effective = valid(self.signed()?.checked_add(entered.0.into())?)?;
            model.previous = self.number::<usize>()?.checked_sub(1);
            if self.flag()? {
                model.past = Some(Box::new(self.past()?));
            }
        }
        if self.version > 3 {
            model.last = self.last()?.map(Box::new);
        }
        Some(model)
    }

    pub(super) fn text(&mut self) -> Option<&str> {
        let length: usize = self.number()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn past(&mut self) -> Option<Past> {
        let taken = self.many(|from| Some((from.number()?, from.instant()?)))?;
        let visits = self.many(|from| Some((from.number()?, from.visits()?)))?;
        let ground = match self.flag()? {
            true => Some(self.ground()?),
            false => None,
        };
        let past = Past {
            taken,
            visits,
            ground,
        };
        (!past.is_empty()).then_some(past)
    }

    /// One has no other within.
    fn ground(&mut self) -> Option<Ground> {
        let transition = self.number()?;
        let at = self.instant()?;
        let event = self.number::<u16>()?.checked_sub(1);
        let seen = self.seen(event.is_some())?;
        self.depth += 1;
        let before = (self.depth == 1).then(|| self.model())??;
        self.depth -= 1;
        Some(Ground {
            transition,
            at,
            event: event.map(EventType::of_index),
            seen,
            before,
            slots: self.ascending(
                |from| Some((from.number()?, from.fact()?)),
                |(slot, _)| *slot,
            )?,
        })
    }

    /// Before version 5 all that had come of a ground's instant was taken for seen.
    fn seen(&mut self, is_by_event: bool) -> Option<Seen> {
        let orders = match self.version {
            ..=4 => is_by_event.then_some(self.placed),
            _ => self.number::<u64>()?.checked_sub(1),
        };
        Some(orders.map_or(Seen::All, |orders| Seen::Applied { orders }))
    }

    fn visits(&mut self) -> Option<Visits> {
        Some(Visits {
            count: self.number()?,
            ended: Some(Millis(self.number()?)).filter(|span| *span <= Millis::MAX)?,
            entered: self.instant()?,
            left: self.optional_instant()?,
        })
    }
}
