//! Conditions over facts that are fuzzed, too: one fact per line, and the condition on the last line.

use tenure::model::{Condition, FactDeclaration, Models, ProblemReport};

use super::model::{check_condition, check_locations};
use super::source;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let Some((condition, declarations)) = lines.split_last() else {
        return;
    };
    declarations.iter().for_each(|text| check_declaration(text));
    match compile(condition, declarations) {
        Ok((models, warnings)) => {
            warnings.iter().for_each(check_locations);
            let model = &models.list.raw[0];
            let transition = &model.transitions.raw[0];
            assert_eq!(transition.text, *condition);
            check_condition(model, &transition.when, 1);
            check_texts(&transition.when, condition);
        }
        Err(reports) => reports.iter().for_each(check_locations),
    }
}

fn compile(
    condition: &str,
    declarations: &[&str],
) -> Result<(Models, Vec<ProblemReport>), Vec<ProblemReport>> {
    let mut text = "model: m\ninitial: a\nfacts:\n".to_owned();
    for (name, declaration) in NAMES.iter().zip(declarations) {
        text.push_str(&format!("  {name}: {}\n", quoted(declaration)));
    }
    let condition = quoted(condition);
    text.push_str("stages: { a: {}, b: {} }\ntransitions:\n");
    text.push_str(&format!("  - {{ from: a, to: b, when: {condition} }}\n"));
    Models::compile(vec![source("fuzz.yaml", &text)])
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Quoted for YAML.
fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

/// The span of a fault is inside the text.
fn check_declaration(text: &str) {
    let outcome = FactDeclaration::parse(text);
    assert_eq!(FactDeclaration::parse(text), outcome);
    if let Err(fault) = outcome {
        let within = text.get(fault.span.start..fault.span.end.min(text.len()));
        assert!(within.is_some(), "{fault:?}");
    }
}

/// The texts for evidence are parts of the condition.
fn check_texts(condition: &Condition, whole: &str) {
    condition.visit(&mut |part| match part {
        Condition::Compare(comparison) => assert!(whole.contains(&comparison.text)),
        Condition::CompareText(same) => assert!(whole.contains(&same.text)),
        Condition::Bool { text, .. } => assert!(whole.contains(text)),
        _ => {}
    });
}
