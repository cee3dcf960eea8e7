//! Registers metrics as the catalogue has them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, Result,
};

use crate::telemetry::catalogue::{self, Definition, Kind, Label, Start};

/// What begins the names of the metrics that are declared here.
const PREFIX: &str = "tenure_";

/// Each name can be taken once.
#[derive(Default)]
pub(super) struct Registrar {
    pub(super) registry: Registry,
    taken: RefCell<BTreeSet<&'static str>>,
}

impl Registrar {
    pub(super) fn counter(&self, name: &str) -> Result<IntCounter> {
        let (_, options) = self.take(name, "counter")?;
        self.register(IntCounter::with_opts(options)?)
    }

    pub(super) fn counters(&self, name: &str) -> Result<IntCounterVec> {
        let (definition, options) = self.take(name, "counter")?;
        self.register_labelled(definition, IntCounterVec::new(options, &label_names(definition))?)
    }

    pub(super) fn gauge(&self, name: &str) -> Result<IntGauge> {
        let (_, options) = self.take(name, "gauge")?;
        self.register(IntGauge::with_opts(options)?)
    }

    /// Without labels it is a gauge that has no series before its first value.
    pub(super) fn gauges(&self, name: &str) -> Result<IntGaugeVec> {
        let (definition, options) = self.take(name, "gauge")?;
        self.register_labelled(definition, IntGaugeVec::new(options, &label_names(definition))?)
    }

    /// A gauge of a number with a fraction.
    pub(super) fn fraction(&self, name: &str) -> Result<Gauge> {
        let (_, options) = self.take(name, "gauge")?;
        self.register(Gauge::with_opts(options)?)
    }

    pub(super) fn fractions(&self, name: &str) -> Result<GaugeVec> {
        let (definition, options) = self.take(name, "gauge")?;
        self.register_labelled(definition, GaugeVec::new(options, &label_names(definition))?)
    }

    pub(super) fn histogram(&self, name: &str) -> Result<Histogram> {
        let (definition, options) = self.take(name, "histogram")?;
        self.register(Histogram::with_opts(with_buckets(definition, options))?)
    }

    pub(super) fn histograms(&self, name: &str) -> Result<HistogramVec> {
        let (definition, options) = self.take(name, "histogram")?;
        let options = with_buckets(definition, options);
        self.register_labelled(definition, HistogramVec::new(options, &label_names(definition))?)
    }

    /// The registry, with a metric for each entry of the catalogue.
    pub(super) fn finish(self) -> Result<Registry> {
        let taken = self.taken.into_inner();
        let left = catalogue::all().find(|it| is_declared_here(it) && !taken.contains(it.name));
        match left {
            Some(definition) => Err(Error::Msg(format!("{} is not registered", definition.name))),
            None => Ok(self.registry),
        }
    }

    fn register<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn register_labelled<B: MetricVecBuilder>(
        &self,
        definition: &Definition,
        metric: MetricVec<B>,
    ) -> Result<MetricVec<B>>
    where
        MetricVec<B>: Collector + Clone + 'static,
    {
        create_series(&metric, definition)?;
        self.register(metric)
    }

    fn take(&self, name: &str, type_name: &str) -> Result<(&'static Definition, Opts)> {
        let definition = catalogue::find(name).filter(|it| it.type_name() == type_name);
        let Some(definition) = definition else {
            return Err(Error::Msg(format!("the catalogue has no {type_name} {name}")));
        };
        if !self.taken.borrow_mut().insert(definition.name) {
            return Err(Error::Msg(format!("{name} is declared twice")));
        }
        Ok((definition, Opts::new(definition.name, definition.help)))
    }
}

fn is_declared_here(definition: &Definition) -> bool {
    definition.name.starts_with(PREFIX)
}

fn label_names(definition: &Definition) -> Vec<&'static str> {
    definition.labels.iter().map(|label| label.name).collect()
}

fn with_buckets(definition: &Definition, options: Opts) -> HistogramOpts {
    let bounds = match definition.kind {
        Kind::Histogram(bounds) => bounds.to_vec(),
        Kind::Counter | Kind::Gauge => Vec::new(),
    };
    HistogramOpts::from(options).buckets(bounds)
}

/// Creates every series of a metric whose label values are all fixed.
fn create_series<B: MetricVecBuilder>(
    metric: &MetricVec<B>,
    definition: &Definition,
) -> Result<()> {
    let values: Option<Vec<Vec<&str>>> =
        definition.labels.iter().map(Label::closed_values).collect();
    let Some(values) = values.filter(|_| definition.start == Start::Zero) else {
        return Ok(());
    };
    let combine = |combinations: Vec<Vec<&'static str>>, values: Vec<&'static str>| {
        let extend = |combination: Vec<&'static str>| {
            let with = |value: &&'static str| [&combination[..], &[*value]].concat();
            values.iter().map(with).collect::<Vec<_>>()
        };
        combinations.into_iter().flat_map(extend).collect()
    };
    for combination in values.into_iter().fold(vec![Vec::new()], combine) {
        metric.get_metric_with_label_values(&combination)?;
    }
    Ok(())
}
