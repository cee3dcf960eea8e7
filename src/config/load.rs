//! Merges the layers and reads them as one document, or returns all their problems.

use std::path::PathBuf;
use std::{fs, io};

use config::{Config, ConfigError, File, FileFormat};
use serde_path_to_error::Error as PathError;

use super::document::{DEFAULTS, Document};
use super::layer::Layer;
use super::{environment, file};

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
/// All problems together: unknown names and values of the wrong kind, and contradictions among the valid settings.
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
    let files = files.into_iter();
    let mut layers: Vec<Layer> = files.map(|(name, text)| file::parse_layer(name, text)).collect();
    layers.push(environment::parse_layer(environment));
    // Each layer alone first: an invalid value is a problem also where a later layer replaces it.
    let defaults = merge(&[]).map_err(internal)?;
    let mut invalid = Vec::new();
    for layer in layers.chunks_mut(1) {
        invalid.extend(read(layer, &defaults)?.1);
    }
    let (document, more) = read(&mut layers, &defaults)?;
    invalid.extend(more);
    let is_any_unreadable = layers.iter().any(|layer| layer.is_unreadable);
    let mut problems: Vec<String> = layers.iter_mut().flat_map(Layer::take_problems).collect();
    for problem in document.check() {
        let concerns = |invalid: &String| {
            let mut settings = problem.settings.iter();
            settings.any(|setting| setting.starts_with(invalid.as_str()))
        };
        if is_any_unreadable || invalid.iter().any(concerns) {
            continue; // The problem may disappear once the invalid setting is corrected.
        }
        let mut located = problem.settings.iter().flat_map(|setting| {
            let last_first = layers.iter().rev();
            last_first.filter_map(|layer| layer.problem_at(setting, &problem.text))
        });
        problems.push(located.next().unwrap_or(problem.text.clone()));
    }
    if problems.is_empty() { Ok(document) } else { Err(InvalidConfig(problems)) }
}

/// Reads the document from the valid settings. Invalid ones become problems of their layers; the names of the settings
/// that lack a value for this reason are returned.
fn read(
    layers: &mut [Layer],
    defaults: &toml::Value,
) -> Result<(Document, Vec<String>), InvalidConfig> {
    let mut invalid: Vec<String> = Vec::new();
    // serde stops at the first invalid setting, so each round removes one.
    loop {
        let merged = merge(layers).map_err(internal)?;
        let error: PathError<toml::de::Error> = match serde_path_to_error::deserialize(merged) {
            Ok(document) => return Ok((document, invalid)),
            Err(error) => error,
        };
        let (setting, message) = (error.path().to_string(), error.inner().message());
        let path: Vec<_> = error.path().iter().collect();
        let mut last_first = layers.iter_mut().rev();
        let removed = last_first.find_map(|layer| layer.remove(&path, defaults).then_some(layer));
        let Some(layer) = removed else {
            return Err(InvalidConfig(vec![format!("{setting}: invalid")]));
        };
        // What an element lacks may be what has been removed from it.
        if !message.starts_with("missing field") || !layer.has_problem_in(&setting) {
            layer.add_invalid(&setting, message);
        }
        match setting.split_once('[') {
            Some((list, _)) => invalid.push(list.to_owned()),
            None if message.starts_with("unknown field") => {}
            None => invalid.push(setting),
        }
    }
}

fn internal(error: ConfigError) -> InvalidConfig {
    InvalidConfig(vec![error.to_string()])
}

fn merge(layers: &[Layer]) -> Result<toml::Value, ConfigError> {
    let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
    let builder = Config::builder().add_source(defaults);
    let merged = builder.add_source(layers.to_vec()).build()?;
    // By way of TOML: `config` itself would convert values, such as 7.9 to 8.
    merged.try_deserialize()
}
