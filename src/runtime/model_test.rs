//! Runs the tests that a model file contains.
//!
//! Here they run; `timeline` holds what was expected against what happened, `align` finds out which of the
//! two belong together, `row` is what comes of it. `edit` says what must change in the file so that what
//! happened is what is expected, and `update` tries it.

mod align;
mod edit;
mod row;
mod timeline;
mod update;

use crate::event::{
    CurrencyRates, CustomerId, Decoder, Event, EventTime, EventType, Mapping, Millis, Position,
    RecordLimits,
};
use crate::model::{Location, Model, ModelTest, Models};
use crate::partition::{Batch, Output, Progress, Record, StateView, apply};

pub use row::{ActualTransition, CustomerStage, EventRow, ExpectationField, TimelineRow};
pub use update::{ExpectationUpdate, UpdateResult, update_expectations};

/// How a test came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// The model's name.
    pub model: String,
    /// The test's name.
    pub name: String,
    /// The file it stands in, and where.
    pub file: String,
    /// Where in the file.
    pub location: Location,
    /// The model's number among those that are loaded, and the test's in its file.
    pub id: (usize, usize),
    /// What was told, what was expected and what happened, in the order of what happened.
    pub rows: Vec<TimelineRow>,
}

impl TestOutcome {
    /// Whether all that was expected happened, and nothing else.
    pub fn passed(&self) -> bool {
        !self.rows.iter().any(TimelineRow::is_failure)
    }
}

/// Runs all tests of all models, each on its model alone as if no other were loaded.
pub fn run_tests(models: &Models, money: &CurrencyRates) -> Vec<TestOutcome> {
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        money.clone(),
        RecordLimits::default(),
    );
    let mut outcomes = Vec::new();
    for (at, model) in models.list.iter().enumerate() {
        for (number, example) in model.tests.iter().enumerate() {
            outcomes.push(TestOutcome {
                model: model.name.clone(),
                name: example.name.clone(),
                file: model.source.name.clone(),
                location: example.location,
                id: (at, number),
                rows: timeline_rows(models, at, example, &decoder),
            });
        }
    }
    outcomes
}

/// How far beyond the end of a test is looked for what it expected: the last one is longer than a year.
const LOOKAHEAD_SPANS: [Millis; 4] = [
    Millis(Millis::DAY.0),
    Millis(8 * Millis::DAY.0),
    Millis(64 * Millis::DAY.0),
    Millis(512 * Millis::DAY.0),
];
/// How many transitions are looked at beyond the end.
const LOOKAHEAD_TRANSITIONS_MAX: usize = 10_000;

fn timeline_rows(
    models: &Models,
    at: usize,
    example: &ModelTest,
    decoder: &Decoder,
) -> Vec<TimelineRow> {
    let model = &models.list[at];
    let (told, records) = decode_events(example, decoder);
    let run = |span, most| {
        let end = example.until.checked_add(span).unwrap_or(EventTime::MAX);
        apply_records(models, records.clone(), end, most)
    };
    let outputs = run(Millis(0), None);
    let most = outputs.len() + LOOKAHEAD_TRANSITIONS_MAX;
    let mut rows = timeline::build(
        model,
        example,
        &told,
        actual_transitions(model, at, outputs),
    );
    for span in LOOKAHEAD_SPANS {
        if !rows.iter().any(TimelineRow::is_pending) {
            break;
        }
        let moves = actual_transitions(model, at, run(span, Some(most)));
        rows = timeline::build(model, example, &told, moves);
    }
    rows
}

/// The events of a test as people see them, and as records in the order in which they are told.
fn decode_events(example: &ModelTest, decoder: &Decoder) -> (Vec<EventRow>, Vec<Record>) {
    let (mut all, mut records) = (Vec::new(), Vec::new());
    for (line, occurrence) in example.events.iter().enumerate() {
        let position = Position {
            input: 0,
            offset: line as i64,
        };
        let arrives = occurrence.arrives.unwrap_or(occurrence.at);
        let after_the_end = arrives > example.until;
        let mut rejected = None;
        match decoder.decode_json(occurrence.json.as_bytes()) {
            Err(reason) => rejected = Some(reason),
            Ok(_) if after_the_end => {}
            Ok(event) => {
                if occurrence.arrives.is_some() {
                    records.push((arrives, clock_record(arrives)));
                }
                let content = Ok(event);
                let record = Record {
                    position,
                    timestamp: None,
                    content,
                };
                records.push((arrives, record));
            }
        }
        all.push(EventRow {
            event: occurrence.clone(),
            rejected,
            is_after_end: after_the_end,
        });
    }
    records.sort_by_key(|(arrives, _)| *arrives);
    (all, records.into_iter().map(|(_, record)| record).collect())
}

/// What these records and silence until the end cause, each customer's in order.
fn apply_records(
    models: &Models,
    records: Vec<Record>,
    end: EventTime,
    most: Option<usize>,
) -> Vec<Output> {
    let view = StateView {
        transitions_max: most,
        ..StateView::default()
    };
    let batch = Batch {
        records,
        advance_to: Some(end.just_after()),
        ..Batch::default()
    };
    apply(models, Millis(0), &Progress::new(models, 1), view, batch).outputs
}

fn actual_transitions(model: &Model, at: usize, outputs: Vec<Output>) -> Vec<ActualTransition> {
    let of_model = |output| match output {
        Output::StageChanged { customer, change }
            if change.model == at && customer.as_str() != CLOCK_CUSTOMER =>
        {
            Some(ActualTransition::new(model, &customer, &change))
        }
        Output::StageChanged { .. }
        | Output::Rejected { .. }
        | Output::StageRenamed { .. }
        | Output::InputLost(_) => None,
    };
    outputs.into_iter().filter_map(of_model).collect()
}

/// Nobody's id: ids have no control characters.
const CLOCK_CUSTOMER: &str = "\0";

/// Something that somebody else does shows that it is so late.
fn clock_record(time: EventTime) -> Record {
    let event = Event {
        customer: CustomerId::from(CLOCK_CUSTOMER),
        event_type: EventType::UNNAMED,
        time,
        fields: Default::default(),
    };
    Record {
        position: Position::default(),
        timestamp: None,
        content: Ok(event),
    }
}
