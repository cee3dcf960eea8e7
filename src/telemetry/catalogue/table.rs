//! The groups of the catalogue, and how a metric is found in it.

use super::definition::{Definition, Label};
use super::{customers, inputs, kafka, latency, process, restore, storage};

/// A heading, and the metrics below it.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub title: &'static str,
    pub metrics: &'static [Definition],
}

pub const GROUPS: [Group; 8] = [
    Group { title: "State of the daemon", metrics: process::DAEMON },
    Group { title: "Inputs", metrics: inputs::INPUTS },
    Group { title: "Customers and transitions", metrics: customers::CUSTOMERS },
    Group { title: "Latency and commits", metrics: latency::LATENCY },
    Group { title: "Partitions, group and restore", metrics: restore::RESTORE },
    Group { title: "Disk and memory", metrics: storage::STORAGE },
    Group { title: "Kafka clients", metrics: kafka::KAFKA },
    Group { title: "Process", metrics: process::PROCESS },
];

pub fn all() -> impl Iterator<Item = &'static Definition> {
    GROUPS.iter().flat_map(|group| group.metrics)
}

pub fn find(name: &str) -> Option<&'static Definition> {
    all().find(|definition| definition.name == name)
}

/// The only values of a label; none if there is no such metric or label, or if the values are not fixed.
pub fn closed_values(name: &str, label: &str) -> Vec<&'static str> {
    let labels = find(name).map_or(&[][..], |definition| definition.labels);
    let label = labels.iter().find(|it| it.name == label);
    label.and_then(Label::closed_values).unwrap_or_default()
}
