//! References to the definitions of the schema, and patterns that several keys share.

use serde_json::{Value as Json, json};

/// The pattern of a duration.
pub(super) const DURATION: &str = "([0-9]+(ms|[smhdw]))+";

pub(super) fn list_of(definition: &str, description: &str) -> Json {
    json!({ "description": description, "type": ["array", "null"], "items": reference(definition) })
}

/// A reference with a description of its own.
pub(super) fn described_reference(definition: &str, description: &str) -> Json {
    json!({ "description": description, "$ref": format!("#/$defs/{definition}") })
}

pub(super) fn reference(definition: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{definition}") })
}
