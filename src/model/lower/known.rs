//! What is known of facts while conditions are read.

use crate::model::fact::Declaration;
use crate::model::slots::StageFact;
use crate::model::value_type::Type;

/// A fact while conditions are read: the type of a property is what it is first used as.
#[derive(Clone, Debug)]
pub(in crate::model) struct Known {
    /// Its name, or the text by which it stands in a condition.
    pub(in crate::model) name: String,
    pub(in crate::model) about: About,
    pub(in crate::model) value_type: Option<Type>,
}

/// What a fact is about.
#[derive(Clone, Debug)]
pub(in crate::model) enum About {
    /// The customer's events.
    Events(Declaration),
    /// The customer's stages in the model.
    Stages(StageFact),
    /// Its declaration has a mistake, which is reported where it stands and nowhere else.
    Nothing,
}

impl Known {
    pub(in crate::model) fn of_events(name: &str, declaration: Declaration) -> Known {
        Known {
            name: name.to_owned(),
            value_type: declaration.value_type(),
            about: About::Events(declaration),
        }
    }

    pub(super) fn of_stages(name: &str, fact: StageFact) -> Known {
        let value_type = match fact {
            StageFact::Previous => Type::Text,
            StageFact::DaysIn | StageFact::Visits(_) => Type::Number,
            StageFact::TimeIn(_) => Type::Duration,
            StageFact::Entered(_) => Type::Instant,
        };
        Known {
            name: name.to_owned(),
            about: About::Stages(fact),
            value_type: Some(value_type),
        }
    }

    /// A fact of which nothing but the name is known.
    pub(in crate::model) fn broken(name: &str) -> Known {
        Known {
            name: name.to_owned(),
            about: About::Nothing,
            value_type: None,
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.about, About::Nothing)
    }

    /// The event type that it looks at.
    pub(in crate::model) fn event(&self) -> Option<&str> {
        match &self.about {
            About::Events(declaration) => declaration.event.as_deref(),
            About::Stages(_) | About::Nothing => None,
        }
    }

    /// Whether buckets leave it, or enter it, as time passes.
    pub(super) fn is_windowed(&self) -> bool {
        matches!(&self.about, About::Events(declaration) if declaration.window.is_some())
    }

    /// Whether it changes with every millisecond.
    pub(super) fn moves(&self) -> bool {
        matches!(self.about, About::Stages(fact) if fact.moves())
    }
}
