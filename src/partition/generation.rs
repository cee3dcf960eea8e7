//! Which models the states of a partition are of, and by what its records are decoded: kept beside them, so that a state can
//! be read whatever has been loaded since, and nobody with older models or settings turns it back [24].

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::DecodingSettings;
use super::codec::UnusableState;
use crate::customer::Migration;
use crate::event::EventTime;
use crate::model::{Model, Models, ModelsChange, SourceFile};

/// One version of the models in the life of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    format: u32,
    /// Its number; a change of words alone begins no new one.
    pub number: u32,
    /// What [`hash`] says of its models.
    pub hash: String,
    /// The hashes of those before it, the latest last.
    earlier: Vec<String>,
    files: Vec<ModelFile>,
    /// By what records are decoded; format 1 did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decoding: Option<DecodingSettings>,
    /// The hashes of the settings before, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier_decodings: Vec<String>,
}

/// A model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    name: String,
    version: u64,
    text: String,
}

const FORMAT: u32 = 2;
/// Most earlier models, and most earlier settings, that are remembered.
const EARLIER_MAX: usize = 64;
/// Most bytes of all model files, as they are kept: one record of the changelog.
pub const GENERATION_BYTES_MAX: usize = 900 << 10;

/// What loaded models, or settings, are to those of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionOrdering {
    /// The same.
    Current,
    /// They were there before: whoever has loaded them is behind.
    Older,
    /// They were never there.
    Newer,
}

/// A hash of the texts of all models in their order: what stands in them, not the number that a person gave.
pub fn hash_models(models: &Models) -> String {
    let mut hash = Sha256::new();
    for model in &models.list {
        let text = model.source.text.as_bytes();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    short_hex(hash)
}

/// Half of a hash: enough to tell apart what is configured.
pub(super) fn short_hex(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Generation {
    /// The first one.
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

    /// The same models, with records decoded by these settings.
    pub fn with_decoding(mut self, decoding: &DecodingSettings) -> Generation {
        let before = self.decoding.replace(decoding.clone());
        if let Some(before) = before.filter(|before| before != decoding) {
            push_earlier(&mut self.earlier_decodings, before.hash());
        }
        self
    }

    /// The settings by which records were decoded so far; `None` where an earlier version of Tenure did not keep them.
    pub fn decoding(&self) -> Option<&DecodingSettings> {
        self.decoding.as_ref()
    }

    /// The one after this, with other models.
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

    /// What other models are to it. A version that a person has counted down is older, too.
    pub fn compare_models(&self, models: &Models) -> VersionOrdering {
        let other = hash_models(models);
        let counted_down = |file: &ModelFile| {
            let mut same = models.list.iter().filter(|model| model.name == file.name);
            same.any(|model| model.version < file.version)
        };
        if other == self.hash {
            VersionOrdering::Current
        } else if self.earlier.contains(&other) || self.files.iter().any(counted_down) {
            VersionOrdering::Older
        } else {
            VersionOrdering::Newer
        }
    }

    /// What other settings are to those by which records were decoded so far.
    pub fn compare_decoding(&self, decoding: &DecodingSettings) -> VersionOrdering {
        match &self.decoding {
            Some(own) if own == decoding => VersionOrdering::Current,
            Some(own)
                if decoding.version() < own.version()
                    || self.earlier_decodings.contains(&decoding.hash()) =>
            {
                VersionOrdering::Older
            }
            _ => VersionOrdering::Newer,
        }
    }

    /// Its models.
    ///
    /// # Errors
    /// Where this version of Tenure does not take what an earlier one took.
    pub fn models(&self) -> Result<Models, UnusableState> {
        let source = |file: &ModelFile| SourceFile {
            name: file.name.clone(),
            text: file.text.clone(),
        };
        let compiled = Models::compile(self.files.iter().map(source).collect());
        compiled.map(|(models, _)| models).map_err(|reports| {
            let first = reports.first().and_then(|report| report.problems.first());
            UnusableState::RejectedModels(
                first.map_or_else(String::new, |problem| problem.message.clone()),
            )
        })
    }

    /// As bytes: JSON, because an operator may have to read it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text are always JSON")
    }

    /// Reads what [`Generation::encode`] wrote.
    ///
    /// # Errors
    /// Where it is damaged, or of a later version of Tenure.
    pub fn decode(bytes: &[u8]) -> Result<Generation, UnusableState> {
        super::codec::read_format(bytes, FORMAT)?;
        serde_json::from_slice(bytes).map_err(|_| UnusableState::Damaged)
    }
}

/// Adds the latest hash; the first ones are forgotten.
fn push_earlier(earlier: &mut Vec<String>, hash: String) {
    earlier.push(hash);
    let many = earlier.len().saturating_sub(EARLIER_MAX);
    earlier.drain(..many);
}

/// The models that a partition is worked on with, and while states of the ones before are left, how
/// those are read.
#[derive(Clone, Copy, Debug)]
pub struct ModelGenerations<'l> {
    /// The models.
    pub models: &'l Models,
    /// Those before, and the way from them.
    pub before: Option<(&'l Models, &'l ModelsChange)>,
}

impl<'l> From<&'l Models> for ModelGenerations<'l> {
    fn from(models: &'l Models) -> Self {
        ModelGenerations {
            models,
            before: None,
        }
    }
}

impl ModelGenerations<'_> {
    /// How a state of the models before becomes one of today.
    pub fn migration(&self, at: EventTime) -> Option<Migration<'_>> {
        let (before, change) = self.before?;
        Some(Migration {
            change,
            before,
            after: self.models,
            at,
        })
    }
}
