//! Runs the tests that a model file contains.
//!
//! `timeline` compares expected with actual transitions. For `--update`, `expect_block` replaces the expectations in the
//! text of a file, and `update` tries the result.

mod expect_block;
mod timeline;
mod update;

use crate::customer::StageChange;
use crate::event::{
    CurrencyRates, CustomerId, Decoder, Event, EventTime, EventType, Field, FieldKind, Mapping,
    Millis, Position, RecordLimits,
};
use crate::model::{Location, Model, ModelId, ModelTest, Models, TestTransition};
use crate::partition::{Batch, Output, Progress, Record, StateView, apply};

pub use expect_block::DroppedComment;
pub use timeline::{EventRow, TimelineRow, format_instant};
pub use update::{ExpectationUpdate, UpdateError, UpdateResult, update_expectations};

/// A model, and the index of a test in its file.
pub type TestId = (ModelId, usize);

/// The result of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// The model's name.
    pub model: String,
    /// The test's name.
    pub name: String,
    pub file: String,
    /// The test's location in the file.
    pub location: Location,
    pub id: TestId,
    /// Events, expected and actual transitions, in the order of the actual ones.
    pub rows: Vec<TimelineRow>,
}

impl TestOutcome {
    /// Whether the actual transitions are exactly the expected ones.
    pub fn passed(&self) -> bool {
        !self.rows.iter().any(TimelineRow::is_failure)
    }

    /// The location of the first event that is rejected.
    fn rejected_event(&self) -> Option<Location> {
        self.rows.iter().find_map(|row| match row {
            TimelineRow::Event(row) => row.rejected.and(Some(row.event.location)),
            _ => None,
        })
    }
}

/// Runs all tests of all models, each with its model alone.
pub fn run_tests(models: &Models, rates: &CurrencyRates) -> Vec<TestOutcome> {
    let mut vocabulary = models.vocabulary.clone();
    // Written for a test, an amount that cannot be read is a mistake, also where the model reads none.
    vocabulary.intern_field(Field::Value, FieldKind::Number);
    let decoder =
        Decoder::new(Mapping::default(), vocabulary, rates.clone(), RecordLimits::default());
    let mut outcomes = Vec::new();
    for (id, model) in models.list.iter_enumerated() {
        for (number, test) in model.tests.iter().enumerate() {
            outcomes.push(TestOutcome {
                model: model.name.clone(),
                name: test.name.clone(),
                file: model.source.name.clone(),
                location: test.location,
                id: (id, number),
                rows: timeline_rows(models, id, test, &decoder),
            });
        }
    }
    outcomes
}

/// How far beyond the end of a test a missing transition is searched: more than a year.
const LOOKAHEAD_SPAN: Millis = Millis(512 * Millis::DAY.0);
/// The most transitions beyond the end that are searched.
const LOOKAHEAD_TRANSITIONS_MAX: usize = 10_000;

fn timeline_rows(
    models: &Models,
    id: ModelId,
    test: &ModelTest,
    decoder: &Decoder,
) -> Vec<TimelineRow> {
    let (events, records) = decode_events(test, decoder);
    let build = |end, transitions_max| {
        let outputs = apply_records(models, records.clone(), end, transitions_max);
        let count = outputs.len();
        let transitions = actual_transitions(&models.list[id], id, outputs);
        (timeline::build(&models.list[id], test, &events, &transitions), count)
    };
    let (rows, count) = build(test.until, None);
    if !rows.iter().any(|row| matches!(row, TimelineRow::Missing { .. })) {
        return rows;
    }
    let end = test.until.checked_add(LOOKAHEAD_SPAN).unwrap_or(EventTime::MAX);
    build(end, Some(count + LOOKAHEAD_TRANSITIONS_MAX)).0
}

/// The events of a test as rows in the order of the file, and as records in the order in which they are received.
fn decode_events(test: &ModelTest, decoder: &Decoder) -> (Vec<EventRow>, Vec<Record>) {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for (number, event) in test.events.iter().enumerate() {
        let position = Position { input: 0, offset: number as i64 };
        let received_at = event.arrives.unwrap_or(event.at);
        let is_after_end = received_at > test.until;
        let mut rejected = None;
        match decoder.decode_json(event.json.as_bytes()) {
            Err(reason) => rejected = Some(reason),
            Ok(_) if is_after_end => {}
            Ok(decoded) => {
                if event.arrives.is_some() {
                    // Raises the watermark before the late event is applied.
                    records.push((received_at, clock_record(received_at)));
                }
                let record = Record { position, timestamp: None, content: Ok(decoded) };
                records.push((received_at, record));
            }
        }
        rows.push(EventRow { event: event.clone(), rejected, is_after_end });
    }
    records.sort_by_key(|(received_at, _)| *received_at);
    let records = records.into_iter().map(|(_, record)| record);
    (rows, records.collect())
}

/// The outputs of these records, and of the time up to `end`; each customer's are in order.
fn apply_records(
    models: &Models,
    records: Vec<Record>,
    end: EventTime,
    transitions_max: Option<usize>,
) -> Vec<Output> {
    let view = StateView { transitions_max, ..StateView::default() };
    let batch = Batch { records, advance_to: Some(end.just_after()), ..Batch::default() };
    apply(models, Millis(0), &Progress::new(models, 1), view, batch).outputs
}

fn actual_transitions(model: &Model, id: ModelId, outputs: Vec<Output>) -> Vec<TestTransition> {
    let transition = |output| match output {
        Output::StageChanged { customer, change }
            if change.model == id && customer.as_str() != CLOCK_CUSTOMER =>
        {
            Some(actual_transition(model, &customer, &change))
        }
        Output::StageChanged { .. }
        | Output::Rejected { .. }
        | Output::StageRenamed { .. }
        | Output::InputLost(_) => None,
    };
    outputs.into_iter().filter_map(transition).collect()
}

fn actual_transition(model: &Model, customer: &CustomerId, change: &StageChange) -> TestTransition {
    TestTransition {
        location: Location::default(),
        at: change.effective_at,
        customer: customer.as_str().to_owned(),
        from: Some(model.stages[change.from].name.clone()),
        to: model.stages[change.to].name.clone(),
        cause: Some(change.cause.name().to_owned()),
        transition: Some(change.transition_name(model)),
    }
}

/// The id of no customer of a test, since ids have no control characters.
const CLOCK_CUSTOMER: &str = "\0";

/// An event of another customer, which advances the watermark to `time`.
fn clock_record(time: EventTime) -> Record {
    let event = Event {
        customer: CustomerId::from(CLOCK_CUSTOMER),
        event_type: EventType::UNNAMED,
        time,
        fields: Default::default(),
    };
    Record { position: Position::default(), timestamp: None, content: Ok(event) }
}
