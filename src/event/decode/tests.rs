use super::*;
use crate::event::{
    EventType, FieldKind, Millis, Quantity, Scalar, TimeFormat, TimeUnit, parse_instant,
};

fn decoder() -> Decoder {
    let mut vocabulary = Vocabulary::default();
    vocabulary.intern_type("order_completed");
    vocabulary.intern_field(Field::Value, FieldKind::Number);
    vocabulary.intern_field(Field::from_name("score"), FieldKind::Number);
    vocabulary.intern_field(Field::Channel, FieldKind::Text);
    Decoder::new(Mapping::default(), vocabulary, CurrencyRates::default(), RecordLimits::default())
}

fn rejected(json: &str) -> RejectReason {
    decoder().decode_json(json.as_bytes()).expect_err(json)
}

/// A good event with `more` in front of its other keys.
fn with(more: &str) -> String {
    format!(r#"{{{more}"type":"order_completed","customer_id":"ann","time":"2026-01-01"}}"#)
}

#[test]
fn a_native_event_is_reduced_to_the_names_of_the_vocabulary() {
    let text = r#"{"id":"e1","type":"order_completed","customer_id":"ann","time":"2026-01-01T00:00:00Z",
        "channel":"w\u0065b","value":29.995,"currency":"USD","properties":{"score":9,"other":[1,{"x":null}]},"junk":{}}"#;
    let event = decoder().decode_json(text.as_bytes()).unwrap();
    assert_eq!(event.customer.as_str(), "ann");
    assert_eq!(event.event_type, decoder().vocabulary.find_type("order_completed"));
    assert_eq!(event.time, parse_instant("2026-01-01").unwrap());
    let ids: Vec<FieldId> = decoder().vocabulary.fields().map(|(id, ..)| id).collect();
    assert_eq!(event.number(ids[0]), Quantity::parse("29.995"));
    assert_eq!(event.number(ids[1]), Quantity::parse("9"));
    assert_eq!(event.field(ids[2]), Some(&Scalar::Text("web".into())));
}

#[test]
fn an_id_is_a_text_or_a_number_as_written_and_never_empty() {
    let mut vocabulary = Vocabulary::default();
    let id = vocabulary.intern_field(Field::Id, FieldKind::Id);
    let decoder = Decoder::new(
        Mapping::default(),
        vocabulary,
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let read = |id_json: &str| {
        let text =
            format!(r#"{{"type":"x","customer_id":"c","time":"2026-01-01","id":{id_json}}}"#);
        let event = decoder.decode_json(text.as_bytes()).unwrap();
        event.field(id).cloned()
    };
    let text = |text: &str| Some(Scalar::Text(text.into()));
    assert_eq!(read(r#""a-1""#), text("a-1"));
    assert_eq!(read("1834567890123456789012"), text("1834567890123456789012"));
    assert_eq!(read("0.1234567891"), text("0.1234567891"));
    assert_eq!(read(r#"" 17850.0 ""#), text("17850"));
    assert_eq!(read("17850.0"), text("17850"));
    assert_eq!(read("\"v1.0\""), text("v1.0"));
    assert_eq!(read(r#""""#), None);
    assert_eq!(read("null"), None);
    assert_eq!(read("true"), None);
    let long = format!("{}é", "x".repeat(1023));
    assert_eq!(read(&format!("\"{long}\"")), text(&"x".repeat(1023)));
}

#[test]
fn an_unknown_type_is_accepted() {
    let event = decoder()
        .decode_json(br#"{"type":"whatever","customer_id":7,"time":1767225600000}"#)
        .unwrap();
    assert_eq!(event.event_type, EventType::UNNAMED);
    assert_eq!(event.customer.as_str(), "7");
    assert_eq!(event.time, parse_instant("2026-01-01").unwrap());
}

#[test]
fn every_kind_of_bad_record_has_its_reason() {
    let cases = [
        ("", RejectReason::NotJson),
        ("nonsense", RejectReason::NotJson),
        ("[1]", RejectReason::NotJson),
        (r#"{"type":"order_completed","customer_id":"ann","#, RejectReason::NotJson),
        (&(with("") + "x"), RejectReason::NotJson),
        (&with(r#""x":nan,"#), RejectReason::NotJson),
        (&with(r#""value":NaN "x","#), RejectReason::NotJson),
        (&with(r#""value":1e999,"#), RejectReason::ValueOutOfRange),
        (&with(r#""value":"12x","#), RejectReason::BadValue),
        (&with(r#""value":{},"#), RejectReason::BadValue),
        (&with(r#""value":"1,5","#), RejectReason::BadValue),
        (&with(r#""value":"€5","currency":"USD","#), RejectReason::BadValue),
        (&with(r#""value":"€5","#), RejectReason::UnknownCurrency),
        (&with(r#""value":1,"currency":"DOGE","#), RejectReason::UnknownCurrency),
        (&with(r#""properties":{"score":1e300},"#), RejectReason::BadNumber),
        (&with(r#""properties":{"score":1,"score":2},"#), RejectReason::DuplicateKey),
        (&with(r#""customer_id":"bob","#), RejectReason::DuplicateKey),
        (&with(&r#""k":1,"#.repeat(10_001)), RejectReason::TooLong),
        (&with(&format!(r#""channel":"{}","#, "y".repeat(70_000))), RejectReason::TooLong),
        (&with(r#""channel":"tea \ud83d","#), RejectReason::NotUtf8),
        (&"x".repeat((1 << 20) + 1), RejectReason::TooLarge),
        (r#"{"type":"t","time":1}"#, RejectReason::MissingCustomerId),
        (r#"{"type":"t","customer_id":"","time":1}"#, RejectReason::MissingCustomerId),
        (r#"{"type":"t","customer_id":null,"time":1}"#, RejectReason::MissingCustomerId),
        (r#"{"type":"t","customer_id":1.5,"time":1}"#, RejectReason::BadCustomerId),
        (r#"{"type":"t","customer_id":"null","time":1}"#, RejectReason::MissingCustomerId),
        (r#"{"type":"t","customer_id":"undefined","time":1}"#, RejectReason::PlaceholderCustomerId),
        (
            r#"{"type":"t","customer_id":" (not set) ","time":1}"#,
            RejectReason::PlaceholderCustomerId,
        ),
        (r#"{"type":"t","customer_id":{"a":1},"time":1}"#, RejectReason::BadCustomerId),
        (r#"{"type":"t","customer_id":"a\u0000b","time":1}"#, RejectReason::BadCustomerId),
        (r#"{"type":"t","customer_id":"a\u001bb","time":1}"#, RejectReason::BadCustomerId),
        (r#"{"customer_id":"ann","time":1}"#, RejectReason::MissingType),
        (r#"{"type":"t","customer_id":"ann"}"#, RejectReason::MissingTime),
        (r#"{"type":"t","customer_id":"ann","time":"soon"}"#, RejectReason::BadTime),
        (r#"{"type":"t","customer_id":"ann","time":true}"#, RejectReason::BadTime),
        (r#"{"type":"t","customer_id":"ann","time":1767225600}"#, RejectReason::TimeOutOfRange),
        (
            r#"{"type":"t","customer_id":"ann","time":253402207201000}"#,
            RejectReason::TimeOutOfRange,
        ),
        (
            r#"{"type":"t","customer_id":"ann","time":9223372036854775807}"#,
            RejectReason::TimeOutOfRange,
        ),
        (
            r#"{"type":"t","customer_id":"ann","time":-9223372036854775808}"#,
            RejectReason::TimeOutOfRange,
        ),
        (r#"{"type":"t","customer_id":"ann","time":1e400}"#, RejectReason::TimeOutOfRange),
    ];
    for (text, reason) in cases {
        assert_eq!(rejected(text), reason, "{}", &text[..text.len().min(120)]);
    }
    let bytes = b"{\"type\":\"\xff\",\"customer_id\":1,\"time\":\"2026-01-01\"}";
    assert_eq!(decoder().decode_json(bytes), Err(RejectReason::NotUtf8));
}

#[test]
fn the_key_of_a_record_must_be_its_customer_and_its_time_not_ahead_of_the_broker() {
    let text = with("");
    let at = parse_instant("2026-01-01").unwrap().0;
    let record = |key: Option<&[u8]>, timestamp| {
        decoder().decode_record(key, Some(text.as_bytes()), timestamp).map(|_| ())
    };
    assert_eq!(record(Some(b"ann"), Some(at)), Ok(()));
    assert_eq!(record(Some(b"ann"), None), Err(RejectReason::NoTimestamp));
    assert_eq!(record(Some(b"bob"), Some(at)), Err(RejectReason::KeyDiffers));
    assert_eq!(record(None, Some(at)), Err(RejectReason::NullKey));
    assert_eq!(record(Some(b"ann"), Some(at - Millis::DAY.0)), Ok(()));
    assert_eq!(record(Some(b"ann"), Some(at - Millis::DAY.0 - 1)), Err(RejectReason::TimeInFuture));
    assert_eq!(decoder().decode_record(Some(b"ann"), None, None), Err(RejectReason::Tombstone));
}

#[test]
fn neither_a_timestamp_nor_an_exponent_can_be_so_large_that_the_decoder_fails() {
    let limits = RecordLimits { time_floor: EventTime::MIN, ..RecordLimits::default() };
    let decoder = Decoder { limits, ..decoder() };
    let text = with("").replace("2026-01-01", "1900-01-01");
    let record = |timestamp| {
        let read = decoder.decode_record(Some(b"ann"), Some(text.as_bytes()), Some(timestamp));
        read.map(|event| EventTime(timestamp).duration_since(event.time))
    };
    assert_eq!(record(i64::MAX), Ok(Millis(i64::MAX)));
    assert_eq!(record(i64::MIN), Err(RejectReason::TimeInFuture));
    for exponent in [i32::MIN, i32::MAX] {
        for (key, reason) in [
            (format!(r#""value":1e{exponent},"#), RejectReason::ValueOutOfRange),
            (format!(r#""properties":{{"score":1e{exponent}}},"#), RejectReason::BadNumber),
        ] {
            assert_eq!(rejected(&with(&key)), reason, "{key}");
        }
    }
}

#[test]
fn a_mapping_reads_records_of_another_shape() {
    let mapping = Mapping {
        customer_id: "user.id".into(),
        event_type: "event".into(),
        time: "ts".into(),
        time_format: TimeFormat { unit: TimeUnit::Seconds, ..TimeFormat::default() },
        properties: "props".into(),
        ..Mapping::default()
    };
    let decoder =
        Decoder { tree: MappingNode::build(&mapping, &decoder().vocabulary), mapping, ..decoder() };
    let text = r#"{"user":{"id":"ann","x":1},"event":"order_completed","ts":1767225600.9999,"props":{"score":"8.5"}}"#;
    let event = decoder.decode_json(text.as_bytes()).unwrap();
    assert_eq!(event.time, EventTime(1_767_225_600_999));
    assert_eq!(event.fields.len(), 1);
}

#[test]
fn a_row_is_the_same_event_as_the_object() {
    let decoder = decoder();
    let columns = Columns::from_header(
        &decoder,
        ["customer_id", "time", "type", "score", "ignored"].into_iter(),
    )
    .unwrap();
    let row = |cells: [&'static str; 5]| {
        decoder.decode_row(&columns, cells.map(str::as_bytes).into_iter())
    };
    let object = with(r#""properties":{"score":7},"#);
    assert_eq!(
        row(["ann", "2026-01-01", "order_completed", "7", "-"]),
        decoder.decode_json(object.as_bytes())
    );
    assert_eq!(
        row(["ann", "2026-01-01", "order_completed", "", ""]),
        decoder.decode_json(with("").as_bytes())
    );
    assert_eq!(row(["ann", "", "order_completed", "", ""]), Err(RejectReason::MissingTime));
    assert_eq!(
        decoder.decode_row(&columns, [b"ann".as_slice()].into_iter()),
        Err(RejectReason::BadRow)
    );
    let missing = Columns::from_header(&decoder, ["customer_id", "when"].into_iter()).unwrap_err();
    assert_eq!(missing, ["type", "time"]);
    // A column without a name is none of them.
    let missing =
        Columns::from_header(&decoder, ["", "customer_id", "when"].into_iter()).unwrap_err();
    assert_eq!(missing, ["type", "time"]);
}

#[test]
fn damage_in_a_field_that_is_not_read_rejects_no_event() {
    let deep = format!(r#""x":{}1{},"#, "[".repeat(10_000), "]".repeat(10_000));
    let long = format!(r#""x":"{}","#, "y".repeat(70_000));
    let many = format!(r#""x":[{}1],"#, "1,".repeat(10_001));
    for more in [
        r#""x":NaN,"#,
        r#""x":-Infinity,"#,
        r#""x":1e999,"#,
        r#""x":"tea \ud83d","#,
        r#""tea \udf75":1,"#,
        r#""x":1,"x":2,"#,
        "\"x\":\"a\tb\",",
        &deep,
        &long,
        &many,
    ] {
        let text = with(more);
        assert_eq!(
            decoder().decode_json(text.as_bytes()).map(|_| ()),
            Ok(()),
            "{}",
            &more[..more.len().min(40)]
        );
    }
    let text = with(r#""x":"MUG #5","#);
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'#' { 0xa3 } else { byte }).collect();
    assert_eq!(decoder().decode_json(&bytes).map(|_| ()), Ok(()));
    // Without a model that reads amounts, their form does not matter.
    let limits = RecordLimits::default();
    let decoder =
        Decoder::new(Mapping::default(), Vocabulary::default(), CurrencyRates::default(), limits);
    assert!(decoder.decode_json(with(r#""value":"free","currency":7,"#).as_bytes()).is_ok());
}
