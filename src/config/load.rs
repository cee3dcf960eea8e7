//! Merges files and environment variables into one document, or returns all their problems.

use std::path::PathBuf;
use std::{fs, io};

use config::{File, FileFormat};

use super::layer::Layer;
use super::schema::Schema;
use super::{Document, environment, file};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../config/tenure.toml");

/// All problems of the settings. Each has its message in the first line, and its location and help in further
/// lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidConfig(pub Vec<String>);

/// A settings file: its name, and its text or the error of reading it.
pub type FileText = (String, io::Result<String>);

/// Reads the files, merges all layers and checks the result.
///
/// # Errors
/// All problems together: unknown names and values of the wrong kind in every layer, and contradictions
/// among the valid settings.
pub fn load(
    files: &[PathBuf],
    environment: &[(String, String)],
) -> Result<Document, InvalidConfig> {
    let read = |path: &PathBuf| (path.display().to_string(), fs::read_to_string(path));
    load_texts(files.iter().map(read).collect(), environment)
}

/// As [`load`], for files that have been read already.
///
/// # Errors
/// As [`load`].
pub fn load_texts(
    files: Vec<FileText>,
    environment: &[(String, String)],
) -> Result<Document, InvalidConfig> {
    let schema = Schema::from_defaults();
    let mut layers = Vec::new();
    for (name, text) in files {
        layers.push(file::parse_layer(name, text, &schema));
    }
    layers.push(environment::parse_layer(environment, &schema));
    let mut problems: Vec<String> = layers
        .iter()
        .flat_map(|layer| layer.problems.iter().cloned())
        .collect();
    let document = merge(&layers).map_err(|problem| InvalidConfig(vec![problem.to_string()]))?;
    let is_any_unreadable = layers.iter().any(|layer| layer.is_unreadable);
    for problem in document.check() {
        let concerns = |invalid: &String| {
            let mut settings = problem.settings.iter();
            settings.any(|setting| setting.starts_with(invalid.as_str()))
        };
        let mut invalid_settings = layers.iter().flat_map(|layer| &layer.invalid_settings);
        if is_any_unreadable || invalid_settings.any(concerns) {
            continue; // The problem may disappear once the invalid setting is corrected.
        }
        let mut located = problem.settings.iter().flat_map(|setting| {
            let last_first = layers.iter().rev();
            last_first.filter_map(|layer| layer.problem_at(setting, &problem.text))
        });
        problems.push(located.next().unwrap_or(problem.text.clone()));
    }
    if problems.is_empty() {
        Ok(document)
    } else {
        Err(InvalidConfig(problems))
    }
}

fn merge(layers: &[Layer]) -> Result<Document, config::ConfigError> {
    let mut builder =
        config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for layer in layers {
        let text = layer.table.to_string();
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    builder.build()?.try_deserialize()
}
