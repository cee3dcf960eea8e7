//! The JSON Schema accepts all model files that the compiler accepts, and refuses wrong keys and types.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value as Json;
use tenure::authoring::model_schema;

use super::validate::faults;
use super::{blocks, compile, file, yaml};

/// Every key that the schema knows, at any depth.
pub(super) fn keys(schema: &Json) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut add = |map: &Json| {
        for (key, value) in map["properties"].as_object().into_iter().flatten() {
            if *value != Json::Bool(false) {
                keys.insert(key.clone());
            }
        }
    };
    add(schema);
    schema["$defs"].as_object().unwrap().values().for_each(&mut add);
    keys
}

/// Names that no fact may have.
pub(super) fn reserved(schema: &Json) -> Vec<String> {
    let names = &schema["properties"]["facts"]["propertyNames"]["not"]["enum"];
    serde_json::from_value(names.clone()).unwrap()
}

fn schema_faults(text: &str) -> Vec<String> {
    let schema = model_schema();
    faults(&schema, &schema, &yaml::json(text), "")
}

#[test]
fn the_schema_accepts_every_model() {
    let files = [
        "config/models/retail.yaml",
        "tests/fuzz/targets/every.yaml",
        "tests/fuzz/targets/shop.yaml",
    ];
    for text in blocks().into_iter().chain(files.map(file)) {
        assert_eq!(schema_faults(&text), [""; 0], "{text}");
    }
}

/// A valid model with unusual notation.
const GOOD: &str = "
model: m
version: '2'
description: 5
initial: a
dedupe: 1d12h
facts:
stages: { a: , b-c: { min_dwell: 90s, reentry: after 2w, description: true } }
transitions:
  - { from: [a], to: b-c, when: true, hold: 0s, cooldown: 250ms, name: 7 }
tests:
  - name: 1
    events:
      - { at: 2026-01-01, type: 5, customer: 12, value: '1.5', more: [1], description: { a: b } }
    until: 2026-01-02T00:00:00+01:00
    expect:
  - { name: none, events: , expect: [{ at: 2026-01-01, to: b-c, cause: timer }] }
";

/// `old text ==> new text`: mistakes that are recognised without the rest of the file.
const BAD: &str = r"
model: m ==> model: 5
model: m ==> modell: m
model: m ==> model: m\nnote: none
version: '2' ==> version: 1.5
version: '2' ==> version: -1
description: 5 ==> description: [5]
initial: a ==> initial: [a]
dedupe: 1d12h ==> dedupe: 7
dedupe: 1d12h ==> dedupe: a week
dedupe: 1d12h ==> dedupe: { by_type: true }
dedupe: 1d12h ==> dedupe: { within: 1d, by_type: [true] }
dedupe: 1d12h ==> orders: { placed: o, refunded: r, within: 1d, refunds: total }
dedupe: 1d12h ==> orders: { placed: o, within: 1d, repeated: twice }
facts: ==> facts: [count(x)]
facts: ==> facts: { x: 5 }
facts: ==> facts: { x: total(y.value) }
facts: ==> facts: { x: orders }
facts: ==> facts: { since: count(x) }
facts: ==> facts: { x-y: count(x) }
facts: ==> facts: { days_in_stage: count(x) }
a: , ==> a: 5,
a: , ==> a: { min_dwel: 1d },
a: , ==> 1a: ,
min_dwell: 90s ==> min_dwell: 90
reentry: after 2w ==> reentry: sometimes
reentry: after 2w ==> reentry: after
from: [a] ==> from: []
from: [a] ==> from: [a, a]
from: [a], ==> 
from: [a] ==> from: { a: b }
to: b-c, when ==> to: [b-c], when
when: true ==> when: 5
when: true ==> whenever: true
when: true ==> when: [true]
hold: 0s ==> hold: 3
cooldown: 250ms ==> cooldown: -3d
name: 7 ==> name: { a: b }
- name: 1 ==> - title: 1
at: 2026-01-01, type: 5 ==> at: yesterday, type: 5
at: 2026-01-01, type: 5 ==> type: 5
at: 2026-01-01, type: 5 ==> at: 2026-01-01
at: 2026-01-01, type: 5 ==> time: 2026-01-01, at: 2026-01-01, type: 5
type: 5 ==> type: ''
customer: 12 ==> customer: 12, customer_id: 12
value: '1.5' ==> properties: 5
until: 2026-01-02T00:00:00+01:00 ==> until: later
cause: timer ==> cause: bug
cause: timer ==> because: timer
to: b-c, cause ==> cause
expect: [{ ==> expect: { x: [{
";

#[test]
fn the_compiler_refuses_all_that_the_schema_refuses() {
    assert!(compile(GOOD).is_ok(), "{:?}", compile(GOOD));
    assert_eq!(schema_faults(GOOD), [""; 0]);
    let mut cases = 0;
    for change in BAD.trim().lines() {
        let (old, replacement) = change.split_once(" ==> ").unwrap();
        assert_eq!(GOOD.matches(old).count(), 1, "{old}");
        let replacement = replacement.replace("\\n", "\n");
        let mut text = GOOD.replace(old, &replacement);
        if old == "expect: [{" {
            text = text.replace("timer }]", "timer }] }");
        }
        assert!(compile(&text).is_err(), "the compiler accepts {change}");
        assert_ne!(schema_faults(&text), [""; 0], "the schema accepts {change}");
        cases += 1;
    }
    assert!(cases >= 40, "{cases}");
}

#[test]
fn every_key_is_described_and_every_example_is_valid() {
    fn visit(root: &Json, schema: &Json, at: &str) {
        let Json::Object(keywords) = schema else {
            return;
        };
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_eq!(faults(root, schema, example, at), [""; 0]);
        }
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            let described = value["description"].is_string() || *value == Json::Bool(false);
            assert!(described, "{at}.{key}");
        }
        for (keyword, of) in keywords {
            match (keyword.as_str(), of) {
                ("properties" | "$defs", Json::Object(schemas)) => {
                    for (key, schema) in schemas {
                        visit(root, schema, &format!("{at}.{key}"));
                    }
                }
                (_, Json::Array(schemas)) => schemas.iter().for_each(|of| visit(root, of, at)),
                (_, of) => visit(root, of, at),
            }
        }
    }
    let schema = model_schema();
    visit(&schema, &schema, "");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn the_command_prints_the_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_tenure")).arg("schemas").output().unwrap();
    let printed: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success());
    assert_eq!(printed, model_schema());
}
