//! The examples of `config/mappings.md` are correct.

use std::fs;

use super::documents::{blocks, read, root};
use super::program::{Workspace, tenure};

const PAGE: &str = "config/mappings.md";

#[test]
fn the_clickstream_commands_work() {
    let block = blocks(PAGE, "sh").into_iter().find(|it| it.contains("ecom.csv.gz")).unwrap();
    let run = Workspace::new().shell(&block);
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(run.said.contains("31106 events, 633 transitions, "), "{}", run.said);
    let missing = "\nevent types of the models that did not occur: signed_up\n";
    assert!(run.said.contains(missing), "{}", run.said);
    assert!(read(PAGE).contains("reads 31,106 events, makes 633 transitions, and says which"));
}

#[test]
fn a_row_can_be_several_events_by_the_documented_command() {
    let workspace = Workspace::new();
    let mapping = |kind: &str, column: &str| {
        format!("customer_id = \"id\"\ntype = {{ value = \"{kind}\" }}\ntime = \"{column}\"\n")
    };
    workspace.write("orders.csv", "id,ordered,arrived\nann,2026-01-01,2026-01-05\n");
    workspace.write("purchased.toml", &mapping("purchased", "ordered"));
    workspace.write("delivered.toml", &mapping("delivered", "arrived"));
    workspace.write(
        "model.yaml",
        "model: m\ninitial: new\nfacts: { bought: count(purchased) }\nstages: { new: {}, sent: {}, there: {} }\n\
         transitions:\n  - { from: new, to: sent, when: bought >= 1 }\n  - { from: sent, to: there, when: delivered }\n",
    );
    let block = blocks(PAGE, "sh").into_iter().find(|it| it.contains("delivered.toml")).unwrap();
    let run = workspace.shell(&block);
    assert_eq!(run.code, 0, "{}", run.said);
    assert!(run.said.contains("2 events, 2 transitions"), "{}", run.said);
}

/// Each mapping of the page with a few records as its system writes them, and the amount that they add up to.
const EXPORTS: [(&str, &str, &str, &str); 5] = [
    (
        "uci",
        "e.csv",
        "InvoiceNo,StockCode,InvoiceDate,Amount,CustomerID\n536365,A,12/1/2010 8:26,15.30,17850.0\n\
         536365,B,12/1/2010 8:26,4.70,17850\nC536379,D,12/13/2010 9:41,-5,17850\n",
        "15",
    ),
    (
        "shopify",
        "e.csv",
        "Name,Email,Financial Status,Paid at,Currency,Total,Notes\n\
         #1050,Koper@shop.example,paid,2026-05-01 10:00:00 +0200,USD,100.90,a\n\
         #1051,koper@shop.example,paid,2026-05-14 11:23:45 +0100,USD,\"1,540.00\",b\n",
        "1640.9",
    ),
    (
        "ga4",
        "e.ndjson",
        r#"{"event_name":"purchase","event_timestamp":"1704067200000000","user_pseudo_id":"u1","user_id":null,
        "ecommerce":{"transaction_id":"t1","purchase_revenue":12.5},"event_params":[{"key":"plan","value":{"string_value":"pro"}}]}
        {"event_name":"page_view","event_timestamp":1704067300000000,"user_pseudo_id":"u1","event_params":[]}"#,
        "12.5",
    ),
    (
        "segment",
        "e.ndjson",
        r#"{"type":"track","event":"Order Completed","userId":"u1","messageId":"m1","timestamp":"2024-01-01T10:03:00.000Z","properties":{"order_id":"o1","total":20,"currency":"USD"}}
        {"type":"page","userId":null,"anonymousId":"u1","messageId":"m2","timestamp":"2024-02-20T10:00:00.000Z","name":"Checkout"}"#,
        "20",
    ),
    (
        "debezium",
        "e.ndjson",
        r#"{"schema":{},"payload":{"op":"c","before":null,"after":{"id":7,"customer_id":1,"ordered_at":1704067200000,"total_cents":1999}}}
        {"schema":{},"payload":{"op":"d","before":{"id":7},"after":null}}"#,
        "19.99",
    ),
];

/// A folder with an export, and with a model that has its customer in the stage `exact` if all amounts were read.
struct Export {
    folder: tempfile::TempDir,
    input: &'static str,
}

impl Export {
    fn new((_, input, records, spent): &(&str, &'static str, &str, &str)) -> Export {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(input), records).unwrap();
        let model = format!(
            "model: m\ninitial: new\norders: {{ placed: order_completed, repeated: line, within: 90d }}\n\
             facts: {{ spent: sum(order_completed.value) }}\nstages: {{ new: {{}}, exact: {{}} }}\n\
             transitions:\n  - {{ from: new, to: exact, when: spent == {spent} }}\n"
        );
        fs::write(folder.path().join("m.yaml"), model).unwrap();
        Export { folder, input }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    fn assert_is_read_with(&self, mapping: &str) {
        fs::write(self.path("mapping.toml"), mapping).unwrap();
        let (model, mapping, input) =
            (self.path("m.yaml"), self.path("mapping.toml"), self.path(self.input));
        let run = tenure(
            root(),
            &["replay", "--model", &model, "--mapping", &mapping, "--rate", "GBP=1", &input],
        );
        let said = run.said;
        assert_eq!(run.code, 0, "{said}");
        assert!(!said.contains("rejected") && !said.contains("not understood"), "{said}");
        assert!(
            said.lines().any(|line| line.trim_end().ends_with(" 1") && line.contains("exact")),
            "{said}"
        );
    }
}

/// The mapping of an export.
fn mapping_of(name: &str) -> String {
    let first = format!("# mapping: {name}\n");
    blocks(PAGE, "toml").into_iter().find(|text| text.starts_with(&first)).unwrap()
}

#[test]
fn the_mappings_of_common_exports_read_what_these_systems_write() {
    for export in &EXPORTS {
        Export::new(export).assert_is_read_with(&mapping_of(export.0));
    }
}

#[test]
fn a_sample_of_a_common_export_gives_its_mapping() {
    for export in &EXPORTS {
        let name = export.0;
        let files = Export::new(export);
        let input = files.path(files.input);
        let shown: toml::Table = mapping_of(name).parse().unwrap();
        let proposed = tenure(root(), &["check", "--sample", &input]);
        assert_eq!(proposed.code, 1, "{name}");
        let proposed: toml::Table = proposed.out.parse().unwrap();
        for (key, value) in &shown {
            match key.as_str() {
                // A file does not say this.
                "time_zone" | "key" | "key_path" => continue,
                "currency" if value.is_table() => continue,
                // Of the types only those that occur.
                "types" => {
                    let types = proposed[key].as_table().unwrap();
                    assert!(types.iter().all(|(name, to)| value.get(name) == Some(to)), "{name}");
                }
                _ => assert_eq!(proposed.get(key), Some(value), "{name}: {key}"),
            }
        }
        let others = proposed.keys().filter(|key| !shown.contains_key(*key));
        assert_eq!(others.count(), 0, "{name}: {proposed}");
        let with_model = tenure(root(), &["check", &files.path("m.yaml"), "--sample", &input]);
        files.assert_is_read_with(&with_model.out);
    }
}
