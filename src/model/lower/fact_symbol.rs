//! The symbol table's entry for a fact, while conditions are lowered.

use typed_index_collections::TiSlice;

use crate::model::fact::FactDeclaration;
use crate::model::ids::FactId;
use crate::model::slots::StageFact;
use crate::model::value_type::ValueType;

/// The stage facts that are written without parentheses.
pub const STAGE_FACT_NAMES: [&str; 2] = ["previous_stage", "days_in_stage"];

/// A fact while conditions are lowered. The first use of a property in a condition decides its type.
#[derive(Clone, Debug)]
pub(crate) struct FactSymbol {
    /// The declared name, or the text of a fact that is written in a condition.
    pub(crate) name: String,
    pub(crate) origin: FactOrigin,
    pub(crate) value_type: Option<ValueType>,
}

#[derive(Clone, Debug)]
pub(crate) enum FactOrigin {
    Events(FactDeclaration),
    /// The customer's stages in the model.
    Stages(StageFact),
    /// The declaration is wrong. That is reported once, at the declaration, and not at each use.
    Invalid,
}

pub(crate) type FactSymbols = TiSlice<FactId, FactSymbol>;

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

    pub(crate) fn invalid(name: &str) -> FactSymbol {
        FactSymbol { name: name.to_owned(), origin: FactOrigin::Invalid, value_type: None }
    }

    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.origin, FactOrigin::Invalid)
    }

    /// The event type that the fact aggregates, if only one.
    pub(crate) fn event_type(&self) -> Option<&str> {
        match &self.origin {
            FactOrigin::Events(declaration) => declaration.event.as_deref(),
            FactOrigin::Stages(_) | FactOrigin::Invalid => None,
        }
    }

    /// Whether the value changes as buckets enter or leave the window.
    pub(super) fn is_windowed(&self) -> bool {
        matches!(&self.origin, FactOrigin::Events(declaration) if declaration.window.is_some())
    }

    /// Whether the value changes with every millisecond.
    pub(super) fn is_time_dependent(&self) -> bool {
        matches!(self.origin, FactOrigin::Stages(fact) if fact.is_time_dependent())
    }
}
