//! The types of facts and terms.

use crate::event::FieldKind;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// A number or money.
    Number,
    /// In milliseconds.
    Duration,
    /// In milliseconds since 1970.
    Instant,
    Text,
    Bool,
}

impl ValueType {
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
