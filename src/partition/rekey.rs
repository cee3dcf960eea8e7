//! The initial progress of partitions after a rekey: the inputs have more partitions than before, and the keys of most
//! customers map to another partition.

use super::Progress;
use crate::customer::CustomerState;
use crate::event::Watermark;
use crate::model::Models;

impl Progress {
    /// The progress of a new partition without customers, from the progress of all old partitions. `offsets` are the
    /// partition's next offsets.
    ///
    /// The watermark and the fired cursor are those of the old partition that is furthest behind, so that no timer is
    /// missed. In partitions that were ahead, these timers have fired already; each state contains its next due time.
    pub fn rekeyed(before: &[Progress], models: &Models, offsets: Vec<i64>) -> Progress {
        let populated = || before.iter().filter(|progress| progress.customers() > 0);
        let watermark = populated().map(|progress| progress.watermark).min();
        let fired_to = populated().map(|progress| progress.fired_to.clone()).min();
        let max_event_time = populated().filter_map(|progress| progress.max_event_time);
        Progress {
            watermark: watermark.unwrap_or(Watermark::NONE),
            max_event_time: max_event_time.max(),
            min_delay: populated()
                .filter_map(|progress| progress.min_delay)
                .max_by_key(|min_delay| min_delay.received_at),
            fired_to: fired_to.flatten(),
            offsets,
            ..Progress::new(models, 0)
        }
    }

    /// Counts a customer that was moved into this partition.
    pub(crate) fn add_customer(&mut self, state: &CustomerState) {
        for (model, model_state) in state.models.iter_enumerated() {
            self.population.enter(model, model_state.stage);
        }
        self.timers += u64::from(state.armed.is_some());
    }
}

#[cfg(test)]
mod tests {
    use typed_index_collections::ti_vec;

    use super::*;
    use crate::event::EventTime;
    use crate::model::SourceFile;
    use crate::partition::{Population, TimerKey};

    #[test]
    fn event_time_continues_from_the_partition_that_is_furthest_behind() {
        let text = "model: m\nversion: 1\ninitial: a\nfacts: { n: count(any) }\nstages: { a: {}, b: {} }\n\
                    transitions:\n  - { from: a, to: b, when: n >= 1 }\n";
        let source = SourceFile { name: "m.yaml".to_owned(), text: text.to_owned() };
        let models = Models::compile(vec![source]).unwrap().0;
        let at = |time: i64, customers: u64| Progress {
            batch: 9,
            watermark: Watermark(time),
            max_event_time: Some(EventTime(time + 5)),
            fired_to: Some(TimerKey { due: EventTime(time), customer: "ann".into() }),
            population: Population(ti_vec![ti_vec![customers, 0]]),
            ..Progress::new(&models, 1)
        };
        // The partition at 10 is furthest behind, but has no customers.
        let before = [at(30, 2), at(20, 1), at(10, 0)];
        let progress = Progress::rekeyed(&before, &models, vec![7]);
        assert_eq!(progress.watermark, Watermark(20));
        assert_eq!(progress.fired_to.map(|key| key.due), Some(EventTime(20)));
        assert_eq!(progress.max_event_time, Some(EventTime(35)));
        assert_eq!((progress.batch, progress.offsets), (0, vec![7]));
        assert_eq!(progress.population, Population(ti_vec![ti_vec![0, 0]]));
        let none = Progress::rekeyed(&[at(10, 0)], &models, vec![7]);
        assert_eq!(none, Progress { offsets: vec![7], ..Progress::new(&models, 0) });
    }
}
