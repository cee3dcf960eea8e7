//! Records and rows: an accepted event is within all bounds, and has the content of the bytes.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use tenure::event::{
    Columns, CurrencyRates, Decoder, Event, EventTime, FieldKind, FieldSource, Mapping, Millis,
    Quantity, RecordLimits, RejectReason, Scalar, Step, TimeFormat, TimeUnit, parse_instant,
};

use super::MODELS;

/// A decoder, and its configuration.
struct Reader {
    decoder: Decoder,
    mapping: Mapping,
    limits: RecordLimits,
}

static READERS: LazyLock<Vec<Reader>> = LazyLock::new(|| {
    let narrow = RecordLimits {
        record_bytes: 600,
        depth: 3,
        text_bytes: 20,
        elements: 6,
        time_floor: EventTime(0),
        time_ceiling: EventTime::MAX,
        future_tolerance: Millis::HOUR,
    };
    let nested = Mapping {
        customer_id: "user.id".into(),
        event_type: "event".into(),
        time: "time.at".into(),
        time_format: TimeFormat { unit: TimeUnit::Seconds, ..TimeFormat::default() },
        value: "properties.total".into(),
        properties: "properties".into(),
        // Two fields may have the same path.
        channel: "event".into(),
        ..Mapping::default()
    };
    let time_format = TimeFormat { unit: TimeUnit::Microseconds, ..TimeFormat::default() };
    let micros = Mapping { time_format, ..Mapping::default() };
    let of = |mapping: Mapping, limits: RecordLimits| {
        let rates = [("EUR", "1.0837"), ("JPY", "0.0065"), ("KWD", "3.25")];
        let rates = rates.map(|(code, rate)| (code.to_owned(), Quantity::parse(rate).unwrap()));
        let money = CurrencyRates { rates: rates.into(), ..CurrencyRates::default() };
        let vocabulary = MODELS.vocabulary.clone();
        Reader {
            decoder: Decoder::new(mapping.clone(), vocabulary, money, limits.clone()),
            mapping,
            limits,
        }
    };
    vec![
        of(Mapping::default(), RecordLimits::default()),
        of(nested, narrow.clone()),
        of(micros, narrow),
    ]
});

/// One record.
pub(crate) fn json(bytes: &[u8]) {
    for reader in READERS.iter() {
        let outcome = reader.decoder.decode_json(bytes);
        assert_eq!(reader.decoder.decode_json(bytes), outcome);
        if let Ok(event) = outcome {
            reader.check(&event);
            reader.check_json(&event, bytes);
            reader.check_record(&event, bytes);
        }
    }
}

/// A header and rows, one per line, without quotes: a CSV library handles those.
pub(crate) fn row(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let header = std::str::from_utf8(lines.next().unwrap_or_default());
    let Ok(header) = header.map(|line| line.split(',')) else {
        return;
    };
    let rows = lines.map(|line| line.split(|byte| *byte == b','));
    let rows: Vec<Vec<&[u8]>> = rows.map(Iterator::collect).collect();
    for reader in READERS.iter() {
        let Ok(columns) = Columns::from_header(&reader.decoder, header.clone()) else {
            continue;
        };
        for cells in &rows {
            let outcome = reader.decoder.decode_row(&columns, cells.iter().copied());
            assert_eq!(reader.decoder.decode_row(&columns, cells.iter().copied()), outcome);
            if let Ok(event) = &outcome {
                reader.check(event);
            }
            reader.check_row(&outcome, header.clone().map(str::trim), cells);
        }
    }
}

impl Reader {
    fn check(&self, event: &Event) {
        let (limits, id) = (&self.limits, event.customer.as_str());
        assert!((1..=1024).contains(&id.len()) && !id.contains(char::is_control));
        assert!(id.len() <= limits.text_bytes);
        assert!((limits.time_floor..=EventTime::MAX).contains(&event.time));
        assert_eq!(parse_instant(&event.time.to_string()), Some(event.time));
        assert!(event.event_type.index() < MODELS.vocabulary.type_count());
        for (at, (field, scalar)) in event.fields.iter().enumerate() {
            let known = MODELS.vocabulary.fields().nth(field.index());
            let (_, _, kind) = known.expect("a field of the vocabulary");
            assert!(event.fields[..at].iter().all(|(other, _)| other != field));
            match (scalar, kind) {
                (Scalar::Number(number), FieldKind::Number | FieldKind::Any) => {
                    // An amount has 64 bits of cents, any other number 18 digits.
                    assert!(number.nanos().unsigned_abs() <= 10_u128.pow(27));
                    assert_eq!(Quantity::parse(&number.to_string()), Some(*number));
                }
                (Scalar::Text(text), FieldKind::Text | FieldKind::Any | FieldKind::Id) => {
                    assert!(text.len() <= limits.text_bytes);
                    assert!(kind != FieldKind::Id || !text.is_empty());
                }
                (Scalar::Bool(_), FieldKind::Bool | FieldKind::Any) => {}
                _ => panic!("{scalar:?} in a field that is {kind:?}"),
            }
        }
    }

    /// Another JSON parser reads the same record.
    fn check_json(&self, event: &Event, bytes: &[u8]) {
        assert!(bytes.len() <= self.limits.record_bytes);
        // serde_json also refuses values in parts that the decoder skips.
        let Ok(record) = serde_json::from_slice::<Value>(bytes) else {
            return;
        };
        let at = |source| keys(source).iter().try_fold(&record, |value, key| value.get(*key));
        let customer = match at(&self.mapping.customer_id) {
            Some(Value::Number(number)) => number.as_u64().map(|number| number.to_string()),
            other => other.and_then(Value::as_str).map(str::to_owned),
        };
        if let Some(customer) = customer {
            let customer = customer.trim();
            assert_eq!(event.customer.as_str(), customer.strip_suffix(".0").unwrap_or(customer));
        }
        if let Some(kind) = at(&self.mapping.event_type).and_then(Value::as_str) {
            assert_eq!(event.event_type, MODELS.vocabulary.find_type(kind.trim()));
        }
    }

    fn check_record(&self, event: &Event, bytes: &[u8]) {
        let key = event.customer.as_bytes();
        let record = |key, at| self.decoder.decode_record(key, Some(bytes), at);
        assert_eq!(record(Some(key), None), Err(RejectReason::NoTimestamp));
        assert_eq!(record(Some(&key[1..]), None), Err(RejectReason::KeyDiffers));
        assert_eq!(record(None, None), Err(RejectReason::NullKey));
        let oldest = event.time.0 - self.limits.future_tolerance.0;
        assert_eq!(record(Some(key), Some(oldest)).as_ref(), Ok(event));
        let future = record(Some(key), Some(oldest - 1));
        assert_eq!(future, Err(RejectReason::TimeInFuture));
    }

    /// A row is decoded like the JSON object of the same texts, if each path has one column.
    fn check_row<'h>(
        &self,
        outcome: &Result<Event, RejectReason>,
        header: impl Iterator<Item = &'h str>,
        cells: &[&[u8]],
    ) {
        let mut object = Value::Object(Map::new());
        for (name, cell) in header.zip(cells) {
            let Ok(text) = std::str::from_utf8(cell) else {
                return;
            };
            if text.is_empty() {
                continue;
            }
            let path: Vec<&str> = name.split('.').collect();
            // Short names of properties, repeated paths, and paths below a text do not exist in JSON.
            if !self.is_full_path(&path) || !insert(&mut object, &path, text) {
                return;
            }
        }
        let limit = [
            RejectReason::TooLarge,
            RejectReason::TooDeep,
            RejectReason::TooLong,
            RejectReason::BadRow,
            RejectReason::DuplicateKey,
        ];
        let json = self.decoder.decode_json(object.to_string().as_bytes());
        let limited =
            |outcome: &Result<_, _>| matches!(outcome, Err(reason) if limit.contains(reason));
        if !limited(&json) && !limited(outcome) {
            assert_eq!(*outcome, json, "{object}");
        }
    }

    fn is_full_path(&self, path: &[&str]) -> bool {
        let mapping = &self.mapping;
        let mut own = [
            &mapping.customer_id,
            &mapping.event_type,
            &mapping.time,
            &mapping.value,
            &mapping.currency,
            &mapping.id,
            &mapping.channel,
        ]
        .into_iter();
        match own.find(|known| path.iter().zip(keys(known)).all(|(a, b)| *a == b)) {
            Some(known) => keys(known).len() == path.len(),
            None => path.starts_with(&["properties"]),
        }
    }
}

/// The keys of a field's only path.
fn keys(source: &FieldSource) -> Vec<&str> {
    let steps = source.paths[0].0.iter();
    let keys = steps.map(|step| match step {
        Step::Key(key) => key.as_str(),
        other => panic!("{other:?} in a path of keys"),
    });
    keys.collect()
}

/// `false` if there is a value already.
fn insert(into: &mut Value, path: &[&str], text: &str) -> bool {
    let (Value::Object(map), Some((key, rest))) = (into, path.split_first()) else {
        return false;
    };
    if rest.is_empty() {
        return map.insert((*key).to_owned(), Value::String(text.to_owned())).is_none();
    }
    let empty = Value::Object(Map::new());
    insert(map.entry((*key).to_owned()).or_insert(empty), rest, text)
}
