//! Runs promtool.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

pub(super) fn is_installed() -> bool {
    let mut command = Command::new("promtool");
    let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

pub(super) fn check_rules(path: &Path) {
    run(Command::new("promtool").args(["check", "rules", "--lint=all", "--lint-fatal"]).arg(path));
}

/// As promtool cannot check a single expression, each of them becomes a recording rule.
pub(super) fn check_expressions(expressions: impl Iterator<Item = String>) {
    let rule = |(number, expression): (usize, String)| {
        let expression = expression.replace("$__rate_interval", "5m").replace("$__range", "1h");
        json!({ "record": format!("checked:{number}"), "expr": expression })
    };
    let rules: Vec<Json> = expressions.enumerate().map(rule).collect();
    // JSON is YAML.
    let file = json!({ "groups": [{ "name": "checked", "rules": rules }] });
    let mut temporary = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    write!(temporary, "{file:#}").unwrap();
    run(Command::new("promtool").args(["check", "rules"]).arg(temporary.path()));
}

/// Two at a time: some evaluate all rules for days.
pub(super) fn run_tests(files: &[PathBuf]) {
    let halves: [Vec<&PathBuf>; 2] =
        [0, 1].map(|half| files.iter().skip(half).step_by(2).collect());
    std::thread::scope(|scope| {
        for half in halves {
            scope.spawn(move || run(Command::new("promtool").args(["test", "rules"]).args(half)));
        }
    });
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
}
