//! The outcome of a check that does not fail.

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Finding {
    pub found: String,
    /// What does not prevent a start, each with what corrects it.
    pub warnings: Vec<String>,
}

impl Finding {
    pub(super) fn good(found: String) -> Finding {
        Finding { found, warnings: Vec::new() }
    }
}
