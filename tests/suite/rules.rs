//! Edge cases of the rules, each as a model with tests.

use std::fs;
use std::path::Path;

use super::models::{assert_tests_pass, compile};

#[test]
fn every_rule_model_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rules");
    let mut tests = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        tests += assert_tests_pass(&compile(&path.display().to_string(), &text));
    }
    assert!(tests >= 20, "{tests}");
}
