//! Counts what of the inputs was not understood.

use super::Metrics;
use crate::event::{Observations, Vocabulary};

impl Metrics {
    /// Adds what was found in an input.
    pub(crate) fn observe_input(
        &self,
        topic: &str,
        observed: &Observations,
        vocabulary: &Vocabulary,
    ) {
        for (reason, count) in &observed.rejected {
            self.decoding.rejected.with_label_values(&[topic, reason.code()]).inc_by(*count);
        }
        if observed.left_out > 0 {
            self.decoding.left_out.with_label_values(&[topic]).inc_by(observed.left_out);
        }
        for (id, field, _) in vocabulary.fields() {
            if let Some(forms) = observed.misread.get(&id) {
                let counter = self.decoding.misread.with_label_values(&[topic, field.name()]);
                counter.inc_by(forms.total());
            }
        }
    }
}
