//! Layer 8: settings. Near the end, so that nobody can reach for them: each module is given its own.
//!
//! `config/tenure.toml` is the documentation, the default and the lowest layer at once.

mod document;
mod settings;
mod values;

use std::path::PathBuf;

use config::{Environment, File, FileFormat};

pub use document::Document;

use crate::model::did_you_mean;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../config/tenure.toml");
const PREFIX: &str = "TENURE";

/// What is wrong with the settings, for the person who wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// Merges all layers and checks the result.
///
/// # Errors
/// Unknown keys and values of the wrong kind, the first of a layer; values that make no sense, all
/// at once.
pub fn load(files: &[PathBuf], environment: &[(String, String)]) -> Result<Document, Problems> {
    unknown_variables(environment)?;
    let mut builder =
        config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for file in files {
        builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
    }
    let variables = environment.iter().cloned().collect();
    let environment = Environment::with_prefix(PREFIX)
        .prefix_separator("__")
        .separator("__")
        .list_separator(",")
        .with_list_parse_key("models")
        .try_parsing(true)
        .source(Some(variables));
    let merged = builder
        .add_source(environment)
        .build()
        .map_err(|error| Problems(vec![explain(&error)]))?;
    let document: Document = merged
        .try_deserialize()
        .map_err(|error| Problems(vec![explain(&error)]))?;
    let problems = document.check();
    if problems.is_empty() {
        Ok(document)
    } else {
        Err(Problems(problems))
    }
}

/// A variable that names no setting would be passed over in silence.
fn unknown_variables(environment: &[(String, String)]) -> Result<(), Problems> {
    let known = known_variables();
    let own = environment
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("TENURE__"));
    let unknown = own.filter(|name| {
        let name = name.to_uppercase();
        let free = [
            "TENURE__KAFKA__PROPERTIES__",
            "TENURE__OUTPUT__STAGES__",
            "TENURE__MONEY__RATES__",
        ];
        !known.contains(&name) && !free.iter().any(|prefix| name.starts_with(prefix))
    });
    let problems: Vec<String> = unknown
        .map(|name| {
            let help = did_you_mean(name, known.iter().map(String::as_str)).unwrap_or_default();
            format!("the variable {name} names no setting; {help}")
                .trim_end_matches("; ")
                .to_owned()
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Problems(problems))
    }
}

/// Every setting of the defaults as a variable.
fn known_variables() -> Vec<String> {
    let mut section = String::new();
    let mut known = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}__", name.trim_matches(['[', ']']).replace('.', "__"));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            known.push(format!("{PREFIX}__{section}{key}").to_uppercase());
        }
    }
    known
}

/// The error with the place that the layers know of, and a guess at what was meant.
fn explain(error: &config::ConfigError) -> String {
    let text = error.to_string();
    if let Some((_, rest)) = text.split_once("does not have variant constructor ") {
        let (value, place) = rest.split_once(' ').unwrap_or((rest, ""));
        return format!("`{value}` is none of the values that `config/tenure.toml` names {place}");
    }
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    match (text.contains("unknown field"), quoted.split_first()) {
        (true, Some((written, expected))) => {
            match did_you_mean(written, expected.iter().copied()) {
                Some(help) => format!("{text}; {help}"),
                None => text,
            }
        }
        _ => text,
    }
}
