//! Models from text, and their own tests.

use tenure::authoring::model_test::{TestOutcome, run_tests};
use tenure::event::CurrencyRates;
use tenure::model::{Models, SourceFile};

pub(super) fn compile(name: &str, text: &str) -> Models {
    let source = SourceFile { name: name.to_owned(), text: text.to_owned() };
    let compiled = Models::compile(vec![source]);
    compiled.unwrap_or_else(|reports| panic!("{}\n{text}", reports[0])).0
}

/// Fails with the timelines of the failed tests; returns how many tests there are.
pub(super) fn assert_tests_pass(models: &Models) -> usize {
    let outcomes = run_tests(models, &CurrencyRates::default());
    let failed: Vec<&TestOutcome> = outcomes.iter().filter(|it| !it.passed()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    outcomes.len()
}
