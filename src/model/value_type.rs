//! What values of facts and conditions are.

use crate::event::FieldKind;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number or money.
    Number,
    /// A length of time.
    Duration,
    /// A point in time.
    Instant,
    /// Text.
    Text,
    /// True or false.
    Flag,
}

impl Type {
    /// The type of a field of known kind.
    pub(in crate::model) fn of_field(kind: FieldKind) -> Type {
        match kind {
            FieldKind::Number => Type::Number,
            FieldKind::Text | FieldKind::Any | FieldKind::Id => Type::Text,
            FieldKind::Flag => Type::Flag,
        }
    }

    pub(in crate::model) fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Duration => "a duration",
            Type::Instant => "an instant",
            Type::Text => "a text",
            Type::Flag => "true or false",
        }
    }
}
