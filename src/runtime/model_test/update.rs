//! What happened becomes what is expected: as changes of the file, which are tried before they count.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{edit_error_at, expectation_changes};
use super::{TestOutcome, run_tests};
use crate::event::CurrencyRates;
use crate::model::{EditError, ModelFileEditor, Models, SourceFile, TestEdit};

/// A test by the number of its model among those that are loaded, and its own in the file.
type TestId = (usize, usize);

/// Files in which tests expect what happened.
#[derive(Clone, Debug)]
pub struct ExpectationUpdate {
    /// The new texts of the models' files, `None` where nothing changes.
    pub texts: Vec<Option<String>>,
    /// What became of the tests that failed and were to be updated.
    pub results: BTreeMap<TestId, UpdateResult>,
    /// How all tests come out with the new texts.
    pub outcomes: Vec<TestOutcome>,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateResult {
    /// It passes now.
    Updated,
    /// It is as it was, for this reason.
    Unchanged(EditError),
}

/// Writes what happened into the expectations of the tests that failed and are `wanted`. `texts` are those of
/// the models' files as they are, line ends included, and `outcomes` what came of all tests.
///
/// What is given back was tried: all tests that were updated pass, all others come out as before, and the files
/// say the same but for these expectations. A test for which that cannot be had stays as it is.
pub fn update_expectations(
    models: &Models,
    texts: &[String],
    outcomes: &[TestOutcome],
    wanted: impl Fn(&TestOutcome) -> bool,
    money: &CurrencyRates,
) -> ExpectationUpdate {
    let mut verdicts = BTreeMap::new();
    let mut edits = BTreeMap::new();
    for outcome in outcomes.iter().filter(|it| !it.passed() && wanted(it)) {
        let (model, test) = outcome.id;
        match expectation_changes(&models.list[model].tests[test], outcome) {
            Ok(changes) => drop(edits.insert(outcome.id, TestEdit { test, changes })),
            Err(refusal) => drop(verdicts.insert(outcome.id, UpdateResult::Unchanged(refusal))),
        }
    }
    // Every round leaves out at least one of them.
    loop {
        match try_edits(models, texts, outcomes, &edits, money) {
            Ok((texts, outcomes)) => {
                let updated = edits.into_keys();
                verdicts.extend(updated.map(|number| (number, UpdateResult::Updated)));
                return ExpectationUpdate {
                    texts,
                    results: verdicts,
                    outcomes,
                };
            }
            Err(refused) => {
                for (number, refusal) in refused {
                    edits.remove(&number);
                    verdicts.insert(number, UpdateResult::Unchanged(refusal));
                }
            }
        }
    }
}

type TrialResult = (Vec<Option<String>>, Vec<TestOutcome>);

/// The files with these edits and how their tests come out; else which edits, one at least, cannot be.
fn try_edits(
    models: &Models,
    texts: &[String],
    before: &[TestOutcome],
    edits: &BTreeMap<TestId, TestEdit>,
    money: &CurrencyRates,
) -> Result<TrialResult, Vec<(TestId, EditError)>> {
    let mut new = vec![None; texts.len()];
    let mut refused = Vec::new();
    for (model, text) in texts.iter().enumerate() {
        let own = edits.range((model, 0)..(model + 1, 0));
        let own: Vec<TestEdit> = own.map(|(_, edit)| edit.clone()).collect();
        if own.is_empty() {
            continue;
        }
        match rewrite(text, &own) {
            Some((text, none)) if none.is_empty() => new[model] = Some(text),
            Some((_, some)) => {
                refused.extend(some.into_iter().map(|(test, why)| ((model, test), why)));
            }
            None => {
                let why = "its expectations cannot be changed without changing something else";
                let all = own.iter().map(|edit| (model, edit.test));
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
            "with what happened in it the file would be no good model",
        ));
    };
    let outcomes = run_tests(&compiled, money);
    for (before, after) in before.iter().zip(&outcomes) {
        if edits.contains_key(&after.id) {
            if !after.passed() {
                let why =
                    "it would fail all the same: put its expectations in the order of time first";
                refused.push((after.id, test_edit_error(models, after.id, why)));
            }
        } else if before.passed() != after.passed() {
            return Err(all("another test would come out otherwise"));
        }
    }
    match refused.is_empty() {
        true => Ok((new, outcomes)),
        false => Err(refused),
    }
}

/// The text with these edits, or those that cannot be; `None` where more than expectations would differ.
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
