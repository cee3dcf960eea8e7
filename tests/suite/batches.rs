//! Batches are bounded, whatever the models do.

use tenure::event::{CurrencyRates, Decoder, Mapping, Millis, Position, RecordLimits, Rejection};
use tenure::model::{Models, SourceFile};
use tenure::partition::{Batch, Progress, Record, StateView, apply};

/// Cycles by time alone, once in two seconds.
const MODEL: &str = r"
model: circle
version: 1
initial: here
facts:
  visits: count(visit)
stages:
  here: {}
  there: {}
transitions:
  - { from: here, to: there, when: visits >= 1, hold: 1s }
  - { from: there, to: here, when: visits >= 1, hold: 1s }
";
const CHANGES_MAX: usize = 1_000;

#[test]
fn a_day_of_a_cyclic_model_is_split_into_batches() {
    let source = SourceFile { name: "circle.yaml".to_owned(), text: MODEL.to_owned() };
    let models = Models::compile(vec![source]).unwrap().0;
    let (vocabulary, money) = (models.vocabulary.clone(), CurrencyRates::default());
    let decoder = Decoder::new(Mapping::default(), vocabulary, money, RecordLimits::default());
    let visit = |offset, day: i64, customer: &str| {
        let time = 1_767_225_600_000 + day * Millis::DAY.0;
        let json = format!(r#"{{"type":"visit","customer_id":"{customer}","time":{time}}}"#);
        let content = decoder.decode_json(json.as_bytes());
        Record {
            position: Position { input: 0, offset },
            timestamp: None,
            content: content.map_err(|_| unreachable!() as Rejection),
        }
    };
    // The second record advances the customer by a day, the third is of another customer, the last one is late.
    let mut records = vec![visit(0, 0, "a"), visit(1, 1, "a"), visit(2, 2, "b"), visit(3, 1, "c")];
    let mut progress = Progress::new(&models, 1);
    let mut view = StateView::default();
    let (mut changes, mut batches, mut finished) = (0, 0, false);
    while !finished || !records.is_empty() {
        view.transitions_max = Some(CHANGES_MAX);
        let batch = Batch { records, ..Batch::default() };
        let commit = apply(&models, Millis(0), &progress, view.clone(), batch);
        assert!(commit.outputs.len() <= CHANGES_MAX + 1);
        for timer in &commit.removed_timers {
            view.timers.remove(timer);
        }
        view.timers.extend(commit.added_timers);
        let states = commit.states.into_iter();
        view.states.extend(states.map(|(id, state)| (id, state.into())));
        changes += commit.outputs.len();
        batches += 1;
        (records, progress, finished) = (commit.unused, commit.progress, commit.finished);
    }
    // Two days of the first customer, one of the late one; timers that are due at the end itself do not fire yet.
    let day = 86_400;
    assert_eq!(changes, 3 * day - 2);
    assert!(batches >= changes / CHANGES_MAX, "{batches}");
    assert_eq!(progress.offsets, [4]);
}
