//! Names and words: one style of module file, one meaning for each type name, and the terms of the glossary in `src/lib.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Words that the glossary has replaced, in names, comments and messages.
const RETIRED: &str = r"(?i-u)\b(tells?|told|telling|teller|lets? go|go on|goes on|gone on|going on|anew|beside|whoever|nobody|somebody|everybody|anybody|crooked|seldom|patience|knock|doubt|doubtful|brought over|look(ed|s)? at|what became of|made-up)\b";
/// Names that users see keep theirs.
const VISIBLE: [&str; 3] = ["\"tenure_clock_doubt_partitions\"", "\"is_brought_over\"", "\"told\""];
/// Each module has its own: the module is part of the name.
const IN_SEVERAL_MODULES: [&str; 2] = ["Config", "Error"];

fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn a_module_with_children_is_a_file_next_to_their_folder() {
    let sources = sources();
    let found = sources.iter().map(|(name, _)| name);
    let found: Vec<&String> = found.filter(|name| name.ends_with("mod.rs")).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(sources.len() > 200, "{}", sources.len());
}

#[test]
fn retired_words_are_gone() {
    let retired = Regex::new(RETIRED).unwrap();
    let mut found = Vec::new();
    for (name, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            let is_visible = VISIBLE.iter().any(|it| line.contains(it));
            if !is_visible && retired.is_match(&line.replace('_', " ")) {
                found.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    assert!(retired.is_match("fn let_go()".replace('_', " ").as_str()));
}

#[test]
fn a_type_name_has_one_meaning() {
    let definition =
        Regex::new(r"(?m)^(?:pub(?:\([a-z: ]+\))? )?(?:struct|enum|trait) (\w+)").unwrap();
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in sources() {
        for captures in definition.captures_iter(&text) {
            files.entry(captures[1].to_owned()).or_default().push(name.clone());
        }
    }
    assert!(files.len() > 300, "{}", files.len());
    files.retain(|name, files| files.len() > 1 && !IN_SEVERAL_MODULES.contains(&name.as_str()));
    assert!(files.is_empty(), "{files:#?}");
}
