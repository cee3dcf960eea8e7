//! The fuzz targets. Each takes any bytes and panics if an invariant is violated. The test suite runs the corpus through
//! them; `fuzzer.rs` searches for more.

mod condition;
mod configuration;
mod event;
mod model;
pub(crate) mod progress;
mod state;

use std::sync::LazyLock;

use tenure::model::{Models, SourceFile};

/// The name, which is that of a folder of the corpus, and the function.
type Target = (&'static str, fn(&[u8]));

pub(crate) const TARGETS: [Target; 7] = [
    ("condition", condition::run),
    ("configuration", configuration::run),
    ("event_json", event::json),
    ("event_row", event::row),
    ("model", model::run),
    ("progress", progress::run),
    ("state", state::run),
];

/// Two models that together have every kind of fact, slot, condition and block.
pub(crate) static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let shop = include_str!("shop.yaml");
    let every = include_str!("every.yaml");
    let sources = [("shop.yaml", shop), ("every.yaml", every)];
    let sources = sources.map(|(name, text)| source(name, text));
    match Models::compile(sources.into()) {
        Ok((models, _)) => models,
        Err(reports) => panic!("{}", reports[0]),
    }
});

fn source(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

/// Whether the text can be printed on a terminal.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n')
}
