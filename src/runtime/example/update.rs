//! What happened becomes what is expected: as changes of the file, which are tried before they count.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{edit, refusal_at};
use super::{Outcome, run_all};
use crate::event::Money;
use crate::model::{Edit, Models, Refusal, Script, Source};

/// A test by the number of its model among those that are loaded, and its own in the file.
type Number = (usize, usize);

/// Files in which tests expect what happened.
#[derive(Clone, Debug)]
pub struct Update {
    /// The new texts of the models' files, `None` where nothing changes.
    pub texts: Vec<Option<String>>,
    /// What became of the tests that failed and were to be updated.
    pub verdicts: BTreeMap<Number, Verdict>,
    /// How all tests come out with the new texts.
    pub outcomes: Vec<Outcome>,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes now.
    Updated,
    /// It is as it was, for this reason.
    Left(Refusal),
}

/// Writes what happened into the expectations of the tests that failed and are `wanted`. `texts` are those of
/// the models' files as they are, line ends included, and `outcomes` what came of all tests.
///
/// What is given back was tried: all tests that were updated pass, all others come out as before, and the files
/// say the same but for these expectations. A test for which that cannot be had stays as it is.
pub fn update(
    models: &Models,
    texts: &[String],
    outcomes: &[Outcome],
    wanted: impl Fn(&Outcome) -> bool,
    money: &Money,
) -> Update {
    let mut verdicts = BTreeMap::new();
    let mut edits = BTreeMap::new();
    for outcome in outcomes.iter().filter(|it| !it.passed() && wanted(it)) {
        let (model, test) = outcome.number;
        match edit(&models.list[model].examples[test], outcome) {
            Ok(changes) => drop(edits.insert(outcome.number, Edit { test, changes })),
            Err(refusal) => drop(verdicts.insert(outcome.number, Verdict::Left(refusal))),
        }
    }
    // Every round leaves out at least one of them.
    loop {
        match tried(models, texts, outcomes, &edits, money) {
            Ok((texts, outcomes)) => {
                let updated = edits.into_keys();
                verdicts.extend(updated.map(|number| (number, Verdict::Updated)));
                return Update {
                    texts,
                    verdicts,
                    outcomes,
                };
            }
            Err(refused) => {
                for (number, refusal) in refused {
                    edits.remove(&number);
                    verdicts.insert(number, Verdict::Left(refusal));
                }
            }
        }
    }
}

type Tried = (Vec<Option<String>>, Vec<Outcome>);

/// The files with these edits and how their tests come out; else which edits, one at least, cannot be.
fn tried(
    models: &Models,
    texts: &[String],
    before: &[Outcome],
    edits: &BTreeMap<Number, Edit>,
    money: &Money,
) -> Result<Tried, Vec<(Number, Refusal)>> {
    let mut new = vec![None; texts.len()];
    let mut refused = Vec::new();
    for (model, text) in texts.iter().enumerate() {
        let own = edits.range((model, 0)..(model + 1, 0));
        let own: Vec<Edit> = own.map(|(_, edit)| edit.clone()).collect();
        if own.is_empty() {
            continue;
        }
        match rewritten(text, &own) {
            Some((text, none)) if none.is_empty() => new[model] = Some(text),
            Some((_, some)) => {
                refused.extend(some.into_iter().map(|(test, why)| ((model, test), why)));
            }
            None => {
                let why = "its expectations cannot be changed without changing something else";
                let all = own.iter().map(|edit| (model, edit.test));
                refused.extend(all.map(|number| (number, refusal(models, number, why))));
            }
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    let all = |why| {
        let each = edits.keys();
        each.map(|number| (*number, refusal(models, *number, why)))
            .collect()
    };
    let files = models.list.iter().zip(texts).zip(&new);
    let sources = files.map(|((model, text), new)| Source {
        name: model.source.name.clone(),
        text: new.as_ref().unwrap_or(text).clone(),
    });
    let Ok((compiled, _)) = Models::compile(sources.collect()) else {
        return Err(all(
            "with what happened in it the file would be no good model",
        ));
    };
    let outcomes = run_all(&compiled, money);
    for (before, after) in before.iter().zip(&outcomes) {
        if edits.contains_key(&after.number) {
            if !after.passed() {
                let why =
                    "it would fail all the same: put its expectations in the order of time first";
                refused.push((after.number, refusal(models, after.number, why)));
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
fn rewritten(text: &str, edits: &[Edit]) -> Option<(String, Vec<(usize, Refusal)>)> {
    let script = Script::read(text)?;
    let (new, refused) = script.rewritten(edits);
    let tests: BTreeSet<usize> = edits.iter().map(|edit| edit.test).collect();
    let agrees = script.agrees(&Script::read(&new)?, &tests);
    agrees.then_some((new, refused))
}

fn refusal(models: &Models, (model, test): Number, why: &str) -> Refusal {
    refusal_at(models.list[model].examples[test].place, why)
}
