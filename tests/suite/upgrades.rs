//! States that earlier versions of Tenure wrote: one folder of each format, with the models, the history
//! and the bytes that came of it. A folder is never changed.

use std::fs;
use std::path::{Path, PathBuf};

use tenure::customer::{self, CustomerState};
use tenure::event::{Decoder, EventTime, Limits, Mapping, Millis, Money, Position};
use tenure::model::{Models, Source};
use tenure::partition::{Batch, Progress, Record, View, apply};

fn folder(format: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/states/{format}"))
}

fn models(folder: &Path) -> Models {
    let sources = ["shop.yaml", "every.yaml"].map(|name| Source {
        name: name.to_owned(),
        text: fs::read_to_string(folder.join(name)).unwrap(),
    });
    Models::compile(sources.into()).unwrap().0
}

/// What the history comes to today; time goes on for an hour after it.
fn today(folder: &Path, models: &Models) -> CustomerState {
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        Money::default(),
        Limits::default(),
    );
    let history = fs::read_to_string(folder.join("history.ndjson")).unwrap();
    let record = |(offset, line): (usize, &str)| Record {
        position: Position {
            input: 0,
            offset: offset as i64,
        },
        content: Ok(decoder.json(line.as_bytes()).unwrap()),
    };
    let records: Vec<Record> = history.lines().enumerate().map(record).collect();
    let times = records.iter().map(|it| it.content.as_ref().unwrap().time);
    let end = times.max().unwrap();
    let batch = Batch {
        advance: Some(EventTime(end.0 + Millis::HOUR.0)),
        records,
        delay: None,
    };
    let progress = Progress::new(models, 2);
    let commit = apply(models, Millis(0), &progress, View::default(), batch);
    commit.states.into_iter().next().unwrap().1
}

#[test]
fn a_state_of_format_1_is_what_the_same_history_comes_to_today() {
    let folder = folder(1);
    let models = models(&folder);
    let bytes = fs::read(folder.join("state.bin")).unwrap();
    assert_eq!(bytes[0], 1);
    let read = customer::decode(&bytes, &models).unwrap();
    let mut state = today(&folder, &models);
    assert!(state.models.iter().any(|model| model.sequence > 3));
    for model in &mut state.models {
        // Nobody asked for it then.
        model.previous = None;
        model.last = None;
    }
    assert_eq!(read, state);
    assert_eq!(customer::armed(&bytes), Ok(state.armed));
}

#[test]
fn a_state_of_format_2_is_what_the_same_history_comes_to_today() {
    let folder = folder(2);
    let models = models(&folder);
    let bytes = fs::read(folder.join("state.bin")).unwrap();
    assert_eq!(bytes[0], 2);
    let state = before_4(today(&folder, &models));
    assert_eq!(customer::generation(&bytes), Ok(0));
    assert_eq!(customer::armed(&bytes), Ok(state.armed));
    assert_eq!(customer::decode(&bytes, &models), Ok(state));
}

#[test]
fn a_state_of_format_3_is_what_the_same_history_comes_to_today() {
    let folder = folder(3);
    let models = models(&folder);
    let bytes = fs::read(folder.join("state.bin")).unwrap();
    assert_eq!(bytes[0], 3);
    let state = CustomerState {
        generation: 5,
        ..before_4(today(&folder, &models))
    };
    assert_eq!(customer::generation(&bytes), Ok(5));
    assert_eq!(customer::armed(&bytes), Ok(state.armed));
    assert_eq!(customer::decode(&bytes, &models), Ok(state));
}

/// Before format 4 nobody kept how a customer came into their stage.
fn before_4(mut state: CustomerState) -> CustomerState {
    for model in &mut state.models {
        assert!(model.sequence > 0 && model.last.is_some());
        model.last = None;
    }
    state
}

#[test]
fn a_format_that_is_newer_names_the_way_out() {
    let folder = folder(1);
    let mut bytes = fs::read(folder.join("state.bin")).unwrap();
    bytes[0] = 200;
    let error = customer::decode(&bytes, &models(&folder)).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("format 200") && said.contains("run the version that wrote it"),
        "{said}"
    );
}
