//! Where customers are, where they go, and what their deployment has not read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Error, Rekey, refused};
use crate::customer;
use crate::event::{CustomerId, EventTime};
use crate::kafka::Partitioner;
use crate::runtime::restore::key;
use crate::store;

/// Records that are read of what an input has left, to say how many there are.
const UNREAD_MAX: usize = 10_000;
/// The share of customers that may be in another partition than their key says: events that came after the topics had grown,
/// and before that was noticed.
const STRAYS_MAX_PERCENT: u64 = 1;

impl Rekey<'_> {
    /// How producers choose partitions, by where customers are, unless that was said.
    pub(super) fn compare_places(&mut self) -> Result<(), Error> {
        let before = self.found.before;
        let (mut all, mut fitting) = (0_u64, [0_u64; Partitioner::ALL.len()]);
        let mut moved = fitting;
        let after = self.found.after;
        for partition in 0..before {
            self.walk(partition, |states| {
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
            places.filter(|((by, _), _)| self.found.partitioner.is_none_or(|own| own == *by));
        let most = places.clone().map(|((_, count), _)| count).max();
        let most = most.unwrap_or(0);
        let best: Vec<(Partitioner, u64)> = places
            .filter(|((_, count), _)| *count == most)
            .map(|((by, _), moved)| (by, moved))
            .collect();
        let [(by, moved)] = best[..] else {
            return refused(
                "where customers are goes by every partitioner alike. Say by which one producers choose the partition of a key: \
                --partitioner murmur2 (Java, and librdkafka with murmur2) or consistent (the default of librdkafka)"
                    .to_owned(),
            );
        };
        if (all - most) * 100 > all * STRAYS_MAX_PERCENT {
            return refused(format!(
                "of {all} customers {} are not in the partition that their key has by {}: where records go by another partitioner, \
                nobody can say where they go now",
                all - most,
                by.name()
            ));
        }
        self.found.partitioner = Some(by);
        if most < all {
            self.strays = self.find_doubled(by)?;
        }
        self.found.doubled = self.strays.len() as u64;
        self.found.customers = all - self.found.doubled;
        self.found.moved = moved;
        Ok(())
    }

    /// Who is known in another partition, too: in the one that was theirs, or in the one that knows them best.
    fn find_doubled(&self, by: Partitioner) -> Result<BTreeSet<(i32, CustomerId)>, Error> {
        let before = self.found.before;
        let mut strays: BTreeMap<CustomerId, Vec<(EventTime, i32)>> = BTreeMap::new();
        for partition in 0..before {
            self.walk(partition, |states| {
                for (customer, bytes) in states {
                    if by.partition(customer.as_bytes(), before) != partition {
                        let latest =
                            customer::latest(&bytes).map_err(|source| store::Error::Corrupt {
                                what: "a customer's state",
                                source,
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
            if self.store.find(&[key(home)], &customer)?.is_none() {
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
                while at < ends.stable && count < UNREAD_MAX {
                    at = self
                        .reader
                        .read(topic, partition, at, ends.stable, &mut |_| count += 1)?;
                }
                self.found.unread += count.min(UNREAD_MAX);
            }
        }
        Ok(())
    }
}
