//! The reference of model files is correct and complete.

mod schema;
mod validate;
mod yaml;

use std::fs;
use std::path::Path;

use tenure::authoring::model_schema;
use tenure::model::{
    AGGREGATES, DEDUPE_IDS_MAX, FACTS_MAX, FUNCTIONS, MODELS_MAX, Models, PROBLEMS_SHOWN_MAX,
    ProblemReport, STAGE_FACT_NAMES, STAGES_MAX, SourceFile, TRANSITIONS_MAX,
};

use super::models::assert_tests_pass;

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn reference() -> String {
    file("config/models/README.md")
}

/// The models that the reference shows.
fn blocks() -> Vec<String> {
    let text = reference();
    let fence = "```yaml\n";
    let begins = text.match_indices(fence).map(|(at, _)| at + fence.len());
    begins.map(|at| text[at..].split("```").next().unwrap().to_owned()).collect()
}

fn compile(text: &str) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
    Models::compile(vec![SourceFile { name: "model.yaml".to_owned(), text: text.to_owned() }])
}

#[test]
fn every_model_compiles_without_a_warning_and_passes_its_own_tests() {
    let blocks = blocks();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for text in blocks {
        let (models, warnings) = compile(&text).unwrap_or_else(|reports| panic!("{}", reports[0]));
        assert_eq!(warnings, [], "{text}");
        assert!(assert_tests_pass(&models) > 0, "{text}");
    }
}

#[test]
fn the_reference_names_every_key_aggregate_and_function() {
    let text = reference();
    for key in schema::keys(&model_schema()) {
        assert!(text.contains(&format!("`{key}`")), "the key {key}");
    }
    for name in AGGREGATES.iter().chain(&FUNCTIONS) {
        assert!(text.contains(&format!("`{name}(")), "{name}()");
    }
    for name in STAGE_FACT_NAMES {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    for name in schema::reserved(&model_schema()) {
        assert!(text.contains(&format!("`{name}`")), "the name {name}");
    }
}

/// Each row of the table of refused conditions is checked.
#[test]
fn refused_conditions_are_reported_as_documented() {
    let text = reference();
    let (_, section) = text.split_once("### What is refused, and why").unwrap();
    let section = section.split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut wrong = Vec::new();
    let mut cases = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(" | ").collect();
        let condition = cells[0].trim_start_matches("| ").trim_matches('`');
        let found = errors(condition);
        let expected = cells[1].trim();
        if !matches!(found.as_slice(), [only] if only.starts_with(expected)) {
            wrong.push(format!("{condition}: {found:?}, not {expected}"));
        }
        cases += 1;
    }
    assert!(cases >= 14, "{cases}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The errors of a transition with this condition.
fn errors(condition: &str) -> Vec<String> {
    let frame = "
model: frame
initial: new
facts:
  orders: count(order_completed)
  last_order: last(order_completed)
  score: latest(nps_answered.score)
stages: { new: {}, buyer: {} }
transitions:
  - from: new
    to: buyer
    when: \"CONDITION\"
";
    let reports = compile(&frame.replace("CONDITION", condition)).err();
    let reports = reports.unwrap_or_default();
    let problems = reports.iter().flat_map(|report| &report.problems);
    problems.map(|problem| problem.message.clone()).collect()
}

#[test]
fn the_documented_limits_are_those_of_the_code() {
    let text = reference();
    for (what, most) in [
        ("stages of a model", STAGES_MAX),
        ("transitions of a model", TRANSITIONS_MAX),
        ("facts of a model, including those in conditions", FACTS_MAX),
        ("models in parallel", MODELS_MAX),
        ("problems shown of one file", PROBLEMS_SHOWN_MAX),
    ] {
        assert!(text.contains(&format!("| {what} | {most} |")), "{what}");
    }
    assert!(text.contains(&format!("at most {DEDUPE_IDS_MAX} ids")));
    let condition = |length: usize| format!("score == '{}'", "x".repeat(length - 11));
    assert_eq!(errors(&condition(4096)), [""; 0]);
    assert_eq!(errors(&condition(4097)), ["longer than 4096 bytes"]);
    let row = |signs: usize| vec!["orders"; signs + 1].join(" + ") + " > 0";
    assert_eq!(errors(&row(48)), [""; 0]);
    assert_eq!(errors(&row(49)), ["nested too deeply"]);
}
