//! Infers the partitioner of the producers, finds duplicate states, and counts unread records.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Rekey, refuse};
use crate::customer;
use crate::event::{CustomerId, EventTime};
use crate::kafka::Partitioner;
use crate::store;
use crate::store::store_partition;

/// Unread records that are counted of each input partition.
const UNREAD_MAX: usize = 10_000;
/// The percentage of customers that may be in another partition than the partitioner gives: events that were produced after
/// partitions were added, and read before the former deployment was stopped.
const MISPLACED_MAX_PERCENT: u64 = 1;

impl Rekey<'_> {
    /// Sets the partitioner that matches the partitions of the customers best; if one is given, checks that it matches.
    pub(super) fn infer_partitioner(&mut self) -> Result<(), Error> {
        let (before, after) = (self.summary.partitions_before, self.summary.partitions_after);
        let (mut total, mut placed) = (0_u64, [0_u64; Partitioner::ALL.len()]);
        let mut moved = placed;
        for partition in 0..before {
            self.for_each_state(partition, |states| {
                for (customer, _) in states {
                    total += 1;
                    for (index, partitioner) in Partitioner::ALL.into_iter().enumerate() {
                        let is_here =
                            |count| partitioner.partition(customer.as_bytes(), count) == partition;
                        placed[index] += u64::from(is_here(before));
                        moved[index] += u64::from(!is_here(after));
                    }
                }
                Ok(())
            })?;
        }
        let given = self.summary.partitioner;
        let candidates = Partitioner::ALL
            .into_iter()
            .zip(placed)
            .zip(moved)
            .filter(|((partitioner, _), _)| given.is_none_or(|given| given == *partitioner));
        let most = candidates.clone().map(|((_, placed), _)| placed).max();
        let most = most.unwrap_or(0);
        let best: Vec<(Partitioner, u64)> = candidates
            .filter(|((_, placed), _)| *placed == most)
            .map(|((partitioner, _), moved)| (partitioner, moved))
            .collect();
        let [(partitioner, moved)] = best[..] else {
            return refuse(
                "the partitions of the customers match every partitioner equally well. Set the partitioner of the producers: \
                --partitioner murmur2 (Java, and librdkafka with murmur2) or consistent (the default of librdkafka)"
                    .to_owned(),
            );
        };
        if (total - most) * 100 > total * MISPLACED_MAX_PERCENT {
            return refuse(format!(
                "of {total} customers {} are not in the partition that {} gives for their key: with another partitioner, their \
                new partitions are unknown",
                total - most,
                partitioner.name()
            ));
        }
        self.summary.partitioner = Some(partitioner);
        if most < total {
            self.duplicates = self.find_duplicates(partitioner)?;
        }
        self.summary.duplicates = self.duplicates.len() as u64;
        self.summary.customers = total - self.summary.duplicates;
        self.summary.moved = moved;
        Ok(())
    }

    /// The states to drop, of customers that have a state in a wrong partition. The state in the customer's own partition
    /// is kept, or else the one with the latest event.
    fn find_duplicates(
        &self,
        partitioner: Partitioner,
    ) -> Result<BTreeSet<(i32, CustomerId)>, Error> {
        let before = self.summary.partitions_before;
        let mut misplaced: BTreeMap<CustomerId, Vec<(EventTime, i32)>> = BTreeMap::new();
        for partition in 0..before {
            self.for_each_state(partition, |states| {
                for (customer, bytes) in states {
                    if partitioner.partition(customer.as_bytes(), before) != partition {
                        let latest = customer::decode_latest(&bytes).map_err(|source| {
                            store::Error::Corrupt { value: "a customer's state", source }
                        })?;
                        let states = misplaced.entry(customer).or_default();
                        states.push((latest, partition));
                    }
                }
                Ok(())
            })?;
        }
        let mut duplicates = BTreeSet::new();
        for (customer, mut states) in misplaced {
            states.sort_unstable();
            let home = store_partition(partitioner.partition(customer.as_bytes(), before));
            if self.store.find_customer(&[home], &customer)?.is_none() {
                states.pop();
            }
            let partitions = states.into_iter().map(|(_, partition)| partition);
            duplicates.extend(partitions.map(|partition| (partition, customer.clone())));
        }
        Ok(duplicates)
    }

    pub(super) fn count_unread(&mut self) -> Result<(), Error> {
        for former in &self.partitions {
            let partition = former.partition;
            let inputs = &self.settings.outputs.inputs;
            for (topic, from) in inputs.iter().zip(&former.progress.offsets) {
                let bounds = self.offsets.find(topic, partition)?;
                let (mut offset, mut count) = ((*from).max(bounds.start), 0);
                while offset < bounds.last_stable && count < UNREAD_MAX {
                    let end = bounds.last_stable;
                    offset =
                        self.reader.read(topic, partition, offset, end, &mut |_| count += 1)?;
                }
                self.summary.unread += count.min(UNREAD_MAX);
            }
        }
        Ok(())
    }
}
