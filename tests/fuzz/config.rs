//! Like `src/config.rs`, without `settings`, which depends on modules of the shell.

#[path = "../../src/config/check.rs"]
mod check;
#[path = "../../src/config/document.rs"]
mod document;
#[path = "../../src/config/environment.rs"]
mod environment;
#[path = "../../src/config/file.rs"]
mod file;
#[path = "../../src/config/layer.rs"]
mod layer;
#[path = "../../src/config/load.rs"]
mod load;
#[path = "../../src/config/mapping.rs"]
mod mapping;
#[path = "../../src/config/unknown_name.rs"]
mod unknown_name;
#[path = "../../src/config/values.rs"]
mod values;

pub use document::{DEFAULTS, Document};
pub use mapping::MappingSection;
pub use load::{InvalidConfig, FileText, load, load_texts};
