//! Where customers are, where they go, and what their deployment has not read.

use std::collections::BTreeSet;

use super::{Error, Rekey, refused};
use crate::kafka::Partitioner;
use crate::runtime::restore::key;

/// Records that are read of what an input has left, to say how many there are.
const UNREAD_MAX: usize = 10_000;
/// The share of customers that may be in another partition than their key says: events that came after the topics had grown,
/// and before that was noticed.
const STRAYS_MAX_PERCENT: u64 = 1;

impl Rekey<'_> {
    /// How producers choose partitions, by where customers are.
    pub(super) fn compare_places(&mut self) -> Result<(), Error> {
        let before = self.found.before;
        let (mut all, mut fitting) = (0_u64, [0_u64; Partitioner::ALL.len()]);
        for partition in 0..before {
            self.walk(partition, |states| {
                for (customer, _) in states {
                    all += 1;
                    for (count, by) in fitting.iter_mut().zip(Partitioner::ALL) {
                        let place = by.partition(customer.as_bytes(), before);
                        *count += u64::from(place == partition);
                    }
                }
                Ok(())
            })?;
        }
        let best = Partitioner::ALL
            .into_iter()
            .zip(fitting)
            .max_by_key(|(_, count)| *count);
        let (by, count) = best.expect("there are partitioners");
        if (all - count) * 100 > all * STRAYS_MAX_PERCENT {
            return refused(format!(
                "of {all} customers {} are not in the partition that their key has by {}: where records go by another partitioner, \
                nobody can say where they go now",
                all - count,
                by.name()
            ));
        }
        self.found.partitioner = Some(by);
        let mut strays = BTreeSet::new();
        for partition in 0..before {
            self.walk(partition, |states| {
                for (customer, _) in states {
                    let home = by.partition(customer.as_bytes(), before);
                    if home != partition {
                        let is_doubled = self.store.find(&[key(home)], &customer)?.is_some();
                        strays.insert((partition, customer, is_doubled));
                    }
                }
                Ok(())
            })?;
        }
        let doubled = strays.into_iter().filter(|(_, _, is_doubled)| *is_doubled);
        self.strays = doubled
            .map(|(partition, customer, _)| (partition, customer))
            .collect();
        self.found.doubled = self.strays.len() as u64;
        self.found.customers = all - self.found.doubled;
        self.found.moved = self.count_moved(by)?;
        Ok(())
    }

    fn count_moved(&self, by: Partitioner) -> Result<u64, Error> {
        let mut moved = 0;
        for partition in 0..self.found.before {
            self.walk(partition, |states| {
                let places = states.iter().filter(|(customer, _)| {
                    by.partition(customer.as_bytes(), self.found.after) != partition
                });
                moved += places.count() as u64;
                Ok(())
            })?;
        }
        Ok(moved)
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
