//! The commands for a start: the presets as list, file and graph, and a copy of one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;
use tenure::authoring::{GraphFormat, PRESETS, Preset, render_graph};
use tenure::model::{Models, SourceFile};

use super::program::tenure;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn compile(texts: &[&str]) -> Models {
    let sources = texts
        .iter()
        .map(|text| SourceFile { name: "copy.yaml".to_owned(), text: (*text).to_owned() });
    let (models, warnings) = Models::compile(sources.collect()).unwrap();
    assert_eq!(warnings, []);
    models
}

#[test]
fn the_presets_of_the_program_are_those_of_the_folder() {
    let presets = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/models");
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(presets).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.insert((name, fs::read_to_string(&path).unwrap()));
        }
    }
    let known = PRESETS.iter();
    let known: Vec<_> =
        known.map(|preset| (preset.name.to_owned(), preset.text.to_owned())).collect();
    assert_eq!(known, Vec::from_iter(files), "by name, each once");
}

#[test]
fn the_list_has_one_line_for_each_preset() {
    let run = tenure(folder().path(), &["models"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.out.lines().count(), PRESETS.len());
    let json = tenure(folder().path(), &["models", "--format", "json"]);
    let json: Vec<Json> = serde_json::from_str(&json.out).unwrap();
    for ((line, json), preset) in run.out.lines().zip(json).zip(PRESETS) {
        assert!(line.chars().count() <= 80, "{line}");
        let (name, description) = line.split_once(' ').unwrap();
        let description = description.trim_start();
        assert_eq!(name, preset.name);
        assert_eq!(description.find('.'), Some(description.len() - 1), "{line}");
        assert_eq!(json["name"], name);
        assert_eq!(json["description"], description);
        assert_eq!(json["version"], 1);
        assert!(json["stages"].as_array().unwrap().len() >= 4, "{json}");
    }
}

#[test]
fn a_preset_is_shown_verbatim() {
    for preset in PRESETS {
        let run = tenure(folder().path(), &["models", "show", preset.name]);
        assert_eq!((run.code, run.out.as_str()), (0, preset.text));
        assert_eq!(run.said, "");
    }
}

#[test]
fn a_graph_is_drawn_of_a_preset_or_of_a_file() {
    let folder = folder();
    let models = Preset::find("retail").unwrap().compile();
    fs::write(folder.path().join("own.yaml"), PRESETS[9].text).unwrap();
    for model in ["retail", "own.yaml", "./own.yaml"] {
        for (name, format) in [("mermaid", GraphFormat::Mermaid), ("dot", GraphFormat::Dot)] {
            let arguments = ["models", "graph", model, "--format", name];
            let run = tenure(folder.path(), &arguments);
            assert_eq!(run.code, 0, "{}", run.said);
            assert_eq!(run.out, render_graph(&models.list.raw[0], &models.slots, format));
        }
    }
    let plain = tenure(folder.path(), &["models", "graph", "retail"]);
    assert!(plain.out.contains("\nflowchart "), "{}", plain.out);
}

#[test]
fn an_unknown_preset_is_refused_with_the_known_names() {
    let folder = folder();
    for arguments in [
        ["models", "show", "retial"].as_slice(),
        &["models", "graph", "retial"],
        &["new", "retial"],
    ] {
        let run = tenure(folder.path(), arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""));
        for expected in [
            "error: no model called `retial` ships with the program",
            "did you mean `retail`?",
            "the models are activity, attract, b2b, ",
        ] {
            assert!(run.said.contains(expected), "{}", run.said);
        }
    }
    let far = tenure(folder.path(), &["models", "graph", "zzz"]);
    assert!(!far.said.contains("did you mean"), "{}", far.said);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_invalid_model_is_reported_and_not_drawn() {
    let folder = folder();
    fs::write(folder.path().join("own.yaml"), "model: own\ninitail: a\n").unwrap();
    for (file, message) in
        [("own.yaml", "did you mean `initial`?"), ("none.yaml", "cannot read the model none.yaml")]
    {
        let run = tenure(folder.path(), &["models", "graph", file]);
        assert_eq!((run.code, run.out.as_str()), (78, ""));
        assert!(run.said.contains(message), "{}", run.said);
    }
}

#[test]
fn a_copy_is_verbatim_and_suggests_the_next_commands() {
    let folder = folder();
    let run = tenure(folder.path(), &["new", "rfm"]);
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    let text = fs::read_to_string(folder.path().join("rfm.yaml")).unwrap();
    assert_eq!(text, Preset::find("rfm").unwrap().text);
    let run = tenure(folder.path(), &["new", "rfm", "our models.yaml", "--name", "ours"]);
    assert_eq!(run.code, 0, "{}", run.said);
    for next in [
        "tenure check 'our models.yaml' ",
        "tenure test 'our models.yaml' ",
        "tenure models graph 'our models.yaml' ",
        "tenure replay --model 'our models.yaml' ",
    ] {
        assert!(run.said.contains(next), "{}", run.said);
    }
    let checked = tenure(folder.path(), &["check", "--strict", "our models.yaml", "rfm.yaml"]);
    assert_eq!(checked.code, 0, "{}", checked.said);
}

#[test]
fn a_copy_overwrites_no_file() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("retail.yaml"), "mine").unwrap();
    std::os::unix::fs::symlink(path("nowhere"), path("link.yaml")).unwrap();
    for arguments in [
        ["new", "retail"].as_slice(),
        &["new", "rfm", "retail.yaml"],
        &["new", "rfm", "--name", "retail"],
        &["new", "rfm", "link.yaml"],
        &["new", "rfm", "."],
    ] {
        let run = tenure(folder.path(), arguments);
        assert_eq!(run.code, 1, "{arguments:?}");
        assert!(run.said.contains("already exists"), "{}", run.said);
    }
    assert_eq!(fs::read_to_string(path("retail.yaml")).unwrap(), "mine");
    assert!(!path("nowhere").exists());
    let run = tenure(folder.path(), &["new", "rfm", "no/folder/rfm.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.said.contains("cannot write no/folder/rfm.yaml"), "{}", run.said);
}

#[test]
fn a_renamed_preset_can_be_loaded_with_the_original() {
    for preset in PRESETS {
        let text = preset.with_name("another-one");
        let models = compile(&[preset.text, &text]);
        assert_eq!(models.list.raw[1].name, "another-one");
        let pairs = preset.text.lines().zip(text.lines());
        let changed: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
        let own = format!("model: {}", preset.name);
        assert_eq!(changed, [(own.as_str(), "model: another-one")]);
        assert_eq!(preset.text.lines().count(), text.lines().count());
    }
}

#[test]
fn a_copy_needs_a_valid_model_name() {
    let folder = folder();
    let long = "a".repeat(65);
    for name in ["", "1st", "my shop", "a: b", "a\nb", "größe", long.as_str()] {
        let run = tenure(folder.path(), &["new", "retail", "--name", name]);
        assert_eq!(run.code, 2, "{name}: {}", run.said);
        assert!(run.said.contains("cannot be a name"), "{}", run.said);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    for name in ["null", "true", "yes", "a-1_b"] {
        let run = tenure(folder.path(), &["new", "retail", "--name", name]);
        assert_eq!(run.code, 0, "{name}: {}", run.said);
        let text = fs::read_to_string(folder.path().join(format!("{name}.yaml"))).unwrap();
        assert_eq!(compile(&[&text]).list.raw[0].name, name);
    }
}

#[test]
fn shells_complete_the_names_of_presets() {
    for shell in ["bash", "zsh"] {
        let script = tenure(folder().path(), &["completions", shell]).out;
        assert!(script.contains("customer_classes"), "{shell}");
    }
}
