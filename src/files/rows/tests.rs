use std::fmt::Write as _;
use std::io::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{CurrencyRates, Field, FieldKind, Mapping, RecordLimits, Vocabulary};
use crate::files::{QuoteEscape, TextEncoding};

fn decoder() -> Decoder {
    let mut vocabulary = Vocabulary::default();
    vocabulary.intern_type("order");
    vocabulary.intern_field(Field::Property("note".to_owned()), FieldKind::Text);
    Decoder::new(Mapping::default(), vocabulary, CurrencyRates::default(), RecordLimits::default())
}

/// The events of a file, or the reasons of their rejection, and what was detected.
fn read(bytes: &[u8], options: &FileOptions) -> (Vec<Result<Event, RejectReason>>, Option<String>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let decoder = decoder();
    let OpenedRows { mut rows, header, detected } =
        Rows::open(file.path(), Path::new("events"), options, &decoder).unwrap();
    let decoder = RowDecoder::new(0, &decoder, header.as_ref(), Path::new("events")).unwrap();
    let (mut row, mut events) = (FileRow::default(), Vec::new());
    while rows.read(&mut row).unwrap() {
        events.push(decoder.event(&row));
    }
    (events, detected)
}

type Order = (String, i64, String);

fn json_objects(orders: &[Order]) -> Vec<serde_json::Value> {
    let object = |(customer, time, note): &Order| json!({"customer_id": customer, "type": "order", "time": time, "properties": {"note": note}});
    orders.iter().map(object).collect()
}

fn json_forms(orders: &[Order]) -> Vec<String> {
    let objects = json_objects(orders);
    let lines: Vec<String> = objects.iter().map(|object| object.to_string()).collect();
    let pretty: Vec<String> = objects.iter().map(|object| format!("{object:#}")).collect();
    vec![
        lines.join("\n"),
        lines.join("\r\n") + "\r\n",
        lines.concat(),
        lines.join(" "),
        format!("[\n{}\n]\n", lines.join(",\n")),
        format!("[{}]", lines.join(",")),
        format!("{:#}", serde_json::Value::Array(objects)),
        pretty.join("\n"),
        pretty.concat(),
        format!("[{}]", pretty.join(", ")),
    ]
}

/// A table with a header; `\"` or `""` inside quotes.
fn table(orders: &[Order], delimiter: char, backslash: bool) -> String {
    let escaped = |text: &str| {
        if backslash {
            text.replace('\\', "\\\\").replace('"', "\\\"")
        } else {
            text.replace('"', "\"\"")
        }
    };
    let quoted = |text: &str| format!("\"{}\"", escaped(text));
    let header = ["customer_id", "type", "time", "unread", "note"].join(&delimiter.to_string());
    orders.iter().fold(header, |mut table, (customer, time, note)| {
        let (customer, note) = (quoted(customer), quoted(note));
        let cells = [&customer, "order", &time.to_string(), "", &note];
        write!(table, "\n{}", cells.join(&delimiter.to_string())).unwrap();
        table
    })
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let order =
        ("[a-zé;|]{1,9}", 1_600_000_000_000_i64..1_700_000_000_000, "[a-z\"\\\\{},;|\t €]{0,9}x");
    proptest::collection::vec(order, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_form_of_a_file_does_not_change_its_events(orders in orders()) {
        let options = FileOptions::default();
        let (expected, _) = read(json_forms(&orders)[0].as_bytes(), &options);
        prop_assert_eq!(expected.len(), orders.len());
        prop_assert!(expected.iter().all(Result::is_ok));
        let mut texts = json_forms(&orders);
        texts.extend([',', ';', '\t', '|'].map(|delimiter| table(&orders, delimiter, false)));
        for text in &texts {
            for bytes in [
                text.clone().into_bytes(),
                format!("\u{feff}{text}").into_bytes(),
                utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
                utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
                utf16(text, u16::to_le_bytes),
            ] {
                prop_assert_eq!(&read(&bytes, &options).0, &expected, "{}", text);
            }
        }
        let backslash = FileOptions { quote_escape: Some(QuoteEscape::Backslash), ..FileOptions::default() };
        let text = table(&orders, ',', true);
        prop_assert_eq!(&read(text.as_bytes(), &backslash).0, &expected, "{}", text);
    }
}

#[test]
fn what_was_detected_is_reported_unless_it_is_the_usual_form() {
    let detected = |bytes: &[u8]| read(bytes, &FileOptions::default()).1;
    assert_eq!(detected(b"customer_id,type,time\n"), None);
    assert_eq!(detected(b"\xef\xbb\xbfcustomer_id,type,time\n"), None);
    assert_eq!(detected(b"[]"), None);
    assert_eq!(detected(b"customer_id;type;time\n").as_deref(), Some("delimiter ';'"));
    assert_eq!(detected(b"customer_id\ttype\ttime\n").as_deref(), Some("delimiter tab"));
    let utf16 = utf16("\u{feff}customer_id;type;time\na;order;1", u16::to_le_bytes);
    assert_eq!(detected(&utf16).as_deref(), Some("delimiter ';', encoding UTF-16LE"));
    let spark = b"customer_id,type,time,note\na,order,2024-01-01,\"{\\\"k\\\":1}\"\n";
    assert_eq!(detected(spark).as_deref(), Some("quotes escaped by a backslash"));
    let options = FileOptions { delimiter: Some(b';'), ..FileOptions::default() };
    assert_eq!(read(b"customer_id;type;time\n", &options).1, None);
}

#[test]
fn a_file_without_a_header_and_lines_before_the_data_are_read_as_the_user_says() {
    let columns = ["customer_id", "", "type", "time"].map(str::to_owned).to_vec();
    let options = FileOptions { columns: Some(columns), skip_lines: 2, ..FileOptions::default() };
    let (events, detected) =
        read(b"Report\n\"2024\"\na;9;order;2024-01-01\nb;9;order;2024-01-02\n", &options);
    assert!(events.len() == 2 && events.iter().all(Result::is_ok), "{events:?}");
    assert_eq!(detected.as_deref(), Some("delimiter ';'"));
    let options = FileOptions { skip_lines: 1, ..FileOptions::default() };
    assert_eq!(read(b"x\nsep=|\ncustomer_id|type|time\na|order|2024-01-01\n", &options).0.len(), 1);
}

#[test]
fn a_byte_that_is_no_utf_8_is_read_in_the_encoding_that_the_user_names() {
    let row = b"customer_id,type,time\n\xa3,order,2024-01-01\n";
    assert_eq!(read(row, &FileOptions::default()).0, [Err(RejectReason::NotUtf8)]);
    let encoding = Some(TextEncoding::Windows1252);
    let (events, _) = read(row, &FileOptions { encoding, ..FileOptions::default() });
    assert_eq!(events[0].as_ref().unwrap().customer.as_str(), "£");
}
