//! Declares the groups of metrics, with their help texts.

use std::collections::BTreeMap;

use crate::event::RejectReason;
use prometheus::{IntCounterVec, IntGauge};

use super::declare::Registrar;
use super::{
    BurstMetrics, ClockMetrics, DecodingMetrics, InputMetrics, LagMetrics, ModelChangeMetrics,
    RestoreMetrics, TopicMetrics,
};

/// Properties of RocksDB by the store's names, with help texts.
const ROCKSDB_PROPERTIES: [(&str, &str); 6] = [
    ("keys", "Estimated number of keys."),
    ("live_sst_bytes", "Bytes of the live files."),
    ("memtable_bytes", "Bytes in memory that are not flushed to files yet."),
    ("pending_compaction_bytes", "Estimated bytes that compaction still has to rewrite."),
    ("background_errors", "Errors of background work."),
    ("write_stopped", "Whether writes are stopped until compaction catches up."),
];

impl Registrar<'_> {
    pub(super) fn lag(&self) -> prometheus::Result<LagMetrics> {
        let labels = ["topic", "partition"];
        Ok(LagMetrics {
            records: self.gauges(
                "lag_records",
                "Records between position and end of an input. Absent while it is unknown: no leader responds.",
                &labels,
            )?,
            seconds: self.gauges(
                "lag_seconds",
                "Age of the last record read from an input, while others follow; 0 while none does. Absent while the partition is not processed.",
                &labels,
            )?,
            undecided: self.gauges(
                "undecided_records",
                "Records of an input behind an open transaction: read_committed readers do not see them yet.",
                &labels,
            )?,
            observed_seconds: self.gauges(
                "lag_observed_timestamp_seconds",
                "When the lag of a partition was last observed, in seconds since 1970.",
                &labels,
            )?,
        })
    }

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
                "Partitions that wait: either this machine's clock is slow, or records have future timestamps.",
                &["worker"],
            )?,
        })
    }

    pub(super) fn rocksdb(&self) -> prometheus::Result<BTreeMap<&'static str, IntGauge>> {
        let gauge = |(property, help): (&'static str, &str)| {
            Ok((property, self.gauge(&format!("rocksdb_{property}"), help)?))
        };
        ROCKSDB_PROPERTIES.into_iter().map(gauge).collect()
    }

    pub(super) fn input(&self) -> prometheus::Result<InputMetrics> {
        let dead_letters = self.counters("dead_letters_total", "Rejected records.", &["reason"])?;
        // Each series exists from the start, so that its first increase is visible.
        let is_letter = |reason: &RejectReason| *reason != RejectReason::LeftOut;
        for reason in RejectReason::ALL.into_iter().filter(is_letter) {
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
                "Duplicate events, recognised by their id or order id, and ignored.",
            )?,
            duplicates_differing: self.counter(
                "differing_duplicates_total",
                "Duplicate orders, ignored although their value differs: further lines or edits, which `repeated` in `orders` declares.",
            )?,
            late: self.counter(
                "late_events_total",
                "Events with an earlier event time than one that their customer already had.",
            )?,
            late_beyond_horizon: self.counter(
                "late_events_beyond_horizon_total",
                "Late events beyond the horizon: they retract no transition and no order.",
            )?,
            returns_unmatched: self.counter(
                "returns_unmatched_total",
                "Refunds and cancellations whose order was not received in time.",
            )?,
            refunds_unstated: self.counter(
                "unstated_refunds_total",
                "Refunds without a value: each refunds its whole order, or nothing, as `refunds` in `orders` declares.",
            )?,
            credit_notes: self.counter(
                "credit_notes_total",
                "Events of the type of orders with a negative value, which are no orders.",
            )?,
            orders_amended: self.counter(
                "amended_orders_total",
                "Further lines and newer versions of orders, as `repeated` in `orders` declares.",
            )?,
            orders_evicted: self.counter(
                "evicted_orders_total",
                "Orders that became final early, because more than 64 of a customer could be returned.",
            )?,
            ids_evicted: self.counter(
                "evicted_ids_total",
                "Event ids forgotten early, because a customer had more than 1024 within `dedupe`: repeats of them count again.",
            )?,
            dead_letters,
            lost_records: self.counters(
                "lost_input_records_total",
                "Records that an input no longer contains, and whose loss an operator accepted.",
                &["topic"],
            )?,
            refused_outputs: self.counters(
                "refused_outputs_total",
                "Outputs that the broker refused as too large or invalid, each replaced by a small dead letter.",
                &["topic"],
            )?,
        })
    }

    pub(super) fn decoding(&self) -> prometheus::Result<DecodingMetrics> {
        Ok(DecodingMetrics {
            rejected: self.counters(
                "rejected_records_total",
                "Records that were rejected when they were decoded.",
                &["topic", "reason"],
            )?,
            misread: self.counters(
                "misread_fields_total",
                "Values of another kind than the models expect in a field; the field counts as absent.",
                &["topic", "field"],
            )?,
            left_out: self.counters(
                "left_out_records_total",
                "Records that the mapping of the input leaves out.",
                &["topic"],
            )?,
        })
    }

    pub(super) fn rejoins(&self) -> prometheus::Result<IntCounterVec> {
        let rejoins = self.counters(
            "group_rejoins_total",
            "Rejoins of the group after this process lost its membership: fenced (by another member of the same name, or by its own delayed request), silent (it sent no heartbeats for long), or refused (the group refused its commits for long).",
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
                "Topics with a cleanup.policy that deletes records they must retain; the log names them and the correction.",
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
                "Bursts: unusually many transitions in a short time, published or suspended (settings burst).",
            )?,
            reached_percent: self.gauge(
                "burst_reached_percent",
                "Transitions published within burst.within or suspended, in percent of the burst limit: a burst from 100 on.",
            )?,
            fuse_blown: self.gauge(
                "fuse_blown",
                "1 while the circuit breaker suspends transitions and the reading of inputs, until an operator resumes them (POST /go-on at http.admin).",
            )?,
        })
    }

    pub(super) fn model_changes(&self) -> prometheus::Result<ModelChangeMetrics> {
        Ok(ModelChangeMetrics {
            changes: self.counter("model_changes_total", "Model changes of partitions.")?,
            reloads: self.counters(
                "model_reloads_total",
                "Reloads of the model files by SIGHUP: accepted, refused or unchanged.",
                &["outcome"],
            )?,
        })
    }

    /// All transitions, and the subset that is not published.
    pub(super) fn transitions(&self) -> prometheus::Result<[IntCounterVec; 2]> {
        let labels = ["model", "from", "to", "cause"];
        let all = self.counters("transitions_total", "Transitions taken.", &labels)?;
        let quiet = self.counters(
            "quiet_transitions_total",
            "Transitions taken but not published: before emit_from, or of a shadow model.",
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
                "Assigned partitions, by condition of the local state: complete, behind, missing, incomplete, stale, too_old, other_changelog (of another one), ahead (of the changelog) or given_up (by an operator); or changelog_cut, if the changelog has lost its beginning.",
                &["found"],
            )?,
            group_offsets: self.counters(
                "group_offsets_unexpected_total",
                "Committed offsets of the group that were missing, or were not committed by Tenure.",
                &["found"],
            )?,
            partitions: self
                .gauge("restoring_partitions", "Partitions in restore.")?,
            remaining_records: self.gauge(
                "restoring_remaining_records",
                "Offsets of the changelog that remain to be read to restore state.",
            )?,
            remaining_seconds: self.gauge(
                "restoring_remaining_seconds",
                "Estimated seconds until state is restored; 0 without a restore.",
            )?,
            stores_cleared: self.counters(
                "stores_cleared_total",
                "Unusable state directories that were emptied for a rebuild.",
                &["reason"],
            )?,
        })
    }
}
