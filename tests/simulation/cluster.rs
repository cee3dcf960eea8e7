//! A Kafka that is made up: logs, one group, transactions whose markers come late. It knows what a
//! broker promises and no more: what is not promised is decided by chance.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::EventTime;
use crate::kafka::{ChangelogRecord, ConsumerRecord, OffsetBounds, ProducerRecord};
use crate::partition::Generation;

/// A record of an input, and when it was produced.
#[derive(Clone, Debug)]
pub(super) struct Produced {
    pub(super) at: Duration,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Produced {
    /// Its own timestamp.
    pub(super) fn timestamp(&self) -> EventTime {
        EventTime(super::setting::BASE.0 + self.at.as_millis() as i64)
    }
}

/// A place in a partition of the changelog.
#[derive(Clone, Debug)]
struct Slot {
    transaction: usize,
    /// A marker, or a record that compaction took away, has none.
    record: Option<ProducerRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Committed,
    Aborted,
}

#[derive(Debug)]
struct Transaction {
    producer: usize,
    state: State,
    begun: Duration,
    /// Where it has records, and whether the marker has come.
    partitions: BTreeMap<i32, bool>,
    outputs: Vec<ProducerRecord>,
    offsets: Vec<((u32, i32), (i64, String))>,
    /// Whether the marker of the offsets has come.
    offsets_marked: bool,
}

/// A member's place in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) member: u64,
    pub(super) generation: u64,
}

/// Why a transaction went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Fenced,
    NotAMember,
}

#[derive(Debug)]
pub(super) struct Cluster {
    /// By input and partition.
    pub(super) inputs: Vec<Vec<Vec<Produced>>>,
    changelog: Vec<Vec<Slot>>,
    /// Where it begins.
    begins: usize,
    transactions: Vec<Transaction>,
    /// Committed, in order.
    pub(super) outputs: Vec<ProducerRecord>,
    offsets: BTreeMap<(u32, i32), (i64, String)>,
    /// The epoch of each producer.
    producers: BTreeMap<usize, u64>,
    pub(super) generation: u64,
    /// The offsets that the last transaction of each partition has committed, whatever the group has forgotten.
    positions: BTreeMap<(u32, i32), i64>,
    /// From which offset on records are decoded by the other settings.
    pub(super) switched: BTreeMap<(u32, i32), i64>,
    members: BTreeMap<usize, u64>,
    members_ever: u64,
    pub(super) owners: BTreeMap<i32, usize>,
    /// The generation in which its owner got each partition.
    pub(super) owned_since: BTreeMap<i32, u64>,
}

/// As `transaction.timeout.ms`.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

impl Cluster {
    pub(super) fn new(inputs: usize, partitions: usize) -> Cluster {
        Cluster {
            inputs: vec![vec![Vec::new(); partitions]; inputs],
            changelog: vec![Vec::new(); partitions],
            begins: 0,
            transactions: Vec::new(),
            outputs: Vec::new(),
            offsets: BTreeMap::new(),
            producers: BTreeMap::new(),
            generation: 0,
            positions: BTreeMap::new(),
            switched: BTreeMap::new(),
            members: BTreeMap::new(),
            members_ever: 0,
            owners: BTreeMap::new(),
            owned_since: BTreeMap::new(),
        }
    }

    pub(super) fn partitions(&self) -> i32 {
        self.changelog.len() as i32
    }

    /// What the changelog held before anything of this was written is gone.
    pub(super) fn begin_at(&mut self, offset: usize) {
        self.begins = offset;
        let partitions = (0..self.partitions()).map(|partition| (partition, true));
        self.transactions.push(Transaction {
            producer: usize::MAX,
            state: State::Aborted,
            begun: Duration::ZERO,
            partitions: partitions.collect(),
            outputs: Vec::new(),
            offsets: Vec::new(),
            offsets_marked: true,
        });
        let gone = Slot {
            transaction: 0,
            record: None,
        };
        for slots in &mut self.changelog {
            slots.resize(offset, gone.clone());
        }
    }

    // ---- the group

    /// A process with this instance name joins. A static member that comes back takes its old
    /// place: nothing is rebalanced.
    pub(super) fn join(&mut self, instance: usize) -> u64 {
        self.members_ever += 1;
        let before = self.members.insert(instance, self.members_ever);
        if before.is_none() {
            self.rebalance();
        }
        self.members_ever
    }

    /// The session of an instance has run out, whether it knows or not.
    pub(super) fn expel(&mut self, instance: usize) {
        if self.members.remove(&instance).is_some() {
            self.rebalance();
        }
    }

    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_member(&self, instance: usize, member: u64) -> bool {
        self.members.get(&instance) == Some(&member)
    }

    fn rebalance(&mut self) {
        self.generation += 1;
        let members: Vec<usize> = self.members.keys().copied().collect();
        let before = std::mem::take(&mut self.owners);
        for partition in 0..self.partitions() {
            if !members.is_empty() {
                let turns = self.generation as usize / 2;
                let place = (partition as usize + turns) % members.len();
                self.owners.insert(partition, members[place]);
                if before.get(&partition) != self.owners.get(&partition) {
                    self.owned_since.insert(partition, self.generation);
                }
            }
        }
    }

    /// `None` while an open or unmarked transaction could change them.
    pub(super) fn committed(
        &self,
        inputs: u32,
        partition: i32,
    ) -> Option<Vec<Option<(i64, String)>>> {
        let touches = |transaction: &Transaction| {
            transaction.state != State::Aborted
                && !transaction.offsets_marked
                && transaction
                    .offsets
                    .iter()
                    .any(|((_, own), _)| *own == partition)
        };
        if self.transactions.iter().any(touches) {
            return None;
        }
        let offset = |input| self.offsets.get(&(input, partition)).cloned();
        Some((0..inputs).map(offset).collect())
    }

    /// Somebody deletes or expires the group's offsets of a partition.
    pub(super) fn forget_offsets(&mut self, partition: i32) {
        self.offsets.retain(|(_, own), _| *own != partition);
    }

    // ---- transactions

    /// A producer begins: what an earlier one of its name left open is aborted, and the earlier
    /// one is fenced.
    pub(super) fn init(&mut self, producer: usize) -> u64 {
        self.abort_open(|transaction| transaction.producer == producer);
        let epoch = self.producers.entry(producer).or_default();
        *epoch += 1;
        *epoch
    }

    fn abort_open(&mut self, which: impl Fn(&Transaction) -> bool) -> Vec<usize> {
        let mut aborted = Vec::new();
        for number in 0..self.transactions.len() {
            let transaction = &self.transactions[number];
            if transaction.state == State::Open && which(transaction) {
                aborted.push(transaction.producer);
                self.end(number, State::Aborted);
            }
        }
        aborted
    }

    /// Transactions that are open for too long are aborted, and their producers fenced.
    pub(super) fn time_out(&mut self, now: Duration) {
        let aborted = self.abort_open(|transaction| now > transaction.begun + TRANSACTION_TIMEOUT);
        for producer in aborted {
            *self.producers.entry(producer).or_default() += 1;
        }
    }

    /// Opens a transaction with these records in it.
    pub(super) fn produce(
        &mut self,
        producer: usize,
        epoch: u64,
        records: Vec<ProducerRecord>,
        now: Duration,
    ) -> Result<usize, Refused> {
        self.check(producer, epoch)?;
        let number = self.transactions.len();
        let mut transaction = Transaction {
            producer,
            state: State::Open,
            begun: now,
            partitions: BTreeMap::new(),
            outputs: Vec::new(),
            offsets: Vec::new(),
            offsets_marked: true,
        };
        for record in records {
            match record.partition {
                // Only the changelog names its partitions.
                Some(partition) => {
                    transaction.partitions.insert(partition, false);
                    self.changelog[partition as usize].push(Slot {
                        transaction: number,
                        record: Some(record),
                    });
                }
                None => transaction.outputs.push(record),
            }
        }
        self.transactions.push(transaction);
        Ok(number)
    }

    /// The coordinator checks the member and its generation, and never who owns a partition.
    pub(super) fn send_offsets(
        &mut self,
        number: usize,
        epoch: u64,
        instance: usize,
        membership: Membership,
        offsets: Vec<((u32, i32), (i64, String))>,
    ) -> Result<(), Refused> {
        self.check(self.transactions[number].producer, epoch)?;
        if !self.is_member(instance, membership.member) || membership.generation != self.generation
        {
            return Err(Refused::NotAMember);
        }
        let transaction = &mut self.transactions[number];
        transaction.offsets = offsets;
        transaction.offsets_marked = false;
        Ok(())
    }

    fn check(&self, producer: usize, epoch: u64) -> Result<(), Refused> {
        match self.producers.get(&producer) == Some(&epoch) {
            true => Ok(()),
            false => Err(Refused::Fenced),
        }
    }

    /// Commits; the markers come later. Returns where each partition's records end.
    pub(super) fn commit(
        &mut self,
        number: usize,
        epoch: u64,
    ) -> Result<BTreeMap<i32, i64>, Refused> {
        self.check(self.transactions[number].producer, epoch)?;
        if self.transactions[number].state != State::Open {
            return Err(Refused::Fenced);
        }
        let mut ends = BTreeMap::new();
        for partition in self.transactions[number].partitions.keys() {
            let slots = &self.changelog[*partition as usize];
            let last = slots.iter().rposition(|slot| slot.transaction == number);
            ends.insert(*partition, last.unwrap() as i64 + 1);
        }
        self.end(number, State::Committed);
        Ok(ends)
    }

    pub(super) fn abort(&mut self, number: usize) {
        if self.transactions[number].state == State::Open {
            self.end(number, State::Aborted);
        }
    }

    /// Notes where a partition switches to the other settings, by what is kept beside its states.
    fn note_switch(&mut self, number: usize) {
        for ((input, partition), _) in &self.transactions[number].offsets {
            let slots = self.changelog[*partition as usize].iter();
            let own = slots.filter(|slot| slot.transaction == number);
            let records = own.filter_map(|slot| slot.record.as_ref());
            let generations =
                records.filter(|it| it.key.as_deref().is_some_and(|key| key[0] == b'm'));
            let values = generations.filter_map(|record| record.value.as_deref());
            let is_switch = values.filter_map(|value| Generation::decode(value).ok());
            if is_switch
                .into_iter()
                .any(|it| it.decoding() == Some(&super::setting::switched()))
            {
                let place = (*input, *partition);
                let from = self.positions.get(&place).copied().unwrap_or(0);
                self.switched.entry(place).or_insert(from);
            }
        }
    }

    fn end(&mut self, number: usize, state: State) {
        if state == State::Committed {
            self.note_switch(number);
        }
        let transaction = &mut self.transactions[number];
        transaction.state = state;
        if state == State::Committed {
            self.outputs.append(&mut transaction.outputs);
            // Decided now, seen by others when the marker has come.
            for (place, offset) in &transaction.offsets {
                self.offsets.insert(*place, offset.clone());
                self.positions.insert(*place, offset.0);
            }
        }
    }

    /// One marker of an ended transaction that has not come yet comes; `false` if there is none.
    pub(super) fn mark_one(&mut self, chance: &mut fastrand::Rng) -> bool {
        let mut late: Vec<(usize, Option<i32>)> = Vec::new();
        for (number, transaction) in self.transactions.iter().enumerate() {
            if transaction.state == State::Open {
                continue;
            }
            if !transaction.offsets_marked {
                late.push((number, None));
            }
            let partitions = transaction.partitions.iter();
            let unmarked = partitions.filter(|(_, marked)| !**marked);
            late.extend(unmarked.map(|(partition, _)| (number, Some(*partition))));
        }
        if late.is_empty() {
            return false;
        }
        let (number, place) = late[chance.usize(0..late.len())];
        match place {
            None => self.transactions[number].offsets_marked = true,
            Some(partition) => {
                self.transactions[number].partitions.insert(partition, true);
                self.changelog[partition as usize].push(Slot {
                    transaction: number,
                    record: None,
                });
            }
        }
        true
    }

    /// The changelog is deleted and made again.
    pub(super) fn lose_changelog(&mut self) {
        self.changelog.iter_mut().for_each(Vec::clear);
        self.begins = 0;
    }

    /// Whether the last progress of a partition says that states are still to come.
    pub(super) fn ends_with_a_part(&self, partition: i32) -> bool {
        let entries = self.changelog(partition, 0, i64::MAX);
        let progress = entries.into_iter().rev().find_map(|entry| match entry {
            ChangelogRecord::Progress(progress) => Some(progress),
            _ => None,
        });
        progress.is_some_and(|progress| progress.is_partial)
    }

    // ---- reading

    pub(super) fn changelog_ends(&self, partition: i32) -> OffsetBounds {
        let slots = &self.changelog[partition as usize];
        let undecided = |slot: &Slot| self.transactions[slot.transaction].partitions[&partition];
        let stable = slots.iter().position(|slot| !undecided(slot));
        OffsetBounds {
            start: self.begins as i64,
            last_stable: stable.unwrap_or(slots.len()) as i64,
            end: slots.len() as i64,
        }
    }

    /// Committed records from `from` to before `to`.
    pub(super) fn changelog(&self, partition: i32, from: i64, to: i64) -> Vec<ChangelogRecord> {
        let to = to.min(self.changelog_ends(partition).last_stable);
        let mut entries = Vec::new();
        for offset in from..to {
            let slot = &self.changelog[partition as usize][offset as usize];
            if let (Some(record), State::Committed) =
                (&slot.record, self.transactions[slot.transaction].state)
            {
                entries.extend(ChangelogRecord::decode(&ConsumerRecord {
                    offset,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: record.headers.clone(),
                }));
            }
        }
        entries
    }

    /// Takes away every record that a later committed one with its key stands for.
    pub(super) fn compact(&mut self, partition: i32) {
        let stable = self.changelog_ends(partition).last_stable as usize;
        let mut seen = std::collections::BTreeSet::new();
        for slot in self.changelog[partition as usize][..stable]
            .iter_mut()
            .rev()
        {
            let committed = self.transactions[slot.transaction].state == State::Committed;
            if let Some(record) = &slot.record
                && (!committed || !seen.insert(record.key.clone()))
            {
                slot.record = None;
            }
        }
    }
}
