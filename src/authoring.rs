//! Tools for those who write models: the presets, the JSON Schema for editors, diagrams, and the tests in model files.

#![deny(clippy::disallowed_types)]

mod graph;
pub mod model_test;
mod presets;
mod schema;

pub use graph::{GraphFormat, render_graph};
pub use presets::{PRESETS, Preset};
pub use schema::model_schema;
