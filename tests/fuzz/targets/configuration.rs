//! Settings: a file, variables and a second file, separated by lines with `%%`. Valid settings can be printed and read
//! again; problems have a location.

use tenure::config::{Document, InvalidConfig, load_texts};
use tenure::model::sanitize_for_terminal;

use super::is_harmless;

const FILES: [&str; 2] = ["first.toml", "second.toml"];

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut parts = text.split("\n%%\n");
    let mut part = || parts.next().unwrap_or_default();
    let (first, variables, second) = (part(), part(), part());
    let variables: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let texts = [first, second];
    let outcome = load(&texts, &variables);
    assert_eq!(load(&texts, &variables), outcome);
    match outcome {
        Ok(document) => check_document(&document),
        Err(InvalidConfig(problems)) => {
            assert!(!problems.is_empty());
            for problem in problems {
                check_problem(&problem, &texts, &variables);
            }
        }
    }
}

fn load(texts: &[&str], variables: &[(String, String)]) -> Result<Document, InvalidConfig> {
    let files = FILES.iter().zip(texts);
    let files = files.map(|(name, text)| ((*name).to_owned(), Ok((*text).to_owned())));
    load_texts(files.collect(), variables)
}

/// `tenure config` prints an equivalent file of settings.
fn check_document(document: &Document) {
    let effective = document.effective_toml();
    let again = load(&[&effective], &[]).expect("effective settings are valid");
    assert_eq!(again.effective_toml(), effective);
    // Secrets are not printed.
    assert!(again == *document || effective.contains("***"));
}

/// A problem names a line of a file or a variable.
fn check_problem(problem: &str, texts: &[&str], variables: &[(String, String)]) {
    assert!(is_harmless(problem), "{problem:?}");
    let location = problem.lines().find_map(|line| line.strip_prefix("  --> "));
    let Some(location) = location else {
        let known = |(name, _): &(String, String)| problem.contains(&sanitize_for_terminal(name));
        let named = variables.iter().any(known) && problem.contains("names no setting");
        assert!(named, "{problem}");
        return;
    };
    if let Some(variable) = location.strip_prefix("the variable ") {
        assert!(
            variables.iter().any(|(name, _)| sanitize_for_terminal(name) == variable),
            "{location}"
        );
        return;
    }
    let parts: Vec<&str> = location.split(':').collect();
    let [name, line, column] = parts.try_into().expect("a file, a line and a column");
    let file = FILES.iter().position(|file| *file == name);
    let text = texts[file.expect("a file that was given")];
    let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
    let lines: Vec<&str> = text.lines().collect();
    assert!((1..=lines.len() + 1).contains(&line), "{problem}");
    let chars = lines.get(line - 1).map_or(0, |line| line.chars().count());
    assert!((1..=chars + 1).contains(&column), "{problem}");
}
