//! The values of a record before they are typed.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::event::mapping::{FieldTarget, RankedTarget};
use crate::event::{FieldId, FieldKind, Mapping};

/// A value of a record, not yet typed. Texts have no blanks around them.
#[derive(Clone, Debug)]
pub(super) enum RawScalar<'a> {
    Text(Cow<'a, str>),
    Number(Cow<'a, str>),
    Bool(bool),
    /// An object or array where a scalar is expected.
    Container,
    /// The values of several elements of a list.
    Many(Vec<RawScalar<'a>>),
}

impl RawScalar<'_> {
    /// The value as text.
    pub(super) fn text(&self) -> String {
        match self {
            RawScalar::Text(text) | RawScalar::Number(text) => text.clone().into_owned(),
            RawScalar::Bool(flag) => flag.to_string(),
            RawScalar::Container => "an object or a list".to_owned(),
            RawScalar::Many(_) => "several elements of a list".to_owned(),
        }
    }

    /// The form of the value without its content, which may be personal: digits are 9, letters are x.
    pub(super) fn form(&self) -> String {
        match self {
            RawScalar::Text(text) => format!("\"{}\"", mask(text)),
            RawScalar::Number(text) => mask(text),
            other => other.text(),
        }
    }

    fn into_owned(self) -> RawScalar<'static> {
        match self {
            RawScalar::Text(text) => RawScalar::Text(Cow::Owned(text.into_owned())),
            RawScalar::Number(text) => RawScalar::Number(Cow::Owned(text.into_owned())),
            RawScalar::Bool(flag) => RawScalar::Bool(flag),
            RawScalar::Container => RawScalar::Container,
            RawScalar::Many(all) => {
                RawScalar::Many(all.into_iter().map(RawScalar::into_owned).collect())
            }
        }
    }

    fn has_replacement(&self) -> bool {
        match self {
            RawScalar::Text(text) => text.contains(char::REPLACEMENT_CHARACTER),
            RawScalar::Many(all) => all.iter().any(RawScalar::has_replacement),
            _ => false,
        }
    }
}

fn mask(text: &str) -> String {
    let masked = text.chars().map(|c| match c {
        '0'..='9' => '9',
        c if c.is_alphanumeric() => 'x',
        c if c.is_control() => '?',
        c => c,
    });
    masked.collect()
}

/// A value with the rank of its path among the paths of its field; the lowest rank counts.
#[derive(Clone, Debug)]
pub(super) struct Ranked<'a> {
    rank: u8,
    token: RawScalar<'a>,
}

/// An unreadable object or array counts only where no other path has a value.
const CONTAINER_RANK: u8 = 1 << 7;

/// The mapped values of one record. A value that means "none" is absent.
#[derive(Debug)]
pub(super) struct RawFields<'a, 'm> {
    mapping: &'m Mapping,
    /// What every event may have, by [`slot_of`].
    slots: [Option<Ranked<'a>>; 5],
    fields: SmallVec<[(FieldId, FieldKind, Ranked<'a>); 2]>,
    /// Whether values of one path are collected, since they are those of the elements of a list.
    pub(super) is_collecting: bool,
}

impl<'a, 'm> RawFields<'a, 'm> {
    pub(super) fn new(mapping: &'m Mapping) -> RawFields<'a, 'm> {
        RawFields {
            mapping,
            slots: [const { None }; 5],
            fields: SmallVec::new(),
            is_collecting: false,
        }
    }

    pub(super) fn mapping(&self) -> &'m Mapping {
        self.mapping
    }

    /// Offers a value to its targets.
    pub(super) fn offer(&mut self, targets: &[RankedTarget], token: RawScalar<'a>) {
        let Some((last, others)) = targets.split_last() else {
            return;
        };
        if let RawScalar::Text(text) = &token
            && self.mapping.is_null(text)
        {
            return;
        }
        for target in others {
            self.set(*target, token.clone());
        }
        self.set(*last, token);
    }

    fn set(&mut self, RankedTarget { target, rank }: RankedTarget, token: RawScalar<'a>) {
        let is_container = matches!(token, RawScalar::Container);
        let rank = if is_container { rank | CONTAINER_RANK } else { rank };
        let new = Ranked { rank, token };
        match (target, slot_of(target)) {
            (FieldTarget::Field(id, kind), _) => self.set_field(id, kind, new),
            (_, Some(at)) => self.set_slot(at, new),
            (_, None) => {}
        }
    }

    fn set_slot(&mut self, at: usize, new: Ranked<'a>) {
        match &mut self.slots[at] {
            Some(old) => keep_better(old, new, self.is_collecting),
            empty => *empty = Some(new),
        }
    }

    fn set_field(&mut self, id: FieldId, kind: FieldKind, new: Ranked<'a>) {
        match self.fields.iter_mut().find(|(field, ..)| *field == id) {
            Some((.., old)) => keep_better(old, new, self.is_collecting),
            None => self.fields.push((id, kind, new)),
        }
    }

    /// Takes over the values of a text that was decoded on its own.
    pub(super) fn merge(&mut self, inner: RawFields<'_, '_>) {
        let owned =
            |ranked: Ranked<'_>| Ranked { rank: ranked.rank, token: ranked.token.into_owned() };
        for (at, slot) in inner.slots.into_iter().enumerate() {
            if let Some(new) = slot {
                self.set_slot(at, owned(new));
            }
        }
        for (id, kind, new) in inner.fields {
            self.set_field(id, kind, owned(new));
        }
    }

    pub(super) fn take(&mut self, target: FieldTarget) -> Option<RawScalar<'a>> {
        self.slots[slot_of(target)?].take().map(|ranked| ranked.token)
    }

    /// The fields that models name, with their values.
    pub(super) fn fields(&self) -> impl Iterator<Item = (FieldId, FieldKind, &RawScalar<'a>)> {
        self.fields.iter().map(|(id, kind, ranked)| (*id, *kind, &ranked.token))
    }

    /// Whether a value has a replacement character: in a text that was repaired, it was not readable.
    pub(super) fn has_replacement(&self) -> bool {
        let fields = self.fields.iter().map(|(.., ranked)| ranked);
        self.slots.iter().flatten().chain(fields).any(|ranked| ranked.token.has_replacement())
    }
}

/// The slot of a target; a field that models name has none.
fn slot_of(target: FieldTarget) -> Option<usize> {
    match target {
        FieldTarget::Customer => Some(0),
        FieldTarget::EventType => Some(1),
        FieldTarget::Time => Some(2),
        FieldTarget::Value => Some(3),
        FieldTarget::Currency => Some(4),
        FieldTarget::Field(..) => None,
    }
}

fn keep_better<'a>(old: &mut Ranked<'a>, new: Ranked<'a>, is_collecting: bool) {
    if new.rank < old.rank {
        *old = new;
    } else if new.rank == old.rank && is_collecting {
        match &mut old.token {
            RawScalar::Many(all) => all.push(new.token),
            first => {
                let first = std::mem::replace(first, RawScalar::Container);
                old.token = RawScalar::Many(vec![first, new.token]);
            }
        }
    }
}
