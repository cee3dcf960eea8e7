//! Updates the expectations of failed tests in the texts of model files. All edits are tried before they are returned.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{edit_error_at, expectation_changes};
use super::rewrite::{EditError, ModelFileEditor, TestEdit};
use super::{TestOutcome, run_tests};
use crate::event::CurrencyRates;
use crate::model::{Models, SourceFile};

/// The index of the model among the loaded ones, and that of the test in its file.
type TestId = (usize, usize);

#[derive(Clone, Debug)]
pub struct ExpectationUpdate {
    /// By model: the new text of its file, if it changes.
    pub texts: Vec<Option<String>>,
    /// By failed test that was to be updated.
    pub results: BTreeMap<TestId, UpdateResult>,
    /// The outcomes of all tests with the new texts.
    pub outcomes: Vec<TestOutcome>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateResult {
    /// The test passes now.
    Updated,
    /// The test could not be updated, for this reason.
    Unchanged(EditError),
}

/// Replaces the expectations of the failed and `wanted` tests by the actual transitions. `texts` are the models'
/// files as they are on disk, with their line ends; `outcomes` are those of all tests.
///
/// The result has been tried: all updated tests pass, all others have the same outcome as before, and the files differ
/// in these expectations only. A test for which that is impossible is not updated.
pub fn update_expectations(
    models: &Models,
    texts: &[String],
    outcomes: &[TestOutcome],
    wanted: impl Fn(&TestOutcome) -> bool,
    rates: &CurrencyRates,
) -> ExpectationUpdate {
    let mut results = BTreeMap::new();
    let mut edits = BTreeMap::new();
    for outcome in outcomes.iter().filter(|it| !it.passed() && wanted(it)) {
        let (model, test) = outcome.id;
        match expectation_changes(&models.list[model].tests[test], outcome) {
            Ok(changes) => drop(edits.insert(outcome.id, TestEdit { test, changes })),
            Err(refusal) => drop(results.insert(outcome.id, UpdateResult::Unchanged(refusal))),
        }
    }
    // Ends, since each failed round drops at least one edit.
    loop {
        match try_edits(models, texts, outcomes, &edits, rates) {
            Ok((texts, outcomes)) => {
                let updated = edits.into_keys();
                results.extend(updated.map(|test| (test, UpdateResult::Updated)));
                return ExpectationUpdate {
                    texts,
                    results,
                    outcomes,
                };
            }
            Err(refused) => {
                for (test, refusal) in refused {
                    edits.remove(&test);
                    results.insert(test, UpdateResult::Unchanged(refusal));
                }
            }
        }
    }
}

type TrialResult = (Vec<Option<String>>, Vec<TestOutcome>);

/// The files with these edits and the outcomes of their tests; else the refused edits, at least one.
fn try_edits(
    models: &Models,
    texts: &[String],
    before: &[TestOutcome],
    edits: &BTreeMap<TestId, TestEdit>,
    rates: &CurrencyRates,
) -> Result<TrialResult, Vec<(TestId, EditError)>> {
    let mut new = vec![None; texts.len()];
    let mut refused = Vec::new();
    for (model, text) in texts.iter().enumerate() {
        let file_edits = edits.range((model, 0)..(model + 1, 0));
        let file_edits: Vec<TestEdit> = file_edits.map(|(_, edit)| edit.clone()).collect();
        if file_edits.is_empty() {
            continue;
        }
        match rewrite(text, &file_edits) {
            Some((text, none)) if none.is_empty() => new[model] = Some(text),
            Some((_, some)) => {
                refused.extend(some.into_iter().map(|(test, why)| ((model, test), why)));
            }
            None => {
                let why = "its expectations cannot be changed without changing something else";
                let all = file_edits.iter().map(|edit| (model, edit.test));
                refused.extend(all.map(|number| (number, test_edit_error(models, number, why))));
            }
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let all = |why| {
        let each = edits.keys();
        each.map(|number| (*number, test_edit_error(models, *number, why)))
            .collect()
    };
    let files = models.list.iter().zip(texts).zip(&new);
    let sources = files.map(|((model, text), new)| SourceFile {
        name: model.source.name.clone(),
        text: new.as_ref().unwrap_or(text).clone(),
    });
    let Ok((compiled, _)) = Models::compile(sources.collect()) else {
        return Err(all(
            "with the new expectations the file would not be a valid model",
        ));
    };
    let outcomes = run_tests(&compiled, rates);
    for (before, after) in before.iter().zip(&outcomes) {
        if edits.contains_key(&after.id) {
            if !after.passed() {
                let why =
                    "it would fail all the same: put its expectations in the order of time first";
                refused.push((after.id, test_edit_error(models, after.id, why)));
            }
        } else if before.passed() != after.passed() {
            return Err(all("another test would have another outcome"));
        }
    }
    if refused.is_empty() {
        Ok((new, outcomes))
    } else {
        Err(refused)
    }
}

/// The text with these edits, and the refused ones; `None` if more than expectations would differ.
fn rewrite(text: &str, edits: &[TestEdit]) -> Option<(String, Vec<(usize, EditError)>)> {
    let script = ModelFileEditor::parse(text)?;
    let (new, refused) = script.rewrite(edits);
    let tests: BTreeSet<usize> = edits.iter().map(|edit| edit.test).collect();
    let agrees = script.differs_only_in_expectations(&ModelFileEditor::parse(&new)?, &tests);
    agrees.then_some((new, refused))
}

fn test_edit_error(models: &Models, (model, test): TestId, why: &str) -> EditError {
    edit_error_at(models.list[model].tests[test].location, why)
}
