//! The default file is the documentation: it, the code and the messages must agree.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tenure::config::{DEFAULTS, InvalidConfig, load};
use tenure::event::{CurrencyRates, Mapping, RecordLimits};
use tenure::model::{Models, SourceFile};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads one file with this text.
fn with_file(text: &str) -> Result<tenure::config::Document, String> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("own.toml");
    fs::write(&file, text).unwrap();
    load(&[file], &[]).map_err(|InvalidConfig(problems)| {
        problems.join("\n").replace(&folder.path().display().to_string(), "")
    })
}

fn retail() -> Models {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/models/retail.yaml");
    let source = SourceFile { name: path.to_owned(), text: fs::read_to_string(path).unwrap() };
    Models::compile(vec![source]).unwrap().0
}

#[test]
fn the_documented_defaults_are_the_defaults_of_the_code() {
    let settings = load(&[], &[]).unwrap().settings(&retail(), None).unwrap();
    assert_eq!(settings.limits, RecordLimits::default());
    assert_eq!(settings.money, CurrencyRates::default());
    assert_eq!(settings.mappings, [[Mapping::default()], [Mapping::default()]]);
    assert_eq!(settings.kafka.instance, "0");
}

#[test]
fn the_identity_of_settings_is_stable_across_versions() {
    let settings = load(&[], &[]).unwrap().settings(&retail(), None).unwrap();
    // A change of this value makes the state of all earlier versions unusable.
    let rules = "6794280b64ffa26636d88853b43b3582077562a47c7c3b6445b48838db61e4e6";
    assert_eq!(settings.identity.legacy.rules, rules);
}

#[test]
fn every_field_is_read_at_its_mapped_path() {
    let fields = Mapping::FIELDS.map(|field| format!("{field} = \"in.{field}\"\n"));
    let text = format!("[[input]]\ntopic = \"t\"\n[input.mapping]\n{}", fields.concat());
    let settings = with_file(&text).unwrap().settings(&retail(), None).unwrap();
    let expected = Mapping {
        customer_id: "in.customer_id".into(),
        event_type: "in.type".into(),
        time: "in.time".into(),
        id: "in.id".into(),
        order_id: "in.order_id".into(),
        channel: "in.channel".into(),
        value: "in.value".into(),
        currency: "in.currency".into(),
        properties: "in.properties".into(),
        ..Mapping::default()
    };
    assert_eq!(settings.mappings, [[expected]]);
}

#[test]
fn a_topic_may_have_several_mappings_of_which_all_but_the_last_have_a_filter() {
    let input = |mapping: &str| format!("[[input]]\ntopic = \"t\"\n{mapping}");
    let filtered = input("[input.mapping]\nid = \"key\"\nwhere = { kind = \"x\" }\n");
    let other = "[[input]]\ntopic = \"u\"\n";
    let text = format!("{filtered}{other}{}", input(""));
    let settings = with_file(&text).unwrap().settings(&retail(), None).unwrap();
    assert_eq!(settings.outputs.inputs, ["t", "u"]);
    let counts: Vec<usize> = settings.mappings.iter().map(Vec::len).collect();
    assert_eq!(counts, [2, 1]);
    let filter = &settings.mappings[0][0].filter;
    assert_eq!(filter["kind"], ["x"]);
    assert_eq!(settings.mappings[0][1], Mapping::default());
    let decoding = serde_json::to_value(&settings.decoding).unwrap();
    assert_eq!(decoding["input.0.id"], "key");
    assert_eq!(decoding["input.0.mapping.1.id"], "id");
    let problems = with_file(&format!("{}{filtered}", input(""))).unwrap_err();
    assert!(problems.contains("input[0]: it reads all records of t"), "{problems}");
    let problems = with_file(&format!("{other}[output]\ndead_letters = \"u\"\n")).unwrap_err();
    assert!(problems.contains("the topic u is already used by"), "{problems}");
}

#[test]
fn a_field_that_every_event_needs_must_have_a_path() {
    let text = "[[input]]\ntopic = \"t\"\nmapping.time = \"\"\nmapping.value = \"\"\nmapping.properties = \"\"\n";
    let problems = with_file(text).unwrap_err();
    assert!(problems.contains("input[0].mapping.time: every event needs this field"), "{problems}");
    assert_eq!(problems.matches("input[0].mapping.").count(), 1, "{problems}");
}

#[test]
fn every_setting_is_documented_and_nothing_else_is() {
    let mut examples = String::new();
    for line in DEFAULTS.lines() {
        // The example of a mapping is a comment.
        let line = line.strip_prefix("# ").unwrap_or(line);
        let example = line.starts_with("[[input]]") || line.starts_with("[input.mapping]");
        let key = line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        if example || key || line.starts_with('[') {
            examples.push_str(line);
            examples.push('\n');
        }
    }
    let documented = with_file(&examples).unwrap();
    let mapping = serde_json::to_value(&documented.input[2].mapping).unwrap();
    for (key, value) in mapping.as_object().unwrap() {
        assert!(!value.is_null(), "input.mapping.{key} is not documented");
    }
    let effective = serde_json::to_value(load(&[], &[]).unwrap()).unwrap();
    let documented: toml::Value = toml::from_str(DEFAULTS).unwrap();
    let mut documented = serde_json::to_value(documented).unwrap();
    let inputs = documented["input"].as_array_mut().unwrap();
    let native = serde_json::to_value(&load(&[], &[]).unwrap().input[0].mapping).unwrap();
    for input in inputs {
        input["mapping"] = native.clone();
    }
    assert_eq!(documented, effective);
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
        file("a.toml", "[kafka]\nbrokers = \"a:1\"\napp = \"a\"\n[[input]]\ntopic = \"only\"\n"),
        file("b.toml", "[kafka]\nbrokers = \"b:1\"\n"),
    ];
    let environment = variables(&[
        ("TENURE__RUNTIME__BATCH_RECORDS", "7"),
        ("TENURE__MODELS", "x.yaml,y.yaml"),
        ("OTHER", "1"),
    ]);
    let document = load(&files, &environment).unwrap();
    assert_eq!((document.kafka.brokers.as_str(), document.kafka.app.as_str()), ("b:1", "a"));
    assert_eq!(document.input.len(), 1);
    assert_eq!(document.runtime.batch_records, 7);
    assert_eq!(document.models, [PathBuf::from("x.yaml"), PathBuf::from("y.yaml")]);
}

#[test]
fn an_invalid_value_is_reported_also_where_a_later_layer_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    fs::write(&file, "[runtime]\nworkers = \"many\"\n").unwrap();
    let environment = variables(&[("TENURE__RUNTIME__WORKERS", "4")]);
    let InvalidConfig(problems) = load(&[file], &environment).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("runtime.workers: ") && problems[0].contains("own.toml:2:"),
        "{problems:?}"
    );
}

#[test]
fn all_problems_of_the_settings_are_reported_together_with_location_and_help() {
    let text = "\
[kafka]
brokrs = \"x\"
session_timeout = 45
properties.queue.size = \"1\"
[runtime]
commit_interval = \"1ms\"
batch_records = \"7\"
[store]
memory = \"lots\"
[[input]]
mapping.type = \"event\"
[[input]]
topic = \"b\"
mapping.time_unit = \"second\"
[output]
format = \"avro\"
[outputs]
[money]
rates.EUR = \"much\"
";
    let expected = "\
kafka.brokrs: no such setting
  --> /own.toml:2:1
   |
 2 | brokrs
   | ^^^^^^
  help: did you mean `brokers`?
kafka.session_timeout: invalid type: integer `45`, expected a string
  --> /own.toml:3:19
   |
 3 | session_timeout = 45
   |                   ^^
";
    let problems = with_file(text).unwrap_err();
    assert!(problems.starts_with(expected), "{problems}");
    let heads = problems.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(
        heads.collect::<Vec<_>>(),
        [
            "kafka.brokrs: no such setting",
            "kafka.session_timeout: invalid type: integer `45`, expected a string",
            "kafka.properties.queue: invalid type: map, expected a string",
            "runtime.batch_records: invalid type: string \"7\", expected a whole number",
            "store.memory: `lots` is not a size; write \"256MiB\", \"64KiB\" or bytes",
            "input[0]: missing field `topic`",
            "input[1].mapping.time_unit: unknown variant `second`, expected one of `seconds`, `milliseconds`, `microseconds`, `nanoseconds`, `spreadsheet_days`",
            "output.format: unknown variant `avro`, expected `binary` or `structured`",
            "outputs: no such setting",
            "runtime.commit_interval: from 10ms to 60s",
            "money.rates.EUR: `much` is not a positive decimal number",
        ]
    );
    let places = problems.lines().filter_map(|line| line.split_once("--> /own.toml:"));
    let places: Vec<&str> = places.map(|(_, place)| place).collect();
    let expected =
        ["2:1", "3:19", "4:12", "7:17", "9:10", "10:1", "14:21", "16:10", "17:2", "6:19", "19:13"];
    assert_eq!(places, expected, "{problems}");
}

#[test]
fn invalid_toml_and_missing_files_are_reported_with_all_other_problems() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    fs::write(&own, "[kafka\n").unwrap();
    let environment = variables(&[("TENURE__STORE__MEMORY", "lots")]);
    let InvalidConfig(problems) =
        load(&[own.clone(), folder.path().join("gone.toml")], &environment).unwrap_err();
    let [syntax, gone, variable] = problems.try_into().unwrap();
    assert!(syntax.contains(&format!("--> {}:1:7", own.display())), "{syntax}");
    assert!(gone.starts_with("cannot read the settings "), "{gone}");
    assert_eq!(
        variable,
        "store.memory: `lots` is not a size; write \"256MiB\", \"64KiB\" or bytes\n  \
         --> the variable TENURE__STORE__MEMORY"
    );
}

#[test]
fn a_topic_that_is_used_twice_is_located_in_the_users_file() {
    let problem = with_file("[[input]]\ntopic = \"a\"\n[[input]]\ntopic = \"dead-letters\"\n");
    assert_eq!(
        problem.unwrap_err(),
        "output.dead_letters: the topic dead-letters is already used by input[1].topic
  --> /own.toml:4:9
   |
 4 | topic = \"dead-letters\"
   |         ^^^^^^^^^^^^^^"
    );
    let shared = "[output.stages]\nloyalty = \"good\"\nretention = \"good\"\n";
    assert_eq!(with_file(shared).unwrap().output.stages.len(), 2);
}

#[test]
fn a_problem_of_one_setting_causes_no_others() {
    let text = "[output]\nstage_changes = \"purchases\"\n[[input]]\ntopc = \"own\"\n";
    let problems = with_file(text).unwrap_err();
    let heads: Vec<&str> = problems.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads, ["input[0].topc: no such setting"]);
}

#[test]
fn variables_are_read_as_text() {
    let environment = variables(&[
        ("TENURE__KAFKA__APP", "1e5"),
        ("tenure__kafka__instance", "007"),
        ("TENURE__KAFKA__SECURITY__PASSWORD", "0123,true"),
        ("TENURE__OUTPUT__STAGES__AT_RISK", "at-risk"),
        ("TENURE__MONEY__RATES__EUR", "1.10"),
        ("TENURE__KAFKA__PROPERTIES__QUEUE.SIZE", "5"),
    ]);
    let document = load(&[], &environment).unwrap();
    assert_eq!(document.kafka.app, "1e5");
    assert_eq!(document.kafka.instance, "007");
    assert_eq!(document.kafka.security.password.0, "0123,true");
    assert_eq!(document.kafka.properties.0["queue.size"], "5");
    let settings = document.settings(&retail(), None).unwrap();
    assert_eq!(settings.outputs.stages["at_risk"], "at-risk");
    assert!(settings.money.rates.contains_key("EUR"));
}

#[test]
fn a_variable_that_names_no_setting_is_an_error() {
    let InvalidConfig(problems) =
        load(&[], &variables(&[("TENURE__KAFKA__BROKRS", "x")])).unwrap_err();
    assert_eq!(
        problems,
        [
            "the variable TENURE__KAFKA__BROKRS names no setting; did you mean `TENURE__KAFKA__BROKERS`?"
        ]
    );
}

#[test]
fn a_route_for_an_unknown_stage_is_refused() {
    let document = with_file("[output.stages]\nat_rsk = \"x\"\n").unwrap();
    let InvalidConfig(problems) = document.settings(&retail(), None).unwrap_err();
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
    for shown in
        [format!("{document:?}"), toml::to_string(&document).unwrap(), format!("{settings:?}")]
    {
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

/// Exit code, standard output and standard error of `tenure config` with one file with this text.
fn tenure_config(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tenure"))
        .arg("config")
        .arg("--config")
        .arg(&file)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn no_message_and_no_output_shows_a_secret() {
    let good = "[kafka.security]\npassword = \"hunter2\"\n[kafka.properties]\n\"ssl.key.password\" = \"hunter3\"\n";
    for format in ["text", "json"] {
        let (exit, out, err) = tenure_config(good, &["--format", format]);
        assert_eq!(exit, Some(0), "{err}");
        assert!(out.contains("***") && !out.contains("hunter"), "{out}");
    }
    for bad in [
        "[kafka.security]\npassword = \"hunter2\n",
        "[kafka.security]\npassword = hunter2\n",
        "[kafka.security]\npasword = \"hunter2\"\n",
        "[kafka.security]\nkey_password = [\"hunter2\"]\n",
        "[kafka]\nsecurity = { password = \"hunter2\", x = 1 }\n",
        "[kafka.security]\npassword = \"\"\"\nhunter2 \\q\n\"\"\"\n",
        "[kafka.properties]\n\"sasl.password\" = { is = \"hunter2\" }\n",
    ] {
        let (exit, out, err) = tenure_config(bad, &[]);
        assert_eq!((exit, out.as_str()), (Some(78), ""), "{bad}");
        assert!(err.starts_with("error: ") && err.contains("own.toml:"), "{err}");
        assert!(!err.contains("hunter"), "{bad}\n{err}");
    }
}

#[test]
fn the_effective_settings_can_be_read_again() {
    let text = "[[input]]\ntopic = \"a\"\nmapping.time_unit = \"seconds\"\nmapping.id = \"a.b\"\n\
        [kafka.properties]\n\"queue.size\" = \"1\"\n[store]\nmemory = \"65537KiB\"\n\
        [time]\nlateness = \"90m\"\n[money.rates]\nEUR = \"1.08\"\n";
    let document = with_file(text).unwrap();
    let effective = document.effective_toml();
    assert_eq!(with_file(&effective).unwrap(), document, "{effective}");
    let (exit, out, _) = tenure_config(text, &[]);
    assert_eq!((exit, out), (Some(0), effective));
}

#[test]
fn the_group_protocol_can_be_chosen_and_its_timeouts_are_validated() {
    let document = with_file("[kafka]\ngroup_protocol = \"consumer\"\n").unwrap();
    let settings = document.settings(&retail(), None).unwrap();
    assert_eq!(settings.kafka.group_protocol, tenure::kafka::GroupProtocol::Consumer);
    for (text, expected) in [
        (
            "group_protocol = \"next\"",
            "kafka.group_protocol: unknown variant `next`, expected `classic` or `consumer`",
        ),
        ("session_timeout = \"900ms\"", "kafka.session_timeout: from 1s to 1h"),
        // Longer than the default of `max_poll_interval`.
        (
            "session_timeout = \"6m\"",
            "kafka.max_poll_interval: from kafka.session_timeout to 1d\n  --> /own.toml:2:",
        ),
    ] {
        let problems = with_file(&format!("[kafka]\n{text}\n")).unwrap_err();
        assert!(problems.starts_with(expected), "{problems}");
    }
}

#[test]
fn burst_and_admin_settings_are_validated() {
    let environment = variables(&[
        ("TENURE__BURST__SHARE", "0.2"),
        ("TENURE__BURST__FUSE", "true"),
        ("TENURE__HTTP__ADMIN", ""),
    ]);
    let document = load(&[], &environment).unwrap();
    assert_eq!(document.http.admin.0, None);
    let burst = document.settings(&retail(), None).unwrap().burst;
    assert_eq!((burst.share.to_string().as_str(), burst.fuse), ("0.2", true));
    for share in ["1", "1.0", "\"0.25\"", "0.000000001"] {
        let document = with_file(&format!("[burst]\nshare = {share}\n")).unwrap();
        assert_eq!(with_file(&document.effective_toml()).unwrap(), document);
    }
    for address in ["127.0.0.1:0", "127.0.0.2:8080", "[::1]:8081"] {
        let text = format!("[http]\nadmin = \"{address}\"\n");
        assert!(with_file(&text).is_ok(), "{address}");
    }
    let bad = "[burst]\nshare = 5\nwithin = \"0s\"\nleast = 0\n[http]\nadmin = \"0.0.0.0:8081\"\n";
    let problems = with_file(bad).unwrap_err();
    let heads = problems.lines().filter(|line| !line.starts_with(' '));
    assert_eq!(
        heads.collect::<Vec<_>>(),
        [
            "burst.share: more than 0, and at most 1",
            "burst.within: from 1s to 1d",
            "burst.least: at least 1",
            "http.admin: only this machine may reach it: use a loopback address such as 127.0.0.1:8081, or \"\" for none",
        ]
    );
    for (text, expected) in [
        ("[burst]\nshare = \"5%\"", "burst.share: `5%` is not a number; write 0.05"),
        ("[burst]\nshare = nan", "burst.share: `NaN` is not a number; write 0.05"),
        ("[burst]\nshare = true", "burst.share: not a number; write 0.05"),
        ("[burst]\nleast = -1", "burst.least: invalid value: integer `-1`"),
        ("[http]\nadmin = \"here\"", "http.admin: `here` is not an address; write 127.0.0.1:8081"),
        (
            "[http]\nlisten = \"0.0.0.0:8081\"",
            "http.admin: http.listen already uses 0.0.0.0:8081; choose another port\n  --> /own.toml:2:",
        ),
    ] {
        let problems = with_file(&format!("{text}\n")).unwrap_err();
        assert!(problems.starts_with(expected), "{problems}");
    }
    let environment = variables(&[("TENURE__BURST__FUSE", "maybe")]);
    let InvalidConfig(problems) = load(&[], &environment).unwrap_err();
    assert!(problems[0].starts_with("burst.fuse: invalid type: string \"maybe\""));
}

#[test]
fn checksum_verification_cannot_be_turned_off() {
    let text = "[kafka.properties]\n\"queued.min.messages\" = \"7\"\n\"check.crcs\" = \"true\"\n";
    let expected = "kafka.properties.check.crcs: Tenure always checks the checksums of batches; leave it \
        out\n  --> /own.toml:3:";
    let problems = with_file(text).unwrap_err();
    assert!(problems.starts_with(expected), "{problems}");
    let environment = variables(&[("TENURE__KAFKA__PROPERTIES__CHECK.CRCS", "false")]);
    let InvalidConfig(problems) = load(&[], &environment).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let place = "leave it out\n  --> the variable TENURE__KAFKA__PROPERTIES__CHECK.CRCS";
    assert!(problems[0].ends_with(place), "{problems:?}");
}

#[test]
fn possible_secrets_are_never_shown() {
    let secrets = [
        "sasl.password",
        "sasl.jaas.config",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.client.secret",
        "sasl.what.comes.next",
        "ssl.key.pem",
        "ssl.key.password",
        "ssl.keystore.password",
        "oauth.token",
    ];
    let mut text =
        "[kafka.properties]\n\"sasl.username\" = \"shown\"\n\"ssl.key.location\" = \"shown\"\n"
            .to_owned();
    for secret in secrets {
        text += &format!("\"{secret}\" = \"hunter2\"\n");
    }
    let document = with_file(&text).unwrap();
    let settings = document.settings(&retail(), None).unwrap();
    let debug = format!("{document:?} {settings:?}");
    assert!(!debug.contains("hunter"), "{debug}");
    for format in ["text", "json"] {
        let (exit, out, err) = tenure_config(&text, &["--format", format]);
        assert_eq!(exit, Some(0), "{err}");
        assert_eq!(out.matches("***").count(), secrets.len(), "{out}");
        assert_eq!(out.matches("\"shown\"").count(), 2, "{out}");
        assert!(!(out + &err).contains("hunter"), "{err}");
    }
    for secret in secrets {
        for bad in [
            format!("[kafka.properties]\n\"{secret}\" = \"hunter2\n"),
            format!("[kafka.properties]\n{secret} = \"hunter2\n"),
            format!("[kafka.properties]\n{secret} = \"hunter2\"\n"),
            format!("kafka.properties.{secret} = \"hunter2\" x\n"),
            format!("[kafka.properties]\n{} = hunter2\n", secret.replace('.', " . ")),
            format!("[kafka]\nproperties = {{ {} = \"hunter2\" }}\n", secret),
            format!("[kafka]\nproperties = {{ {} = hunter2 }}\n", secret),
            format!("[kafka]\nproperties = \"{secret}=hunter2\"\n"),
            format!("[kafka.properties]\n\"{secret}\" = [\"hunter2\"]\n"),
            format!("[kafka.properties]\n\"{secret}\" = 2\n\"check.crcs\" = \"hunter2\"\n"),
        ] {
            let (exit, out, err) = tenure_config(&bad, &[]);
            assert_eq!((exit, out.as_str()), (Some(78), ""), "{bad}{err}");
            assert!(!err.contains("hunter"), "{bad}\n{err}");
        }
    }
}

#[test]
fn unused_security_settings_are_warned_of_with_an_alternative() {
    let security = |text: &str| with_file(&format!("[kafka.security]\n{text}\n")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "hunter2").unwrap();
    let by_file = format!("password_file = \"{}\"", file.display());
    for (text, named, protocol, instead) in [
        (
            "username = \"u\"\npassword = \"hunter2\"",
            "kafka.security.username, kafka.security.password",
            "plaintext",
            "\"sasl_plaintext\", or \"sasl_ssl\"",
        ),
        (by_file.as_str(), "kafka.security.password_file", "plaintext", "\"sasl_plaintext\""),
        (
            "protocol = \"ssl\"\nca_file = \"ca\"\npassword = \"hunter2\"",
            "kafka.security.password",
            "ssl",
            "\"sasl_ssl\"",
        ),
        (
            "protocol = \"sasl_plaintext\"\nmechanism = \"PLAIN\"\nusername = \"u\"\nca_file = \"ca\"",
            "kafka.security.ca_file",
            "sasl_plaintext",
            "\"sasl_ssl\"",
        ),
        (
            "[kafka.properties]\n\"sasl.password\" = \"hunter2\"",
            "kafka.properties.sasl.password",
            "plaintext",
            "\"sasl_plaintext\"",
        ),
        (
            "[kafka.properties]\n\"security.protocol\" = \"SASL_SSL\"",
            "kafka.properties.security.protocol",
            "plaintext",
            "set that instead",
        ),
    ] {
        let warnings = security(text).warnings();
        let [warning] = warnings.as_slice() else {
            panic!("{text}: {warnings:?}");
        };
        assert!(warning.starts_with(&format!("{named}: not used, ")), "{warning}");
        assert!(
            warning.contains(&format!("kafka.security.protocol = \"{protocol}\"")),
            "{warning}"
        );
        assert!(warning.contains(instead), "{warning}");
        assert!(!warning.contains("hunter"), "{warning}");
    }
    for used in [
        "",
        "protocol = \"ssl\"\nca_file = \"ca\"",
        "protocol = \"sasl_plaintext\"\nmechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"p\"",
        "protocol = \"sasl_ssl\"\nmechanism = \"PLAIN\"\nusername = \"u\"\npassword = \"p\"\nca_file = \"ca\"",
    ] {
        assert_eq!(security(used).warnings(), [""; 0], "{used}");
    }
}

#[test]
fn a_login_needs_a_mechanism_that_is_supported() {
    let security = |text: &str| with_file(&format!("[kafka.security]\n{text}\n"));
    let login = "protocol = \"sasl_ssl\"";
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        security(&format!("{login}\nmechanism = \"{mechanism}\"")).unwrap();
    }
    security(&format!("{login}\n[kafka.properties]\n\"sasl.mechanisms\" = \"PLAIN\"")).unwrap();
    for (text, setting) in [
        (login.to_owned(), "kafka.security.mechanism: write PLAIN"),
        (
            format!("{login}\nmechanism = \"SCRAM-SHA256\""),
            "kafka.security.mechanism: `SCRAM-SHA256` is not supported",
        ),
        (
            format!("{login}\n[kafka.properties]\n\"sasl.mechanism\" = \"OAUTHBEARER\""),
            "kafka.properties.sasl.mechanism: `OAUTHBEARER` is not supported",
        ),
    ] {
        let problems = security(&text).unwrap_err();
        assert!(problems.contains(setting), "{problems}");
    }
}

#[test]
fn check_finds_what_the_kafka_clients_would_refuse_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/config/models/retail.yaml");
    for (text, problem) in [
        ("[kafka.properties]\n\"queued.mim.messages\" = \"7\"\n", "queued.mim.messages"),
        ("[kafka.properties]\n\"linger.ms\" = \"soon\"\n", "linger.ms"),
        ("[kafka.security]\nprotocol = \"ssl\"\nca_file = \"missing.pem\"\n", "missing.pem"),
    ] {
        fs::write(folder.path().join("own.toml"), text).unwrap();
        let arguments = ["check", "--config", "own.toml", model];
        let run = super::program::tenure(folder.path(), &arguments);
        assert_eq!(run.code, 78, "{text}: {}", run.said);
        assert!(run.said.contains("error: ") && run.said.contains(problem), "{}", run.said);
    }
}

#[test]
fn warnings_are_printed_and_fail_strict_runs() {
    let text = "[kafka.security]\nusername = \"u\"\n";
    let warning = "warning: kafka.security.username: not used, ";
    let (exit, out, err) = tenure_config(text, &[]);
    assert_eq!(exit, Some(0));
    assert!(err.starts_with(warning) && !out.contains("warning"), "{err}{out}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.toml"), text).unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/config/models/retail.yaml");
    for (arguments, code) in [(vec![], 0), (vec!["--strict"], 3)] {
        let own = ["check", "--config", "own.toml", model];
        let run = super::program::tenure(folder.path(), &[&own, arguments.as_slice()].concat());
        assert_eq!(run.code, code, "{}", run.said);
        assert!(run.said.starts_with(warning), "{}", run.said);
    }
    // It fails because there are no models, after the settings were read.
    let run = super::program::tenure(folder.path(), &["run", "--config", "own.toml"]);
    assert_eq!(run.code, 78, "{}", run.said);
    assert!(run.said.starts_with(warning), "{}", run.said);
}
