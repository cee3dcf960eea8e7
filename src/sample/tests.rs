use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::event::{Field, FieldKind, Mapping, Path, Vocabulary};

/// Separated by blanks.
const NAMES: &str = "customer_id user E-Mail id time Datum ts event type status value Betrag currency key payload op";
/// Separated by bars.
const TEXTS: &str = "Anna@x.de|anna@x.de|2026-01-01|01.02.2026 10:15|1/2/2026|1704067200|1.234,56|12.50|EUR|\
    track|Order Completed|paid|c|NULL|{\"a\": 1}|[1,2]|a\nb|";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(TEXTS.split('|').collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(NAMES.split(' ').collect::<Vec<_>>()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[a-z.\\[\\]\"=]{0,6}",
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        6 => text().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<f64>().prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let pair =
            (name(), inner.clone()).prop_map(|(key, value)| json!({"key": key, "value": value}));
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::from),
            vec(pair, 1..3).prop_map(Json::from),
            btree_map(name(), inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    vocabulary.intern_type("order_completed");
    vocabulary.intern_field(Field::Value, FieldKind::Number);
    vocabulary.intern_field(Field::from_name("op"), FieldKind::Number);
    vocabulary
}

/// The text of a proposal means its settings, and its paths are paths.
fn check(profile: &Profile) -> Result<(), TestCaseError> {
    for vocabulary in [Vocabulary::default(), vocabulary()] {
        let context = ProposalContext {
            settings: &toml::Table::new(),
            mapping: &Mapping::default(),
            vocabulary: &vocabulary,
        };
        for proposal in proposals(profile, context) {
            let text = proposal.lines().join("\n");
            let read = text.parse::<toml::Table>();
            prop_assert_eq!(read.as_ref(), Ok(&proposal.settings), "{}", text);
            for field in Mapping::FIELDS {
                let paths: Vec<&str> = match proposal.settings.get(field) {
                    Some(toml::Value::String(path)) => vec![path],
                    Some(toml::Value::Array(paths)) => {
                        paths.iter().filter_map(toml::Value::as_str).collect()
                    }
                    _ => Vec::new(),
                };
                for path in paths {
                    prop_assert!(Path::parse(path).is_ok(), "{}", path);
                }
            }
        }
    }
    profile.columns.iter().for_each(|column| drop((column.describe(), column.forms(2))));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_proposal_is_a_mapping_whatever_the_records_are(
        records in vec(btree_map(name(), value(), 1..6), 1..6),
    ) {
        let mut profile = Profile::default();
        for record in records {
            let record = Json::Object(record.into_iter().collect());
            profile.add_json(record.to_string().as_bytes());
        }
        check(&profile)?;
    }

    #[test]
    fn a_proposal_is_a_mapping_whatever_the_rows_are(
        names in vec(name(), 1..6),
        rows in vec(vec(text(), 0..7), 0..6),
    ) {
        let (mut profile, columns) = Profile::of_names(names.iter().map(String::as_str));
        for row in &rows {
            profile.add_row(&columns, row.iter().map(String::as_bytes));
        }
        check(&profile)?;
        let _is_headerless = is_of_values(names.iter().map(String::as_str));
        prop_assert_eq!(names_by_form(&profile).len(), profile.columns.len());
    }
}
