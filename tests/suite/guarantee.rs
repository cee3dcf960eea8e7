//! The tests that `tests/README.md` names exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let page = fs::read_to_string(tests.join("README.md")).unwrap();
    let mut sources = String::new();
    for folder in [&tests, &tests.with_file_name("src")] {
        read(folder, &mut sources);
    }
    let quoted = page.split('`').skip(1).step_by(2);
    // The name of a test has at least four words.
    let named: Vec<&str> = quoted
        .filter(|text| text.matches('_').count() >= 3 && !text.contains(['/', '.']))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "{name}");
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
