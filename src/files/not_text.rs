//! Recognises files that are not text by their first bytes, and says how to convert them.

/// A binary format that events are often exported in.
struct BinaryFormat {
    name: &'static str,
    magic: &'static [u8],
    /// The command that converts it; `{}` is the name of the file, `{stem}` the same without its ending.
    remedy: &'static str,
}

const ZIP: &[u8] = b"PK\x03\x04";
/// The first entries of a ZIP archive that is an Excel workbook.
const WORKBOOK: [&[u8]; 3] = [b"[Content_Types].xml", b"_rels/.rels", b"xl/"];

const EXCEL: &str = "save it as CSV in the spreadsheet, or convert it: in2csv {} > {stem}.csv";

const FORMATS: &[BinaryFormat] = &[
    BinaryFormat {
        name: "Parquet",
        magic: b"PAR1",
        remedy: "convert it: duckdb -c \"COPY (FROM read_parquet('{}')) TO '{stem}.csv' (HEADER)\"",
    },
    BinaryFormat {
        name: "Avro",
        magic: b"Obj\x01",
        remedy: "convert it: avro-tools tojson {} > {stem}.ndjson",
    },
    BinaryFormat {
        name: "ORC",
        magic: b"ORC",
        remedy: "convert it: orc-tools data {} > {stem}.ndjson",
    },
    BinaryFormat {
        name: "Arrow",
        magic: b"ARROW1",
        remedy: "convert it to Parquet or CSV where it was written, for example with pyarrow",
    },
    BinaryFormat { name: "Excel", magic: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", remedy: EXCEL },
    BinaryFormat {
        name: "SQLite",
        magic: b"SQLite format 3\0",
        remedy: "export a table: sqlite3 -header -csv {} 'SELECT * FROM events' > {stem}.csv",
    },
    BinaryFormat { name: "bzip2", magic: b"BZh", remedy: "decompress it: bunzip2 -c {} > {stem}" },
    BinaryFormat { name: "xz", magic: b"\xfd7zXZ\0", remedy: "decompress it: xz -dc {} > {stem}" },
    BinaryFormat {
        name: "LZ4",
        magic: b"\x04\x22\x4d\x18",
        remedy: "decompress it: lz4 -dc {} > {stem}",
    },
    BinaryFormat {
        name: "ZIP",
        magic: ZIP,
        remedy: "unpack it: unzip -p {} > {stem}, if it has one file",
    },
];

/// The bytes of a file by which it is recognised.
pub(super) const MAGIC_BYTES: usize = 512;

/// The name of the format that these first bytes of a file show, and what to do; `None` for text.
pub(super) fn detect(first: &[u8], name: &str) -> Option<(&'static str, String)> {
    let first = &first[..first.len().min(MAGIC_BYTES)];
    // A column can be called ORCID: text has none of these bytes.
    let is_binary = first.iter().any(|byte| *byte < b'\t' || *byte >= 0x80);
    let format = FORMATS.iter().find(|format| first.starts_with(format.magic))?;
    let is_workbook = format.magic == ZIP
        && WORKBOOK.iter().any(|entry| first.windows(entry.len()).any(|part| part == *entry));
    let (format_name, remedy) =
        if is_workbook { ("Excel", EXCEL) } else { (format.name, format.remedy) };
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let (name, stem) = if is_plain && name != "-" {
        (name, name.rsplit_once('.').map_or(name, |(stem, _)| stem))
    } else {
        ("FILE", "events")
    };
    let remedy = remedy.replace("{}", name).replace("{stem}", stem);
    is_binary.then_some((format_name, remedy))
}

#[cfg(test)]
mod tests {
    use super::detect;

    fn format(first: &[u8]) -> Option<&'static str> {
        detect(first, "events").map(|(name, _)| name)
    }

    #[test]
    fn binary_formats_are_named_and_text_is_not() {
        assert_eq!(format(b"PAR1\x15\x04"), Some("Parquet"));
        assert_eq!(format(b"Obj\x01\x04\x14avro.codec"), Some("Avro"));
        assert_eq!(format(b"ORC\x08\x03"), Some("ORC"));
        assert_eq!(format(b"PK\x03\x04\x14\0\x06\0...[Content_Types].xml"), Some("Excel"));
        assert_eq!(format(b"PK\x03\x04\x14\0events.csv"), Some("ZIP"));
        assert_eq!(format(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"), Some("Excel"));
        for text in ["ORCID,type,time\n", "PAR1,type", "BZh,x", "PK,type", "", "{}"] {
            assert_eq!(format(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_remedy_names_the_file_unless_the_shell_would_need_quotes() {
        let remedy = |name| detect(b"PAR1\0", name).unwrap().1;
        assert!(remedy("in/a.parquet").contains("('in/a.parquet')) TO 'in/a.csv'"));
        assert!(remedy("my file.parquet").contains("('FILE')) TO 'events.csv'"));
        assert!(remedy("-").contains("'FILE'"));
    }
}
