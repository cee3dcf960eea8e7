//! Settings. Near the end, so that nobody can reach for them: each module is given its own.
//!
//! `config/tenure.toml` is the documentation, the default and the lowest layer at once. Then come
//! files, then variables ([`layer`]); each is compared with what there is ([`schema`]) before they
//! are merged ([`load()`]), so that a problem has the place where it was written; then [`check`]
//! looks at what makes no sense, and [`warnings`] at what is hardly meant.

mod check;
mod document;
mod environment;
mod file;
mod layer;
mod legacy_decoding;
mod load;
mod schema;
mod settings;
mod values;
mod warnings;

pub use document::Document;
pub use load::{DEFAULTS, FileText, InvalidConfig, load, load_texts};
