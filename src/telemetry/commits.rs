//! What a worker observes of records, commits and transactions: per batch, never per record.

use std::time::Duration;

use super::delays::seconds;
use super::metrics::{Metrics, TransitionMetrics};
use crate::customer::{Cause, StageChange};
use crate::event::{EventType, WallTime};
use crate::model::{Model, Models};
use crate::partition::{Commit, Output, Progress, Record};

impl Metrics {
    pub fn observe_committed_transaction(&self, duration: Duration) {
        self.count_transaction("committed");
        self.commits.transaction_seconds.observe(duration.as_secs_f64());
    }

    pub fn count_transaction(&self, outcome: &str) {
        self.commits.transactions.with_label_values(&[outcome]).inc();
    }

    /// Counts the outputs and anomalies of a commit that ended `now`, and sets its watermark.
    pub fn count_commit(
        &self,
        models: &Models,
        topics: &[String],
        partition: i32,
        commit: &Commit,
        now: WallTime,
    ) {
        let Metrics { input, transitions, watermark_seconds, .. } = self;
        self.commits.batches.inc();
        let anomalies = commit.anomalies;
        for (counter, count) in [
            (&input.duplicates, anomalies.duplicates),
            (&input.duplicates_differing, anomalies.duplicates_differing),
            (&input.late, anomalies.late),
            (&input.late_beyond_horizon, anomalies.late_beyond_horizon),
            (&input.returns_unmatched, anomalies.returns_unmatched),
            (&input.refunds_unstated, anomalies.refunds_unstated),
            (&input.credit_notes, anomalies.credit_notes),
            (&input.orders_amended, anomalies.orders_amended),
            (&input.orders_evicted, anomalies.orders_evicted),
            (&input.ids_evicted, anomalies.ids_evicted),
        ] {
            counter.inc_by(count);
        }
        let watermark = commit.progress.watermark.0.div_euclid(1000);
        if commit.progress.max_event_time.is_some() {
            watermark_seconds.with_label_values(&[&partition.to_string()]).set(watermark);
        }
        self.observe_delays(models, commit, now);
        for output in &commit.outputs {
            match output {
                Output::StageChanged { change, .. } => {
                    transitions.count(&models.list[change.model], change);
                }
                Output::Rejected { rejection, .. } => {
                    input.dead_letters.with_label_values(&[rejection.reason.code()]).inc()
                }
                Output::StageRenamed { .. } => {}
                Output::InputLost(lost) => {
                    let topic = topics[lost.input as usize].as_str();
                    let records = lost.to.abs_diff(lost.from);
                    input.lost_records.with_label_values(&[topic]).inc_by(records);
                }
            }
        }
    }

    pub fn count_records(&self, topics: &[String], records: &[Record]) {
        for (input, topic) in topics.iter().enumerate() {
            let records = records.iter().filter(|record| record.position.input as usize == input);
            let unnamed = |record: &&Record| {
                let kind = record.content.as_ref().map(|event| event.event_type);
                kind == Ok(EventType::UNNAMED)
            };
            let Metrics { input, .. } = self;
            let (all, unnamed) = (records.clone().count(), records.filter(unnamed).count());
            input.records.with_label_values(&[topic]).inc_by(all as u64);
            input.unnamed.with_label_values(&[topic]).inc_by(unnamed as u64);
        }
    }

    /// Adds a partition's customers and timers to the metrics (`sign` 1), or subtracts them (`sign` -1).
    pub fn count_population(&self, models: &Models, progress: &Progress, sign: i64) {
        self.timers.armed.add(sign * i64::try_from(progress.timers).unwrap_or(i64::MAX));
        for (model, counts) in models.list.iter().zip(&progress.population.0) {
            for (stage, count) in model.stages.iter().zip(counts) {
                let customers = self.customers.with_label_values(&[&model.name, &stage.name]);
                customers.add(sign * i64::try_from(*count).unwrap_or(i64::MAX));
            }
        }
    }
}

impl TransitionMetrics {
    fn count(&self, model: &Model, change: &StageChange) {
        let [from, to] = [change.from, change.to].map(|stage| model.stages[stage].name.as_str());
        self.taken.with_label_values(&[&model.name, from, to, change.cause.name()]).inc();
        if let Some(quiet) = model.quiet(change.effective_at) {
            self.quiet.with_label_values(&[&model.name, quiet.name()]).inc();
        }
        // A correction ends a stay that another transition should have ended, or that never was.
        if change.cause != Cause::Correction {
            let stay = change.effective_at.duration_since(change.entered);
            let histogram = self.stay_seconds.with_label_values(&[model.name.as_str(), from]);
            histogram.observe(seconds(stay));
        }
    }
}
