//! Updates the expectations of failed tests in the texts of model files. The new texts are tried before they are
//! returned.

use std::collections::BTreeMap;
use std::ops::Range;

use super::expect_block::{DroppedComment, ExpectBlock, YamlText};
use super::{EventRow, TestId, TestOutcome, TimelineRow, run_tests};
use crate::event::{CurrencyRates, EventTime};
use crate::model::{
    Location, Models, ProblemList, SourceFile, TestTransition, YamlNode, YamlValue, parse_yaml,
};

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

/// Why the expectations of a test cannot be updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateError {
    /// In the new file.
    pub location: Location,
    /// The reason, and what to do.
    pub message: &'static str,
}

const IRREPLACEABLE: &str =
    "its `expect` is written in a way that cannot be replaced: write `expect: []`";
const REJECTED_EVENT: &str = "put this event right first, which is rejected";
const FAILED_TRIAL: &str =
    "with the new expectations, the file would not be valid, or a test would fail";

/// Replaces the expectations of the failed and `wanted` tests by the actual transitions. `texts` are the models'
/// files as they are on disk, with their line ends; `outcomes` are those of all tests.
///
/// The result has been tried: all updated tests pass, all others have the same outcome as before, and the files differ
/// in these expectations only. If that is impossible, no test is updated.
pub fn update_expectations(
    models: &Models,
    texts: &[String],
    outcomes: &[TestOutcome],
    wanted: impl Fn(&TestOutcome) -> bool,
    rates: &CurrencyRates,
) -> ExpectationUpdate {
    let (mut new_texts, mut dropped, mut refused) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for ((id, model), text) in models.list.iter_enumerated().zip(texts) {
        let source = YamlText::new(&model.source.text);
        let tests = test_nodes(&model.source.text);
        let mut new_text: Option<String> = None;
        // From the last to the first, so that earlier ranges stay as they are.
        let wanted = |it: &&TestOutcome| it.id.0 == id && !it.passed() && wanted(it);
        for outcome in outcomes.iter().filter(wanted).rev() {
            let node = tests.get(outcome.id.1);
            if outcome.rejected_event().is_some() {
                refused.insert(outcome.id, REJECTED_EVENT);
            } else if let Some(block) = node.and_then(|node| ExpectBlock::find(&source, node)) {
                let (range, new, comments) = block.replace(&new_expectations(outcome));
                let range = range_on_disk(text, range);
                let new_text = new_text.get_or_insert_with(|| text.clone());
                new_text.replace_range(range, &new.replace('\n', line_break(text)));
                dropped.insert(outcome.id, comments);
            } else {
                refused.insert(outcome.id, IRREPLACEABLE);
            }
        }
        new_texts.push(new_text);
    }
    let tried = try_texts(models, texts, &new_texts, outcomes, &dropped, rates);
    let outcomes = tried.unwrap_or_else(|| {
        new_texts.fill(None);
        refused.extend(std::mem::take(&mut dropped).into_keys().map(|id| (id, FAILED_TRIAL)));
        outcomes.to_vec()
    });
    let results = outcomes.iter().filter_map(|outcome| {
        let updated = dropped.remove(&outcome.id).map(UpdateResult::Updated);
        let location = outcome.rejected_event().unwrap_or(outcome.location);
        let message = refused.get(&outcome.id).copied();
        let unchanged = message.map(|message| UpdateError { location, message });
        Some((outcome.id, updated.or(unchanged.map(UpdateResult::Unchanged))?))
    });
    ExpectationUpdate { texts: new_texts, results: results.collect(), outcomes }
}

fn test_nodes(text: &str) -> Vec<YamlNode> {
    let root = parse_yaml(text, &mut ProblemList::default());
    match root.as_ref().and_then(|root| root.get("tests")) {
        Some((_, YamlNode { value: YamlValue::List(tests), .. })) => tests.clone(),
        _ => Vec::new(),
    }
}

/// One expectation for each actual transition, with the keys of the expectation that it replaces, or only those that
/// are required. Its location is that of the former expectation at the same instant, whose comments it keeps.
fn new_expectations(outcome: &TestOutcome) -> Vec<TestTransition> {
    let rows = outcome.rows.iter().filter_map(|row| Some((row.expected(), row.happened()?)));
    let new = rows.map(|(former, actual)| {
        let kept = former.filter(|former| former.at == actual.at);
        TestTransition {
            location: kept.map(|former| former.location).unwrap_or_default(),
            from: former.and_then(|former| former.from.as_ref()).and(actual.from.clone()),
            cause: former.and_then(|former| former.cause.as_ref()).and(actual.cause.clone()),
            transition: former
                .and_then(|former| former.transition.as_ref())
                .and(actual.transition.clone()),
            ..actual.clone()
        }
    });
    new.collect()
}

/// A range of a text with line feeds in the text with its own line ends.
fn range_on_disk(text: &str, range: Range<usize>) -> Range<usize> {
    let offset = |offset: usize| {
        let pairs = text.match_indices("\r\n").enumerate();
        offset + pairs.take_while(|(before, (at, _))| at - before < offset).count()
    };
    offset(range.start)..offset(range.end)
}

/// How the first line ends.
fn line_break(text: &str) -> &'static str {
    let rest = text.find(['\r', '\n']).map_or("", |end| &text[end..]);
    ["\r\n", "\r"].into_iter().find(|end| rest.starts_with(end)).unwrap_or("\n")
}

/// The outcomes with the new texts, if they are as they should be.
fn try_texts(
    models: &Models,
    texts: &[String],
    new_texts: &[Option<String>],
    before: &[TestOutcome],
    updated: &BTreeMap<TestId, Vec<DroppedComment>>,
    rates: &CurrencyRates,
) -> Option<Vec<TestOutcome>> {
    let files = models.list.iter().zip(texts).zip(new_texts);
    let sources = files.map(|((model, text), new)| SourceFile {
        name: model.source.name.clone(),
        text: new.as_ref().unwrap_or(text).clone(),
    });
    let (compiled, _) = Models::compile(sources.collect()).ok()?;
    let after = run_tests(&compiled, rates);
    let is_expected = |(before, after): (&TestOutcome, &TestOutcome)| {
        (&before.name, history(before)) == (&after.name, history(after))
            && after.passed() == (before.passed() || updated.contains_key(&after.id))
    };
    let all = before.len() == after.len() && before.iter().zip(&after).all(is_expected);
    all.then_some(after)
}

/// What a test states except its expectations, without locations.
fn history(outcome: &TestOutcome) -> Vec<(EventTime, Option<EventTime>, &str)> {
    let stated = outcome.rows.iter().filter_map(|row| match row {
        TimelineRow::Event(EventRow { event, .. }) => {
            Some((event.at, event.arrives, event.json.as_str()))
        }
        TimelineRow::End(until, true) => Some((*until, None, "until")),
        _ => None,
    });
    stated.collect()
}
