//! The mappings of the inputs, with what decoding by each of them found until it is reported.

use std::time::Duration;

use crate::event::{Decoder, Event, Observations, RejectReason, Vocabulary};

/// A mapping of an input.
#[derive(Debug)]
pub(super) struct InputMapping {
    pub(super) decoder: Decoder,
    /// Since the metrics were last updated.
    pub(super) recent: Observations,
    /// Since `window_start`: the last report in the log, or later.
    pub(super) unreported: Observations,
    pub(super) window_start: Duration,
    pub(super) last_report: Option<Duration>,
}

impl InputMapping {
    pub(super) fn new(decoder: Decoder) -> InputMapping {
        let observations = || Observations::on(field_count(decoder.vocabulary()));
        let (recent, unreported) = (observations(), observations());
        InputMapping {
            decoder,
            recent,
            unreported,
            window_start: Duration::ZERO,
            last_report: None,
        }
    }

    /// What was found since the previous call.
    pub(super) fn take_recent(&mut self) -> Observations {
        let fields = field_count(self.decoder.vocabulary());
        std::mem::replace(&mut self.recent, Observations::on(fields))
    }
}

/// Decodes a record of an input by the first of its mappings whose filter the record passes; by the last one if there is
/// none, which leaves it out.
pub(super) fn decode_record(
    mappings: &mut [InputMapping],
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    timestamp: Option<i64>,
) -> Result<Event, RejectReason> {
    let last = mappings.len().saturating_sub(1);
    let passing = mappings[..last].iter().position(|mapping| mapping.decoder.accepts(value));
    let InputMapping { decoder, recent, .. } = &mut mappings[passing.unwrap_or(last)];
    decoder.decode_record_observed(key, value, timestamp, recent)
}

fn field_count(vocabulary: &Vocabulary) -> usize {
    vocabulary.fields().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CurrencyRates, Mapping, RecordLimits};

    #[test]
    fn the_first_mapping_whose_filter_a_record_passes_reads_it() {
        let mapping = |customer_id: &str, kind: Option<&str>| {
            let filter = kind.map(|kind| ("kind".to_owned(), vec![kind.to_owned()]));
            let mapping = Mapping {
                customer_id: customer_id.into(),
                filter: filter.into_iter().collect(),
                key: crate::event::KeyFormat::Ignored,
                ..Mapping::default()
            };
            let (money, limits) = (CurrencyRates::default(), RecordLimits::default());
            InputMapping::new(Decoder::new(mapping, Vocabulary::default(), money, limits))
        };
        let record = |kind: &str| {
            format!(
                r#"{{"kind":"{kind}","a":"1","b":"2","c":"3","type":"t","time":1767225600000}}"#
            )
        };
        let mut all = [mapping("a", Some("x")), mapping("b", Some("y")), mapping("c", None)];
        let read = |mappings: &mut [InputMapping], value: &str| {
            let decoded =
                decode_record(mappings, None, Some(value.as_bytes()), Some(1_767_225_600_000));
            decoded.map(|event| event.customer.as_str().to_owned())
        };
        for (kind, customer) in [("x", "1"), ("y", "2"), ("z", "3")] {
            assert_eq!(read(&mut all, &record(kind)).as_deref(), Ok(customer), "{kind}");
        }
        assert_eq!(read(&mut all[..2], &record("z")), Err(RejectReason::LeftOut));
        assert_eq!(
            all.each_ref().map(|it| (it.recent.records, it.recent.left_out)),
            [(1, 0), (1, 1), (1, 0)]
        );
        // The first mapping rejects what is no record of any.
        assert_eq!(read(&mut all, "{"), Err(RejectReason::NotJson));
        assert_eq!(all[0].take_recent().rejected_total(), 1);
        assert_eq!(all[0].recent.records, 0);
    }
}
