//! Serde's messages about names that it does not know: ``unknown field `a`, expected one of `b`, `c` ``.

use crate::model::did_you_mean;

/// A name that was written, and those that serde knows.
pub(crate) struct UnknownName<'m> {
    pub(crate) written: &'m str,
    known: Vec<&'m str>,
}

impl<'m> UnknownName<'m> {
    /// `kind` is `field` or `variant`; `None` for any other message.
    pub(crate) fn parse(message: &'m str, kind: &str) -> Option<UnknownName<'m>> {
        let names = message.strip_prefix("unknown ")?.strip_prefix(kind)?;
        let mut quoted = names.split('`').skip(1).step_by(2);
        Some(UnknownName { written: quoted.next()?, known: quoted.collect() })
    }

    /// A suggestion, if a known name is similar.
    pub(crate) fn similar(&self) -> Option<String> {
        did_you_mean(self.written, self.known.iter().copied())
    }

    /// A suggestion, or all known names.
    pub(crate) fn advice(&self) -> String {
        self.similar().unwrap_or_else(|| format!("the settings are {}", self.known.join(", ")))
    }
}
