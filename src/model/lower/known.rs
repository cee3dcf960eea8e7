//! What is known of facts while conditions are read.

use crate::event::FieldKind;
use crate::model::fact::{Aggregate, Declaration};

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
            FieldKind::Text | FieldKind::Any => Type::Text,
            FieldKind::Flag => Type::Flag,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Duration => "a duration",
            Type::Instant => "an instant",
            Type::Text => "a text",
            Type::Flag => "true or false",
        }
    }
}

/// A fact while conditions are read: the type of a property is what it is first used as.
#[derive(Clone, Debug)]
pub(in crate::model) struct Known {
    pub(in crate::model) name: String,
    pub(in crate::model) declaration: Declaration,
    pub(in crate::model) value_type: Option<Type>,
    /// Its declaration has a mistake, which is reported where it stands and nowhere else.
    pub(in crate::model) broken: bool,
}

impl Known {
    /// A fact of which nothing but the name is known.
    pub(in crate::model) fn broken(name: &str) -> Known {
        let declaration = Declaration {
            aggregate: Aggregate::Count,
            event: None,
            field: None,
            window: None,
        };
        Known {
            name: name.to_owned(),
            declaration,
            value_type: None,
            broken: true,
        }
    }
}
