//! Decoding by other mappings than the native one.

use super::*;
use crate::event::{
    EventType, FieldKind, FieldSource, IdFormat, NumberFormat, Quantity, Scalar, TypeNames,
};

/// A good event with `more` in front of its other keys.
fn with(more: &str) -> String {
    format!(r#"{{{more}"type":"order_completed","customer_id":"ann","time":"2026-01-01"}}"#)
}

/// A decoder for models that name `fields`, with this mapping.
fn decoder_of(fields: &[(&str, FieldKind)], mapping: Mapping) -> (Decoder, Vec<FieldId>) {
    let mut vocabulary = Vocabulary::default();
    vocabulary.intern_type("order_completed");
    let ids = fields
        .iter()
        .map(|(name, kind)| vocabulary.intern_field(Field::from_name(name), *kind))
        .collect();
    let rates = CurrencyRates {
        rates: [("EUR".to_owned(), Quantity::parse("1.1").unwrap())].into(),
        ..CurrencyRates::default()
    };
    (Decoder::new(mapping, vocabulary, rates, RecordLimits::default()), ids)
}

fn source(paths: &[&str]) -> FieldSource {
    FieldSource {
        paths: paths.iter().map(|path| Path::parse(path).unwrap()).collect(),
        constant: None,
    }
}

#[test]
fn a_value_is_read_as_what_the_model_expects_wherever_it_can_mean_only_that() {
    let fields = [("n", FieldKind::Number), ("b", FieldKind::Bool), ("t", FieldKind::Text)];
    let (decoder, ids) = decoder_of(&fields, Mapping::default());
    let read = |name: &str, json: &str| {
        let at = fields.iter().position(|(field, _)| *field == name).unwrap();
        let text = with(&format!(r#""properties":{{"{name}":{json}}},"#));
        decoder.decode_json(text.as_bytes()).unwrap().field(ids[at]).cloned()
    };
    let number = |text: &str| Some(Scalar::Number(Quantity::parse(text).unwrap()));
    for (json, expected) in
        [("\" 150 \"", "150"), ("\"$2,500.00\"", "2500"), ("\"1,234.50\"", "1234.5"), ("7", "7")]
    {
        assert_eq!(read("n", json), number(expected), "{json}");
    }
    for json in ["\"119,99\"", "\"\"", "\"NULL\"", "\"nan\"", "NaN", "null", "true", "[1]"] {
        assert_eq!(read("n", json), None, "{json}");
    }
    for json in ["true", "\"True\"", "1", "1.0", "\"yes\"", "\"1\""] {
        assert_eq!(read("b", json), Some(Scalar::Bool(true)), "{json}");
    }
    for json in ["false", "\"False\"", "0", "\"no\""] {
        assert_eq!(read("b", json), Some(Scalar::Bool(false)), "{json}");
    }
    assert_eq!(read("b", "2"), None);
    for (json, text) in
        [("3", "3"), ("3.0", "3"), ("\"3\"", "3"), ("\" pro \"", "pro"), ("true", "true")]
    {
        assert_eq!(read("t", json), Some(Scalar::Text(text.into())), "{json}");
    }
    assert_eq!(read("t", "\"\\\\N\""), None);
}

#[test]
fn a_mapping_reads_lists_pairs_texts_of_json_and_the_first_path_with_a_value() {
    let fields =
        [("value", FieldKind::Number), ("plan", FieldKind::Text), ("score", FieldKind::Number)];
    let mapping = Mapping {
        customer_id: source(&["userId", "anonymousId"]),
        event_type: FieldSource {
            constant: Some("order_completed".to_owned()),
            ..source(&["event"])
        },
        value: source(&["items[].amount"]),
        properties: source(&["event_params[key].value", "props"]),
        ..Mapping::default()
    };
    let (decoder, ids) = decoder_of(&fields, mapping);
    let read = |json: &str| decoder.decode_json(json.as_bytes());
    let event = read(
        r#"{"anonymousId":"an-1","userId":null,"time":"2026-01-01","items":[{"amount":"0.0047"},{"amount":1},{"x":2}],
        "event_params":[{"key":"x","value":{"int_value":1}},{"key":"plan","value":{"string_value":"pro","int_value":null}}],
        "props":"{\"score\": 9, \"plan\": \"basic\"}"}"#,
    )
    .unwrap();
    assert_eq!(event.customer.as_str(), "an-1");
    assert_eq!(event.event_type, decoder.vocabulary.find_type("order_completed"));
    assert_eq!(event.number(ids[0]), Quantity::parse("1.0047"));
    assert_eq!(event.field(ids[1]), Some(&Scalar::Text("pro".into())));
    assert_eq!(event.number(ids[2]), Quantity::parse("9"));
    let both = read(r#"{"anonymousId":"an-1","userId":"u1","event":"other","time":"2026-01-01"}"#)
        .unwrap();
    assert_eq!(both.customer.as_str(), "u1");
    assert_eq!(both.event_type, EventType::UNNAMED);
    let (by_index, ids) = decoder_of(
        &[("value", FieldKind::Number)],
        Mapping { value: source(&["items[1].price"]), ..Mapping::default() },
    );
    let event =
        by_index.decode_json(with(r#""items":[{"price":1},{"price":2}],"#).as_bytes()).unwrap();
    assert_eq!(event.number(ids[0]), Quantity::parse("2"));
}

#[test]
fn types_ids_and_amounts_follow_their_declared_forms() {
    let mapping = Mapping {
        types: TypeNames {
            renamed: [("4".to_owned(), "order_completed".to_owned())].into(),
            left_out: ["email".to_owned()].into(),
            ignores_spelling: true,
        },
        ids: IdFormat { ignores_case: true, ..IdFormat::default() },
        number_format: NumberFormat { has_decimal_comma: true },
        has_minor_units: true,
        filter: [("op".to_owned(), vec!["c".to_owned(), "u".to_owned()])].into(),
        ..Mapping::default()
    };
    let (decoder, ids) = decoder_of(&[("value", FieldKind::Number)], mapping);
    let read = |kind: &str, customer: &str, more: &str| {
        let text =
            format!(r#"{{"type":{kind},"customer_id":"{customer}","time":"2026-01-01",{more}}}"#);
        decoder.decode_json(text.as_bytes())
    };
    let event = read("4", "Zoe\u{308}@Example.com", r#""op":"c","value":"1.999","currency":"eur""#)
        .unwrap();
    assert_eq!(event.event_type, decoder.vocabulary.find_type("order_completed"));
    assert_eq!(event.customer.as_str(), "zoë@example.com");
    assert_eq!(event.number(ids[0]), Quantity::parse("21.99"));
    let same = read("\"Order Completed\"", "a", r#""op":"u""#).unwrap();
    assert_eq!(same.event_type, event.event_type);
    assert_eq!(read("\"email\"", "", r#""op":"c""#), Err(RejectReason::LeftOut));
    assert_eq!(read("4", "a", r#""op":"d""#), Err(RejectReason::LeftOut));
    assert_eq!(read("4", "a", r#""opp":"c""#), Err(RejectReason::LeftOut));
}

#[test]
fn keys_are_text_or_json_or_ignored() {
    let text = with("");
    let check = |key: KeyFormat, bytes: &[u8]| {
        let (decoder, _) = decoder_of(&[], Mapping { key, ..Mapping::default() });
        decoder.decode_record(Some(bytes), Some(text.as_bytes()), Some(i64::MAX)).map(|_| ())
    };
    let json = |path: &str| KeyFormat::Json(Path::parse(path).unwrap());
    assert_eq!(check(json(""), br#""ann""#), Ok(()));
    assert_eq!(check(json(""), b"ann"), Err(RejectReason::KeyDiffers));
    assert_eq!(check(json("payload.id"), br#"{"schema":{},"payload":{"id":"ann"}}"#), Ok(()));
    assert_eq!(
        check(json("payload.id"), br#"{"payload":{"id":"bob"}}"#),
        Err(RejectReason::KeyDiffers)
    );
    assert_eq!(check(json("id"), b"\xff"), Err(RejectReason::KeyDiffers));
    assert_eq!(check(KeyFormat::Ignored, b"anything"), Ok(()));
    assert_eq!(check(KeyFormat::Text, br#""ann""#), Err(RejectReason::KeyDiffers));
}
