//! The simulated Kafka: logs, one group, and transactions with late markers. It behaves as brokers
//! guarantee; where they guarantee nothing, it chooses at random.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::EventTime;
use crate::kafka::{ChangelogRecord, ConsumerRecord, OffsetBounds, ProducerRecord};
use crate::partition::Generation;

/// A record of an input, and when it was produced.
#[derive(Clone, Debug)]
pub(super) struct InputRecord {
    pub(super) at: Duration,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl InputRecord {
    pub(super) fn timestamp(&self) -> EventTime {
        EventTime(super::scenario::BASE.0 + self.at.as_millis() as i64)
    }
}

/// An offset in a partition of the changelog.
#[derive(Clone, Debug)]
struct LogEntry {
    transaction: usize,
    /// `None` for a marker, and for a record that was compacted.
    record: Option<ProducerRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionState {
    Open,
    Committed,
    Aborted,
}

#[derive(Debug)]
struct Transaction {
    producer: usize,
    state: TransactionState,
    begun_at: Duration,
    /// The partitions with its records, and whether the marker is written.
    partitions: BTreeMap<i32, bool>,
    outputs: Vec<ProducerRecord>,
    offsets: Vec<((u32, i32), (i64, String))>,
    /// Whether the marker of the offsets is written.
    offsets_marked: bool,
}

/// A member of the group in a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) member: u64,
    pub(super) generation: u64,
}

/// Why a transaction fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionError {
    Fenced,
    NotAMember,
}

#[derive(Debug)]
pub(super) struct Cluster {
    /// By input and partition.
    pub(super) inputs: Vec<Vec<Vec<InputRecord>>>,
    changelog: Vec<Vec<LogEntry>>,
    /// The first offset of each partition of the changelog.
    changelog_start: usize,
    transactions: Vec<Transaction>,
    /// Committed, in order.
    pub(super) outputs: Vec<ProducerRecord>,
    offsets: BTreeMap<(u32, i32), (i64, String)>,
    /// The epoch of each producer.
    producers: BTreeMap<usize, u64>,
    pub(super) generation: u64,
    /// The offsets of the last committed transaction of each partition, also after the group's are deleted.
    positions: BTreeMap<(u32, i32), i64>,
    /// The first offset that is decoded with the new settings.
    pub(super) new_settings_from: BTreeMap<(u32, i32), i64>,
    members: BTreeMap<usize, u64>,
    last_member: u64,
    pub(super) owners: BTreeMap<i32, usize>,
    /// The generation in which each partition was assigned to its owner.
    pub(super) owned_since: BTreeMap<i32, u64>,
}

/// The `transaction.timeout.ms` of all producers.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

impl Cluster {
    pub(super) fn new(inputs: usize, partitions: usize) -> Cluster {
        Cluster {
            inputs: vec![vec![Vec::new(); partitions]; inputs],
            changelog: vec![Vec::new(); partitions],
            changelog_start: 0,
            transactions: Vec::new(),
            outputs: Vec::new(),
            offsets: BTreeMap::new(),
            producers: BTreeMap::new(),
            generation: 0,
            positions: BTreeMap::new(),
            new_settings_from: BTreeMap::new(),
            members: BTreeMap::new(),
            last_member: 0,
            owners: BTreeMap::new(),
            owned_since: BTreeMap::new(),
        }
    }

    pub(super) fn partitions(&self) -> i32 {
        self.changelog.len() as i32
    }

    /// The changelog starts at this offset: earlier records were deleted before the run.
    pub(super) fn start_changelog_at(&mut self, offset: usize) {
        self.changelog_start = offset;
        let partitions = (0..self.partitions()).map(|partition| (partition, true));
        self.transactions.push(Transaction {
            producer: usize::MAX,
            state: TransactionState::Aborted,
            begun_at: Duration::ZERO,
            partitions: partitions.collect(),
            outputs: Vec::new(),
            offsets: Vec::new(),
            offsets_marked: true,
        });
        let gone = LogEntry { transaction: 0, record: None };
        for slots in &mut self.changelog {
            slots.resize(offset, gone.clone());
        }
    }

    // ---- the group

    /// A process with this instance name joins. A static member that returns keeps its partitions:
    /// there is no rebalance.
    pub(super) fn join(&mut self, instance: usize) -> u64 {
        self.last_member += 1;
        let before = self.members.insert(instance, self.last_member);
        if before.is_none() {
            self.rebalance();
        }
        self.last_member
    }

    /// The session of an instance times out, whether the process notices or not.
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
                let member = (partition as usize + turns) % members.len();
                self.owners.insert(partition, members[member]);
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
            transaction.state != TransactionState::Aborted
                && !transaction.offsets_marked
                && transaction.offsets.iter().any(|((_, own), _)| *own == partition)
        };
        if self.transactions.iter().any(touches) {
            return None;
        }
        let offset = |input| self.offsets.get(&(input, partition)).cloned();
        Some((0..inputs).map(offset).collect())
    }

    /// The group's offsets of a partition are deleted or expire.
    pub(super) fn forget_offsets(&mut self, partition: i32) {
        self.offsets.retain(|(_, own), _| *own != partition);
    }

    // ---- transactions

    /// Initializes a producer: an open transaction of the earlier one with its id is aborted, and
    /// the earlier one is fenced.
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
            if transaction.state == TransactionState::Open && which(transaction) {
                aborted.push(transaction.producer);
                self.end(number, TransactionState::Aborted);
            }
        }
        aborted
    }

    /// Transactions that are open for too long are aborted, and their producers fenced.
    pub(super) fn abort_timed_out(&mut self, now: Duration) {
        let aborted =
            self.abort_open(|transaction| now > transaction.begun_at + TRANSACTION_TIMEOUT);
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
    ) -> Result<usize, TransactionError> {
        self.check(producer, epoch)?;
        let number = self.transactions.len();
        let mut transaction = Transaction {
            producer,
            state: TransactionState::Open,
            begun_at: now,
            partitions: BTreeMap::new(),
            outputs: Vec::new(),
            offsets: Vec::new(),
            offsets_marked: true,
        };
        for record in records {
            match record.partition {
                // Only changelog records name their partition.
                Some(partition) => {
                    transaction.partitions.insert(partition, false);
                    self.changelog[partition as usize]
                        .push(LogEntry { transaction: number, record: Some(record) });
                }
                None => transaction.outputs.push(record),
            }
        }
        self.transactions.push(transaction);
        Ok(number)
    }

    /// The coordinator checks the member and its generation, but not who owns a partition.
    pub(super) fn send_offsets(
        &mut self,
        number: usize,
        epoch: u64,
        instance: usize,
        membership: Membership,
        offsets: Vec<((u32, i32), (i64, String))>,
    ) -> Result<(), TransactionError> {
        self.check(self.transactions[number].producer, epoch)?;
        if !self.is_member(instance, membership.member) || membership.generation != self.generation
        {
            return Err(TransactionError::NotAMember);
        }
        let transaction = &mut self.transactions[number];
        transaction.offsets = offsets;
        transaction.offsets_marked = false;
        Ok(())
    }

    fn check(&self, producer: usize, epoch: u64) -> Result<(), TransactionError> {
        match self.producers.get(&producer) == Some(&epoch) {
            true => Ok(()),
            false => Err(TransactionError::Fenced),
        }
    }

    /// Commits; the markers are written later. Returns the end of the records in each partition.
    pub(super) fn commit(
        &mut self,
        number: usize,
        epoch: u64,
    ) -> Result<BTreeMap<i32, i64>, TransactionError> {
        self.check(self.transactions[number].producer, epoch)?;
        if self.transactions[number].state != TransactionState::Open {
            return Err(TransactionError::Fenced);
        }
        let mut ends = BTreeMap::new();
        for partition in self.transactions[number].partitions.keys() {
            let slots = &self.changelog[*partition as usize];
            let last = slots.iter().rposition(|slot| slot.transaction == number);
            ends.insert(*partition, last.unwrap() as i64 + 1);
        }
        self.end(number, TransactionState::Committed);
        Ok(ends)
    }

    pub(super) fn abort(&mut self, number: usize) {
        if self.transactions[number].state == TransactionState::Open {
            self.end(number, TransactionState::Aborted);
        }
    }

    /// Records the offset from which a partition uses the new settings, by the generation in the
    /// transaction.
    fn record_settings_change(&mut self, number: usize) {
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
                .any(|it| it.decoding() == Some(&super::scenario::new_decoding()))
            {
                let position = (*input, *partition);
                let from = self.positions.get(&position).copied().unwrap_or(0);
                self.new_settings_from.entry(position).or_insert(from);
            }
        }
    }

    fn end(&mut self, number: usize, state: TransactionState) {
        if state == TransactionState::Committed {
            self.record_settings_change(number);
        }
        let transaction = &mut self.transactions[number];
        transaction.state = state;
        if state == TransactionState::Committed {
            self.outputs.append(&mut transaction.outputs);
            // Decided now, visible to others when the marker is written.
            for (position, offset) in &transaction.offsets {
                self.offsets.insert(*position, offset.clone());
                self.positions.insert(*position, offset.0);
            }
        }
    }

    /// Writes one missing marker of an ended transaction; `false` if there is none.
    pub(super) fn write_one_marker(&mut self, rng: &mut fastrand::Rng) -> bool {
        let mut late: Vec<(usize, Option<i32>)> = Vec::new();
        for (number, transaction) in self.transactions.iter().enumerate() {
            if transaction.state == TransactionState::Open {
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
        let (number, partition) = late[rng.usize(0..late.len())];
        match partition {
            None => self.transactions[number].offsets_marked = true,
            Some(partition) => {
                self.transactions[number].partitions.insert(partition, true);
                self.changelog[partition as usize]
                    .push(LogEntry { transaction: number, record: None });
            }
        }
        true
    }

    /// The changelog is deleted and recreated.
    pub(super) fn lose_changelog(&mut self) {
        self.changelog.iter_mut().for_each(Vec::clear);
        self.changelog_start = 0;
    }

    /// Whether the last progress of a partition is partial: states are still missing.
    pub(super) fn ends_with_partial_progress(&self, partition: i32) -> bool {
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
        let is_marked =
            |slot: &LogEntry| self.transactions[slot.transaction].partitions[&partition];
        let stable = slots.iter().position(|slot| !is_marked(slot));
        OffsetBounds {
            start: self.changelog_start as i64,
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
            if let (Some(record), TransactionState::Committed) =
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

    /// Removes every record that is aborted or followed by a later committed one with its key.
    pub(super) fn compact(&mut self, partition: i32) {
        let stable = self.changelog_ends(partition).last_stable as usize;
        let mut seen = std::collections::BTreeSet::new();
        for slot in self.changelog[partition as usize][..stable].iter_mut().rev() {
            let committed =
                self.transactions[slot.transaction].state == TransactionState::Committed;
            if let Some(record) = &slot.record
                && (!committed || !seen.insert(record.key.clone()))
            {
                slot.record = None;
            }
        }
    }
}
