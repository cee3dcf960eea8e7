//! Updates the expectations of failed tests in the texts of model files. The new texts are tried before they are
//! returned.

use std::collections::BTreeMap;

use super::expectations::{NewExpectation, UpdateError, new_expectations};
use super::rewrite::{DroppedComment, TestFile};
use super::{TestId, TestOutcome, run_tests};
use crate::event::CurrencyRates;
use crate::model::{ModelTest, Models, SourceFile};

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
    /// The test passes now. The comments were those of expectations that have gone.
    Updated(Vec<DroppedComment>),
    /// The test could not be updated, for this reason.
    Unchanged(UpdateError),
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
    let (mut edits, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for outcome in outcomes.iter().filter(|it| !it.passed() && wanted(it)) {
        match new_expectations(outcome) {
            Ok(new) => drop(edits.insert(outcome.id, new)),
            Err(error) => drop(refused.insert(outcome.id, error)),
        }
    }
    // Ends, since each failed round drops at least one edit.
    loop {
        match try_edits(models, texts, outcomes, &edits, rates) {
            Ok(mut update) => {
                let refused = refused.into_iter();
                let unchanged = refused.map(|(test, error)| (test, UpdateResult::Unchanged(error)));
                update.results.extend(unchanged);
                return update;
            }
            Err((tests, reason)) => {
                for test in tests {
                    edits.remove(&test);
                    let error = UpdateError {
                        location: models.list[test.0].tests[test.1].location,
                        message: reason.to_owned(),
                    };
                    refused.insert(test, error);
                }
            }
        }
    }
}

/// The files with these edits and the outcomes of their tests; else tests to leave alone, at least one, and why.
fn try_edits(
    models: &Models,
    texts: &[String],
    before: &[TestOutcome],
    edits: &BTreeMap<TestId, Vec<NewExpectation>>,
    rates: &CurrencyRates,
) -> Result<ExpectationUpdate, (Vec<TestId>, &'static str)> {
    let all = |reason| (edits.keys().copied().collect(), reason);
    let mut new = Vec::with_capacity(texts.len());
    let mut results = BTreeMap::new();
    for (model, text) in models.list.keys().zip(texts) {
        let file = TestFile::parse(text);
        let mut new_text: Option<String> = None;
        // From the last to the first, so that earlier ranges stay as they are.
        for (id, expectations) in edits.range((model, 0)..=(model, usize::MAX)).rev() {
            let reason =
                "its `expect` is written in a way that cannot be replaced: write `expect: []`";
            let replacement = file.replace(id.1, expectations);
            let replacement = replacement.ok_or_else(|| (vec![*id], reason))?;
            let new_text = new_text.get_or_insert_with(|| text.clone());
            new_text.replace_range(replacement.range, &replacement.text);
            results.insert(*id, UpdateResult::Updated(replacement.dropped));
        }
        new.push(new_text);
    }
    let files = models.list.iter().zip(texts).zip(&new);
    let sources = files.map(|((model, text), new)| SourceFile {
        name: model.source.name.clone(),
        text: new.as_ref().unwrap_or(text).clone(),
    });
    let Ok((compiled, _)) = Models::compile(sources.collect()) else {
        let reason = "with the new expectations the file would not be a valid model";
        return Err(all(reason));
    };
    let tests = |models: &Models| -> Vec<ModelTest> {
        let each = models.list.iter().flat_map(|model| &model.tests);
        each.cloned().collect()
    };
    let (old_tests, new_tests) = (tests(models), tests(&compiled));
    let mut pairs = old_tests.iter().zip(&new_tests);
    if old_tests.len() != new_tests.len() || !pairs.all(|(a, b)| differ_in_expectations_only(a, b))
    {
        return Err(all("something else in the file would change, too"));
    }
    let outcomes = run_tests(&compiled, rates);
    let is_edited = |outcome: &TestOutcome| edits.contains_key(&outcome.id);
    let failed = outcomes.iter().filter(|it| is_edited(it) && !it.passed());
    let failed: Vec<TestId> = failed.map(|it| it.id).collect();
    if !failed.is_empty() {
        return Err((failed, "it would fail with the actual transitions, too"));
    }
    let mut pairs = before.iter().zip(&outcomes);
    if pairs.any(|(before, after)| !is_edited(after) && before.passed() != after.passed()) {
        return Err(all("another test would have another outcome"));
    }
    Ok(ExpectationUpdate { texts: new, results, outcomes })
}

fn differ_in_expectations_only(a: &ModelTest, b: &ModelTest) -> bool {
    let until = |test: &ModelTest| test.until_stated.then_some(test.until);
    let events = |test: &ModelTest| -> Vec<_> {
        let events = test.events.iter();
        let events = events.map(|event| (event.at, event.arrives, event.json.clone()));
        events.collect()
    };
    a.name == b.name && until(a) == until(b) && events(a) == events(b)
}
