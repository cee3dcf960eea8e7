//! Counts what of the inputs was not understood.

use super::Metrics;
use crate::event::{Field, Observations, Vocabulary};

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
            let index = u16::try_from(id.index()).unwrap_or(u16::MAX);
            if let Some(forms) = observed.misread.get(&index) {
                let counter = self.decoding.misread.with_label_values(&[topic, field_name(field)]);
                counter.inc_by(forms.total());
            }
        }
    }
}

fn field_name(field: &Field) -> &str {
    match field {
        Field::Id => "id",
        Field::OrderId => "order_id",
        Field::Channel => "channel",
        Field::Value => "value",
        Field::Currency => "currency",
        Field::Property(name) => name,
    }
}
