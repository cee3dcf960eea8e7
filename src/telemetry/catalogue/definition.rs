//! What the catalogue says about a metric.

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [Label],
    pub help: &'static str,
    pub start: Start,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With these upper bounds.
    Histogram(&'static [f64]),
}

/// A label, and which values it can have. No label has values that customers or producers choose.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    pub name: &'static str,
    pub values: Values,
}

/// The values of a label.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Only these.
    Closed(fn() -> Vec<&'static str>),
    /// What the settings and the models name; the text describes it.
    Configured(&'static str),
    /// What the daemon learns later; the text describes it.
    Learned(&'static str),
}

/// When a metric has its first series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At once, at 0, as far as the values of its labels are known: so that the first increase is visible.
    Zero,
    /// Once its value is known: 0 would be a wrong value.
    Known,
}

pub(super) const INPUT: Label = Label { name: "topic", values: Values::Configured("an input") };
pub(super) const OUTPUT: Label =
    Label { name: "topic", values: Values::Configured("a topic that is written") };
pub(super) const MODEL: Label = Label { name: "model", values: Values::Configured("a model") };
pub(super) const WORKER: Label =
    Label { name: "worker", values: Values::Configured("a worker, from 0") };
pub(super) const PARTITION: Label =
    Label { name: "partition", values: Values::Learned("a partition") };

pub(super) const fn counter(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Definition {
    Definition { name, kind: Kind::Counter, labels, help, start: Start::Zero }
}

pub(super) const fn gauge(
    name: &'static str,
    labels: &'static [Label],
    help: &'static str,
) -> Definition {
    Definition { name, kind: Kind::Gauge, labels, help, start: Start::Zero }
}

pub(super) const fn histogram(
    name: &'static str,
    labels: &'static [Label],
    buckets: &'static [f64],
    help: &'static str,
) -> Definition {
    Definition { name, kind: Kind::Histogram(buckets), labels, help, start: Start::Zero }
}

impl Definition {
    /// The same without a series before its value is known.
    pub(super) const fn once_known(self) -> Definition {
        Definition { start: Start::Known, ..self }
    }

    /// The type, as Prometheus names it.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        }
    }
}

impl Label {
    /// The values, if there are only these.
    pub fn closed_values(&self) -> Option<Vec<&'static str>> {
        match self.values {
            Values::Closed(values) => Some(values()),
            Values::Configured(_) | Values::Learned(_) => None,
        }
    }
}
