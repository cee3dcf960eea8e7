//! What the runbook names.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;

use super::{read, root};

const RUNBOOK: &str = "deploy/runbook.md";
/// Headers of dead letters.
const HEADERS: [&str; 4] =
    ["tenure_reason", "tenure_refused", "tenure_offset", "tenure_offset_end"];

/// The alerts that have a section; each has the same parts.
pub(super) fn alert_sections() -> Vec<String> {
    let page = read(RUNBOOK);
    let mut alerts = Vec::new();
    for section in page.split("\n### Tenure").skip(1) {
        let section = section.split("\n## ").next().unwrap();
        let alert = format!("Tenure{}", section.lines().next().unwrap());
        for part in ["**Meaning.**", "**Check", "**Ignore it"] {
            assert!(section.contains(part), "{alert} has no {part}");
        }
        assert!(!alerts.contains(&alert), "{alert} has two sections");
        alerts.push(alert);
    }
    alerts
}

/// Links to sections that do not exist.
pub(super) fn broken_links() -> Vec<String> {
    let page = read(RUNBOOK);
    let titles = page.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let kept = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let anchor = |title: &str| -> String {
        title.to_lowercase().replace(' ', "-").chars().filter(kept).collect()
    };
    let anchors: BTreeSet<String> = titles.map(anchor).collect();
    let links = page.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap());
    links.filter(|link| !anchors.contains(*link)).map(str::to_owned).collect()
}

/// The lines of the fenced blocks of a language; a line that is indented continues the one before it.
fn block_lines(language: &str) -> Vec<String> {
    let page = read(RUNBOOK);
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut lines: Vec<String> = Vec::new();
    for line in blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()) {
        match lines.last_mut().filter(|_| line.starts_with(' ')) {
            Some(last) => *last += line,
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

pub(super) fn expressions() -> Vec<String> {
    let lines = block_lines("promql");
    assert!(lines.len() > 20, "{}", lines.len());
    lines
}

/// All texts between backticks, outside of blocks.
fn quoted() -> Vec<String> {
    let page = read(RUNBOOK);
    let prose: String = page.split("```").step_by(2).collect();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The metrics that the text names.
pub(super) fn metric_names() -> BTreeSet<String> {
    let name = Regex::new(r"(?-u:\b)tenure_[a-z_]+(?-u:\b)").unwrap();
    let quoted = quoted().join(" ");
    let names = name.find_iter(&quoted).map(|found| found.as_str().to_owned());
    names.filter(|name| !HEADERS.contains(&name.as_str())).collect()
}

/// Commands, settings and files that do not exist.
pub(super) fn problems() -> Vec<String> {
    let mut problems = Vec::new();
    let commands = block_lines("sh");
    let commands = commands.iter().filter_map(|line| line.strip_prefix("tenure "));
    let quoted = quoted();
    let quoted_commands = quoted.iter().filter_map(|text| text.strip_prefix("tenure "));
    for command in commands.chain(quoted_commands) {
        problems.extend(command_problem(command.split(" #").next().unwrap()));
    }
    let setting = Regex::new(
        r"^(kafka|output|time|limits|money|store|runtime|burst|http|log)\.([a-z_]+)( = .*)?$",
    )
    .unwrap();
    let settings: toml::Table = toml::from_str(&read("config/tenure.toml")).unwrap();
    for text in &quoted {
        if let Some(found) = setting.captures(text) {
            let is_known = settings[&found[1]].get(&found[2]).is_some();
            problems.extend((!is_known).then(|| format!("no setting {text}")));
        }
        let is_path = ["deploy/", "config/", "tests/"].iter().any(|it| text.starts_with(it));
        if is_path && !root().join(text).exists() {
            problems.push(format!("no file {text}"));
        }
    }
    problems
}

/// Whether the program has this subcommand with these flags, by its help.
fn command_problem(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let names = words.iter().take_while(|word| !word.starts_with('-')).filter(is_name);
    // A subcommand, or two of them; further words are arguments.
    let depth = if words[0] == "topics" || words[0] == "models" { 2 } else { 1 };
    let names = names.take(depth);
    let mut program = Command::new(env!("CARGO_BIN_EXE_tenure"));
    let output = program.args(names).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        return Some(format!("no command tenure {command}"));
    }
    let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    let mut flags = flags.map(|flag| flag.split('=').next().unwrap());
    let unknown = flags.find(|flag| !help.contains(*flag));
    let actions = ["retry", "skip", "rebuild", "republish", "accept-loss"];
    let action = words.get(1).filter(|_| words[0] == "state");
    let bad_action = action.filter(|it| !it.starts_with('-') && !actions.contains(it));
    let problem = unknown.map(str::to_owned).or(bad_action.map(|it| (*it).to_owned()));
    problem.map(|word| format!("tenure {command}: {word} is unknown"))
}
