//! The generation of a partition: its models and decoding settings, stored with its states. A state can be decoded
//! whatever models are loaded, and a process with older models or settings does not revert it (rule 24).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DecodingSettings;
use super::format::{UnusableState, read_format};
use super::short_hash::short_hex;
use crate::customer::Migration;
use crate::event::EventTime;
use crate::model::{Model, Models, ModelsChange, SourceFile};

/// A numbered version of the models and decoding settings of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    format: u32,
    /// Incremented with every change of the models, except changes of texts alone.
    pub number: u32,
    /// [`hash_models`] of its models.
    pub hash: String,
    /// The hashes of earlier models, the latest last.
    earlier: Vec<String>,
    files: Vec<ModelFile>,
    /// Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decoding: Option<DecodingSettings>,
    /// The hashes of earlier decoding settings, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier_decodings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    name: String,
    version: u64,
    text: String,
}

const FORMAT: u32 = 2;
/// Maximum number of earlier hashes, of models and of decoding settings each.
const EARLIER_MAX: usize = 64;
/// Maximum bytes of an encoded generation: it is one record of the changelog.
pub(crate) const GENERATION_BYTES_MAX: usize = 900 << 10;

/// How loaded models, or settings, relate to those of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrdering {
    /// The same.
    Current,
    /// The partition had them before: the process that has loaded them is behind.
    Older,
    /// The partition never had them.
    Newer,
}

/// A hash of the texts of all models in their order; the versions that authors set do not matter on their own.
pub fn hash_models(models: &Models) -> String {
    let mut hash = Sha256::new();
    for model in &models.list {
        let text = model.source.text.as_bytes();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    short_hex(hash)
}

impl Generation {
    pub fn first(models: &Models) -> Generation {
        let file = |model: &Model| ModelFile {
            name: model.name.clone(),
            version: model.version,
            text: model.source.text.clone(),
        };
        Generation {
            format: FORMAT,
            number: 0,
            hash: hash_models(models),
            earlier: Vec::new(),
            files: models.list.iter().map(file).collect(),
            decoding: None,
            earlier_decodings: Vec::new(),
        }
    }

    /// Replaces the decoding settings and remembers the hash of the previous ones.
    pub fn with_decoding(mut self, decoding: &DecodingSettings) -> Generation {
        let before = self.decoding.replace(decoding.clone());
        if let Some(before) = before.filter(|before| before != decoding) {
            push_earlier(&mut self.earlier_decodings, before.hash());
        }
        self
    }

    /// `None` if the version of Tenure that wrote the generation did not store them.
    pub fn decoding(&self) -> Option<&DecodingSettings> {
        self.decoding.as_ref()
    }

    /// The next generation, with the changed models.
    pub fn next(&self, models: &Models, change: &ModelsChange) -> Generation {
        let mut earlier = self.earlier.clone();
        push_earlier(&mut earlier, self.hash.clone());
        Generation {
            number: self.number + u32::from(!change.is_text_only),
            earlier,
            decoding: self.decoding.clone(),
            earlier_decodings: self.earlier_decodings.clone(),
            ..Generation::first(models)
        }
    }

    /// Compares loaded models with these. Models with a lower version number are older, too.
    pub fn compare_models(&self, models: &Models) -> VersionOrdering {
        let hash = hash_models(models);
        let has_lower_version = |file: &ModelFile| {
            let mut same = models.list.iter().filter(|model| model.name == file.name);
            same.any(|model| model.version < file.version)
        };
        if hash == self.hash {
            VersionOrdering::Current
        } else if self.earlier.contains(&hash) || self.files.iter().any(has_lower_version) {
            VersionOrdering::Older
        } else {
            VersionOrdering::Newer
        }
    }

    /// Compares loaded decoding settings with these.
    pub fn compare_decoding(&self, decoding: &DecodingSettings) -> VersionOrdering {
        match &self.decoding {
            Some(current) if current == decoding => VersionOrdering::Current,
            Some(current)
                if decoding.version() < current.version()
                    || self.earlier_decodings.contains(&decoding.hash()) =>
            {
                VersionOrdering::Older
            }
            _ => VersionOrdering::Newer,
        }
    }

    /// Compiles the stored model files.
    ///
    /// # Errors
    /// [`UnusableState::RejectedModels`] if this version of Tenure does not accept a model that an earlier one accepted.
    pub fn models(&self) -> Result<Models, UnusableState> {
        let source =
            |file: &ModelFile| SourceFile { name: file.name.clone(), text: file.text.clone() };
        let compiled = Models::compile(self.files.iter().map(source).collect());
        compiled.map(|(models, _)| models).map_err(|reports| {
            let first = reports.first().and_then(|report| report.problems.first());
            UnusableState::RejectedModels(
                first.map_or_else(String::new, |problem| problem.message.clone()),
            )
        })
    }

    /// JSON, because an operator may have to read it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text are always valid JSON")
    }

    /// # Errors
    /// If the bytes are damaged, or written by a later version of Tenure.
    pub fn decode(bytes: &[u8]) -> Result<Generation, UnusableState> {
        read_format(bytes, FORMAT)?;
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)
    }
}

/// Appends a hash and drops the oldest ones beyond the bound.
fn push_earlier(earlier: &mut Vec<String>, hash: String) {
    earlier.push(hash);
    let excess = earlier.len().saturating_sub(EARLIER_MAX);
    earlier.drain(..excess);
}

/// The current models of a partition and, while states of the previous generation remain, its models.
#[derive(Clone, Copy, Debug)]
pub struct ModelGenerations<'m> {
    pub models: &'m Models,
    /// The previous models, and the change from them to `models`.
    pub before: Option<(&'m Models, &'m ModelsChange)>,
}

impl<'m> From<&'m Models> for ModelGenerations<'m> {
    fn from(models: &'m Models) -> Self {
        ModelGenerations { models, before: None }
    }
}

impl ModelGenerations<'_> {
    /// The migration of states of the previous generation, at event time `at`.
    pub fn migration(&self, at: EventTime) -> Option<Migration<'_>> {
        let (before, change) = self.before?;
        Some(Migration { change, before, after: self.models, at })
    }
}
