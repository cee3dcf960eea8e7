//! The progress of partitions whose customers come from partitions of before: inputs have got more partitions, and the keys of
//! most customers map to another one.

use super::Progress;
use crate::customer::CustomerState;
use crate::event::Watermark;
use crate::model::Models;

impl Progress {
    /// Before the first customer, after these; `offsets` are the next ones of the partition.
    ///
    /// Time stands where it did in the partition that was furthest behind, so that no timer is passed over. Where it was
    /// further on, timers have fired already, and each state says what comes next.
    pub fn rekeyed(before: &[Progress], models: &Models, offsets: Vec<i64>) -> Progress {
        let known = || before.iter().filter(|progress| progress.customers() > 0);
        let watermark = known().map(|progress| progress.watermark).min();
        let fired_to = known().map(|progress| progress.fired_to.clone()).min();
        Progress {
            watermark: watermark.unwrap_or(Watermark::NONE),
            max_event_time: known().filter_map(|progress| progress.max_event_time).max(),
            min_delay: known()
                .filter_map(|progress| progress.min_delay)
                .max_by_key(|quickest| quickest.received_at),
            fired_to: fired_to.flatten(),
            offsets,
            ..Progress::new(models, 0)
        }
    }

    /// Counts a customer who has come.
    pub fn add_customer(&mut self, state: &CustomerState) {
        for (model, own) in state.models.iter().enumerate() {
            self.population.enter(model, own.stage);
        }
        self.timers += u64::from(state.armed.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventTime;
    use crate::model::SourceFile;
    use crate::partition::{Population, TimerKey};

    #[test]
    fn time_stands_where_it_was_furthest_behind() {
        let text = "model: m\nversion: 1\ninitial: a\nfacts: { n: count(any) }\nstages: { a: {}, b: {} }\n\
                    transitions:\n  - { from: a, to: b, when: n >= 1 }\n";
        let source = SourceFile {
            name: "m.yaml".to_owned(),
            text: text.to_owned(),
        };
        let models = Models::compile(vec![source]).unwrap().0;
        let at = |time: i64, customers: u64| Progress {
            batch: 9,
            watermark: Watermark(time),
            max_event_time: Some(EventTime(time + 5)),
            fired_to: Some(TimerKey {
                due: EventTime(time),
                customer: "ann".into(),
            }),
            population: Population(vec![vec![customers, 0]]),
            ..Progress::new(&models, 1)
        };
        // Nobody is in the one that is furthest behind of all.
        let before = [at(30, 2), at(20, 1), at(10, 0)];
        let progress = Progress::rekeyed(&before, &models, vec![7]);
        assert_eq!(progress.watermark, Watermark(20));
        assert_eq!(progress.fired_to.map(|key| key.due), Some(EventTime(20)));
        assert_eq!(progress.max_event_time, Some(EventTime(35)));
        assert_eq!((progress.batch, progress.offsets), (0, vec![7]));
        assert_eq!(progress.population, Population(vec![vec![0, 0]]));
        let none = Progress::rekeyed(&[at(10, 0)], &models, vec![7]);
        assert_eq!(
            none,
            Progress {
                offsets: vec![7],
                ..Progress::new(&models, 0)
            }
        );
    }
}
