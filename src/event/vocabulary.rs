//! What the loaded models name: event types and fields, interned, so that an event is small.

use super::{Event, Scalar};

/// An event type that some model names, or one of the two that always exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(u16);

impl EventType {
    /// A type that no model names; such events are accepted and count as `any`.
    pub const UNNAMED: EventType = EventType(0);

    /// As an index: 0 is the unnamed type.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The one with this index.
    pub fn from_index(index: u16) -> EventType {
        EventType(index)
    }
}

/// A field of an event that some model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u16);

impl FieldId {
    /// As an index into [`Vocabulary::fields`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The one with this index.
    pub fn from_index(index: u16) -> FieldId {
        FieldId(index)
    }
}

/// Which field: one that every event may have, or one of its own properties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `id`
    Id,
    /// `order_id`
    OrderId,
    /// `channel`
    Channel,
    /// `value`: money in the reporting currency.
    Value,
    /// `currency`
    Currency,
    /// `properties.x`, nested with dots.
    Property(String),
}

impl Field {
    /// From its name in a model: `value`, `properties.score`, or `score` for short.
    pub fn from_name(name: &str) -> Field {
        match name {
            "id" => Field::Id,
            "order_id" => Field::OrderId,
            "channel" => Field::Channel,
            "value" => Field::Value,
            "currency" => Field::Currency,
            other => Field::Property(
                other
                    .strip_prefix("properties.")
                    .unwrap_or(other)
                    .to_owned(),
            ),
        }
    }

    /// The kind that the field always has, if it has one.
    pub fn kind(&self) -> Option<FieldKind> {
        match self {
            Field::Value => Some(FieldKind::Number),
            Field::Id | Field::OrderId => Some(FieldKind::Id),
            Field::Channel | Field::Currency => Some(FieldKind::Text),
            Field::Property(_) => None,
        }
    }
}

/// What a model takes a field for; an event whose field is of another kind does not carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// A decimal number, or text that reads as one.
    Number,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// Whatever it is; no condition looks at it.
    Any,
    /// What tells one thing from others: text, or a number as it is written. Never empty.
    Id,
}

/// Names to small numbers. Built once from all loaded models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    types: Vec<String>,
    fields: Vec<(Field, FieldKind)>,
}

impl Vocabulary {
    /// The number of an event type, given out at first use.
    pub fn intern_type(&mut self, name: &str) -> EventType {
        let at = self
            .types
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| {
                self.types.push(name.to_owned());
                self.types.len() - 1
            });
        EventType(u16::try_from(at + 1).expect("models are bounded far below 65,535 event types"))
    }

    /// The number of a field, given out at first use.
    pub fn intern_field(&mut self, field: Field, kind: FieldKind) -> FieldId {
        let wanted = (field, kind);
        let at = self
            .fields
            .iter()
            .position(|known| *known == wanted)
            .unwrap_or_else(|| {
                self.fields.push(wanted);
                self.fields.len() - 1
            });
        FieldId(u16::try_from(at).expect("models are bounded far below 65,535 fields"))
    }

    /// The number of an event type as it stands in an event.
    pub fn find_type(&self, name: &str) -> EventType {
        match self.types.iter().position(|known| known == name) {
            Some(at) => EventType(at as u16 + 1),
            None => EventType::UNNAMED,
        }
    }

    /// The name of an event type; the unnamed type has none.
    pub fn type_name(&self, kind: EventType) -> Option<&str> {
        kind.index()
            .checked_sub(1)
            .and_then(|at| self.types.get(at))
            .map(String::as_str)
    }

    /// Every event type that a model names.
    pub fn named_types(&self) -> impl Iterator<Item = (EventType, &str)> {
        let named = self.types.iter().enumerate();
        named.map(|(at, name)| (EventType(at as u16 + 1), name.as_str()))
    }

    /// How many event types there are, the unnamed one included.
    pub fn type_count(&self) -> usize {
        self.types.len() + 1
    }

    /// Every field that must be decoded.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &Field, FieldKind)> {
        self.fields
            .iter()
            .enumerate()
            .map(|(at, (field, kind))| (FieldId(at as u16), field, *kind))
    }
}

impl Event {
    /// The number in a field, if the event carries it.
    pub fn number(&self, field: FieldId) -> Option<super::Quantity> {
        match self.field(field) {
            Some(Scalar::Number(number)) => Some(*number),
            _ => None,
        }
    }
}
