//! Chooses the models that a partition is processed with: the loaded ones, once every state is of them or of the
//! generation before them. The loaded decoding settings apply from the next offset on. A process with older models
//! or settings than a partition has seen defers the partition (rule 24).

use std::sync::Arc;

use crate::model::{Models, ModelsChange};
use crate::partition::codec::UnusableState;
use crate::partition::{Generation, ModelGenerations, Progress, VersionOrdering};
use crate::runtime::context::Context;
use crate::runtime::quarantine::QuarantineCause;
use crate::runtime::restore::Error;
use crate::runtime::worker_io::WorkerIo;
use crate::store::store_partition;

/// The models that a partition is processed with.
#[derive(Clone, Debug)]
pub(super) struct ActiveModels {
    pub(super) current: Arc<Models>,
    /// The generation before, and the change from it, while states of it remain.
    pub(super) previous: Option<Arc<(Models, ModelsChange)>>,
}

impl ActiveModels {
    pub(super) fn generations(&self) -> ModelGenerations<'_> {
        let before = self.previous.as_deref();
        ModelGenerations {
            models: &self.current,
            before: before.map(|(models, change)| (models, change)),
        }
    }
}

/// Whether and how a restored partition can be processed.
pub(super) enum Activation {
    /// With the loaded models.
    Ready {
        models: ActiveModels,
        progress: Progress,
        /// The generation to store with the next commit, if it is new.
        generation: Option<Generation>,
    },
    /// With the partition's generation until its migration sweep is done, since states of two earlier generations cannot
    /// be migrated in one sweep. Then the partition is activated again.
    FinishSweep { models: ActiveModels, progress: Progress },
    /// Not at all: another process has processed it with newer models or settings.
    Outdated,
}

impl Context {
    /// Chooses how to process a partition with this progress.
    pub(super) fn choose_models<W: WorkerIo>(
        &self,
        io: &W,
        partition: i32,
        progress: Progress,
    ) -> Result<Activation, Error> {
        let (loaded, decoding) = (&self.models, &self.settings.decoding);
        let Some(stored) = self.generation(io, partition, &progress)? else {
            return Ok(Activation::Ready {
                models: ActiveModels { current: loaded.clone(), previous: None },
                generation: Some(Generation::first(loaded).with_decoding(decoding)),
                progress,
            });
        };
        self.check_decoding(partition, &stored)?;
        let active =
            |models: &Arc<Models>| self.active_models(io, partition, &progress, models.clone());
        match (stored.compare_models(loaded), stored.compare_decoding(decoding)) {
            (VersionOrdering::Older, _) | (_, VersionOrdering::Older) => Ok(Activation::Outdated),
            (VersionOrdering::Current, VersionOrdering::Current) => {
                Ok(Activation::Ready { models: active(loaded)?, generation: None, progress })
            }
            (VersionOrdering::Current, VersionOrdering::Newer) => {
                self.log_decoding_change(partition, &stored, &progress);
                Ok(Activation::Ready {
                    models: active(loaded)?,
                    generation: Some(stored.with_decoding(decoding)),
                    progress,
                })
            }
            (VersionOrdering::Newer, _) if progress.sweep.is_some() => {
                Ok(Activation::FinishSweep {
                    models: active(&Arc::new(self.generation_models(io, &stored)?))?,
                    progress,
                })
            }
            (VersionOrdering::Newer, _) => self.adopt(io, partition, &stored, progress),
        }
    }

    /// Fails where the loaded decoding settings are incompatible with the stored states.
    fn check_decoding(&self, partition: i32, stored: &Generation) -> Result<(), Error> {
        let incompatibility =
            stored.decoding().and_then(|before| before.incompatibility(&self.settings.decoding));
        match incompatibility {
            Some(what) => Err(Error::Models { partition, what }),
            None => Ok(()),
        }
    }

    fn log_decoding_change(&self, partition: i32, stored: &Generation, progress: &Progress) {
        let changes = stored.decoding().map(|before| before.diff(&self.settings.decoding));
        let Some(changes) = changes.filter(|changes| !changes.is_empty()) else {
            return;
        };
        tracing::info!(
            partition,
            offsets = ?progress.offsets,
            ?changes,
            "the decoding settings have changed; they apply from these input offsets on"
        );
    }

    /// The stored generation that a progress names; `None` where none is stored yet and the progress is of the loaded
    /// models.
    fn generation<W: WorkerIo>(
        &self,
        io: &W,
        partition: i32,
        progress: &Progress,
    ) -> Result<Option<Generation>, Error> {
        let stored = io.store().generation(store_partition(partition), progress.generation)?;
        match stored {
            Some(stored) if stored.hash == progress.models_hash => Ok(Some(stored)),
            None if progress.models_hash == crate::partition::hash_models(&self.models) => Ok(None),
            Some(_) | None => Err(Error::Unprocessable {
                partition,
                cause: QuarantineCause::Models,
                what: "the models of the partition's states are not stored with them; start once with those models"
                    .to_owned(),
            }),
        }
    }

    fn generation_models<W: WorkerIo>(&self, io: &W, stored: &Generation) -> Result<Models, Error> {
        let models = stored.models();
        models.map_err(|source| unusable_state(io, source))
    }

    /// These models, which the progress is of, with the generation before them if states of it remain.
    fn active_models<W: WorkerIo>(
        &self,
        io: &W,
        partition: i32,
        progress: &Progress,
        models: Arc<Models>,
    ) -> Result<ActiveModels, Error> {
        let mut previous = None;
        if let (Some(_), Some(number)) = (&progress.sweep, progress.generation.checked_sub(1)) {
            let stored = io.store().generation(store_partition(partition), number)?;
            let Some(stored) = stored else {
                return Err(unusable_state(io, UnusableState::Damaged));
            };
            let old = self.generation_models(io, &stored)?;
            let change = ModelsChange::between(&old, &models);
            previous = Some(Arc::new((old, change)));
        }
        if !progress.has_stages_of(&models) {
            return Err(unusable_state(io, UnusableState::Damaged));
        }
        Ok(ActiveModels { current: models, previous })
    }

    /// Makes the loaded models the next generation of the partition, and begins its migration sweep if one is needed.
    fn adopt<W: WorkerIo>(
        &self,
        io: &W,
        partition: i32,
        stored: &Generation,
        mut progress: Progress,
    ) -> Result<Activation, Error> {
        let models = self.models.clone();
        let old = self.generation_models(io, stored)?;
        if !progress.has_stages_of(&old) {
            return Err(unusable_state(io, UnusableState::Damaged));
        }
        let change = ModelsChange::between(&old, &models);
        if let Some(what) = change.refusal(self.settings.accepted) {
            return Err(Error::Models { partition, what });
        }
        self.log_decoding_change(partition, stored, &progress);
        let next = stored.next(&models, &change).with_decoding(&self.settings.decoding);
        progress.adopt(&next, &models, &change);
        let generation = progress.generation;
        tracing::info!(
            partition,
            generation,
            "the loaded models are adopted as the next generation"
        );
        self.metrics.model_changes.changes.inc();
        let has_sweep = progress.sweep.is_some();
        Ok(Activation::Ready {
            models: ActiveModels {
                current: models,
                previous: has_sweep.then(|| Arc::new((old, change))),
            },
            progress,
            generation: Some(next),
        })
    }
}

fn unusable_state<W: WorkerIo>(io: &W, source: UnusableState) -> Error {
    io.store().unusable(source).into()
}
