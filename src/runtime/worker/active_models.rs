//! Which models a partition is worked on with: those that are loaded, once every state of it is theirs or
//! of the ones before. Its records are decoded by the settings that are loaded, from the next offset on. A process with older
//! models or settings than a partition has seen leaves it alone [24].

use std::sync::Arc;

use super::{OwnedPartition, Worker};
use crate::model::{Models, ModelsChange};
use crate::partition::codec::UnusableState;
use crate::partition::{Generation, ModelGenerations, Progress, VersionOrdering};
use crate::runtime::context::Context;
use crate::runtime::partitions::{PartitionState, QuarantineCause};
use crate::runtime::restore::{Error, store_partition};
use crate::runtime::worker_io::WorkerIo;

/// The models that a partition is worked on with.
#[derive(Clone, Debug)]
pub(super) struct ActiveModels {
    pub(super) current: Arc<Models>,
    /// Those before, while states of theirs are left.
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

/// How a partition is taken up.
pub(super) enum Activation {
    /// With the models that are loaded.
    Ready {
        models: ActiveModels,
        progress: Progress,
        /// What has still to be committed beside the states.
        generation: Option<Generation>,
    },
    /// With those before, until no state is of still earlier ones.
    FinishSweep {
        models: ActiveModels,
        progress: Progress,
    },
    /// Not at all: others have gone on with newer models.
    Outdated,
}

impl Context {
    /// How to work on a partition that stands here.
    pub(super) fn choose_models<W: WorkerIo>(
        &self,
        world: &W,
        partition: i32,
        progress: Progress,
    ) -> Result<Activation, Error> {
        let (own, decoding) = (&self.models, &self.settings.decoding);
        let Some(known) = self.generation(world, partition, &progress)? else {
            let under = ActiveModels {
                current: own.clone(),
                previous: None,
            };
            return Ok(Activation::Ready {
                models: under,
                generation: Some(Generation::first(own).with_decoding(decoding)),
                progress,
            });
        };
        self.check_decoding(partition, &known)?;
        let models =
            |models: &Arc<Models>| self.active_models(world, partition, &progress, models.clone());
        match (known.compare_models(own), known.compare_decoding(decoding)) {
            (VersionOrdering::Older, _) | (_, VersionOrdering::Older) => Ok(Activation::Outdated),
            (VersionOrdering::Current, VersionOrdering::Current) => Ok(Activation::Ready {
                models: models(own)?,
                generation: None,
                progress,
            }),
            (VersionOrdering::Current, VersionOrdering::Newer) => {
                self.log_decoding_change(partition, &known, &progress);
                Ok(Activation::Ready {
                    models: models(own)?,
                    generation: Some(known.with_decoding(decoding)),
                    progress,
                })
            }
            (VersionOrdering::Newer, _) if progress.sweep.is_some() => {
                Ok(Activation::FinishSweep {
                    models: models(&Arc::new(self.generation_models(world, &known)?))?,
                    progress,
                })
            }
            (VersionOrdering::Newer, _) => self.adopt(world, partition, &known, progress),
        }
    }

    /// Whether states are gone on with under the loaded settings.
    fn check_decoding(&self, partition: i32, known: &Generation) -> Result<(), Error> {
        let refusal = known
            .decoding()
            .and_then(|before| before.incompatibility(&self.settings.decoding));
        match refusal {
            Some(what) => Err(Error::Models { partition, what }),
            None => Ok(()),
        }
    }

    /// Says from where on other settings count than before.
    fn log_decoding_change(&self, partition: i32, known: &Generation, progress: &Progress) {
        let changes = known
            .decoding()
            .map(|before| before.diff(&self.settings.decoding));
        let Some(changes) = changes.filter(|changes| !changes.is_empty()) else {
            return;
        };
        tracing::info!(
            partition,
            offsets = ?progress.offsets,
            ?changes,
            "records are decoded by other settings than before, from these offsets of the inputs on"
        );
    }

    /// The generation that a partition stands at. `None` where none is kept yet and the loaded models are it.
    fn generation<W: WorkerIo>(
        &self,
        world: &W,
        partition: i32,
        progress: &Progress,
    ) -> Result<Option<Generation>, Error> {
        let known = world
            .store()
            .generation(store_partition(partition), progress.generation)?;
        match known {
            Some(known) if known.hash == progress.models_hash => Ok(Some(known)),
            None if progress.models_hash == crate::partition::hash_models(&self.models) => Ok(None),
            Some(_) | None => Err(Error::Unprocessable {
                partition,
                cause: QuarantineCause::Models,
                what: "the models that its states were made with are not kept beside them; start once \
                    with those models"
                    .to_owned(),
            }),
        }
    }

    fn generation_models<W: WorkerIo>(
        &self,
        world: &W,
        known: &Generation,
    ) -> Result<Models, Error> {
        let models = known.models();
        models.map_err(|source| unusable_state(world, source))
    }

    /// These models, which the partition stands at, and those before if states of theirs are left.
    fn active_models<W: WorkerIo>(
        &self,
        world: &W,
        partition: i32,
        progress: &Progress,
        models: Arc<Models>,
    ) -> Result<ActiveModels, Error> {
        let mut before = None;
        if let (Some(_), Some(number)) = (&progress.sweep, progress.generation.checked_sub(1)) {
            let known = world
                .store()
                .generation(store_partition(partition), number)?;
            let Some(known) = known else {
                return Err(unusable_state(world, UnusableState::Damaged));
            };
            let old = self.generation_models(world, &known)?;
            let change = ModelsChange::between(&old, &models);
            before = Some(Arc::new((old, change)));
        }
        match progress.has_stages_of(&models) {
            true => Ok(ActiveModels {
                current: models,
                previous: before,
            }),
            false => Err(unusable_state(world, UnusableState::Damaged)),
        }
    }

    /// The loaded models take over.
    fn adopt<W: WorkerIo>(
        &self,
        world: &W,
        partition: i32,
        known: &Generation,
        mut progress: Progress,
    ) -> Result<Activation, Error> {
        let models = self.models.clone();
        let old = self.generation_models(world, known)?;
        if !progress.has_stages_of(&old) {
            return Err(unusable_state(world, UnusableState::Damaged));
        }
        let change = ModelsChange::between(&old, &models);
        if let Some(what) = change.refusal(self.settings.accepted) {
            return Err(Error::Models { partition, what });
        }
        self.log_decoding_change(partition, known, &progress);
        let next = known.next(&models, &change);
        let next = next.with_decoding(&self.settings.decoding);
        progress.adopt(&next, &models, &change);
        let generation = progress.generation;
        tracing::info!(partition, generation, "other models than before take over");
        self.metrics.model_changes.changes.inc();
        let before = progress.sweep.is_some();
        Ok(Activation::Ready {
            models: ActiveModels {
                current: models,
                previous: before.then(|| Arc::new((old, change))),
            },
            progress,
            generation: Some(next),
        })
    }
}

fn unusable_state<W: WorkerIo>(world: &W, source: UnusableState) -> Error {
    world.store().unusable(source).into()
}

impl<W: WorkerIo> Worker<W> {
    /// Others have gone on with newer models: this process must not turn their states back.
    pub(super) fn defer(&mut self, partition: i32) {
        tracing::warn!(
            partition,
            "others have worked on it with newer models or settings than are loaded here: it is left alone until it goes to \
            one of them, or they are loaded. To go back to older models, give them a higher `version`; to older mappings, \
            limits or money, raise `settings_version`"
        );
        self.deferred.insert(partition);
        self.context.set_state(partition, PartitionState::Deferred);
    }

    /// After the last state of earlier models the loaded ones take over.
    pub(super) fn finish_migration(&mut self, partition: i32) -> Result<(), Error> {
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(());
        };
        if own.progress.sweep.is_some() {
            return Ok(());
        }
        own.models.previous = None;
        if !own.is_migrating {
            return Ok(());
        }
        let OwnedPartition {
            progress, epoch, ..
        } = own;
        let (progress, epoch) = (progress.clone(), *epoch);
        self.context
            .count_population(&own.models.current, &progress, -1);
        self.partitions.remove(&partition);
        self.context.customers.release(partition);
        self.activate(partition, epoch, progress, false, Vec::new())
    }
}
