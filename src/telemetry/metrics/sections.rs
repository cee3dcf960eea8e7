//! Metrics that belong together.

use std::collections::BTreeMap;

use prometheus::{IntCounterVec, IntGauge};

use super::declare::Registrar;
use super::{
    BurstMetrics, ClockMetrics, InputMetrics, ModelChangeMetrics, RestoreMetrics, TopicMetrics,
};

/// Properties of RocksDB, by the names that the store gives them.
const ROCKSDB_PROPERTIES: [(&str, &str); 6] = [
    ("keys", "Keys, estimated."),
    ("live_sst_bytes", "Bytes of the live files."),
    (
        "memtable_bytes",
        "Bytes in memory that wait to be written to files.",
    ),
    (
        "pending_compaction_bytes",
        "Bytes that compaction still has to rewrite, estimated.",
    ),
    ("background_errors", "Errors of background work."),
    (
        "write_stopped",
        "Whether writes are stopped until compaction catches up.",
    ),
];

impl Registrar<'_> {
    pub(super) fn clock(&self) -> prometheus::Result<ClockMetrics> {
        Ok(ClockMetrics {
            jumps: self.counter("clock_jumps_total", "Jumps of the wall clock by more than a minute.")?,
            brokers_ahead_seconds: self.gauges(
                "brokers_clock_ahead_seconds",
                "How far the brokers' clock was ahead of this machine's at the last commit.",
                &["worker"],
            )?,
            suspect_partitions: self.gauges(
                "clock_doubt_partitions",
                "Partitions that wait: either this machine's clock is slow, or records have timestamps of a time to come.",
                &["worker"],
            )?,
        })
    }

    pub(super) fn rocksdb(&self) -> prometheus::Result<BTreeMap<&'static str, IntGauge>> {
        let one = |(property, help): (&'static str, &str)| {
            Ok((property, self.gauge(&format!("rocksdb_{property}"), help)?))
        };
        ROCKSDB_PROPERTIES.into_iter().map(one).collect()
    }

    pub(super) fn input(&self) -> prometheus::Result<InputMetrics> {
        let dead_letters =
            self.counters("dead_letters_total", "Records not accepted.", &["reason"])?;
        for reason in crate::event::RejectReason::ALL {
            dead_letters.with_label_values(&[reason.code()]);
        }
        Ok(InputMetrics {
            records: self.counters("records_total", "Records applied.", &["topic"])?,
            unnamed: self.counters(
                "unnamed_records_total",
                "Records of an event type that no model names.",
                &["topic"],
            )?,
            duplicates: self.counter(
                "duplicates_total",
                "Events that came a second time, recognised by their id or order id, and did nothing.",
            )?,
            late: self.counter(
                "late_events_total",
                "Events earlier than what their customer had already seen.",
            )?,
            late_beyond_horizon: self.counter(
                "late_events_beyond_horizon_total",
                "Late events by which no transition is corrected and no order taken back any more.",
            )?,
            returns_unmatched: self.counter(
                "returns_unmatched_total",
                "Refunds and cancellations whose order did not come while it was waited for.",
            )?,
            dead_letters,
            lost_records: self.counters(
                "lost_input_records_total",
                "Records that an input no longer holds, and whose loss an operator has accepted.",
                &["topic"],
            )?,
            refused_outputs: self.counters(
                "refused_outputs_total",
                "Outputs that the broker refused for what they are (too large, invalid), each replaced by a small dead letter.",
                &["topic"],
            )?,
        })
    }

    pub(super) fn rejoins(&self) -> prometheus::Result<IntCounterVec> {
        let rejoins = self.counters(
            "group_rejoins_total",
            "Times that this process joined the group anew since its membership was lost: fenced (by another member of its name, or by a request of its own that came late), silent (it had sent no heartbeats for long), or refused (the group had refused its commits for long).",
            &["reason"],
        )?;
        for reason in ["fenced", "silent", "refused"] {
            rejoins.with_label_values(&[reason]);
        }
        Ok(rejoins)
    }

    pub(super) fn topics(&self) -> prometheus::Result<TopicMetrics> {
        Ok(TopicMetrics {
            misconfigured: self.gauge(
                "misconfigured_topics",
                "Topics with a cleanup.policy that deletes what they have to keep; the log says which, and what to do.",
            )?,
            expiring_partitions: self.gauge(
                "expiring_input_partitions",
                "Partitions of inputs whose next unread record is older than three quarters of retention.ms: it will be deleted unread.",
            )?,
        })
    }

    pub(super) fn bursts(&self) -> prometheus::Result<BurstMetrics> {
        Ok(BurstMetrics {
            started: self.counter(
                "bursts_total",
                "Times that unusually many transitions were told at once, or were held back instead (settings burst).",
            )?,
            reached_percent: self.gauge(
                "burst_reached_percent",
                "Transitions told within burst.within or held back, in percent of those that make a burst: from 100 on it is one.",
            )?,
            fuse_blown: self.gauge(
                "fuse_blown",
                "Whether transitions are held back, and the input with them, until an operator says go on (POST /go-on at http.admin).",
            )?,
        })
    }

    pub(super) fn model_changes(&self) -> prometheus::Result<ModelChangeMetrics> {
        Ok(ModelChangeMetrics {
            changes: self.counter(
                "model_changes_total",
                "Times that other models than before took over a partition.",
            )?,
            reloads: self.counters(
                "model_reloads_total",
                "Times that SIGHUP had the model files read again: accepted, refused or unchanged.",
                &["outcome"],
            )?,
        })
    }

    /// Those that happened, and of them those that subscribers are not told of.
    pub(super) fn transitions(&self) -> prometheus::Result<[IntCounterVec; 2]> {
        let labels = ["model", "from", "to", "cause"];
        let all = self.counters("transitions_total", "Transitions made.", &labels)?;
        let quiet = self.counters(
            "quiet_transitions_total",
            "Transitions made of which subscribers are not told: before emit_from, or of a model in shadow.",
            &["model", "reason"],
        )?;
        Ok([all, quiet])
    }

    pub(super) fn restore(&self) -> prometheus::Result<RestoreMetrics> {
        Ok(RestoreMetrics {
            records: self.counter(
                "restored_records_total",
                "Changelog records read to restore state.",
            )?,
            restores: self.counters(
                "restores_total",
                "Partitions assigned, by what was found: local state that is complete, behind, missing, incomplete, stale, too_old, of other_changelog, ahead of it or given_up by an operator; and by changelog_cut where that has lost its beginning.",
                &["found"],
            )?,
            group_offsets: self.counters(
                "group_offsets_unexpected_total",
                "Committed offsets of the group that were missing, or not those that Tenure committed.",
                &["found"],
            )?,
            partitions: self
                .gauge("restoring_partitions", "Partitions that are being restored.")?,
            remaining_records: self.gauge(
                "restoring_remaining_records",
                "Offsets of the changelog that are still to be read to restore state.",
            )?,
            remaining_seconds: self.gauge(
                "restoring_remaining_seconds",
                "Time until state is restored, estimated; 0 when nothing is.",
            )?,
            stores_cleared: self.counters(
                "stores_cleared_total",
                "State folders that could not be gone on with and were emptied, to be rebuilt.",
                &["reason"],
            )?,
        })
    }
}
