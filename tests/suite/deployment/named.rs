//! Settings, variables, ports, paths, files and commands that a text names, and that do not exist.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use regex::Regex;

use crate::documents::{files, prose, read, root};

/// Ports of others: TLS listeners of Kafka, Prometheus, Grafana.
const OTHER_PORTS: [&str; 3] = ["9093", "9090", "3000"];
/// Tables whose keys are chosen by the user.
const OPEN_TABLES: [&str; 3] = ["kafka.properties", "output.stages", "money.rates"];
/// Folders of a root file system, which are no paths of HTTP.
const ROOT_FOLDERS: [&str; 5] = ["etc", "var", "tmp", "usr", "proc"];
/// The example of `deploy/README.md`.
const EXAMPLE: &str = "deploy/kustomize/shop";

/// What a text names and does not exist.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let all = [variables, settings, ports, routes, paths, commands].map(|check| check(text));
    all.concat()
}

fn captures(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

fn variables(text: &str) -> Vec<String> {
    // `${TENURE_…}` is a variable of a compose file.
    let mut names = captures(r"(?:^|[^A-Z_{])(TENURE_[A-Z_]*[A-Z])", text);
    names.retain(
        |name| if name.starts_with("TENURE__") { !is_setting(name) } else { !is_used(name) },
    );
    names.into_iter().map(|name| format!("no variable {name}")).collect()
}

fn is_setting(variable: &str) -> bool {
    let environment = [(variable.to_owned(), "x".to_owned())];
    let loaded = tenure::config::load(&[], &environment);
    !loaded.is_err_and(|invalid| invalid.to_string().contains("names no setting"))
}

/// Whether the program, or a script for its tests, has a variable.
fn is_used(variable: &str) -> bool {
    let mut sources = files(&root().join("src"));
    sources.push(root().join("tests/run.sh"));
    sources.iter().any(|path| fs::read_to_string(path).unwrap().contains(variable))
}

fn settings(text: &str) -> Vec<String> {
    let defaults: toml::Table = toml::from_str(&read("config/tenure.toml")).unwrap();
    let sections = "kafka|output|time|limits|money|store|runtime|burst|http|log";
    // Neither a part of a file name, nor of a host.
    let begin = r"(?m)(?:^|[^A-Za-z0-9_./-]|settings\.)";
    let end = r"(?:[^A-Za-z0-9_./:-]|\.?$|\. )";
    let pattern = format!(r"{begin}((?:{sections})(?:\.[a-z_]*[a-z])+){end}");
    let mut names = captures(&pattern, text);
    names.retain(|name| {
        let (mut table, mut path) = (&defaults, String::new());
        for key in name.split('.') {
            if OPEN_TABLES.contains(&path.as_str()) {
                return false;
            }
            path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            match table.get(key) {
                None => return true,
                Some(toml::Value::Table(below)) => table = below,
                Some(_) => return path != *name,
            }
        }
        false
    });
    names.into_iter().map(|name| format!("no setting {name}")).collect()
}

fn ports(text: &str) -> Vec<String> {
    let mut ports = captures(r"(?:[Pp]ort: |EXPOSE |[^0-9]:)([0-9]{4,5})(?-u:\b)", text);
    let defaults = tenure::config::load(&[], &[]).unwrap();
    let admin = defaults.http.admin.0.unwrap();
    let own = [defaults.http.listen.port().to_string(), admin.port().to_string()];
    let brokers = format!(":{}", defaults.kafka.brokers);
    ports.retain(|port| {
        let is_broker = brokers.ends_with(&format!(":{port}"));
        !own.contains(port) && !is_broker && !OTHER_PORTS.contains(&port.as_str())
    });
    ports.into_iter().map(|port| format!("no port {port}")).collect()
}

fn routes(text: &str) -> Vec<String> {
    let api = ["src/api.rs", "src/api/admin.rs", "src/api/partitions.rs"].map(read).concat();
    let known = captures(r#"\.route\([ \n]*"/([a-z-]+)"#, &api);
    let mut named = captures(
        r"(?:httpGet: \{path: |port: http, path: |`|GET |POST |:808[0-9])/([a-z][a-z-]*)",
        text,
    );
    named.retain(|name| !known.contains(name) && !ROOT_FOLDERS.contains(&name.as_str()));
    named.into_iter().map(|name| format!("no path /{name}")).collect()
}

fn paths(text: &str) -> Vec<String> {
    let pattern =
        r"(?m)(?:^|[^A-Za-z0-9_./-])((?:deploy|config|tests|src|benches)/[A-Za-z0-9_./-]*)";
    let mut paths = captures(pattern, text);
    paths.retain(|path| {
        let path = path.trim_end_matches('.');
        !path.starts_with(EXAMPLE) && !root().join(path).exists()
    });
    paths.into_iter().map(|path| format!("no file {path}")).collect()
}

/// The lines of the fenced blocks of a language; a line that is indented continues the one before it.
pub(crate) fn block_lines(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut lines: Vec<String> = Vec::new();
    for line in blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()) {
        match lines.last_mut().filter(|_| line.starts_with(' ')) {
            Some(last) => *last = last.trim_end_matches('\\').to_owned() + line,
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// All texts between backticks, outside of blocks.
pub(crate) fn quoted(page: &str) -> Vec<String> {
    // Four of them are around a text that has some.
    let prose = Regex::new("````.*?````").unwrap().replace_all(&prose(page), "").into_owned();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn commands(text: &str) -> Vec<String> {
    let mut lines = block_lines(text, "sh");
    lines.extend(quoted(text));
    // Notes of the chart are not fenced.
    lines.extend(text.lines().filter(|line| line.contains("-- tenure ")).map(str::to_owned));
    let command = Regex::new(r"(?:^|-- )tenure ([^|>#`]+)").unwrap();
    let in_lines = lines.iter().filter_map(|line| Some(command.captures(line)?[1].to_owned()));
    let mut commands: Vec<String> = in_lines.collect();
    // As lists. `command` is also that of other images.
    let in_brackets = captures(r"(?-u:\b)(?:args|topics|rekey): \[([^\]]+)\]", text);
    let in_braces = captures(r"jobs\.[a-z]+=\{([^}]+)\}", text);
    let mut of_images = captures(r"(?-u:\b)command: \[([^\]]+)\]", text);
    of_images.retain(|list| command_problem(list.split(',').next().unwrap()).is_none());
    for list in in_brackets.iter().chain(&in_braces).chain(&of_images) {
        let words = list.split(',').map(|word| word.trim().trim_matches('"'));
        commands.push(words.collect::<Vec<_>>().join(" "));
    }
    commands.iter().filter_map(|command| command_problem(command)).collect()
}

/// Whether the program has this subcommand with these flags, by its help.
fn command_problem(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let first = *words.first()?;
    let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let names = words.iter().take_while(|word| !word.starts_with('-')).filter(is_name);
    // A subcommand, or two of them; further words are arguments.
    let depth = if first == "topics" || first == "models" { 2 } else { 1 };
    let names = names.take(depth);
    let mut program = Command::new(env!("CARGO_BIN_EXE_tenure"));
    let output = program.args(names).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        return Some(format!("no command tenure {command}"));
    }
    let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    let mut flags = flags.map(|flag| flag.split('=').next().unwrap());
    let known = captures(r"(--[a-z-]+)", &help);
    let unknown = flags.find(|flag| !known.contains(*flag));
    let actions = ["retry", "skip", "rebuild", "republish", "accept-loss"];
    let action = words.get(1).filter(|_| first == "state");
    let bad_action = action.filter(|it| !it.starts_with('-') && !actions.contains(it));
    let problem = unknown.map(str::to_owned).or(bad_action.map(|it| (*it).to_owned()));
    problem.map(|word| format!("tenure {command}: {word} is unknown"))
}
