//! Runs the tests that a model file contains.

use std::fmt;

use crate::customer::{Cause, StageChange};
use crate::event::{
    CustomerId, Decoder, Event, EventTime, EventType, Limits, Mapping, Millis, Money, Position,
};
use crate::model::{Example, Expectation, Model, Models, ONLY_CUSTOMER, Place};
use crate::partition::{Batch, Output, Progress, Record, View, apply};

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
    /// What is different, line by line; nothing when the test passed.
    pub differences: Vec<Difference>,
}

/// One line of expected and actual transitions side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Expected, and it happened.
    Same(String),
    /// Expected, and it did not happen.
    Missing(String),
    /// It happened, and was not expected.
    Unexpected(String),
    /// An event of the test that cannot be read.
    BadEvent(String),
}

impl Outcome {
    /// Whether all that was expected happened, and nothing else.
    pub fn passed(&self) -> bool {
        self.differences
            .iter()
            .all(|line| matches!(line, Difference::Same(_)))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Same(line) => write!(out, "    {line}"),
            Difference::Missing(line) => write!(out, "  - {line}   expected, did not happen"),
            Difference::Unexpected(line) => write!(out, "  + {line}   happened, not expected"),
            Difference::BadEvent(line) => write!(out, "  ! {line}"),
        }
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
    let run = |at: usize, model: &Model, example: &Example| {
        let differences = differences(models, at, model, example, &decoder);
        Outcome {
            model: model.name.clone(),
            name: example.name.clone(),
            file: model.source.name.clone(),
            place: example.place,
            differences,
        }
    };
    let each = models.list.iter().enumerate();
    each.flat_map(|(at, model)| {
        model
            .examples
            .iter()
            .map(move |example| (at, model, example))
    })
    .map(|(at, model, example)| run(at, model, example))
    .collect()
}

fn differences(
    models: &Models,
    at: usize,
    model: &Model,
    example: &Example,
    decoder: &Decoder,
) -> Vec<Difference> {
    let mut records = Vec::new();
    let mut differences = Vec::new();
    for (line, occurrence) in example.events.iter().enumerate() {
        let position = Position {
            input: 0,
            offset: line as i64,
        };
        match decoder.json(occurrence.json.as_bytes()) {
            Ok(event) => {
                let told = occurrence.arrives.unwrap_or(event.time);
                if told > example.until {
                    continue;
                }
                if occurrence.arrives.is_some() {
                    records.push((told, clock(told)));
                }
                let content = Ok(event);
                records.push((told, Record { position, content }));
            }
            Err(reason) => differences.push(Difference::BadEvent(format!(
                "line {}: the event is rejected: {reason}",
                occurrence.place.line
            ))),
        }
    }
    records.sort_by_key(|(told, _)| *told);
    let records = records.into_iter().map(|(_, record)| record).collect();
    let advance = Some(EventTime(example.until.0.saturating_add(1)));
    let commit = apply(
        models,
        Millis(0),
        &Progress::new(models, 1),
        View::default(),
        Batch {
            records,
            advance,
            delay: None,
        },
    );
    let actual = commit
        .outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::StageChanged { customer, change }
                if change.model == at && customer.as_str() != CLOCK =>
            {
                Some((customer, change))
            }
            Output::StageChanged { .. } | Output::Rejected { .. } | Output::Restated { .. } => None,
        });
    differences.extend(compare(model, &example.expect, &actual.collect::<Vec<_>>()));
    differences
}

/// Nobody's id: ids have no control characters.
const CLOCK: &str = "\0";

/// Something that somebody else does shows that it is so late.
fn clock(time: EventTime) -> Record {
    let event = Event {
        customer: CLOCK.into(),
        kind: EventType::UNNAMED,
        time,
        fields: Default::default(),
    };
    Record {
        position: Position::default(),
        content: Ok(event),
    }
}

/// Walks both lists in order; of two that differ, the earlier one is out of place. At one instant
/// the order between customers says nothing, that of one customer does.
fn compare(
    model: &Model,
    expected: &[Expectation],
    actual: &[(CustomerId, StageChange)],
) -> Vec<Difference> {
    let mut expected: Vec<&Expectation> = expected.iter().collect();
    expected.sort_by_key(|e| (e.at, e.customer.as_str()));
    let mut actual: Vec<&(CustomerId, StageChange)> = actual.iter().collect();
    actual.sort_by_key(|a| key(a));
    let (mut expected, mut actual) = (expected.as_slice(), actual.as_slice());
    let mut lines = Vec::new();
    while let [e, later_expected @ ..] = expected {
        match actual {
            [a, later @ ..] if matches(model, e, a) => {
                lines.push(Difference::Same(happened(model, a)));
                (expected, actual) = (later_expected, later);
            }
            // It comes later, perhaps at this very instant: then this one is out of place.
            [a, later @ ..]
                if key(a) < (e.at, &e.customer) || later.iter().any(|a| matches(model, e, a)) =>
            {
                lines.push(Difference::Unexpected(happened(model, a)));
                actual = later;
            }
            _ => {
                lines.push(Difference::Missing(wanted(e)));
                expected = later_expected;
            }
        }
    }
    let rest = actual.iter().map(|a| happened(model, a));
    lines.extend(rest.map(Difference::Unexpected));
    lines
}

fn key((customer, change): &(CustomerId, StageChange)) -> (EventTime, &str) {
    (change.effective_at, customer.as_str())
}

/// An expectation as far as it says something, and where it stands.
fn wanted(expected: &Expectation) -> String {
    let from = expected.from.as_deref().map(|from| format!("{from} -> "));
    let details = [&expected.cause, &expected.transition];
    let details: Vec<&str> = details
        .into_iter()
        .filter_map(|detail| detail.as_deref())
        .collect();
    let line = format!("{}{}", from.unwrap_or_default(), expected.to);
    let place = format!(" (line {})", expected.place.line);
    shown(expected.at, &expected.customer, &line, &details) + &place
}

fn happened(model: &Model, (customer, change): &(CustomerId, StageChange)) -> String {
    let [from, to] = [change.from, change.to].map(|stage| &model.stages[stage].name);
    let name = match change.cause {
        Cause::Event | Cause::Timer => model.transitions[change.transition].name.as_deref(),
        Cause::Correction => None,
        Cause::ModelChange => None,
    };
    let details: Vec<&str> = std::iter::once(change.cause.name()).chain(name).collect();
    shown(
        change.effective_at,
        customer.as_str(),
        &format!("{from} -> {to}"),
        &details,
    )
}

fn shown(at: EventTime, customer: &str, moved: &str, details: &[&str]) -> String {
    let who = match customer {
        ONLY_CUSTOMER => String::new(),
        other => format!("{other}: "),
    };
    let details = match details {
        [] => String::new(),
        some => format!(" by {}", some.join(", ")),
    };
    format!("{at}  {who}{moved}{details}")
}

fn matches(
    model: &Model,
    expected: &Expectation,
    (customer, change): &(CustomerId, StageChange),
) -> bool {
    let name = change.transition_name(model);
    expected.at == change.effective_at
        && expected.customer == customer.as_str()
        && expected.to == model.stages[change.to].name
        && expected
            .from
            .as_ref()
            .is_none_or(|from| *from == model.stages[change.from].name)
        && expected
            .cause
            .as_ref()
            .is_none_or(|cause| cause == change.cause.name())
        && expected
            .transition
            .as_ref()
            .is_none_or(|wanted| *wanted == name)
}
