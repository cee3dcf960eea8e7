//! The default file is the documentation: it, the code and the messages must agree.

use std::fs;
use std::path::PathBuf;

use tenure::config::{DEFAULTS, Problems, load};
use tenure::event::{Limits, Mapping, Money};
use tenure::model::{Models, Source};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Loads one file with this text.
fn with_file(text: &str) -> Result<tenure::config::Document, String> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("own.toml");
    fs::write(&file, text).unwrap();
    load(&[file], &[]).map_err(|Problems(problems)| {
        problems
            .join("\n")
            .replace(&folder.path().display().to_string(), "")
    })
}

fn retail() -> Models {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/models/retail.yaml");
    let source = Source {
        name: path.to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    Models::compile(vec![source]).unwrap().0
}

#[test]
fn the_documented_defaults_are_the_defaults_of_the_code() {
    let settings = load(&[], &[]).unwrap().settings(&retail(), None).unwrap();
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.money, Money::default());
    assert_eq!(settings.mappings, [Mapping::default(), Mapping::default()]);
    assert_eq!(settings.kafka.instance, "0");
}

#[test]
fn every_setting_is_documented_with_its_default() {
    let effective = serde_json::to_value(load(&[], &[]).unwrap()).unwrap();
    let documented: toml::Value = toml::from_str(DEFAULTS).unwrap();
    let documented = serde_json::to_value(documented).unwrap();
    for (section, values) in effective.as_object().unwrap() {
        let Some(values) = values.as_object() else {
            continue;
        };
        for (key, value) in values {
            assert_eq!(documented[section].get(key), Some(value), "{section}.{key}");
        }
    }
}

#[test]
fn later_layers_win_and_the_environment_is_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let files = [
        file(
            "a.toml",
            "[kafka]\nbrokers = \"a:1\"\napp = \"a\"\n[[input]]\ntopic = \"only\"\n",
        ),
        file("b.toml", "[kafka]\nbrokers = \"b:1\"\n"),
    ];
    let environment = variables(&[
        ("TENURE__RUNTIME__BATCH_RECORDS", "7"),
        ("TENURE__MODELS", "x.yaml,y.yaml"),
        ("OTHER", "1"),
    ]);
    let document = load(&files, &environment).unwrap();
    assert_eq!(
        (document.kafka.brokers.as_str(), document.kafka.app.as_str()),
        ("b:1", "a")
    );
    assert_eq!(document.input.len(), 1);
    assert_eq!(document.runtime.batch_records, 7);
    assert_eq!(
        document.models,
        [PathBuf::from("x.yaml"), PathBuf::from("y.yaml")]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_key_and_what_to_do() {
    let cases = [
        (
            "[kafka]\nbrokrs = \"x\"\n",
            "unknown field `brokrs`, expected one of `brokers`, `app`, `instance`, `session_timeout`, \
             `max_poll_interval`, `security`, `properties` for key `kafka`; did you mean `brokers`?",
        ),
        (
            "[runtime]\ncommit_interval = \"5\"\n",
            "`5` is no duration; write \"90s\", \"5m\", \"12h\" or \"250ms\" for key `runtime.commit_interval`",
        ),
        (
            "[store]\nmemory = \"lots\"\n",
            "`lots` is no size; write \"256MiB\", \"64KiB\" or bytes for key `store.memory`",
        ),
        (
            "[output]\nformat = \"avro\"\n",
            "`avro` is none of the values that `config/tenure.toml` names for key `output.format`",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(with_file(text).unwrap_err(), message);
    }
    let syntax = with_file("[kafka\n").unwrap_err();
    assert!(
        syntax.starts_with("TOML parse error at line 1, column 7"),
        "{syntax}"
    );
}

#[test]
fn values_that_make_no_sense_are_reported_all_at_once() {
    let text = "[runtime]\ncommit_interval = \"1ms\"\nbatch_records = 0\n[output]\nchangelog = \"purchases\"\n[money.rates]\nEUR = \"much\"\n";
    assert_eq!(
        with_file(text).unwrap_err(),
        "runtime.commit_interval: from 10ms to 60s\n\
         runtime.batch_records: from 1 to 100000\n\
         money.rates.EUR: `much` is no positive decimal number\n\
         the topic purchases is named twice"
    );
}

#[test]
fn a_variable_that_names_no_setting_is_an_error() {
    let Problems(problems) = load(&[], &variables(&[("TENURE__KAFKA__BROKRS", "x")])).unwrap_err();
    assert_eq!(
        problems,
        [
            "the variable TENURE__KAFKA__BROKRS names no setting; did you mean `TENURE__KAFKA__BROKERS`?"
        ]
    );
}

#[test]
fn a_route_of_a_stage_that_no_model_has_is_refused() {
    let document = with_file("[output.stages]\nat_rsk = \"x\"\n").unwrap();
    let Problems(problems) = document.settings(&retail(), None).unwrap_err();
    assert_eq!(
        problems,
        ["output.stages.at_rsk: no model has this stage; did you mean `at_risk`?"]
    );
}

#[test]
fn secrets_are_read_from_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("password");
    fs::write(&secret, "hunter2\n").unwrap();
    let text = format!(
        "[kafka.security]\npassword_file = \"{}\"\nkey_password = \"hunter3\"\n",
        secret.display()
    );
    let document = with_file(&text).unwrap();
    let settings = document.settings(&retail(), None).unwrap();
    assert_eq!(settings.kafka.security.password, "hunter2");
    for shown in [
        format!("{document:?}"),
        toml::to_string(&document).unwrap(),
        format!("{settings:?}"),
    ] {
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
