//! Metrics of the Kafka clients, from the statistics of librdkafka.

use super::definition::{Definition, Label, Values, counter, gauge};

const CLIENT: Label = Label {
    name: "client",
    values: Values::Learned("`consumer`, or `producer-` and the number of its worker"),
};

pub(super) const KAFKA: &[Definition] = &[
    gauge(
        "tenure_kafka_connected_brokers",
        &[CLIENT],
        "Brokers that the client is connected to. It connects only to those that it needs.",
    )
    .once_known(),
    gauge(
        "tenure_kafka_throttle_seconds",
        &[CLIENT],
        "Longest time for which a broker has throttled the client lately, because of a quota.",
    )
    .once_known(),
    gauge(
        "tenure_kafka_queue_records",
        &[CLIENT],
        "Records in the client: fetched and not taken yet, or sent and not acknowledged yet.",
    )
    .once_known(),
    gauge("tenure_kafka_queue_bytes", &[CLIENT], "Bytes of the records in the client.")
        .once_known(),
    counter(
        "tenure_kafka_request_errors_total",
        &[CLIENT],
        "Requests that could not be sent or had no response in time, and responses that could not be read.",
    )
    .once_known(),
];
