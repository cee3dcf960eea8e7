//! The presets: each is valid alone, and all of them together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tenure::model::{Models, SourceFile};

use super::documents::read;
use super::models::assert_tests_pass;

pub(crate) fn files() -> BTreeSet<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect()
}

fn source(path: &Path) -> SourceFile {
    SourceFile { name: path.display().to_string(), text: fs::read_to_string(path).unwrap() }
}

#[test]
fn each_preset_passes_its_tests_without_a_warning_and_has_no_dead_end() {
    let files = files();
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let (models, warnings) = Models::compile(vec![source(&file)]).unwrap();
        assert_eq!(warnings, [], "{}", file.display());
        let model = &models.list.raw[0];
        assert_eq!(Some(&*model.name), file.file_stem().and_then(|it| it.to_str()));
        assert!(assert_tests_pass(&models) >= 2, "{}", model.name);
        for (stage, outgoing) in model.stages.iter().zip(&model.outgoing) {
            assert!(!outgoing.is_empty(), "{}: {} is never left", model.name, stage.name);
        }
    }
}

#[test]
fn all_presets_can_be_loaded_together() {
    let sources = files().iter().map(|file| source(file)).collect();
    let (models, warnings) = Models::compile(sources).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(models.list.len(), files().len());
}

#[test]
fn the_readme_and_the_reference_name_every_preset() {
    for page in ["README.md", "config/models/README.md"] {
        let text = read(page);
        for file in files() {
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(text.contains(&format!("`{name}`")), "{page}: {name}");
        }
    }
}
