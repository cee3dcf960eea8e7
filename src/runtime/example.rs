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
    CustomerId, Decoder, Event, EventTime, EventType, Limits, Mapping, Millis, Money, Position,
};
use crate::model::{Example, Model, Models, Place};
use crate::partition::{Batch, Output, Progress, Record, View, apply};

pub use row::{Detail, Move, Row, Stay, Told};
pub use update::{Update, Verdict, update};

/// How a test came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The model's name.
    pub model: String,
    /// The test's name.
    pub name: String,
    /// The file it stands in, and where.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// The model's number among those that are loaded, and the test's in its file.
    pub number: (usize, usize),
    /// What was told, what was expected and what happened, in the order of what happened.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// Whether all that was expected happened, and nothing else.
    pub fn passed(&self) -> bool {
        !self.rows.iter().any(Row::is_wrong)
    }
}

/// Runs all tests of all models, each on its model alone as if no other were loaded.
pub fn run_all(models: &Models, money: &Money) -> Vec<Outcome> {
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        money.clone(),
        Limits::default(),
    );
    let mut outcomes = Vec::new();
    for (at, model) in models.list.iter().enumerate() {
        for (number, example) in model.examples.iter().enumerate() {
            outcomes.push(Outcome {
                model: model.name.clone(),
                name: example.name.clone(),
                file: model.source.name.clone(),
                place: example.place,
                number: (at, number),
                rows: rows(models, at, example, &decoder),
            });
        }
    }
    outcomes
}

/// How far beyond the end of a test is looked for what it expected: the last one is longer than a year.
const BEYOND: [Millis; 4] = [
    Millis(Millis::DAY.0),
    Millis(8 * Millis::DAY.0),
    Millis(64 * Millis::DAY.0),
    Millis(512 * Millis::DAY.0),
];
/// How many transitions are looked at beyond the end.
const MOVES_BEYOND_MAX: usize = 10_000;

fn rows(models: &Models, at: usize, example: &Example, decoder: &Decoder) -> Vec<Row> {
    let model = &models.list[at];
    let (told, records) = told(example, decoder);
    let run = |span, most| {
        let end = example.until.plus(span).unwrap_or(EventTime::MAX);
        outputs(models, records.clone(), end, most)
    };
    let outputs = run(Millis(0), None);
    let most = outputs.len() + MOVES_BEYOND_MAX;
    let mut rows = timeline::of(model, example, &told, moves(model, at, outputs));
    for span in BEYOND {
        if !rows.iter().any(Row::is_waited_for) {
            break;
        }
        let moves = moves(model, at, run(span, Some(most)));
        rows = timeline::of(model, example, &told, moves);
    }
    rows
}

/// The events of a test as people see them, and as records in the order in which they are told.
fn told(example: &Example, decoder: &Decoder) -> (Vec<Told>, Vec<Record>) {
    let (mut all, mut records) = (Vec::new(), Vec::new());
    for (line, occurrence) in example.events.iter().enumerate() {
        let position = Position {
            input: 0,
            offset: line as i64,
        };
        let arrives = occurrence.arrives.unwrap_or(occurrence.at);
        let after_the_end = arrives > example.until;
        let mut rejected = None;
        match decoder.json(occurrence.json.as_bytes()) {
            Err(reason) => rejected = Some(reason),
            Ok(_) if after_the_end => {}
            Ok(event) => {
                if occurrence.arrives.is_some() {
                    records.push((arrives, clock(arrives)));
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
        all.push(Told {
            occurrence: occurrence.clone(),
            rejected,
            after_the_end,
        });
    }
    records.sort_by_key(|(arrives, _)| *arrives);
    (all, records.into_iter().map(|(_, record)| record).collect())
}

/// What these records and silence until the end cause, each customer's in order.
fn outputs(
    models: &Models,
    records: Vec<Record>,
    end: EventTime,
    most: Option<usize>,
) -> Vec<Output> {
    let view = View {
        changes_max: most,
        ..View::default()
    };
    let batch = Batch {
        records,
        advance: Some(end.just_after()),
        ..Batch::default()
    };
    apply(models, Millis(0), &Progress::new(models, 1), view, batch).outputs
}

fn moves(model: &Model, at: usize, outputs: Vec<Output>) -> Vec<Move> {
    let of_model = |output| match output {
        Output::StageChanged { customer, change }
            if change.model == at && customer.as_str() != CLOCK =>
        {
            Some(Move::of(model, &customer, &change))
        }
        Output::StageChanged { .. }
        | Output::Rejected { .. }
        | Output::Restated { .. }
        | Output::InputLost(_) => None,
    };
    outputs.into_iter().filter_map(of_model).collect()
}

/// Nobody's id: ids have no control characters.
const CLOCK: &str = "\0";

/// Something that somebody else does shows that it is so late.
fn clock(time: EventTime) -> Record {
    let event = Event {
        customer: CustomerId::from(CLOCK),
        kind: EventType::UNNAMED,
        time,
        fields: Default::default(),
    };
    Record {
        position: Position::default(),
        timestamp: None,
        content: Ok(event),
    }
}
