//! Whatever is wrong in the expectations of a preset, an update corrects it and changes nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use tenure::authoring::model_test::{
    TestOutcome, UpdateResult, format_instant, run_tests, update_expectations,
};
use tenure::event::{CurrencyRates, Millis, parse_instant};

use crate::models::compile;

/// A change of a line with an expectation.
#[derive(Clone, Debug)]
enum Mangle {
    Shift(i64),
    Stage(Index),
    Cause,
    Delete,
    Repeat,
}

fn mangle() -> impl Strategy<Value = Mangle> {
    let steps = [1, 86_400_000, 43_200_000, 20 * 86_400_000];
    prop_oneof![
        (prop::sample::select(steps.to_vec()), any::<bool>())
            .prop_map(|(step, back)| Mangle::Shift(if back { -step } else { step })),
        any::<Index>().prop_map(Mangle::Stage),
        Just(Mangle::Cause),
        Just(Mangle::Delete),
        Just(Mangle::Repeat),
    ]
}

fn presets() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models");
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|it| it.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    let text = |path: &Path| (path.display().to_string(), fs::read_to_string(path).unwrap());
    files.iter().map(|it| text(it)).collect()
}

/// Whether a line of a preset is an expectation: under `expect:`, after a dash.
fn expectations(lines: &[&str]) -> Vec<usize> {
    let mut under = false;
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match line.strip_prefix("      - ") {
            Some(_) if under => found.push(at),
            Some(_) => {}
            None if line.trim_start().starts_with('#') => {}
            None => under = line.trim_start().starts_with("expect:"),
        }
    }
    found
}

/// The value of a key, where there is one.
fn value<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let begin = line.find(&format!("{key}: "))? + key.len() + 2;
    let rest = &line[begin..];
    Some(&rest[..rest.find([',', ' ', '}'])?])
}

fn mangled(line: &str, how: &Mangle, stages: &[String]) -> String {
    match how {
        Mangle::Delete => String::new(),
        Mangle::Repeat => format!("{line}\n{line}\n"),
        Mangle::Shift(by) => {
            let at = value(line, "at").unwrap();
            let other = parse_instant(at).unwrap().checked_add(Millis(*by)).unwrap();
            line.replacen(at, &format_instant(other), 1) + "\n"
        }
        Mangle::Stage(index) => {
            let to = format!("to: {}", value(line, "to").unwrap());
            line.replacen(&to, &format!("to: {}", index.get(stages)), 1) + "\n"
        }
        Mangle::Cause => match value(line, "cause") {
            Some(_) => line.replacen("cause: timer", "cause: correction", 1) + "\n",
            None => line.replacen(" }", ", cause: correction }", 1) + "\n",
        },
    }
}

fn comments(text: &str) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    for line in text.lines() {
        // In presets, every `#` begins a comment.
        if let Some(at) = line.find('#') {
            *all.entry(line[at..].trim_end()).or_default() += 1;
        }
    }
    all
}

/// Everything except expectations, comments among them, and the rest of the line after `expect:`.
fn rest(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let expectations = expectations(&lines);
    let mut rest = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let comment = line.trim_start().starts_with('#');
        if line.starts_with("    expect:") {
            rest.push("    expect:");
        } else if !(expectations.contains(&at) || comment) {
            rest.push(line);
        }
    }
    rest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_update_corrects_the_expectations_and_changes_nothing_else(
        preset in any::<Index>(),
        changes in prop::collection::vec((any::<Index>(), mangle()), 1..8),
        carriage_returns in any::<bool>(),
        ends in any::<bool>(),
    ) {
        let presets = presets();
        let (name, good) = preset.get(&presets);
        let stages: Vec<String> = compile(name, good).list.raw[0].stages.iter().map(|it| it.name.clone()).collect();
        let lines: Vec<&str> = good.lines().collect();
        let expectations = expectations(&lines);
        let mut by_line: BTreeMap<usize, &Mangle> = BTreeMap::new();
        for (at, how) in &changes {
            by_line.insert(*at.get(&expectations), how);
        }
        let each = lines.iter().enumerate();
        let mut text: String = each.map(|(at, line)| match by_line.get(&at) {
            Some(how) => mangled(line, how, &stages),
            None => format!("{line}\n"),
        }).collect();
        if !ends {
            text.truncate(text.trim_end().len());
        }
        if carriage_returns {
            text = text.replace('\n', "\r\n");
        }
        let models = compile(name, &text);
        let money = CurrencyRates::default();
        let outcomes = run_tests(&models, &money);
        let failed = outcomes.iter().filter(|it| !it.passed()).count();
        let texts = [text.clone()];
        let done = update_expectations(&models, &texts, &outcomes, |_| true, &money);
        let mut dropped = String::new();
        for result in done.results.values() {
            let UpdateResult::Updated(comments) = result else {
                panic!("{result:?}\n{text}");
            };
            dropped.extend(comments.iter().flat_map(|it| [&it.text, "\n"]));
        }
        prop_assert_eq!(done.results.len(), failed);
        prop_assert!(done.outcomes.iter().all(TestOutcome::passed));
        prop_assert_eq!(done.texts[0].is_some(), failed > 0);

        let new = done.texts[0].clone().unwrap_or(text.clone());
        let again = run_tests(&compile(name, &new), &money);
        prop_assert!(again.iter().all(TestOutcome::passed), "{}", new);
        let kept_and_dropped = format!("{new}\n{dropped}");
        prop_assert_eq!(comments(&kept_and_dropped), comments(&text));
        prop_assert_eq!(rest(&new), rest(&text));
        if carriage_returns {
            prop_assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
        }
        let second = update_expectations(&compile(name, &new), &[new], &again, |_| true, &money);
        prop_assert!(second.results.is_empty() && second.texts == [None]);
    }
}
