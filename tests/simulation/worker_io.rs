//! The simulated `WorkerIo`: every call is an effect that may fail, be the last one of its process,
//! or let other processes act first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::cluster::{Membership, TransactionError};
use super::disk::Mounted;
use super::scheduler::{Process, Simulation};
use crate::event::WallTime;
use crate::kafka::{
    ChangelogRecord, CommittedTransaction, EndOffsets, Error, OffsetBounds, ProducerRecord,
    TransactionPart,
};
use crate::partition::Progress;
use crate::runtime::worker_io::StartRequest;
use crate::runtime::worker_io::WorkerIo;
use crate::store::Store;
use crate::telemetry::Metrics;

pub(super) struct SimulatedIo {
    pub(super) simulation: Rc<Simulation>,
    pub(super) process: Process,
    pub(super) worker: usize,
    pub(super) store: Rc<Store<Mounted>>,
    /// The epoch of the producer.
    pub(super) epoch: u64,
    /// Observed ends by input and partition, and when.
    pub(super) observed: RefCell<BTreeMap<(u32, i32), (EndOffsets, Duration)>>,
}

fn source() -> KafkaError {
    KafkaError::Canceled
}

fn retry() -> Error {
    Error::Retry { action: "asking", source: source() }
}

impl From<TransactionError> for Error {
    fn from(refused: TransactionError) -> Error {
        match refused {
            TransactionError::Fenced => Error::Fenced { action: "producing", source: source() },
            TransactionError::NotAMember => Error::Abort {
                action: "sending the offsets",
                source: KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownMemberId),
            },
        }
    }
}

impl SimulatedIo {
    fn effect(&self, name: &'static str) {
        self.simulation.effect(self.process, name);
    }

    fn producer(&self) -> usize {
        self.process.producer(self.worker)
    }

    fn request(&self, name: &'static str) -> Result<(), Error> {
        self.effect(name);
        match self.simulation.inject("no response", 60) {
            true => Err(retry()),
            false => Ok(()),
        }
    }

    fn abort(&self, number: usize) -> Error {
        self.simulation.cluster.borrow_mut().abort(number);
        Error::Abort {
            action: "delivering the records",
            source: KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut),
        }
    }

    fn attempt(
        &self,
        shares: &[TransactionPart],
        membership: Membership,
    ) -> Result<BTreeMap<i32, i64>, Error> {
        let cluster = &self.simulation.cluster;
        let records = shares.iter().flat_map(|share| share.records.clone());
        let now = self.simulation.now.get();
        let number =
            cluster.borrow_mut().produce(self.producer(), self.epoch, records.collect(), now)?;
        self.effect("inside the transaction, records sent");
        if self.simulation.inject("aborted", 20) {
            return Err(self.abort(number));
        }
        let offsets = shares.iter().flat_map(|share| {
            let one = |(input, offset): (usize, &i64)| {
                let key = (input as u32, share.partition);
                (key, (*offset, share.metadata.clone()))
            };
            share.offsets.iter().enumerate().map(one)
        });
        let sent = cluster.borrow_mut().send_offsets(
            number,
            self.epoch,
            self.process.instance,
            membership,
            offsets.collect(),
        );
        if let Err(refused) = sent {
            self.abort(number);
            return Err(refused.into());
        }
        self.effect("inside the transaction, offsets sent");
        let indefinite = Error::Indefinite { action: "committing", source: source() };
        if self.simulation.inject("commit request lost", 20) {
            return Err(indefinite);
        }
        let ends = cluster.borrow_mut().commit(number, self.epoch)?;
        self.effect("committed, and not yet known");
        if self.simulation.inject("response lost", 20) {
            return Err(indefinite);
        }
        // The commit was repeated after the producer had been fenced.
        match self.simulation.inject("fenced after the commit", 60) {
            true => Err(TransactionError::Fenced.into()),
            false => Ok(ends),
        }
    }
}

impl WorkerIo for SimulatedIo {
    type Membership = Membership;
    type Engine = Mounted;

    fn store(&self) -> &Store<Mounted> {
        &self.store
    }

    fn committed_offsets(&self, partition: i32) -> Result<Vec<Option<(i64, String)>>, Error> {
        self.request("asking for the committed offsets")?;
        let cluster = self.simulation.cluster.borrow();
        let inputs = cluster.inputs.len() as u32;
        cluster.committed(inputs, partition).ok_or_else(retry)
    }

    fn membership(&self) -> Option<Membership> {
        self.effect("before asking for the membership");
        let membership = self.simulation.membership(self.process.instance);
        self.effect("after asking for the membership");
        membership
    }

    fn input_bounds(&self, input: u32, partition: i32) -> Result<OffsetBounds, Error> {
        self.request("asking for the ends of an input")?;
        let cluster = self.simulation.cluster.borrow();
        let end = cluster.inputs[input as usize][partition as usize].len() as i64;
        let stable = self.simulation.last_stable_offset(input as usize, partition) as i64;
        let starts = self.simulation.starts.borrow();
        let start = starts.get(&(input as usize, partition));
        Ok(OffsetBounds { start: start.copied().unwrap_or(0), last_stable: stable, end })
    }

    /// A leader that does not respond leaves an old observation.
    fn observed_ends(&self, input: u32, partition: i32) -> Option<(EndOffsets, Duration)> {
        let now = self.simulation.now.get();
        let mut observed = self.observed.borrow_mut();
        if !self.simulation.inject("old ends", 3) {
            let cluster = self.simulation.cluster.borrow();
            let end = cluster.inputs[input as usize][partition as usize].len() as i64;
            let stable = self.simulation.last_stable_offset(input as usize, partition) as i64;
            observed.insert((input, partition), (EndOffsets { last_stable: stable, end }, now));
        }
        let (ends, at) = observed.get(&(input, partition))?;
        Some((*ends, now.saturating_sub(*at)))
    }

    fn is_range_empty(&mut self, _: u32, _: i32, from: i64, to: i64) -> Result<bool, Error> {
        Ok(from >= to)
    }

    fn changelog_ends(&self, partition: i32) -> Result<OffsetBounds, Error> {
        self.request("asking for the ends of the changelog")?;
        Ok(self.simulation.cluster.borrow().changelog_ends(partition))
    }

    fn read_changelog(
        &mut self,
        partition: i32,
        from: i64,
        end: i64,
        take: &mut dyn FnMut(ChangelogRecord),
    ) -> Result<i64, Error> {
        self.request("reading the changelog")?;
        let stable = self.simulation.cluster.borrow().changelog_ends(partition);
        let all = end.min(stable.last_stable);
        let to = self.simulation.rng.borrow_mut().i64(from..=all.max(from));
        let entries = self.simulation.cluster.borrow().changelog(partition, from, to);
        entries.into_iter().for_each(take);
        Ok(to)
    }

    fn transact(
        &mut self,
        shares: &[TransactionPart],
        membership: &Membership,
    ) -> Result<CommittedTransaction, Error> {
        self.effect("before the transaction");
        let ends = self.attempt(shares, *membership)?;
        let offset = |share: &TransactionPart| ends[&share.partition];
        Ok(CommittedTransaction {
            changelog_offsets: shares.iter().map(offset).collect(),
            duration: Duration::from_millis(5),
            append_time: Some(self.simulation.broker_clock()),
        })
    }

    fn publish(&mut self, outputs: &[ProducerRecord]) -> Result<(), Error> {
        for output in outputs {
            self.request("publishing an output")?;
            self.simulation.cluster.borrow_mut().outputs.push(output.clone());
        }
        self.effect("all published, and not yet known");
        Ok(())
    }

    fn renew_producer(&mut self) -> Result<(), Error> {
        self.request("initializing a new producer")?;
        self.epoch = self.simulation.cluster.borrow_mut().init(self.producer());
        Ok(())
    }

    fn start_reading(&mut self, start: StartRequest) {
        self.simulation.start(self.process.instance, start);
    }

    fn observe(&self, _: &Metrics, _: &[(i32, &Progress)]) {}

    fn wall_time(&self) -> WallTime {
        self.simulation.wall()
    }

    fn uptime(&self) -> Duration {
        self.simulation.now.get()
    }

    fn wait(&self, time: Duration) {
        self.simulation.advance(time);
        self.simulation.step_while_waiting(self.process.instance);
        self.effect("waiting");
    }
}
