//! The models that ship with the program: the files of `config/models`.

use crate::model::{Models, SourceFile};

#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name of the model, and of its file without `.yaml`.
    pub name: &'static str,
    /// The whole file.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),+ $(,)?) => {
        &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../config/models/", $name, ".yaml")),
        }),+]
    };
}

/// Sorted by name.
pub const PRESETS: &[Preset] = presets![
    "activity",
    "attract",
    "b2b",
    "customer_classes",
    "entry_modes",
    "funnel_advocacy",
    "funnel_loyalty",
    "funnel_retention",
    "onboarding",
    "retail",
    "rfm",
    "subscription",
];

impl Preset {
    pub fn find(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The file with another model name. `name` must be a valid one.
    pub fn with_name(&self, name: &str) -> String {
        // YAML reads an unquoted `null` as no value.
        let quote = if name.eq_ignore_ascii_case("null") { "\"" } else { "" };
        let old_line = format!("\nmodel: {}\n", self.name);
        self.text.replacen(&old_line, &format!("\nmodel: {quote}{name}{quote}\n"), 1)
    }

    /// Compiles the preset alone.
    pub fn compile(&self) -> Models {
        let source =
            SourceFile { name: format!("the preset {}", self.name), text: self.text.to_owned() };
        let compiled = Models::compile(vec![source]);
        compiled.expect("a test compiles every preset").0
    }
}
