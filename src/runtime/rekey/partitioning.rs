//! Where customers are, where they go, and what their deployment has not read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Rekey, refuse};
use crate::customer;
use crate::event::{CustomerId, EventTime};
use crate::kafka::Partitioner;
use crate::runtime::restore::store_partition;
use crate::store;

/// Records that are read of what an input has left, to say how many there are.
const UNREAD_MAX: usize = 10_000;
/// The share of customers that may be in another partition than their key says: events that came after the topics had grown,
/// and before that was noticed.
const MISPLACED_MAX_PERCENT: u64 = 1;

impl Rekey<'_> {
    /// How producers choose partitions, by where customers are, unless that was said.
    pub(super) fn infer_partitioner(&mut self) -> Result<(), Error> {
        let before = self.summary.partitions_before;
        let (mut all, mut fitting) = (0_u64, [0_u64; Partitioner::ALL.len()]);
        let mut moved = fitting;
        let after = self.summary.partitions_after;
        for partition in 0..before {
            self.for_each_state(partition, |states| {
                for (customer, _) in states {
                    all += 1;
                    for (at, by) in Partitioner::ALL.into_iter().enumerate() {
                        let is_in = |all| by.partition(customer.as_bytes(), all) == partition;
                        fitting[at] += u64::from(is_in(before));
                        moved[at] += u64::from(!is_in(after));
                    }
                }
                Ok(())
            })?;
        }
        let places = Partitioner::ALL.into_iter().zip(fitting).zip(moved);
        let places =
            places.filter(|((by, _), _)| self.summary.partitioner.is_none_or(|own| own == *by));
        let most = places.clone().map(|((_, count), _)| count).max();
        let most = most.unwrap_or(0);
        let best: Vec<(Partitioner, u64)> = places
            .filter(|((_, count), _)| *count == most)
            .map(|((by, _), moved)| (by, moved))
            .collect();
        let [(by, moved)] = best[..] else {
            return refuse(
                "where customers are goes by every partitioner alike. Say by which one producers choose the partition of a key: \
                --partitioner murmur2 (Java, and librdkafka with murmur2) or consistent (the default of librdkafka)"
                    .to_owned(),
            );
        };
        if (all - most) * 100 > all * MISPLACED_MAX_PERCENT {
            return refuse(format!(
                "of {all} customers {} are not in the partition that their key has by {}: where records go by another partitioner, \
                nobody can say where they go now",
                all - most,
                by.name()
            ));
        }
        self.summary.partitioner = Some(by);
        if most < all {
            self.duplicates = self.find_duplicates(by)?;
        }
        self.summary.duplicates = self.duplicates.len() as u64;
        self.summary.customers = all - self.summary.duplicates;
        self.summary.moved = moved;
        Ok(())
    }

    /// Who is known in another partition, too: in the one that was theirs, or in the one that knows them best.
    fn find_duplicates(&self, by: Partitioner) -> Result<BTreeSet<(i32, CustomerId)>, Error> {
        let before = self.summary.partitions_before;
        let mut strays: BTreeMap<CustomerId, Vec<(EventTime, i32)>> = BTreeMap::new();
        for partition in 0..before {
            self.for_each_state(partition, |states| {
                for (customer, bytes) in states {
                    if by.partition(customer.as_bytes(), before) != partition {
                        let latest = customer::decode_latest(&bytes).map_err(|source| {
                            store::Error::Corrupt {
                                value: "a customer's state",
                                source,
                            }
                        })?;
                        strays
                            .entry(customer)
                            .or_default()
                            .push((latest, partition));
                    }
                }
                Ok(())
            })?;
        }
        let mut doubled = BTreeSet::new();
        for (customer, mut places) in strays {
            places.sort_unstable();
            let home = by.partition(customer.as_bytes(), before);
            if self
                .store
                .find_customer(&[store_partition(home)], &customer)?
                .is_none()
            {
                places.pop();
            }
            doubled.extend(
                places
                    .into_iter()
                    .map(|(_, partition)| (partition, customer.clone())),
            );
        }
        Ok(doubled)
    }

    pub(super) fn count_unread(&mut self) -> Result<(), Error> {
        for part in 0..self.parts.len() {
            let (partition, offsets) = (
                self.parts[part].partition,
                self.parts[part].progress.offsets.clone(),
            );
            for (topic, from) in self.settings.outputs.inputs.clone().iter().zip(offsets) {
                let ends = self.ends.find(topic, partition)?;
                let (mut at, mut count) = (from.max(ends.start), 0);
                while at < ends.last_stable && count < UNREAD_MAX {
                    at = self
                        .reader
                        .read(topic, partition, at, ends.last_stable, &mut |_| count += 1)?;
                }
                self.summary.unread += count.min(UNREAD_MAX);
            }
        }
        Ok(())
    }
}
