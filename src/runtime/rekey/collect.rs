//! Collecting states from the changelog of a deployment that has stopped.

use super::{Error, FormerPartition, Rekey, refuse};
use crate::kafka::{self, ChangelogRecord, OffsetBounds, OutboxEntry};
use crate::partition::codec;
use crate::partition::{Generation, Progress, hash_models};
use crate::runtime::restore::{outbox::retain_last_batch, store_partition};
use crate::store::Store;

/// Looks, a tenth of a second each, without anything that was read.
const STALLED_POLLS_MAX: usize = 600;

impl Rekey<'_> {
    /// Whatever was written before would stay between what is written now.
    pub(super) fn check_target(&self) -> Result<(), Error> {
        let changelog = &self.settings.outputs.changelog;
        for partition in 0..self.summary.partitions_after {
            if !self.is_empty(changelog, partition)? {
                return refuse(format!(
                    "partition {partition} of {changelog} has records already, of a deployment or of a rekey that was not finished. \
                    Delete the topic, delete the group {} if there is one, create the topic, and repeat this",
                    self.settings.kafka.app
                ));
            }
        }
        Ok(())
    }

    fn is_empty(&self, changelog: &str, partition: i32) -> Result<bool, Error> {
        let OffsetBounds { start, end, .. } = self.ends.find(changelog, partition)?;
        Ok(start == end)
    }

    /// How many partitions the inputs had, by a progress: the changelog may have been given more since, too.
    fn former_partitions(&self, progress: &[u8]) -> Result<i32, Error> {
        let changelog = &self.former.changelog;
        let found = match codec::partition_count(progress) {
            Some(partitions) => partitions,
            // An earlier version did not say.
            None => {
                let mut found = kafka::partition_count(&self.settings.kafka, changelog)?;
                while found > 1 && self.is_empty(changelog, found - 1)? {
                    found -= 1;
                }
                found
            }
        };
        match found < self.summary.partitions_after {
            true => Ok(found),
            false => refuse(format!(
                "the states in {changelog} are of {found} partitions, and the inputs have {}: states go to more partitions only",
                self.summary.partitions_after
            )),
        }
    }

    /// All entries of a partition of a changelog, which must not go on meanwhile.
    fn for_each_entry(
        &mut self,
        changelog: &str,
        partition: i32,
        mut take: impl FnMut(ChangelogRecord, &Store) -> Result<(), Error>,
    ) -> Result<OffsetBounds, Error> {
        let ends = self.ends.find(changelog, partition)?;
        if !ends.is_stable() {
            return refuse(format!(
                "a transaction is open in {changelog} partition {partition}: is the deployment still running? Stop it, wait \
                15 seconds, and repeat this"
            ));
        }
        let (mut at, mut looks) = (ends.start, 0);
        while at < ends.end {
            let mut entries = Vec::new();
            let before = at;
            at = self
                .reader
                .read(changelog, partition, at, ends.end, &mut |received| {
                    entries.extend(ChangelogRecord::decode(received));
                })?;
            looks = if at > before { 0 } else { looks + 1 };
            if looks > STALLED_POLLS_MAX {
                return refuse(format!(
                    "{changelog} partition {partition} cannot be read for now"
                ));
            }
            for entry in entries {
                take(entry, &self.store)?;
            }
        }
        Ok(ends)
    }

    pub(super) fn read_partition(&mut self, partition: i32) -> Result<(), Error> {
        let changelog = self.former.changelog.clone();
        let mut rebuild = self.store.begin_rebuild(store_partition(partition), 1)?;
        let (mut last, mut known, mut outputs) = (None, Vec::new(), Vec::<OutboxEntry>::new());
        let ends = self.for_each_entry(&changelog, partition, |entry, store| {
            match entry {
                ChangelogRecord::State(customer, state) => {
                    store.add_record(&mut rebuild, &customer, state.as_deref())?
                }
                ChangelogRecord::Generation(generation) => {
                    store.add_generation(&rebuild, &generation)?;
                    known.push(generation);
                }
                ChangelogRecord::Progress(progress) => last = Some(progress),
                ChangelogRecord::Output(pending) => retain_last_batch(&mut outputs, pending),
            }
            Ok(())
        })?;
        let Some(last) = last else {
            return refuse(format!(
                "{changelog} partition {partition} is empty: is it the right changelog?"
            ));
        };
        if last
            .app
            .as_deref()
            .is_some_and(|app| app != self.former.app)
            || last.is_partial
        {
            return refuse(format!(
                "{changelog} partition {partition} is not the complete changelog of {}",
                self.former.app
            ));
        }
        if partition == 0 {
            self.summary.partitions_before = self.former_partitions(&last.bytes)?;
        }
        let (identity, models) = (self.former_identity(), hash_models(self.models));
        let progress = codec::decode(&last.bytes, &identity, &models);
        let progress = progress.map_err(|source| Error::Refused(source.to_string()))?;
        self.check_models(partition, &progress, &known)?;
        while !self.store.arm_timers(&mut rebuild)? {}
        let place = (&*last.bytes, last.next_offset);
        self.store
            .finish_rebuild(&rebuild, &identity, &models, place, ("", ends.start))?;
        outputs.retain(|pending| pending.batch == progress.batch);
        self.pending_outputs
            .extend(outputs.into_iter().map(|pending| pending.output));
        self.parts.push(FormerPartition {
            partition,
            ends,
            progress,
        });
        Ok(())
    }

    fn check_models(
        &self,
        partition: i32,
        progress: &Progress,
        known: &[Generation],
    ) -> Result<(), Error> {
        if progress.models_hash != hash_models(self.models) || progress.sweep.is_some() {
            return refuse(format!(
                "the states of partition {partition} are of other models, or some still are; repeat this with the models that they \
                were made with, and change those after that"
            ));
        }
        let last = known.iter().rfind(|it| it.number == progress.generation);
        let refusal = last
            .and_then(Generation::decoding)
            .and_then(|it| it.incompatibility(&self.settings.decoding));
        refusal.map_or(Ok(()), refuse)
    }
}
