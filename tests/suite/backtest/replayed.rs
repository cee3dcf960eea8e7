//! A backtest of every preset over the CDNOW sample has the transitions of `tenure replay`, and uses no future events.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tenure::backtest::{HistoryBuilder, Version};
use tenure::event::{CurrencyRates, Decoder, EventTime, Mapping, RecordLimits, parse_instant};
use tenure::files::{FileOptions, GroupedInputs, InputSummary};
use tenure::model::{Models, SourceFile, StageId};

/// Instant, from and to, by customer.
type StageMoves = BTreeMap<String, Vec<(EventTime, String, String)>>;

fn version(text: String) -> Version {
    let source = SourceFile { name: "model.yaml".to_owned(), text };
    let (models, _) = Models::compile(vec![source]).unwrap();
    Version { models, flagged: 0 }
}

fn decoder(version: &Version) -> Decoder {
    Decoder::new(
        Mapping::default(),
        version.models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    )
}

/// The transitions of every customer under each version.
fn moves_in_backtest(versions: &[Version], inputs: &[PathBuf]) -> (InputSummary, Vec<StageMoves>) {
    let folder = tempfile::tempdir().unwrap();
    let decoders: Vec<Decoder> = versions.iter().map(decoder).collect();
    let options = FileOptions::default();
    let (mut grouped, survey) = GroupedInputs::open(
        inputs,
        &options,
        &vec![decoders; inputs.len()],
        None,
        folder.path(),
        |_| {},
    )
    .unwrap();
    let end = survey.range.unwrap().last;
    let mut builder = HistoryBuilder::new(versions, None, end);
    let mut moves_by_customer = vec![StageMoves::new(); versions.len()];
    let mut next = grouped.next_row().unwrap();
    while let Some((customer, occurrence)) = next {
        builder.receive(occurrence.events, occurrence.position).unwrap();
        next = grouped.next_row().unwrap();
        if next.as_ref().is_none_or(|(other, _)| *other != customer) {
            let history = builder.finish().unwrap();
            for (at, line) in history.stage_histories.iter().enumerate() {
                let name = |stage: StageId| versions[at].model().stages[stage].name.clone();
                let moves =
                    line.transitions.iter().map(|one| (one.at, name(one.from), name(one.to)));
                let moves: Vec<_> = moves.collect();
                if !moves.is_empty() {
                    moves_by_customer[at].insert(customer.as_str().to_owned(), moves);
                }
            }
        }
    }
    (survey, moves_by_customer)
}

fn moves_in_replay(model: &Path, input: &Path) -> StageMoves {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .args(["replay".as_ref(), "--model".as_ref(), model, input])
        .output()
        .unwrap();
    assert!(output.status.success());
    let mut moves_by_customer = StageMoves::new();
    for event in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Json = serde_json::from_str(event).unwrap();
        let text = |key: &str| event["data"][key].as_str().unwrap().to_owned();
        let at = parse_instant(&text("effective_at")).unwrap();
        let own = moves_by_customer.entry(text("customer_id")).or_default();
        own.push((at, text("from"), text("to")));
    }
    moves_by_customer
}

#[test]
fn backtests_of_the_presets_over_the_cdnow_sample_agree_with_replay() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let input = root.join("tests/data/cdnow_sample.csv");
    let files = fs::read_dir(root.join("config/models")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|it| it.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    assert!(files.len() >= 12);
    // All at once: each has its own decoder and its own view of the events.
    let versions: Vec<Version> =
        files.iter().map(|file| version(fs::read_to_string(file).unwrap())).collect();
    let (survey, moves_by_customer) = moves_in_backtest(&versions, std::slice::from_ref(&input));
    assert_eq!(survey.events, 6919);
    let mut moved = 0;
    for (file, moves_by_customer) in files.iter().zip(moves_by_customer) {
        let expected = moves_in_replay(file, &input);
        moved += expected.len();
        assert_eq!(moves_by_customer, expected, "{}", file.display());
    }
    assert!(moved > 10_000);
}

/// A cancellation retracts the return to `buyer`. Until then the customer is in that stage.
#[test]
fn a_retracted_transition_counts_until_its_correction() {
    let model = "\
model: shop
initial: new
orders: { placed: order, cancelled: cancel, within: 60d }
corrections: 60d
facts: { orders: count(order), last_order: last(order) }
stages: { new: {}, buyer: {}, at_risk: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: at_risk, when: since(last_order) >= days(10) }
  - { from: at_risk, to: buyer, when: since(last_order) < days(10) }
";
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("history.ndjson");
    let events = [
        r#"{"customer_id":"ann","type":"order","time":"2026-01-01","order_id":"a"}"#,
        r#"{"customer_id":"ann","type":"order","time":"2026-01-20","order_id":"b"}"#,
        r#"{"customer_id":"ann","type":"cancel","time":"2026-01-25","order_id":"b"}"#,
    ];
    fs::write(&input, events.join("\n")).unwrap();
    let (_, moves_by_customer) = moves_in_backtest(&[version(model.to_owned())], &[input]);
    let on = |day: &str| parse_instant(day).unwrap();
    let moved = |day, from: &str, to: &str| (on(day), from.to_owned(), to.to_owned());
    assert_eq!(
        moves_by_customer[0]["ann"],
        [
            moved("2026-01-01", "new", "buyer"),
            moved("2026-01-11", "buyer", "at_risk"),
            moved("2026-01-20", "at_risk", "buyer"),
            moved("2026-01-25", "buyer", "at_risk"),
        ]
    );
}
