//! Metrics of input records: what was read, and what was not understood.

use super::definition::{
    Definition, INPUT, Label, OUTPUT, PARTITION, Values, WORKER, counter, gauge,
};
use crate::event::RejectReason;

/// Why a record cannot be decoded.
const REJECTED: Label = Label {
    name: "reason",
    values: Values::Closed(|| {
        use RejectReason::{LeftOut, Skipped};
        reasons(|reason| !matches!(reason, LeftOut | Skipped))
    }),
};
/// Why a record becomes a dead letter.
const DEAD_LETTER: Label = Label {
    name: "reason",
    values: Values::Closed(|| reasons(|reason| reason != RejectReason::LeftOut)),
};
const FIELD: Label =
    Label { name: "field", values: Values::Configured("a field that the models read") };

fn reasons(is_one: impl Fn(RejectReason) -> bool) -> Vec<&'static str> {
    let all = RejectReason::ALL.into_iter().filter(|reason| is_one(*reason));
    all.map(RejectReason::code).collect()
}

pub(super) const INPUTS: &[Definition] = &[
    counter("tenure_records_total", &[INPUT], "Records applied."),
    counter(
        "tenure_unnamed_records_total",
        &[INPUT],
        "Records of an event type that no model names.",
    ),
    counter(
        "tenure_rejected_records_total",
        &[INPUT, REJECTED],
        "Records that were rejected when they were decoded.",
    ),
    counter(
        "tenure_misread_fields_total",
        &[INPUT, FIELD],
        "Values of another kind than the models expect in a field; the field counts as absent.",
    ),
    counter(
        "tenure_left_out_records_total",
        &[INPUT],
        "Records that the mapping of the input leaves out.",
    ),
    counter(
        "tenure_dead_letters_total",
        &[DEAD_LETTER],
        "Dead letters of rejected and skipped records. Lost records and refused outputs have counters of their own.",
    ),
    counter(
        "tenure_refused_outputs_total",
        &[OUTPUT],
        "Outputs that the broker refused as too large or invalid, each replaced by a small dead letter.",
    ),
    counter(
        "tenure_lost_input_records_total",
        &[INPUT],
        "Records that an input no longer contains, and whose loss an operator accepted.",
    ),
    counter(
        "tenure_duplicates_total",
        &[],
        "Duplicate events, recognised by their id or order id, and ignored.",
    ),
    counter(
        "tenure_differing_duplicates_total",
        &[],
        "Duplicate orders, ignored although their value differs: further lines or edits, which `repeated` in `orders` declares.",
    ),
    counter(
        "tenure_late_events_total",
        &[],
        "Events with an earlier event time than one that their customer already had.",
    ),
    counter(
        "tenure_late_events_beyond_horizon_total",
        &[],
        "Late events beyond the horizon: they retract no transition and no order.",
    ),
    counter(
        "tenure_returns_unmatched_total",
        &[],
        "Refunds and cancellations whose order was not received in time.",
    ),
    counter(
        "tenure_unstated_refunds_total",
        &[],
        "Refunds without a value: each refunds its whole order, or nothing, as `refunds` in `orders` declares.",
    ),
    counter(
        "tenure_credit_notes_total",
        &[],
        "Events of the type of orders with a negative value, which are no orders.",
    ),
    counter(
        "tenure_amended_orders_total",
        &[],
        "Further lines and newer versions of orders, as `repeated` in `orders` declares.",
    ),
    counter(
        "tenure_evicted_orders_total",
        &[],
        "Orders that became final early, because more than 64 of a customer could be returned.",
    ),
    counter(
        "tenure_evicted_ids_total",
        &[],
        "Event ids forgotten early, because a customer had more than 1024 within `dedupe`: repeats of them count again.",
    ),
    counter(
        "tenure_merge_timeouts_total",
        &[],
        "Inputs that had more records but delivered none for too long, so that the partition continued with its other inputs.",
    ),
    gauge(
        "tenure_lag_records",
        &[INPUT, PARTITION],
        "Records between position and end of an input. Absent while it is unknown: no leader responds.",
    )
    .once_known(),
    gauge(
        "tenure_lag_seconds",
        &[INPUT, PARTITION],
        "How long the next record to be read from an input has waited, in seconds; 0 while there is none. Where no record was read since the start, at least this long. Absent while unknown.",
    )
    .once_known(),
    gauge(
        "tenure_input_partitions",
        &[INPUT],
        "Partitions of an input, over all processes.",
    )
    .once_known(),
    gauge(
        "tenure_undecided_records",
        &[INPUT, PARTITION],
        "Records of an input behind an open transaction: read_committed readers do not see them yet.",
    )
    .once_known(),
    gauge(
        "tenure_open_transaction_seconds",
        &[INPUT, PARTITION],
        "How long the same open transaction of a producer has held back the records behind it, in seconds; 0 while none does.",
    )
    .once_known(),
    gauge(
        "tenure_lag_observed_timestamp_seconds",
        &[INPUT, PARTITION],
        "When the lag of a partition was last observed, in seconds since 1970.",
    )
    .once_known(),
    gauge(
        "tenure_expiring_input_partitions",
        &[],
        "Partitions of inputs whose next unread record is older than three quarters of retention.ms: it will be deleted unread.",
    ),
    gauge(
        "tenure_watermark_timestamp_seconds",
        &[PARTITION],
        "The watermark, in seconds since 1970.",
    )
    .once_known(),
    gauge(
        "tenure_brokers_clock_ahead_seconds",
        &[WORKER],
        "How far the brokers' clock was ahead of this machine's at the last commit.",
    )
    .once_known(),
    gauge(
        "tenure_clock_doubt_partitions",
        &[WORKER],
        "Partitions that wait: either this machine's clock is slow, or records have future timestamps.",
    ),
];
