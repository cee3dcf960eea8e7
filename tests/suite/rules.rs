//! Edge cases of the rules, each as a model with tests.

use std::fs;
use std::path::Path;

use tenure::authoring::model_test::{TestOutcome, run_tests};
use tenure::event::CurrencyRates;
use tenure::model::{Models, SourceFile};

#[test]
fn every_rule_model_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rules");
    let (mut tests, mut failed) = (0, Vec::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let source = SourceFile {
            name: path.display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
        };
        let (models, _) = Models::compile(vec![source]).unwrap_or_else(|reports| {
            let reports: Vec<String> = reports.iter().map(ToString::to_string).collect();
            panic!("{}", reports.concat())
        });
        let outcomes = run_tests(&models, &CurrencyRates::default());
        tests += outcomes.len();
        failed.extend(outcomes.into_iter().filter(|it: &TestOutcome| !it.passed()));
    }
    assert!(tests >= 20, "{tests}");
    assert!(failed.is_empty(), "{failed:#?}");
}
