//! Collects states from the changelog of a stopped deployment.

use super::{Error, FormerPartition, Rekey, refuse};
use crate::kafka::{self, ChangelogRecord, OffsetBounds, OutboxEntry};
use crate::partition::codec;
use crate::partition::{Generation, Progress, hash_models};
use crate::runtime::restore::outbox::retain_last_batch;
use crate::store::Store;
use crate::store::store_partition;

/// Polls, of a tenth of a second each, that return no record.
const STALLED_POLLS_MAX: usize = 600;

impl Rekey<'_> {
    /// Checks that the new changelog is empty: older records would remain between those of the rekey.
    pub(super) fn check_target(&self) -> Result<(), Error> {
        let changelog = &self.settings.outputs.changelog;
        for partition in 0..self.summary.partitions_after {
            if !self.is_empty(changelog, partition)? {
                return refuse(format!(
                    "partition {partition} of {changelog} has records already, from a deployment or from a rekey that was not \
                    finished. Delete the topic, delete the group {} if it exists, create the topic, and repeat this",
                    self.settings.kafka.app
                ));
            }
        }
        Ok(())
    }

    fn is_empty(&self, changelog: &str, partition: i32) -> Result<bool, Error> {
        let OffsetBounds { start, end, .. } = self.offsets.find(changelog, partition)?;
        Ok(start == end)
    }

    /// The former number of partitions, from a progress record: partitions may have been added to the changelog, too.
    fn former_partitions(&self, progress: &[u8]) -> Result<i32, Error> {
        let changelog = &self.former.changelog;
        let partitions = match codec::partition_count(progress) {
            Some(partitions) => partitions,
            // Earlier versions do not store the number: the last partition with records is the last one.
            None => {
                let mut partitions = kafka::partition_count(&self.settings.kafka, changelog)?;
                while partitions > 1 && self.is_empty(changelog, partitions - 1)? {
                    partitions -= 1;
                }
                partitions
            }
        };
        if partitions >= self.summary.partitions_after {
            return refuse(format!(
                "the states in {changelog} have {partitions} partitions, and the inputs have {}: rekey only increases the \
                number of partitions",
                self.summary.partitions_after
            ));
        }
        Ok(partitions)
    }

    /// Calls `take` with all entries of a changelog partition, which must not be written to at the same time.
    fn for_each_entry(
        &mut self,
        changelog: &str,
        partition: i32,
        mut take: impl FnMut(ChangelogRecord, &Store) -> Result<(), Error>,
    ) -> Result<OffsetBounds, Error> {
        let bounds = self.offsets.find(changelog, partition)?;
        if !bounds.is_stable() {
            return refuse(format!(
                "a transaction is open in {changelog} partition {partition}: is the deployment still running? Stop it, wait \
                15 seconds, and repeat this"
            ));
        }
        let (mut offset, mut stalled_polls) = (bounds.start, 0);
        while offset < bounds.end {
            let mut entries = Vec::new();
            let before = offset;
            offset = self.reader.read(changelog, partition, offset, bounds.end, &mut |record| {
                entries.extend(ChangelogRecord::decode(record));
            })?;
            stalled_polls = if offset > before { 0 } else { stalled_polls + 1 };
            if stalled_polls > STALLED_POLLS_MAX {
                return refuse(format!(
                    "{changelog} partition {partition} cannot be read: no records are received; try again later"
                ));
            }
            for entry in entries {
                take(entry, &self.store)?;
            }
        }
        Ok(bounds)
    }

    pub(super) fn read_partition(&mut self, partition: i32) -> Result<(), Error> {
        let changelog = self.former.changelog.clone();
        let mut rebuild = self.store.begin_rebuild(store_partition(partition), 1)?;
        let (mut last, mut generations, mut outbox) = (None, Vec::new(), Vec::<OutboxEntry>::new());
        let bounds = self.for_each_entry(&changelog, partition, |entry, store| {
            match entry {
                ChangelogRecord::State(customer, state) => {
                    store.add_record(&mut rebuild, &customer, state.as_deref())?
                }
                ChangelogRecord::Generation(generation) => {
                    store.add_generation(&rebuild, &generation)?;
                    generations.push(generation);
                }
                ChangelogRecord::Progress(progress) => last = Some(progress),
                ChangelogRecord::Output(output) => retain_last_batch(&mut outbox, output),
            }
            Ok(())
        })?;
        let Some(last) = last else {
            return refuse(format!(
                "{changelog} partition {partition} is empty: is it the right changelog?"
            ));
        };
        let is_other = |app: &str| app != self.former.app;
        if last.app.as_deref().is_some_and(is_other) || last.is_partial {
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
        self.check_models(partition, &progress, &generations)?;
        while !self.store.arm_timers(&mut rebuild)? {}
        let encoded = (&*last.bytes, last.next_offset);
        self.store.finish_rebuild(&rebuild, &identity, &models, encoded, ("", bounds.start))?;
        outbox.retain(|entry| entry.batch == progress.batch);
        self.pending_outputs.extend(outbox.into_iter().map(|entry| entry.output));
        self.partitions.push(FormerPartition { partition, bounds, progress });
        Ok(())
    }

    fn check_models(
        &self,
        partition: i32,
        progress: &Progress,
        generations: &[Generation],
    ) -> Result<(), Error> {
        if progress.models_hash != hash_models(self.models) || progress.sweep.is_some() {
            return refuse(format!(
                "the states of partition {partition}, or some of them, belong to other models; repeat this with the models of the \
                former deployment, and change the models afterwards"
            ));
        }
        let last = generations.iter().rfind(|it| it.number == progress.generation);
        let refusal = last
            .and_then(Generation::decoding)
            .and_then(|it| it.incompatibility(&self.settings.decoding));
        refusal.map_or(Ok(()), refuse)
    }
}
