//! What documents and files under `deploy` name exists: in the program, and in the tree. `tests/deploy/check.sh` renders and
//! validates the manifests.

pub(crate) mod named;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value as Json;

use crate::documents::{files, read, root};
use crate::yaml_as_json;

const CHART: &str = "deploy/helm/tenure";

#[test]
fn what_documents_and_files_under_deploy_name_exists() {
    let mut problems = Vec::new();
    let mut count = 0;
    let documents = ["README.md", "config/mappings.md", "config/models/README.md"];
    let documents = documents.map(|page| root().join(page));
    for path in files(&root().join("deploy")).into_iter().chain(documents) {
        // Generated, or without prose.
        let is_data = path.extension().is_some_and(|it| it == "json");
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if is_data || name.starts_with("deploy/prometheus/tests") {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path).unwrap();
        let found = named::problems(&text);
        problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    assert!(count > 20, "{count}");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_check_of_names_finds_what_does_not_exist() {
    for text in [
        "TENURE__KAFKA__APP and `kafka.app`, settings.kafka.security.username, ${TENURE_IMAGE:-a}",
        "`output.stages.churned`, `kafka.properties.client`, https://store.example.com",
        "port: 8080, 127.0.0.1:8081, kafka:9092",
        "httpGet: {path: /livez}, `GET /customers/ID`, `/etc/tenure`",
        "deploy/grafana/*.json, `config/models/README.md`, https://example.com/config/none",
        "`tenure topics plan\n--acls`, `kubectl exec POD -- tenure state retry`",
        "```sh\nkubectl exec POD -- tenure explain ID \\\n  --admin 127.0.0.1:8081   # why\n```",
        "args: [run, --config, FILE]\n--set 'jobs.a={topics,create}'\ncommand: [sleep, 1]",
    ] {
        assert_eq!(named::problems(text), Vec::<String>::new(), "{text}");
    }
    for text in [
        "TENURE__KAFKA__AP",
        "TENURE_NO_SUCH_VARIABLE",
        "`kafka.ap`",
        "# settings.kafka.security.user",
        "$settings.store.memori",
        "containerPort: 8082",
        "kafka:9099",
        "httpGet: {path: /healthz, port: http}",
        "`/ready`",
        "deploy/none.yaml",
        "`tenure stat`",
        "`tenure state ignore 1`",
        "```sh\nkubectl exec POD -- tenure explain ID \\\n  --adm 127.0.0.1:8081\n```",
        "args: [run, --conf, FILE]",
        "--set 'jobs.a={topic,create}'",
        "command: [topics, create, --partition, 1]",
    ] {
        assert!(!named::problems(text).is_empty(), "{text}");
    }
}

#[test]
fn the_chart_installs_this_version() {
    let version = format!("appVersion: \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(read(format!("{CHART}/Chart.yaml")).contains(&version), "{version}");
}

/// What the chart sets by the environment of the container.
const SET_BY_THE_CHART: [&str; 11] = [
    "models",
    "kafka.instance",
    "kafka.security.password",
    "kafka.security.password_file",
    "kafka.security.ca_file",
    "kafka.security.certificate_file",
    "kafka.security.key_file",
    "kafka.security.key_password",
    "http.listen",
    "http.admin",
    "store.path",
];
/// Settings for which the chart has another value than the program, with its reason in `values.yaml`.
const OTHER_THAN_THE_PROGRAM: [&str; 5] =
    ["kafka.app", "kafka.brokers", "kafka.session_timeout", "log.format", "runtime.workers"];

#[test]
fn the_chart_has_every_setting_that_it_does_not_set_itself() {
    let schema: Json = serde_json::from_str(&read(format!("{CHART}/values.schema.json"))).unwrap();
    let document = serde_json::to_value(tenure::config::load(&[], &[]).unwrap()).unwrap();
    let mut settings = BTreeMap::new();
    settings_of_document("", &document, &mut settings);
    let mut in_chart = BTreeSet::new();
    settings_of_schema("", &schema["properties"]["settings"], &mut in_chart);
    for setting in SET_BY_THE_CHART {
        assert!(settings.contains_key(setting), "{setting}");
        assert!(!in_chart.contains(setting), "{setting}");
    }
    let expected = settings.keys().filter(|name| !SET_BY_THE_CHART.contains(&name.as_str()));
    assert_eq!(in_chart, expected.cloned().collect());

    let values = yaml_as_json::parse(&read(format!("{CHART}/values.yaml")), |text, _| text.into());
    let mut in_values = BTreeMap::new();
    settings_of_document("", &values["settings"], &mut in_values);
    assert!(in_values.len() > OTHER_THAN_THE_PROGRAM.len(), "{in_values:?}");
    for (name, value) in in_values {
        let is_equal = settings[&name] == value;
        assert!(is_equal != OTHER_THAN_THE_PROGRAM.contains(&name.as_str()), "{name}: {value}");
    }
}

/// The values by their names. Empty tables are open to names of users.
fn settings_of_document(prefix: &str, json: &Json, settings: &mut BTreeMap<String, Json>) {
    for (key, value) in json.as_object().unwrap() {
        let name = format!("{prefix}{key}");
        match value {
            Json::Object(table) if !table.is_empty() => {
                settings_of_document(&format!("{name}."), value, settings);
            }
            Json::Array(list) if list.first().is_some_and(Json::is_object) => {
                settings_of_document(&format!("{name}[]."), &list[0], settings);
            }
            _ => drop(settings.insert(name, value.clone())),
        }
    }
}

fn settings_of_schema(prefix: &str, schema: &Json, settings: &mut BTreeSet<String>) {
    assert_eq!(schema["additionalProperties"], false, "{prefix}");
    for (key, value) in schema["properties"].as_object().unwrap() {
        let name = format!("{prefix}{key}");
        if value["properties"].is_object() {
            settings_of_schema(&format!("{name}."), value, settings);
        } else if value["items"]["properties"].is_object() {
            settings_of_schema(&format!("{name}[]."), &value["items"], settings);
        } else {
            settings.insert(name);
        }
    }
}

#[test]
fn the_settings_of_the_overlay_are_accepted() {
    let page = read("deploy/README.md");
    let text = page.split("```toml\n# deploy/kustomize/shop/tenure.toml\n").nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenure.toml");
    fs::write(&file, text.split("```").next().unwrap()).unwrap();
    let document = tenure::config::load(&[file], &[]).unwrap();
    assert_eq!(document.kafka.app, "shop");
    assert!(document.warnings().is_empty(), "{:?}", document.warnings());
}
