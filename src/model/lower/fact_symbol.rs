//! What is known of facts while conditions are read.

use crate::model::fact::FactDeclaration;
use crate::model::slots::StageFact;
use crate::model::value_type::ValueType;

/// A fact while conditions are read: the type of a property is what it is first used as.
#[derive(Clone, Debug)]
pub(crate) struct FactSymbol {
    /// Its name, or the text by which it stands in a condition.
    pub(crate) name: String,
    pub(crate) origin: FactOrigin,
    pub(crate) value_type: Option<ValueType>,
}

/// What a fact is about.
#[derive(Clone, Debug)]
pub(crate) enum FactOrigin {
    /// The customer's events.
    Events(FactDeclaration),
    /// The customer's stages in the model.
    Stages(StageFact),
    /// Its declaration has a mistake, which is reported where it stands and nowhere else.
    Invalid,
}

impl FactSymbol {
    pub(crate) fn from_declaration(name: &str, declaration: FactDeclaration) -> FactSymbol {
        FactSymbol {
            name: name.to_owned(),
            value_type: declaration.value_type(),
            origin: FactOrigin::Events(declaration),
        }
    }

    pub(super) fn from_stage_fact(name: &str, fact: StageFact) -> FactSymbol {
        let value_type = match fact {
            StageFact::Previous => ValueType::Text,
            StageFact::DaysIn | StageFact::Visits(_) => ValueType::Number,
            StageFact::TimeIn(_) => ValueType::Duration,
            StageFact::Entered(_) => ValueType::Instant,
        };
        FactSymbol {
            name: name.to_owned(),
            origin: FactOrigin::Stages(fact),
            value_type: Some(value_type),
        }
    }

    /// A fact of which nothing but the name is known.
    pub(crate) fn invalid(name: &str) -> FactSymbol {
        FactSymbol {
            name: name.to_owned(),
            origin: FactOrigin::Invalid,
            value_type: None,
        }
    }

    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.origin, FactOrigin::Invalid)
    }

    /// The event type that it looks at.
    pub(crate) fn event_type(&self) -> Option<&str> {
        match &self.origin {
            FactOrigin::Events(declaration) => declaration.event.as_deref(),
            FactOrigin::Stages(_) | FactOrigin::Invalid => None,
        }
    }

    /// Whether buckets leave it, or enter it, as time passes.
    pub(super) fn is_windowed(&self) -> bool {
        matches!(&self.origin, FactOrigin::Events(declaration) if declaration.window.is_some())
    }

    /// Whether it changes with every millisecond.
    pub(super) fn is_time_dependent(&self) -> bool {
        matches!(self.origin, FactOrigin::Stages(fact) if fact.is_time_dependent())
    }
}
