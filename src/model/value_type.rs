//! What values of facts and conditions are.

use crate::event::FieldKind;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A number or money.
    Number,
    /// A length of time.
    Duration,
    /// A point in time.
    Instant,
    /// Text.
    Text,
    /// True or false.
    Bool,
}

impl ValueType {
    /// The type of a field of known kind.
    pub(crate) fn from_field_kind(kind: FieldKind) -> ValueType {
        match kind {
            FieldKind::Number => ValueType::Number,
            FieldKind::Text | FieldKind::Any | FieldKind::Id => ValueType::Text,
            FieldKind::Bool => ValueType::Bool,
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            ValueType::Number => "a number",
            ValueType::Duration => "a duration",
            ValueType::Instant => "an instant",
            ValueType::Text => "a text",
            ValueType::Bool => "true or false",
        }
    }
}
