//! Which models a partition is worked on with: those that are loaded, once every state of it is theirs or
//! of the ones before. Its records are decoded by the settings that are loaded, from the next offset on. A process with older
//! models or settings than a partition has seen leaves it alone [24].

use std::sync::Arc;

use super::{Partition, Worker};
use crate::model::{Change, Models};
use crate::partition::codec::Unusable;
use crate::partition::{Generation, Lineage, Progress, Standing};
use crate::runtime::partitions::{Cause, State};
use crate::runtime::report::Shared;
use crate::runtime::restore::{Error, key};
use crate::runtime::world::World;

/// The models that a partition is worked on with.
#[derive(Clone, Debug)]
pub(super) struct Under {
    pub(super) models: Arc<Models>,
    /// Those before, while states of theirs are left.
    pub(super) before: Option<Arc<(Models, Change)>>,
}

impl Under {
    pub(super) fn lineage(&self) -> Lineage<'_> {
        let before = self.before.as_deref();
        Lineage {
            models: &self.models,
            before: before.map(|(models, change)| (models, change)),
        }
    }
}

/// How a partition is taken up.
pub(super) enum TakenUp {
    /// With the models that are loaded.
    Ready {
        under: Under,
        progress: Progress,
        /// What has still to be committed beside the states.
        generation: Option<Generation>,
    },
    /// With those before, until no state is of still earlier ones.
    First { under: Under, progress: Progress },
    /// Not at all: others have gone on with newer models.
    Behind,
}

impl Shared {
    /// How to work on a partition that stands here.
    pub(super) fn take_up<W: World>(
        &self,
        world: &W,
        partition: i32,
        progress: Progress,
    ) -> Result<TakenUp, Error> {
        let (own, decoding) = (&self.models, &self.settings.decoding);
        let Some(known) = self.generation(world, partition, &progress)? else {
            let under = Under {
                models: own.clone(),
                before: None,
            };
            return Ok(TakenUp::Ready {
                under,
                generation: Some(Generation::first(own).decoded_by(decoding)),
                progress,
            });
        };
        self.check_decoding(partition, &known)?;
        let models = |models: &Arc<Models>| self.under(world, partition, &progress, models.clone());
        match (known.standing(own), known.standing_of(decoding)) {
            (Standing::Older, _) | (_, Standing::Older) => Ok(TakenUp::Behind),
            (Standing::Current, Standing::Current) => Ok(TakenUp::Ready {
                under: models(own)?,
                generation: None,
                progress,
            }),
            (Standing::Current, Standing::Newer) => {
                self.tell_decoding(partition, &known, &progress);
                Ok(TakenUp::Ready {
                    under: models(own)?,
                    generation: Some(known.decoded_by(decoding)),
                    progress,
                })
            }
            (Standing::Newer, _) if progress.sweep.is_some() => Ok(TakenUp::First {
                under: models(&Arc::new(self.models_of(world, &known)?))?,
                progress,
            }),
            (Standing::Newer, _) => self.adopt(world, partition, &known, progress),
        }
    }

    /// Whether states are gone on with under the loaded settings.
    fn check_decoding(&self, partition: i32, known: &Generation) -> Result<(), Error> {
        let refusal = known
            .decoding()
            .and_then(|before| before.refusal(&self.settings.decoding));
        match refusal {
            Some(what) => Err(Error::Models { partition, what }),
            None => Ok(()),
        }
    }

    /// Says from where on other settings count than before.
    fn tell_decoding(&self, partition: i32, known: &Generation, progress: &Progress) {
        let changes = known
            .decoding()
            .map(|before| before.changes(&self.settings.decoding));
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
    fn generation<W: World>(
        &self,
        world: &W,
        partition: i32,
        progress: &Progress,
    ) -> Result<Option<Generation>, Error> {
        let known = world
            .store()
            .generation(key(partition), progress.generation)?;
        match known {
            Some(known) if known.hash == progress.models => Ok(Some(known)),
            None if progress.models == crate::partition::hash(&self.models) => Ok(None),
            Some(_) | None => Err(Error::Disagreement {
                partition,
                cause: Cause::Models,
                what: "the models that its states were made with are not kept beside them; start once \
                    with those models"
                    .to_owned(),
            }),
        }
    }

    fn models_of<W: World>(&self, world: &W, known: &Generation) -> Result<Models, Error> {
        let models = known.models();
        models.map_err(|source| unusable(world, source))
    }

    /// These models, which the partition stands at, and those before if states of theirs are left.
    fn under<W: World>(
        &self,
        world: &W,
        partition: i32,
        progress: &Progress,
        models: Arc<Models>,
    ) -> Result<Under, Error> {
        let mut before = None;
        if let (Some(_), Some(number)) = (&progress.sweep, progress.generation.checked_sub(1)) {
            let known = world.store().generation(key(partition), number)?;
            let Some(known) = known else {
                return Err(unusable(world, Unusable::Damaged));
            };
            let old = self.models_of(world, &known)?;
            let change = Change::between(&old, &models);
            before = Some(Arc::new((old, change)));
        }
        match progress.is_of(&models) {
            true => Ok(Under { models, before }),
            false => Err(unusable(world, Unusable::Damaged)),
        }
    }

    /// The loaded models take over.
    fn adopt<W: World>(
        &self,
        world: &W,
        partition: i32,
        known: &Generation,
        mut progress: Progress,
    ) -> Result<TakenUp, Error> {
        let models = self.models.clone();
        let old = self.models_of(world, known)?;
        if !progress.is_of(&old) {
            return Err(unusable(world, Unusable::Damaged));
        }
        let change = Change::between(&old, &models);
        if let Some(what) = change.refusal(self.settings.accepted) {
            return Err(Error::Models { partition, what });
        }
        self.tell_decoding(partition, known, &progress);
        let next = known.next(&models, &change);
        let next = next.decoded_by(&self.settings.decoding);
        progress.adopt(&next, &models, &change);
        let generation = progress.generation;
        tracing::info!(partition, generation, "other models than before take over");
        self.metrics.change.changes.inc();
        let before = progress.sweep.is_some();
        Ok(TakenUp::Ready {
            under: Under {
                models,
                before: before.then(|| Arc::new((old, change))),
            },
            progress,
            generation: Some(next),
        })
    }
}

fn unusable<W: World>(world: &W, source: Unusable) -> Error {
    world.store().unusable(source).into()
}

impl<W: World> Worker<W> {
    /// Others have gone on with newer models: this process must not turn their states back.
    pub(super) fn leave_alone(&mut self, partition: i32) {
        tracing::warn!(
            partition,
            "others have worked on it with newer models or settings than are loaded here: it is left alone until it goes to \
            one of them, or they are loaded. To go back to older models, give them a higher `version`; to older mappings, \
            limits or money, raise `settings_version`"
        );
        self.left_alone.insert(partition);
        self.shared.set_state(partition, State::LeftAlone);
    }

    /// After the last state of earlier models the loaded ones take over.
    pub(super) fn take_over(&mut self, partition: i32) -> Result<(), Error> {
        let Some(own) = self.partitions.get_mut(&partition) else {
            return Ok(());
        };
        if own.progress.sweep.is_some() {
            return Ok(());
        }
        own.under.before = None;
        if !own.is_waiting {
            return Ok(());
        }
        let Partition {
            progress, epoch, ..
        } = own;
        let (progress, epoch) = (progress.clone(), *epoch);
        self.shared
            .count_population(&own.under.models, &progress, -1);
        self.partitions.remove(&partition);
        self.shared.customers.release(partition);
        self.take_up(partition, epoch, progress, false, Vec::new())
    }
}
