//! Creates the series whose label values are known once settings and models are read, so that their first increase is
//! visible.

use super::Metrics;
use super::catalogue::closed_values;
use crate::model::{Model, Models};

/// What settings and models say about the values of labels.
#[derive(Debug)]
pub struct KnownLabels<'k> {
    pub inputs: &'k [String],
    /// The topics that the daemon writes.
    pub written: &'k [&'k str],
    pub models: &'k Models,
    pub workers: usize,
    pub config_hash: &'k str,
    pub models_hash: &'k str,
}

impl Metrics {
    /// Creates all series that are known at the start of the daemon.
    pub fn create_known_series(&self, known: &KnownLabels<'_>) {
        self.config.reset();
        self.config.with_label_values(&[known.config_hash, known.models_hash]).set(1);
        for topic in known.inputs {
            self.create_input_series(topic, known.models);
        }
        for topic in known.written {
            self.input.refused_outputs.with_label_values(&[topic]);
            self.clients.produce_errors.with_label_values(&[topic]);
        }
        for worker in 0..known.workers {
            let worker = worker.to_string();
            self.commits.limit_ratio.with_label_values(&[&worker]).set(1.0);
            self.clock.suspect_partitions.with_label_values(&[&worker]);
        }
        for model in &known.models.list {
            self.create_model_series(model);
        }
    }

    fn create_input_series(&self, topic: &str, models: &Models) {
        let input = &self.input;
        for counter in
            [&input.records, &input.unnamed, &input.lost_records, &self.decoding.left_out]
        {
            counter.with_label_values(&[topic]);
        }
        for reason in closed_values("tenure_rejected_records_total", "reason") {
            self.decoding.rejected.with_label_values(&[topic, reason]);
        }
        for (_, field, _) in models.vocabulary.fields() {
            self.decoding.misread.with_label_values(&[topic, field.name()]);
        }
    }

    fn create_model_series(&self, model: &Model) {
        let name = model.name.as_str();
        for stage in &model.stages {
            self.customers.with_label_values(&[name, stage.name.as_str()]);
            self.transitions.stay_seconds.with_label_values(&[name, stage.name.as_str()]);
        }
        for reason in closed_values("tenure_quiet_transitions_total", "reason") {
            self.transitions.quiet.with_label_values(&[name, reason]);
        }
        let causes = closed_values("tenure_transitions_total", "cause");
        for transition in &model.transitions {
            let to = model.stages[transition.to].name.as_str();
            for from in &transition.from {
                let from = model.stages[*from].name.as_str();
                for cause in &causes {
                    self.transitions.taken.with_label_values(&[name, from, to, cause]);
                }
            }
        }
    }
}
