//! Declares the groups of metrics.

use std::collections::BTreeMap;

use prometheus::{Histogram, HistogramVec, IntGauge, Result};

use super::declare::Registrar;
use super::{
    BurstMetrics, ClientMetrics, ClockMetrics, CommitMetrics, DecodingMetrics, DelayMetrics,
    DiskMetrics, InputMetrics, LagMetrics, MemoryMetrics, ModelChangeMetrics, RestoreMetrics,
    StoreMetrics, TimerMetrics, TopicMetrics, TransitionMetrics,
};
use crate::customer::Cause;
use crate::telemetry::build;
use crate::telemetry::catalogue::{self, ROCKSDB};

impl Registrar {
    pub(super) fn build_info(&self) -> Result<()> {
        let info = self.gauges("tenure_build_info")?;
        info.with_label_values(&[build::VERSION, build::REVISION.unwrap_or("unknown")]).set(1);
        Ok(())
    }

    pub(super) fn lag(&self) -> Result<LagMetrics> {
        Ok(LagMetrics {
            records: self.gauges("tenure_lag_records")?,
            seconds: self.gauges("tenure_lag_seconds")?,
            undecided: self.gauges("tenure_undecided_records")?,
            open_transaction_seconds: self.gauges("tenure_open_transaction_seconds")?,
            observed_seconds: self.gauges("tenure_lag_observed_timestamp_seconds")?,
        })
    }

    pub(super) fn clock(&self) -> Result<ClockMetrics> {
        Ok(ClockMetrics {
            jumps: self.counter("tenure_clock_jumps_total")?,
            brokers_ahead_seconds: self.gauges("tenure_brokers_clock_ahead_seconds")?,
            suspect_partitions: self.gauges("tenure_clock_doubt_partitions")?,
        })
    }

    pub(super) fn store(&self) -> Result<StoreMetrics> {
        let seconds = self.histograms("tenure_store_seconds")?;
        Ok(StoreMetrics {
            read_seconds: seconds.with_label_values(&["read"]),
            write_seconds: seconds.with_label_values(&["write"]),
        })
    }

    pub(super) fn disk(&self) -> Result<DiskMetrics> {
        Ok(DiskMetrics {
            free_bytes: self.gauges("tenure_state_disk_free_bytes")?,
            size_bytes: self.gauges("tenure_state_disk_size_bytes")?,
        })
    }

    pub(super) fn memory(&self) -> Result<MemoryMetrics> {
        Ok(MemoryMetrics { limit_bytes: self.gauges("tenure_memory_limit_bytes")? })
    }

    pub(super) fn rocksdb(&self) -> Result<BTreeMap<&'static str, IntGauge>> {
        let properties = catalogue::all().filter_map(|it| it.name.strip_prefix(ROCKSDB));
        properties
            .map(|property| Ok((property, self.gauge(&format!("{ROCKSDB}{property}"))?)))
            .collect()
    }

    pub(super) fn input(&self) -> Result<InputMetrics> {
        Ok(InputMetrics {
            records: self.counters("tenure_records_total")?,
            unnamed: self.counters("tenure_unnamed_records_total")?,
            duplicates: self.counter("tenure_duplicates_total")?,
            duplicates_differing: self.counter("tenure_differing_duplicates_total")?,
            late: self.counter("tenure_late_events_total")?,
            late_beyond_horizon: self.counter("tenure_late_events_beyond_horizon_total")?,
            returns_unmatched: self.counter("tenure_returns_unmatched_total")?,
            refunds_unstated: self.counter("tenure_unstated_refunds_total")?,
            credit_notes: self.counter("tenure_credit_notes_total")?,
            orders_amended: self.counter("tenure_amended_orders_total")?,
            orders_evicted: self.counter("tenure_evicted_orders_total")?,
            ids_evicted: self.counter("tenure_evicted_ids_total")?,
            dead_letters: self.counters("tenure_dead_letters_total")?,
            lost_records: self.counters("tenure_lost_input_records_total")?,
            refused_outputs: self.counters("tenure_refused_outputs_total")?,
        })
    }

    pub(super) fn decoding(&self) -> Result<DecodingMetrics> {
        Ok(DecodingMetrics {
            rejected: self.counters("tenure_rejected_records_total")?,
            misread: self.counters("tenure_misread_fields_total")?,
            left_out: self.counters("tenure_left_out_records_total")?,
        })
    }

    pub(super) fn topics(&self) -> Result<TopicMetrics> {
        Ok(TopicMetrics {
            misconfigured: self.gauge("tenure_misconfigured_topics")?,
            expiring_partitions: self.gauge("tenure_expiring_input_partitions")?,
        })
    }

    pub(super) fn bursts(&self) -> Result<BurstMetrics> {
        Ok(BurstMetrics {
            started: self.counter("tenure_bursts_total")?,
            reached_ratio: self.fraction("tenure_burst_reached_ratio")?,
            fuse_blown: self.gauge("tenure_fuse_blown")?,
        })
    }

    pub(super) fn model_changes(&self) -> Result<ModelChangeMetrics> {
        Ok(ModelChangeMetrics {
            changes: self.counter("tenure_model_changes_total")?,
            reloads: self.counters("tenure_model_reloads_total")?,
        })
    }

    pub(super) fn transitions(&self) -> Result<TransitionMetrics> {
        Ok(TransitionMetrics {
            taken: self.counters("tenure_transitions_total")?,
            quiet: self.counters("tenure_quiet_transitions_total")?,
            stay_seconds: self.histograms("tenure_stay_seconds")?,
        })
    }

    pub(super) fn delays(&self) -> Result<DelayMetrics> {
        Ok(DelayMetrics {
            from_record: by_cause(
                &self.histograms("tenure_end_to_end_seconds")?,
                &[Cause::Event, Cause::Correction],
            ),
            from_event_time: by_cause(
                &self.histograms("tenure_event_to_output_seconds")?,
                &Cause::ALL,
            ),
        })
    }

    pub(super) fn commits(&self) -> Result<CommitMetrics> {
        Ok(CommitMetrics {
            batches: self.counter("tenure_batches_total")?,
            transactions: self.counters("tenure_transactions_total")?,
            transaction_seconds: self.histogram("tenure_transaction_seconds")?,
            limit_ratio: self.fractions("tenure_transaction_limit_ratio")?,
            last_seconds: self.gauges("tenure_last_commit_timestamp_seconds")?,
            fenced: self.counters("tenure_fenced_total")?,
        })
    }

    pub(super) fn timers(&self) -> Result<TimerMetrics> {
        Ok(TimerMetrics {
            armed: self.gauge("tenure_timers")?,
            lag_seconds: self.gauges("tenure_timer_lag_seconds")?,
        })
    }

    pub(super) fn restore(&self) -> Result<RestoreMetrics> {
        Ok(RestoreMetrics {
            records: self.counter("tenure_restored_records_total")?,
            restores: self.counters("tenure_restores_total")?,
            group_offsets: self.counters("tenure_group_offsets_unexpected_total")?,
            partitions: self.gauge("tenure_restoring_partitions")?,
            remaining_records: self.gauge("tenure_restoring_remaining_records")?,
            remaining_seconds: self.gauge("tenure_restoring_remaining_seconds")?,
            stores_cleared: self.counters("tenure_stores_cleared_total")?,
        })
    }

    pub(super) fn clients(&self) -> Result<ClientMetrics> {
        Ok(ClientMetrics {
            connected_brokers: self.gauges("tenure_kafka_connected_brokers")?,
            throttle_seconds: self.fractions("tenure_kafka_throttle_seconds")?,
            queue_records: self.gauges("tenure_kafka_queue_records")?,
            queue_bytes: self.gauges("tenure_kafka_queue_bytes")?,
            request_errors: self.counters("tenure_kafka_request_errors_total")?,
            produce_errors: self.counters("tenure_produce_errors_total")?,
        })
    }
}

/// One handle for each cause, so that none is looked up by its label.
fn by_cause(histograms: &HistogramVec, causes: &[Cause]) -> BTreeMap<Cause, Histogram> {
    let handle = |cause: &Cause| (*cause, histograms.with_label_values(&[cause.name()]));
    causes.iter().map(handle).collect()
}
