//! The event types and fields that the loaded models name, interned, so that an event is small.

/// An event type that some model names, or [`EventType::UNNAMED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(u16);

impl EventType {
    /// A type that no model names. Such events are accepted and count as `any`.
    pub const UNNAMED: EventType = EventType(0);

    /// The index; 0 is the unnamed type.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

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

    pub fn from_index(index: u16) -> FieldId {
        FieldId(index)
    }
}

/// A field: one that every event may have, or a property.
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
    /// Parses a name as in a model: `value`, `properties.score`, or `score` for short.
    pub(crate) fn from_name(name: &str) -> Field {
        match name {
            "id" => Field::Id,
            "order_id" => Field::OrderId,
            "channel" => Field::Channel,
            "value" => Field::Value,
            "currency" => Field::Currency,
            other => Field::Property(other.strip_prefix("properties.").unwrap_or(other).to_owned()),
        }
    }

    /// The name as in a model, for a property without `properties.`.
    pub fn name(&self) -> &str {
        match self {
            Field::Id => "id",
            Field::OrderId => "order_id",
            Field::Channel => "channel",
            Field::Value => "value",
            Field::Currency => "currency",
            Field::Property(name) => name,
        }
    }

    /// The kind that the field always has; `None` for a property.
    pub fn kind(&self) -> Option<FieldKind> {
        match self {
            Field::Value => Some(FieldKind::Number),
            Field::Id | Field::OrderId => Some(FieldKind::Id),
            Field::Channel | Field::Currency => Some(FieldKind::Text),
            Field::Property(_) => None,
        }
    }
}

/// The kind of value that a model expects in a field. A value of another kind counts as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldKind {
    /// A decimal number, or text that parses as one.
    Number,
    Text,
    Bool,
    /// Any kind: only presence, or equality of values, is used.
    Any,
    /// An identifier: text, or a number as it is written. Never empty.
    Id,
}

/// Maps names to small numbers. Built once from all loaded models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    types: Vec<String>,
    fields: Vec<(Field, FieldKind)>,
}

impl Vocabulary {
    /// The number of an event type; assigned at the first call.
    pub(crate) fn intern_type(&mut self, name: &str) -> EventType {
        let at = self.types.iter().position(|known| known == name).unwrap_or_else(|| {
            self.types.push(name.to_owned());
            self.types.len() - 1
        });
        EventType(u16::try_from(at + 1).expect("models are bounded far below 65,535 event types"))
    }

    /// The number of a field; assigned at the first call. One field may be interned once per kind.
    pub(crate) fn intern_field(&mut self, field: Field, kind: FieldKind) -> FieldId {
        let entry = (field, kind);
        let at = self.fields.iter().position(|known| *known == entry).unwrap_or_else(|| {
            self.fields.push(entry);
            self.fields.len() - 1
        });
        FieldId(u16::try_from(at).expect("models are bounded far below 65,535 fields"))
    }

    /// The number of an event type; [`EventType::UNNAMED`] if no model names it.
    pub fn find_type(&self, name: &str) -> EventType {
        match self.types.iter().position(|known| known == name) {
            Some(at) => EventType(at as u16 + 1),
            None => EventType::UNNAMED,
        }
    }

    /// The name of an event type; the unnamed type has none.
    pub(crate) fn type_name(&self, event_type: EventType) -> Option<&str> {
        event_type.index().checked_sub(1).and_then(|at| self.types.get(at)).map(String::as_str)
    }

    pub(crate) fn named_types(&self) -> impl Iterator<Item = (EventType, &str)> {
        let named = self.types.iter().enumerate();
        named.map(|(at, name)| (EventType(at as u16 + 1), name.as_str()))
    }

    /// The names of the event types that models name.
    pub(crate) fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(String::as_str)
    }

    /// The number of event types, the unnamed one included.
    pub fn type_count(&self) -> usize {
        self.types.len() + 1
    }

    /// Every field that must be decoded.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &Field, FieldKind)> {
        self.fields.iter().enumerate().map(|(at, (field, kind))| (FieldId(at as u16), field, *kind))
    }
}
