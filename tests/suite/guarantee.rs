//! The pages of guarantees and of rules name tests and files; they exist.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_guarantees_and_rules_name_exists() {
    let mut sources = String::new();
    for folder in ["tests", "src"] {
        read(&root().join(folder), &mut sources);
    }
    let mut missing = Vec::new();
    for path in ["tests/README.md", "config/models/RULES.md"] {
        let page = fs::read_to_string(root().join(path)).unwrap();
        // A test's name is a sentence.
        let names: Vec<&str> = quoted(&page)
            .filter(|text| text.matches('_').count() >= 3 && !text.contains(['/', '.']))
            .collect();
        assert!(names.len() > 10, "{path}: {names:?}");
        let unknown = names.into_iter().filter(|name| !sources.contains(&format!("fn {name}(")));
        missing.extend(unknown.map(|name| format!("{path}: {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_rule_has_its_number_and_names_tests() {
    let page = fs::read_to_string(root().join("config/models/RULES.md")).unwrap();
    let rules: Vec<&str> = page.split("\n### ").skip(1).collect();
    for (index, rule) in rules.iter().enumerate() {
        let title = rule.lines().next().unwrap();
        assert!(title.starts_with(&format!("{}. ", index + 1)), "{title}");
        assert!(rule.contains("\nTests: `"), "{title} names no test");
    }
    assert_eq!(rules.len(), 25);
    for file in quoted(&page).filter(|text| text.starts_with("tests/") && !text.contains('*')) {
        assert!(root().join(file).exists(), "{file}");
    }
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *sources += &fs::read_to_string(path).unwrap();
        }
    }
}
