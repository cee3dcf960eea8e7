//! From files and variables to one document, or everything that is wrong with them.

use std::path::PathBuf;
use std::{fs, io};

use config::{File, FileFormat};

use super::layer::Layer;
use super::schema::Schema;
use super::{Document, environment, file};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("../../config/tenure.toml");

/// What is wrong with the settings, for the person who wrote them: for each problem what it is, and,
/// on further lines, where it stands and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidConfig(pub Vec<String>);

/// A file of settings: its name, and its text or why there is none.
pub type FileText = (String, io::Result<String>);

/// Reads the files, merges all layers and checks the result.
///
/// # Errors
/// Everything that is wrong, at once: unknown names and values of the wrong kind of all layers, and
/// what makes no sense in what the others say.
pub fn load(
    files: &[PathBuf],
    environment: &[(String, String)],
) -> Result<Document, InvalidConfig> {
    let read = |path: &PathBuf| (path.display().to_string(), fs::read_to_string(path));
    load_texts(files.iter().map(read).collect(), environment)
}

/// As [`load`], of files that have been read.
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
    for complaint in document.check() {
        let concerns = |left_out: &String| {
            let mut settings = complaint.settings.iter();
            settings.any(|setting| setting.starts_with(left_out.as_str()))
        };
        let unreadable = layers.iter().any(|layer| layer.is_unreadable);
        if unreadable
            || layers
                .iter()
                .flat_map(|layer| &layer.invalid_settings)
                .any(concerns)
        {
            continue; // It may be good once what is wrong there has been put right.
        }
        let mut places = complaint.settings.iter().flat_map(|setting| {
            let last_first = layers.iter().rev();
            last_first.filter_map(|layer| layer.problem_at(setting, &complaint.text))
        });
        problems.push(places.next().unwrap_or(complaint.text.clone()));
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
