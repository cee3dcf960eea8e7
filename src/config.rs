//! Settings: the documented defaults, files and environment variables become one checked [`Document`].
//!
//! `config/tenure.toml` is the documentation, the defaults and the lowest layer. Files come next, then
//! environment variables ([`layer`]). Each layer is validated against the known settings ([`schema`])
//! before the layers are merged ([`load()`]), so that each problem has its location in the source.
//! [`check`] then rejects values that make no sense together, and [`warnings`] reports values that are
//! probably mistakes. Other modules do not read this one: each receives only its own settings.

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
