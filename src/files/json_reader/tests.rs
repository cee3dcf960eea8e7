use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::*;

/// Returns a few bytes per read, so that every record is divided somewhere.
struct SlowSource(Cursor<Vec<u8>>, usize);

impl Read for SlowSource {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(target.len());
        self.0.read(&mut target[..count])
    }
}

/// The line, number on the line, and bytes of each record.
fn records_of(bytes: &[u8], bytes_per_read: usize) -> Vec<(u64, u32, String)> {
    let source = SlowSource(Cursor::new(bytes.to_vec()), bytes_per_read);
    let mut reader = JsonReader::new(ReadBuffer::new(Box::new(source)), 1);
    let (mut row, mut records) = (FileRow::default(), Vec::new());
    while reader.read(&mut row).unwrap() {
        records.push((row.line, row.record, String::from_utf8_lossy(&row.raw).into_owned()));
        assert!(records.len() <= bytes.len(), "reading does not end");
    }
    records
}

/// The same as `line:text`, or `line.number:text`.
fn records(text: &str) -> Vec<String> {
    let whole = records_of(text.as_bytes(), usize::MAX);
    for bytes_per_read in [1, 7] {
        assert_eq!(records_of(text.as_bytes(), bytes_per_read), whole, "{text}");
    }
    let shown = |(line, record, raw): (u64, u32, String)| match record {
        0 => format!("{line}:{raw}"),
        _ => format!("{line}.{record}:{raw}"),
    };
    whole.into_iter().map(shown).collect()
}

#[test]
fn a_line_is_a_record_as_it_is_written() {
    assert_eq!(
        records("{\"a\":1}\n\n  {\"b\":\"x\"} \r\nno\n{\"c\":[{},{}]}"),
        ["1:{\"a\":1}", "3:  {\"b\":\"x\"} ", "4:no", "5:{\"c\":[{},{}]}"].map(|it| it.to_owned())
    );
    assert_eq!(records(""), [""; 0]);
    assert_eq!(records("\n \n"), [""; 0]);
}

#[test]
fn records_end_to_end_are_numbered_on_their_line() {
    assert_eq!(
        records("{\"a\":1}{\"b\":{\"c\":2}} {\"d\":\"}{\"}\n{\"e\":1}{}"),
        ["1:{\"a\":1}", "1.1:{\"b\":{\"c\":2}}", "1.2:{\"d\":\"}{\"}", "2:{\"e\":1}", "2.1:{}"]
    );
    assert_eq!(records("\u{1e}{\"a\":1}\n\u{1e}{\"b\":1}\n"), ["1:{\"a\":1}", "2:{\"b\":1}"]);
}

#[test]
fn an_array_is_its_elements() {
    let elements = ["2:{\"a\":1}", "3:{\"b\":1}"];
    assert_eq!(records("[\n{\"a\":1},\n{\"b\":1}\n]\n"), elements);
    assert_eq!(records("[\n{\"a\":1}\n,{\"b\":1}]"), elements);
    assert_eq!(
        records("[{\"a\":1},{\"b\":1} , {\"c\":1}]"),
        ["1:{\"a\":1}", "1.1:{\"b\":1}", "1.2:{\"c\":1}"]
    );
    assert_eq!(records("[]"), [""; 0]);
    assert_eq!(records("[{\"a\":1}]\n[{\"b\":1}]"), ["1:{\"a\":1}", "2:{\"b\":1}"]);
}

#[test]
fn an_object_on_several_lines_begins_on_its_first_one() {
    assert_eq!(
        records("[\n  {\n    \"a\": 1\n  },\n  {\n    \"b\": [\n      {}\n    ]\n  }\n]"),
        ["2:{\n    \"a\": 1\n  }", "5:{\n    \"b\": [\n      {}\n    ]\n  }"]
    );
    assert_eq!(
        records("[{\n\"a\": 1\n}, {\n\"b\": 2\n}]"),
        ["1:{\n\"a\": 1\n}", "3:{\n\"b\": 2\n}"]
    );
    assert_eq!(records("{\n\"a\": 1 }\n{\n\"b\": 2 }\n"), ["1:{\n\"a\": 1 }", "3:{\n\"b\": 2 }"]);
}

#[test]
fn a_line_that_is_cut_off_costs_no_other() {
    for cut in
        ["{", "{\"a\":", "{\"a\":[", "{\"a\":{\"b\":1}", "{\"a\":1,", "{\"a\":\"x", "{\"a\":\"x\\"]
    {
        let good = ["{\"b\":1}", "{\"c\":1}"];
        let text = format!("{cut}\n{}\n{}\n", good[0], good[1]);
        assert_eq!(
            records(&text),
            [format!("1:{cut}"), format!("2:{}", good[0]), format!("3:{}", good[1])]
        );
        let text = format!("[\n{cut}\n{},\n{}\n]", good[0], good[1]);
        let expected = [format!("2:{cut}"), format!("3:{}", good[0]), format!("4:{}", good[1])];
        assert_eq!(records(&text), expected, "{text}");
        assert_eq!(
            records(&format!("{}\n{cut}", good[0])),
            [format!("1:{}", good[0]), format!("2:{cut}")]
        );
    }
}

#[test]
fn a_record_that_the_end_of_the_file_cuts_off_has_no_line_feed() {
    assert_eq!(records("{\"a\":1}\n  {\"b\": \r\n\n"), ["1:{\"a\":1}", "2:  {\"b\": "]);
    assert_eq!(records("{\n  \"a\":\n"), ["1:{\n  \"a\":"]);
}

#[test]
fn a_broken_object_is_one_record_and_the_next_one_is_read() {
    // Its brackets close.
    assert_eq!(
        records("{\"a\":1}{\"b\":}{\"c\":1}"),
        ["1:{\"a\":1}", "1.1:{\"b\":}", "1.2:{\"c\":1}"]
    );
    assert_eq!(
        records("[\n  {\n    \"a\": 1 2,\n    \"b\": {}\n  },\n  {\n    \"c\": 1\n  }\n]"),
        ["2:  {\n    \"a\": 1 2,\n    \"b\": {}\n  }", "6:{\n    \"c\": 1\n  }"]
    );
    // A quote is missing, so that its brackets seem to be in a text.
    assert_eq!(
        records("{\"a\":\"x,\"b\":1}{\"c\":1}{\"d\":1}"),
        ["1:{\"a\":\"x,\"b\":1}", "1.1:{\"c\":1}", "1.2:{\"d\":1}"]
    );
    assert_eq!(
        records("[\n  {\n    \"a\": \"x,\n    \"b\": {}\n  },\n  {\n    \"c\": 1\n  }\n]"),
        ["2:  {\n    \"a\": \"x,\n    \"b\": {}\n  }", "6:{\n    \"c\": 1\n  }"]
    );
    // A bracket is missing.
    assert_eq!(
        records("[\n  {\n    \"a\": {\n  },\n  {\n    \"c\": 1\n  }\n]"),
        ["2:  {\n    \"a\": {\n  },", "5:{\n    \"c\": 1\n  }"]
    );
}

#[test]
fn what_is_no_object_is_a_record_too() {
    assert_eq!(
        records("[{\"a\":1},null,{\"b\":1}]"),
        ["1:{\"a\":1}", "1.1:null,", "1.2:{\"b\":1}"]
    );
    assert_eq!(records("x {\"a\":1}\n{\"b\":1}"), ["1:x {\"a\":1}", "2:{\"b\":1}"]);
    // What follows an object may belong to it: a bracket too many.
    assert_eq!(records("{\"a\":1},\"b\":2}\n{\"c\":1}"), ["1:{\"a\":1},\"b\":2}", "2:{\"c\":1}"]);
    assert_eq!(records("{\"a\":1} x\n{\"c\":1}"), ["1:{\"a\":1} x", "2:{\"c\":1}"]);
}

#[test]
fn a_record_that_is_too_long_is_truncated_and_the_next_one_is_read() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
    for between in ["", "\n", "\n[\n"] {
        let text = format!("{long}{between}{{\"b\":1}}{{\"c\":1}}");
        let found = records_of(text.as_bytes(), usize::MAX);
        let found: Vec<_> = found.iter().map(|(_, _, raw)| raw.as_str()).collect();
        assert!(found == [&long[..LINE_BYTES_MAX], "{\"b\":1}", "{\"c\":1}"], "{between}");
    }
    // Without an end: the line after it is read nevertheless.
    let text = format!("{}\n{{\"b\":1}}", &long[..LINE_BYTES_MAX + 2]);
    let found = records_of(text.as_bytes(), usize::MAX);
    assert_eq!((found.len(), found[1].2.as_str()), (2, "{\"b\":1}"));
    let text = format!("{}\n{{\"b\":1}}", "x".repeat(LINE_BYTES_MAX + 2));
    let found = records_of(text.as_bytes(), usize::MAX);
    assert_eq!((found.len(), found[1].2.as_str()), (2, "{\"b\":1}"));
}

#[test]
fn an_array_on_one_line_is_read_piece_by_piece() {
    let record = format!("{{\"a\":\"{}\"}}", "x".repeat(1000));
    let text = format!("[{}]", vec![record.as_str(); 10_000].join(","));
    let mut reader = JsonReader::new(ReadBuffer::new(Box::new(Cursor::new(text.into_bytes()))), 1);
    let (mut row, mut count, mut unread_max) = (FileRow::default(), 0, 0);
    while reader.read(&mut row).unwrap() {
        assert!(row.raw == record.as_bytes() && row.record == count);
        count += 1;
        unread_max = unread_max.max(reader.cursor.bytes.unread().len());
    }
    assert_eq!(count, 10_000);
    assert!(unread_max < 1 << 20, "{unread_max}");
}

proptest! {
    /// Every byte of a file but separators is in some record, in order, and positions are distinct and in order.
    #[test]
    fn no_byte_is_lost(text in "([{}\\[\\],:\"a1 \n\\\\]|\\{\"a\":1\\}|\n\\{\"b\":|null){0,40}", bytes_per_read in 1_usize..9) {
        let records = records_of(text.as_bytes(), bytes_per_read);
        prop_assert_eq!(&records, &records_of(text.as_bytes(), usize::MAX));
        let kept = |text: &str| text.chars().filter(|c| !" \r\n,[]".contains(*c)).collect::<String>();
        let read: String = records.iter().map(|(.., raw)| kept(raw)).collect();
        prop_assert_eq!(read, kept(&text));
        for pair in records.windows(2) {
            prop_assert!((pair[0].0, pair[0].1) < (pair[1].0, pair[1].1), "{records:?}");
        }
    }
}
