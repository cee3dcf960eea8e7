//! Metrics of delays and of commits.

use super::customers::CAUSE;
use super::definition::{Definition, Label, OUTPUT, Values, WORKER, counter, gauge, histogram};
use crate::customer::Cause;

/// Of a transaction.
const TRANSACTION_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 2.0, 5.0, 10.0];
/// Of a batch in the local state.
const STORE_BUCKETS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0];
/// From a tenth of a second to a day.
const DELAY_BUCKETS: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0, 3600.0, 21_600.0,
    86_400.0,
];

/// The causes that a record has.
const RECORD_CAUSE: Label = Label {
    name: "cause",
    values: Values::Closed(|| [Cause::Event, Cause::Correction].map(Cause::name).to_vec()),
};
const OUTCOME: Label = Label {
    name: "outcome",
    values: Values::Closed(|| vec!["committed", "aborted", "indefinite"]),
};
const OPERATION: Label =
    Label { name: "operation", values: Values::Closed(|| vec!["read", "write"]) };
const CLIENT: Label =
    Label { name: "client", values: Values::Closed(|| vec!["member", "producer"]) };

pub(super) const LATENCY: &[Definition] = &[
    histogram(
        "tenure_end_to_end_seconds",
        &[RECORD_CAUSE],
        DELAY_BUCKETS,
        "From the timestamp of the record that caused a published transition to its commit. It is the append time where the input has LogAppendTime, else the producer's time.",
    ),
    histogram(
        "tenure_event_to_output_seconds",
        &[CAUSE],
        DELAY_BUCKETS,
        "From the event time at which a published transition took effect (of a timer: when it was due) to its commit. It contains the delays of producers; history that is loaded is as late as it is old.",
    ),
    histogram(
        "tenure_transaction_seconds",
        &[],
        TRANSACTION_BUCKETS,
        "Duration of a Kafka transaction.",
    ),
    histogram(
        "tenure_store_seconds",
        &[OPERATION],
        STORE_BUCKETS,
        "Duration of reading the states for a batch of a partition from the local state, and of writing those of a transaction.",
    ),
    counter("tenure_batches_total", &[], "Batches applied."),
    counter("tenure_transactions_total", &[OUTCOME], "Kafka transactions ended."),
    gauge(
        "tenure_last_commit_timestamp_seconds",
        &[WORKER],
        "When a worker last committed a transaction, in seconds since 1970. A worker without records commits none.",
    )
    .once_known(),
    gauge(
        "tenure_transaction_limit_ratio",
        &[WORKER],
        "Current size limit of a transaction, relative to the maximum: reduced for a while after an abort.",
    )
    .once_known(),
    counter(
        "tenure_fenced_total",
        &[CLIENT],
        "Times that the brokers fenced this process: by another one of its name, or after a session or transaction timed out.",
    ),
    counter(
        "tenure_produce_errors_total",
        &[OUTPUT],
        "Records that were not delivered; they are sent again.",
    ),
];
