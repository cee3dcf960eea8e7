//! Model files: problems have a location in the file; a model without problems can be run.

use tenure::customer::{self, CustomerState};
use tenure::event::{
    CurrencyRates, Decoder, Event, EventTime, Mapping, Millis, Position, RecordLimits,
};
use tenure::model::{
    Condition, FactId, Model, Models, ProblemReport, StageFact, StageId, Term, TextTerm,
    ValueSource,
};

use super::{is_harmless, source};

/// The nesting limit of the parser, with the levels that `&&` and `-` add.
const DEPTH_MAX: usize = 50;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let outcome = compile(text);
    assert_eq!(format!("{:?}", compile(text)), format!("{outcome:?}"));
    match outcome {
        Ok((models, warnings)) => {
            assert!(!warnings.iter().any(ProblemReport::has_errors));
            warnings.iter().for_each(check_locations);
            check_model(&models);
            run_customer(&models);
        }
        Err(reports) => {
            assert!(reports.iter().any(ProblemReport::has_errors));
            reports.iter().for_each(check_locations);
        }
    }
}

fn compile(text: &str) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
    Models::compile(vec![source("fuzz.yaml", text)])
}

/// Every problem is on an existing line, at most one column after its end; one line after the last one only if something
/// is missing at the end of the file.
pub(super) fn check_locations(report: &ProblemReport) {
    let lines: Vec<&str> = report.source.text.lines().collect();
    assert!(!report.problems.is_empty());
    for problem in &report.problems {
        let location = problem.location;
        assert!(location.line >= 1 && location.column >= 1, "{problem:?}");
        let below = location.line == lines.len() + 1;
        let line = lines.get(location.line - 1);
        assert!(line.is_some() || below, "{problem:?}");
        let chars = line.map_or(0, |line| line.chars().count());
        assert!(location.column <= chars + 1, "{problem:?}");
        let beyond = location.column - 1 + location.width > chars.max(location.column);
        assert!(!beyond, "{problem:?}");
    }
    assert!(is_harmless(&report.to_string()));
}

fn check_model(models: &Models) {
    for model in &models.list {
        let known = |stage: StageId| model.stages.get(stage).is_some();
        assert!(known(model.initial) && model.outgoing.len() == model.stages.len());
        for transition in &model.transitions {
            assert!(known(transition.to) && !transition.from.contains(&transition.to));
            assert!(transition.from.iter().all(|from| known(*from)));
            check_condition(model, &transition.when, 1);
        }
        for fact in &model.facts {
            check_source(models, model, fact.accessor.source);
        }
    }
}

fn check_source(models: &Models, model: &Model, source: ValueSource) {
    if let ValueSource::Stage(
        StageFact::Visits(stage) | StageFact::TimeIn(stage) | StageFact::Entered(stage),
    ) = source
    {
        assert!(model.stages[stage].tracks_visits);
    }
    let slots = source.slots();
    assert!(slots.iter().all(|slot| models.slots.list().get(*slot).is_some()));
}

pub(super) fn check_condition(model: &Model, condition: &Condition, depth: usize) {
    assert!(depth <= DEPTH_MAX);
    let known = |fact: FactId| assert!(model.facts.get(fact).is_some());
    match condition {
        Condition::Constant(_) | Condition::OnEvent(_) => {}
        Condition::Has(fact) | Condition::Bool { fact, .. } => known(*fact),
        Condition::Not(inner) => check_condition(model, inner, depth + 1),
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| check_condition(model, part, depth + 1))
        }
        Condition::Compare(comparison) => {
            let all = comparison.facts.iter().chain(&comparison.windowed_facts);
            all.for_each(|fact| known(*fact));
            check_term(model, &comparison.left, depth + 1);
            check_term(model, &comparison.right, depth + 1);
        }
        Condition::CompareText(same) => {
            for term in [&same.left, &same.right] {
                if let TextTerm::Fact(fact) = term {
                    known(*fact);
                }
            }
        }
    }
}

fn check_term(model: &Model, term: &Term, depth: usize) {
    assert!(depth <= DEPTH_MAX);
    match term {
        Term::Constant(_) => {}
        Term::Fact(fact) | Term::Since(fact) => assert!(model.facts.get(*fact).is_some()),
        Term::Negate(inner) => check_term(model, inner, depth + 1),
        Term::Binary(_, left, right) => {
            check_term(model, left, depth + 1);
            check_term(model, right, depth + 1);
        }
    }
}

/// Processes the events of the model's own tests for one customer, with time between them; the resulting state can be
/// stored.
fn run_customer(models: &Models) {
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let examples = models.list.iter().flat_map(|model| &model.tests);
    let events = examples.flat_map(|example| &example.events);
    let events = events.filter_map(|event| decoder.decode_json(event.json.as_bytes()).ok());
    let events: Vec<Event> = events.take(EVENTS_MAX).collect();
    let Some(first) = events.first() else {
        return;
    };
    let (mut time, step) = (first.time, pause(models));
    let mut state = CustomerState::new(models, time, Position::default());
    let mut changes = Vec::new();
    for event in events {
        let event = Event { time, ..event };
        state.receive(models, &event, Position::default(), usize::MAX, &mut changes);
        time = time.checked_add(step).unwrap_or(EventTime::MAX);
    }
    state.fire_timers(models, time, 10_000, &mut changes);
    for change in &changes {
        let definition = &models.list[change.model].transitions[change.transition];
        match change.corrects {
            None => assert!(definition.from.contains(&change.from) && definition.to == change.to),
            Some(corrected) => {
                assert!(definition.from.contains(&corrected.from));
                assert!(definition.to == change.from && change.from != change.to);
            }
        }
    }
    let mut bytes = Vec::new();
    customer::encode(&state, &mut bytes);
    assert_eq!(customer::decode(&bytes, models), Ok(state));
}

const EVENTS_MAX: usize = 20;

/// A day; less if the model can cycle by timers alone in less.
fn pause(models: &Models) -> Millis {
    let delays = models.list.iter().flat_map(|model| {
        let dwells = model.stages.iter().map(|stage| stage.min_dwell);
        dwells.chain(model.transitions.iter().map(|transition| transition.hold))
    });
    let shortest = delays.filter(|delay| delay.0 > 0).min();
    let day = Millis::DAY;
    shortest.map_or(day, |delay| Millis(delay.0.saturating_mul(20)).min(day))
}
