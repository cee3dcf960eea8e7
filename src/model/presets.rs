//! The models that ship with the program, each as its file in `config/models` stands.

use super::{Models, SourceFile};

/// A model that ships with the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name of the model, and of its file.
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

/// All of them, by name.
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
    /// The preset of this name, if there is one.
    pub fn find(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The same file as a model of another name; nothing else is different. The name must be one that a model
    /// can have.
    pub fn with_name(&self, name: &str) -> String {
        // A plain `null` would be nothing.
        let quote = match name.eq_ignore_ascii_case("null") {
            true => "\"",
            false => "",
        };
        let own = format!("\nmodel: {}\n", self.name);
        self.text
            .replacen(&own, &format!("\nmodel: {quote}{name}{quote}\n"), 1)
    }

    /// As it is loaded, alone.
    pub fn compile(&self) -> Models {
        let source = SourceFile {
            name: format!("the preset {}", self.name),
            text: self.text.to_owned(),
        };
        let compiled = Models::compile(vec![source]);
        compiled.expect("a test compiles each of them").0
    }
}
