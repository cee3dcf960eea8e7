//! Settings: the documented defaults, files and environment variables become one checked [`Document`].
//!
//! `config/tenure.toml` is the documentation, the defaults and the lowest layer. Files come next, then
//! environment variables ([`layer`]). The `config` crate parses and merges the layers, and one reading of the result
//! as a [`Document`] finds invalid settings, each with its location in its layer ([`load()`]).
//! [`check`] then rejects values that make no sense together, and [`warnings`] reports values that are
//! probably mistakes. Other modules do not read this one: each receives only its own settings.

mod check;
mod document;
mod environment;
mod file;
mod layer;
mod legacy_decoding;
mod load;
mod mapping;
mod settings;
mod unknown_name;
mod values;
mod warnings;

pub use document::{DEFAULTS, Document};
pub use load::{FileText, InvalidConfig, load, load_texts};
pub use mapping::MappingSection;
pub(crate) use unknown_name::UnknownName;
