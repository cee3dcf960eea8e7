//! States that earlier versions of Tenure wrote: one folder for each format, with the models, the history and the
//! resulting bytes. A folder is never changed.

use std::fs;
use std::path::{Path, PathBuf};

use tenure::customer::{self, CustomerState, FactState};
use tenure::event::{CurrencyRates, Decoder, EventTime, Mapping, Millis, Position, RecordLimits};
use tenure::model::{Models, SourceFile};
use tenure::partition::{Batch, Progress, Record, StateView, apply};

fn folder(format: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/states/{format}"))
}

fn models(folder: &Path) -> Models {
    let sources = ["shop.yaml", "every.yaml"].map(|name| SourceFile {
        name: name.to_owned(),
        text: fs::read_to_string(folder.join(name)).unwrap(),
    });
    Models::compile(sources.into()).unwrap().0
}

/// The state of the history by this version, an hour after its last event.
fn today(folder: &Path, models: &Models) -> CustomerState {
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let history = fs::read_to_string(folder.join("history.ndjson")).unwrap();
    let record = |(offset, line): (usize, &str)| Record {
        position: Position { input: 0, offset: offset as i64 },
        timestamp: None,
        content: Ok(decoder.decode_json(line.as_bytes()).unwrap()),
    };
    let records: Vec<Record> = history.lines().enumerate().map(record).collect();
    let times = records.iter().map(|it| it.content.as_ref().unwrap().time);
    let end = times.max().unwrap();
    let batch =
        Batch { advance_to: Some(EventTime(end.0 + Millis::HOUR.0)), records, ..Batch::default() };
    let progress = Progress::new(models, 2);
    let commit = apply(models, Millis(0), &progress, StateView::default(), batch);
    commit.states.into_iter().next().unwrap().1
}

/// The state in a folder, read by this version. Its facts equal those of the same history today, except for those about
/// orders: an order with a negative value was an order then, and is a credit note now. The ledger, from which these facts
/// follow, and the stages follow from the rules of that version, some of which have changed: so they are compared with a
/// file in the folder.
fn read(format: u8) -> CustomerState {
    let folder = folder(format);
    let models = models(&folder);
    let bytes = fs::read(folder.join("state.bin")).unwrap();
    assert_eq!(bytes[0], format);
    let state = customer::decode(&bytes, &models).unwrap();
    assert_eq!(customer::decode_generation(&bytes), Ok(state.generation));
    assert_eq!(customer::decode_armed(&bytes), Ok(state.armed));
    let today = today(&folder, &models);
    let other_facts = |state: &CustomerState| -> Vec<FactState> {
        let facts = state.facts.iter_enumerated();
        let facts = facts.filter(|(slot, _)| models.slots.order_slot_index(*slot).is_none());
        facts.map(|(_, fact)| fact.clone()).collect()
    };
    assert_eq!(
        (state.latest, state.position, &state.recent, other_facts(&state)),
        (today.latest, today.position, &today.recent, other_facts(&today))
    );
    let expected = fs::read_to_string(folder.join("stages.txt")).unwrap();
    let found = format!("{:#?}\n{:#?}\n", state.ledger, state.models.raw);
    assert!(found == expected, "format {format} is read as\n{found}");
    let mut again = Vec::new();
    customer::encode(&state, &mut again);
    assert_eq!(customer::decode(&again, &models).as_ref(), Ok(&state));
    state
}

#[test]
fn states_of_every_format_are_read() {
    let generations = [0, 0, 5, 7];
    for (format, generation) in (1..).zip(generations) {
        let state = read(format);
        assert_eq!(state.generation, generation);
        // Before format 4 the last transition was not stored.
        let mut known = state.models.iter().map(|model| model.last_transition.is_some());
        assert!(known.all(|known| known == (format == 4)));
        assert!(state.models.iter().all(|model| model.sequence > 3));
    }
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let folder = folder(1);
    let mut bytes = fs::read(folder.join("state.bin")).unwrap();
    bytes[0] = 200;
    let error = customer::decode(&bytes, &models(&folder)).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("format 200") && message.contains("run the version that wrote it"),
        "{message}"
    );
}
