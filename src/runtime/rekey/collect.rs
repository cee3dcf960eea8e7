//! Collecting states from the changelog of a deployment that has stopped.

use super::{Error, Part, Rekey, refused};
use crate::kafka::{Ends, Entry, Pending};
use crate::partition::codec;
use crate::partition::{Generation, Progress, hash};
use crate::runtime::restore::key;
use crate::store::Store;

impl Rekey<'_> {
    /// Nobody may have gone on from what is written.
    pub(super) fn check_target(&mut self) -> Result<(), Error> {
        let changelog = self.settings.outputs.changelog.clone();
        for partition in 0..self.found.after {
            let mut is_used = false;
            self.each(&changelog, partition, |entry, _| {
                is_used |= matches!(entry, Entry::Progress(progress) if !progress.is_partial);
                Ok(())
            })?;
            if is_used {
                return refused(format!(
                    "partition {partition} of {changelog} has the state of a deployment already; to begin again, delete the topic \
                    and create it"
                ));
            }
        }
        Ok(())
    }

    /// All entries of a partition of a changelog, which must not go on meanwhile.
    fn each(
        &mut self,
        changelog: &str,
        partition: i32,
        mut take: impl FnMut(Entry, &Store) -> Result<(), Error>,
    ) -> Result<Ends, Error> {
        let ends = self.ends.find(changelog, partition)?;
        if !ends.agree() {
            return refused(format!(
                "a transaction is open in {changelog} partition {partition}: is the deployment still running? Stop it, wait \
                15 seconds, and repeat this"
            ));
        }
        let mut at = ends.start;
        while at < ends.end {
            let mut entries = Vec::new();
            at = self
                .reader
                .read(changelog, partition, at, ends.end, &mut |received| {
                    entries.extend(Entry::of(received));
                })?;
            for entry in entries {
                take(entry, &self.store)?;
            }
        }
        Ok(ends)
    }

    pub(super) fn read(&mut self, partition: i32) -> Result<(), Error> {
        let changelog = self.former.changelog.clone();
        let mut rebuild = self.store.rebuild(key(partition), 1)?;
        let (mut last, mut known, mut outputs) = (None, Vec::new(), Vec::<Pending>::new());
        let ends = self.each(&changelog, partition, |entry, store| {
            match entry {
                Entry::State(customer, state) => {
                    store.add(&mut rebuild, &customer, state.as_deref())?
                }
                Entry::Generation(generation) => {
                    store.add_generation(&rebuild, &generation)?;
                    known.push(generation);
                }
                Entry::Progress(progress) => last = Some(progress),
                Entry::Output(pending) => outputs.push(pending),
            }
            Ok(())
        })?;
        let Some(last) = last else {
            return refused(format!(
                "{changelog} partition {partition} is empty: is it the right changelog?"
            ));
        };
        if last
            .app
            .as_deref()
            .is_some_and(|app| app != self.former.app)
            || last.is_partial
        {
            return refused(format!(
                "{changelog} partition {partition} is not the complete changelog of {}",
                self.former.app
            ));
        }
        let (identity, models) = (self.identity(), hash(self.models));
        let progress = codec::decode(&last.bytes, &identity, &models);
        let progress = progress.map_err(|source| Error::Refused(source.to_string()))?;
        self.check_models(partition, &progress, &known)?;
        while !self.store.arm(&mut rebuild)? {}
        let place = (&*last.bytes, last.next);
        self.store
            .finish(&rebuild, &identity, &models, place, ("", ends.start))?;
        outputs.retain(|pending| pending.batch == progress.batch);
        self.pending
            .extend(outputs.into_iter().map(|pending| pending.output));
        self.parts.push(Part {
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
        if progress.models != hash(self.models) || progress.sweep.is_some() {
            return refused(format!(
                "the states of partition {partition} are of other models, or some still are; repeat this with the models that they \
                were made with, and change those after that"
            ));
        }
        let last = known.iter().rfind(|it| it.number == progress.generation);
        let refusal = last
            .and_then(Generation::decoding)
            .and_then(|it| it.refusal(&self.settings.decoding));
        refusal.map_or(Ok(()), refused)
    }
}
