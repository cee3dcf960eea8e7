//! Metrics of customers and their transitions.

use super::definition::{Definition, Label, MODEL, Values, WORKER, counter, gauge, histogram};
use crate::customer::Cause;
use crate::model::Quiet;

pub(super) const CAUSE: Label =
    Label { name: "cause", values: Values::Closed(|| Cause::ALL.map(Cause::name).to_vec()) };
const QUIET: Label =
    Label { name: "reason", values: Values::Closed(|| Quiet::ALL.map(Quiet::name).to_vec()) };
const STAGE: Label = Label { name: "stage", values: Values::Configured("a stage of the model") };
const FROM: Label = Label { name: "from", values: Values::Configured("the stage that is left") };
const TO: Label = Label { name: "to", values: Values::Configured("the stage that is entered") };

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
/// From an hour to a year.
const STAY_BUCKETS: &[f64] = &[
    HOUR,
    6.0 * HOUR,
    DAY,
    3.0 * DAY,
    7.0 * DAY,
    14.0 * DAY,
    30.0 * DAY,
    60.0 * DAY,
    90.0 * DAY,
    180.0 * DAY,
    365.0 * DAY,
];

pub(super) const CUSTOMERS: &[Definition] = &[
    gauge("tenure_customers", &[MODEL, STAGE], "Customers in a stage."),
    counter(
        "tenure_transitions_total",
        &[MODEL, FROM, TO, CAUSE],
        "Transitions taken. Those that a model declares exist from the start; corrections and model changes can also lead to other pairs of stages.",
    ),
    counter(
        "tenure_quiet_transitions_total",
        &[MODEL, QUIET],
        "Transitions taken but not published: before emit_from, or of a shadow model.",
    ),
    histogram(
        "tenure_stay_seconds",
        &[MODEL, STAGE],
        STAY_BUCKETS,
        "Time in a stage that a transition has ended, by event time; corrections do not count.",
    ),
    counter(
        "tenure_bursts_total",
        &[],
        "Bursts: unusually many transitions in a short time, published or suspended (settings burst).",
    ),
    gauge(
        "tenure_burst_reached_ratio",
        &[],
        "Transitions published within burst.within or suspended, relative to the burst limit: a burst from 1 on. It stays as it was while the fuse is blown.",
    ),
    gauge(
        "tenure_fuse_blown",
        &[],
        "1 while the circuit breaker suspends transitions and the reading of inputs, until an operator resumes them (POST /go-on at http.admin).",
    ),
    gauge("tenure_timers", &[], "Customers with an armed timer."),
    gauge(
        "tenure_timer_lag_seconds",
        &[WORKER],
        "How long ago, by this machine's clock, the oldest timer that has not fired yet was due; 0 if none is due. Timers follow event time: time.lateness plus time.idle_after is normal, and while history is loaded this is its age.",
    )
    .once_known(),
];
