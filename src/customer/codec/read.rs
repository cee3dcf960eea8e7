//! Decodes a customer's state. Arbitrary bytes give a valid state or `None`, never a panic or a huge allocation.

use smallvec::SmallVec;

use super::error::{StateDecodeError, VERSION};
use crate::customer::model_state::SeenEvents;
use crate::customer::{
    CorrectionBasis, CustomerState, Distinct, FactState, Gaps, ModelHistory, ModelState, RecentIds,
    Visits,
};
use crate::event::{EventTime, EventType, Millis, Position, Quantity, Scalar};
use crate::model::{DEDUPE_IDS_MAX, StageId};

/// An instant within the range of event times.
fn valid_instant(millis: i128) -> Option<EventTime> {
    let instant = millis.try_into().ok().map(EventTime);
    instant.filter(|instant| (EventTime::MIN..=EventTime::MAX).contains(instant))
}

pub(super) struct StateHeader {
    pub(super) generation: u32,
    pub(super) latest: EventTime,
    position: Position,
    pub(super) armed: Option<EventTime>,
}

pub(super) struct StateReader<'r> {
    pub(super) version: u8,
    rest: &'r [u8],
    base_time: i64,
    pub(super) order_count: u64,
    /// Nesting depth of correction bases.
    basis_depth: usize,
}

impl StateReader<'_> {
    /// Starts after the version byte, which must be a known one.
    pub(super) fn new(bytes: &[u8]) -> Result<StateReader<'_>, StateDecodeError> {
        match bytes.split_first() {
            Some((&version @ 1..=VERSION, rest)) => {
                Ok(StateReader { version, rest, base_time: 0, order_count: 0, basis_depth: 0 })
            }
            Some((&found, _)) if found > VERSION => Err(StateDecodeError::NewerFormat { found }),
            Some(_) | None => Err(StateDecodeError::Damaged),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn read_header(&mut self) -> Option<StateHeader> {
        let generation = match self.version {
            1 | 2 => 0,
            _ => self.read_number()?,
        };
        let latest = valid_instant(self.read_signed()?)?;
        self.base_time = latest.0;
        let position =
            Position { input: self.read_number()?, offset: self.read_signed()?.try_into().ok()? };
        let armed = self.read_optional_instant()?;
        Some(StateHeader { generation, latest, position, armed })
    }

    pub(super) fn read_state(&mut self) -> Option<CustomerState> {
        let StateHeader { generation, latest, position, armed } = self.read_header()?;
        let recent = match self.version {
            1 => RecentIds::default(),
            _ => self.read_recent_ids()?,
        };
        let ledger = if self.version > 1 && self.read_flag()? {
            Some(Box::new(self.read_ledger()?))
        } else {
            None
        };
        let facts = self.read_list(StateReader::read_fact)?.into();
        let models = self.read_list(StateReader::read_model)?.into();
        Some(CustomerState { generation, latest, position, armed, recent, ledger, facts, models })
    }

    pub(super) fn read_byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A number in its canonical encoding: the shortest, without bits beyond 128.
    fn read_unsigned(&mut self) -> Option<u128> {
        let mut number = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.read_byte()?;
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

    pub(super) fn read_number<N: TryFrom<u128>>(&mut self) -> Option<N> {
        self.read_unsigned()?.try_into().ok()
    }

    /// The index of a list of the models, not yet checked.
    pub(super) fn read_id<I: From<usize>>(&mut self) -> Option<I> {
        self.read_number::<usize>().map(I::from)
    }

    pub(super) fn read_signed(&mut self) -> Option<i128> {
        let number = self.read_unsigned()?;
        Some((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    pub(super) fn read_instant(&mut self) -> Option<EventTime> {
        valid_instant(self.read_signed()?.checked_add(self.base_time.into())?)
    }

    pub(super) fn read_optional_instant(&mut self) -> Option<Option<EventTime>> {
        match self.read_byte()? {
            0 => Some(None),
            1 => self.read_instant().map(Some),
            _ => None,
        }
    }

    /// A list. Every element takes at least a byte, so a length beyond the remaining bytes is refused before memory is
    /// allocated for it.
    pub(super) fn read_list<T>(
        &mut self,
        mut read_element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let length: usize = self.read_number()?;
        if length > self.rest.len() {
            return None;
        }
        (0..length).map(|_| read_element(self)).collect()
    }

    pub(super) fn read_fact(&mut self) -> Option<FactState> {
        Some(match self.read_byte()? {
            0 => FactState::Count(self.read_number()?),
            1 => FactState::Sum(Quantity::from_nanos(self.read_signed()?)),
            2 => FactState::Instant(self.read_optional_instant()?),
            3 => FactState::TimedValue(None),
            4 => FactState::TimedValue(Some(self.read_timed_value()?)),
            5 => FactState::Buckets(self.read_buckets()?),
            6 => FactState::Extreme(None),
            7 => FactState::Extreme(Some(Quantity::from_nanos(self.read_signed()?))),
            8 => FactState::Firsts(
                self.read_ascending(StateReader::read_timed_value, |(time, _)| *time)?,
            ),
            9 => FactState::Distinct(self.read_distinct()?),
            10 => FactState::Gaps(self.read_gaps()?),
            _ => return None,
        })
    }

    /// A list whose keys strictly ascend.
    fn read_ascending<T, K: Ord>(
        &mut self,
        mut read_element: impl FnMut(&mut Self) -> Option<T>,
        key: impl Fn(&T) -> K,
    ) -> Option<Vec<T>> {
        let list = self.read_list(&mut read_element)?;
        list.is_sorted_by(|a, b| key(a) < key(b)).then_some(list)
    }

    /// A bucket number, encoded as the difference from the one before it.
    fn read_bucket_number(&mut self, before: &mut i64) -> Option<i64> {
        let number = before.checked_add(self.read_signed()?.try_into().ok()?)?;
        // The shortest bucket is an hour: a number beyond that range is no bucket of any event time.
        valid_instant(i128::from(number) * i128::from(Millis::HOUR.0))?;
        *before = number;
        Some(number)
    }

    fn read_buckets(&mut self) -> Option<Vec<(i64, Quantity)>> {
        let mut before = 0;
        let read_bucket = |reader: &mut Self| {
            let number = reader.read_bucket_number(&mut before)?;
            Some((number, Quantity::from_nanos(reader.read_signed()?)))
        };
        self.read_ascending(read_bucket, |(number, _)| *number)
    }

    pub(super) fn read_hash(&mut self) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    fn read_distinct(&mut self) -> Option<Distinct> {
        let mut before = 0;
        let read_value = |reader: &mut Self| {
            Some((reader.read_hash()?, reader.read_bucket_number(&mut before)?))
        };
        self.read_ascending(read_value, |(hash, _)| *hash).map(Distinct)
    }

    fn read_recent_ids(&mut self) -> Option<RecentIds> {
        let ids = self.read_list(|reader| Some((reader.read_instant()?, reader.read_hash()?)))?;
        let is_valid = ids.len() <= DEDUPE_IDS_MAX && ids.is_sorted_by_key(|(time, _)| *time);
        is_valid.then_some(RecentIds(ids))
    }

    pub(super) fn read_flag(&mut self) -> Option<bool> {
        match self.read_byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn read_gaps(&mut self) -> Option<Gaps> {
        let first_and_last = if self.read_flag()? {
            Some((self.read_instant()?, self.read_instant()?))
        } else {
            None
        };
        let longest =
            self.read_list(|reader| Some((reader.read_instant()?, reader.read_instant()?)))?;
        let gaps = Gaps { first_and_last, longest };
        gaps.is_valid().then_some(gaps)
    }

    fn read_timed_value(&mut self) -> Option<(EventTime, Scalar)> {
        Some((self.read_instant()?, self.read_scalar()?))
    }

    pub(super) fn read_scalar(&mut self) -> Option<Scalar> {
        Some(match self.read_byte()? {
            0 => Scalar::Number(Quantity::from_nanos(self.read_signed()?)),
            1 => Scalar::Text(self.read_text()?.into()),
            2 => Scalar::Bool(false),
            3 => Scalar::Bool(true),
            _ => return None,
        })
    }

    fn read_model(&mut self) -> Option<ModelState> {
        let stage = self.read_id()?;
        let entered = self.read_instant()?;
        let mut model = ModelState {
            stage,
            entered,
            effective_at: entered,
            previous: None,
            sequence: self.read_number()?,
            due: self.read_optional_instant()?,
            active_holds: SmallVec::from_vec(
                self.read_list(|reader| Some((reader.read_id()?, reader.read_instant()?)))?,
            ),
            history: None,
            last_transition: None,
        };
        if self.version > 1 {
            model.effective_at = valid_instant(self.read_signed()?.checked_add(entered.0.into())?)?;
            model.previous = self.read_number::<usize>()?.checked_sub(1).map(StageId::from_index);
            if self.read_flag()? {
                model.history = Some(Box::new(self.read_history()?));
            }
        }
        if self.version > 3 {
            model.last_transition = self.read_last_transition()?.map(Box::new);
        }
        Some(model)
    }

    pub(super) fn read_text(&mut self) -> Option<&str> {
        let length: usize = self.read_number()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn read_history(&mut self) -> Option<ModelHistory> {
        let last_taken =
            self.read_list(|reader| Some((reader.read_id()?, reader.read_instant()?)))?;
        let visits = self.read_list(|reader| Some((reader.read_id()?, reader.read_visits()?)))?;
        let basis = if self.read_flag()? { Some(self.read_basis()?) } else { None };
        let history = ModelHistory { last_taken, visits, basis };
        (!history.is_empty()).then_some(history)
    }

    /// A basis inside another basis is refused: this bounds the recursion.
    fn read_basis(&mut self) -> Option<CorrectionBasis> {
        let transition = self.read_id()?;
        let at = self.read_instant()?;
        let event = self.read_number::<u16>()?.checked_sub(1);
        let seen = self.read_seen_events(event.is_some())?;
        self.basis_depth += 1;
        let state_before = (self.basis_depth == 1).then(|| self.read_model())??;
        self.basis_depth -= 1;
        Some(CorrectionBasis {
            transition,
            at,
            event: event.map(EventType::from_index),
            seen,
            state_before,
            slots: self.read_ascending(
                |reader| Some((reader.read_id()?, reader.read_fact()?)),
                |(slot, _)| *slot,
            )?,
        })
    }

    /// Before version 5 a basis counted everything applied at its instant as seen.
    fn read_seen_events(&mut self, is_by_event: bool) -> Option<SeenEvents> {
        let orders = match self.version {
            ..=4 => is_by_event.then_some(self.order_count),
            _ => self.read_number::<u64>()?.checked_sub(1),
        };
        Some(orders.map_or(SeenEvents::All, |orders| SeenEvents::Applied { orders }))
    }

    fn read_visits(&mut self) -> Option<Visits> {
        Some(Visits {
            count: self.read_number()?,
            completed_time: Some(Millis(self.read_number()?))
                .filter(|span| *span <= Millis::MAX)?,
            entered: self.read_instant()?,
            left: self.read_optional_instant()?,
        })
    }
}
