//! `tenure test`, run as a process: its report, and its updates of model files.

mod files;
mod laws;
mod styles;

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::program::{Run, program};

/// A customer is silent after nine days; the tests below expect ten.
const SHOP: &str = "\
model: shop
initial: new
facts: { orders: count(bought), last: last(bought) }
stages: { new: {}, buyer: {}, regular: {}, silent: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 2 }
  - { from: [buyer, regular], to: silent, when: since(last) >= days(9) }
  - { from: silent, to: buyer, when: since(last) < days(1), name: came_back }
tests:
";

fn run(folder: &Path, arguments: &str) -> Run {
    Run::of(program(folder).args(arguments.split_whitespace()).output().unwrap())
}

/// A folder with the shop and these tests.
fn shop(tests: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shop.yaml"), format!("{SHOP}{tests}")).unwrap();
    folder
}

/// The report of the shop with these tests, some of which fail.
fn printed(tests: &str) -> String {
    let run = run(shop(tests).path(), "test shop.yaml");
    assert_eq!(run.code, 4, "{}{}", run.out, run.said);
    run.out
}

#[test]
fn a_failed_test_shows_both_timelines_and_explains_each_difference() {
    let shown = printed(
        "  - name: silence, and an order that ends it
    events:
      - { at: 2026-01-01, type: bought, value: 20 }
      - { at: 2026-01-02T08:30:00Z, type: bought }
      - { at: 2026-02-01, type: bought, channel: web }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-02T08:30:00Z, to: silent }
      - { at: 2026-01-12T08:30:00Z, to: silent, cause: event }
      - { at: 2026-02-01, from: silent, to: buyer, cause: timer, transition: bought_again }
      - { at: 2026-02-02, to: regular }
  - name: one order
    events: [{ at: 2026-01-01, type: bought }]
    expect: [{ at: 2026-01-01, to: buyer }]
",
    );
    let expected = "\
FAILED  shop: silence, and an order that ends it
        shop.yaml:11

  line                     expected                             happened
    13  event              2026-01-01  bought, value 20
    17  same               2026-01-01        buyer              2026-01-01        new -> buyer
    14  event              2026-01-02 08:30  bought
    18  OTHER STAGE        2026-01-02 08:30  silent             2026-01-02 08:30  buyer -> regular
    19  OTHER TIME, CAUSE  2026-01-12 08:30  silent, by an      2026-01-11 08:30  regular ->
                                             event                                silent, by a
                                                                                  timer
    15  event              2026-02-01  bought, channel web
    20  OTHER CAUSE, NAME  2026-02-01        silent -> buyer,   2026-02-01        silent -> buyer,
                                             by a timer,                          by an event,
                                             bought_again                         came_back
    21  OTHER TIME         2026-02-02        regular            2026-02-01        buyer -> regular

  line 18: expected silent on 2026-01-02 08:30, the customer went to regular instead
  line 19: expected silent on 2026-01-12 08:30 by an event, it happened on 2026-01-11 08:30, 1 day earlier, by a timer
  line 20: expected buyer on 2026-02-01 by a timer as `bought_again`, it happened by an event as `came_back`
  line 21: expected regular on 2026-02-02, it happened on 2026-02-01, 1 day earlier

ok      shop: one order
1 passed, 1 failed
";
    assert_eq!(shown, expected);
}

#[test]
fn a_missing_transition_shows_the_current_stage_and_when_it_would_be_taken() {
    let shown = printed(
        "  - name: silence
    events:
      - { at: 2026-01-01, type: bought, customer: ada }
      - { at: 2026-01-03, arrives: 2026-01-05T00:00:01Z, type: bought, customer: ada, score: 9 }
      - { at: 2026-01-06, type: bought, customer: cleo }
    until: 2026-01-05
    expect:
      - { at: 2026-01-01, customer: ada, to: buyer }
      - { at: 2026-01-02, customer: ada, to: buyer }
      - { at: 2026-01-05T12:00:00Z, customer: ada, to: silent }
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, customer: ben, to: buyer }
      - { at: 2026-01-06, customer: cleo, to: buyer }
",
    );
    let expected = "\
FAILED  shop: silence
        shop.yaml:11

  line           expected                       happened
    13  event    2026-01-01  ada: bought
    18  same     2026-01-01        ada: buyer   2026-01-01  ada: new -> buyer
    22  MISSING  2026-01-01        ben: buyer
    21  MISSING  2026-01-01        buyer
    19  MISSING  2026-01-02        ada: buyer
    14  event    2026-01-03  ada: bought, score 9, arrives 2026-01-05 00:00:01
        EXTRA                                   2026-01-03  ada: buyer -> regular, by an event
    20  MISSING  2026-01-05 12:00  ada: silent
        end      2026-01-05  `until`: the test ends here
    15  event    2026-01-06  cleo: bought, after the end
    23  MISSING  2026-01-06        cleo: buyer

  line 22: expected buyer for ben on 2026-01-01, it did not happen: `ben` has no event up to the end
  line 21: expected buyer on 2026-01-01, it did not happen: name the customer with `customer`
  line 19: expected buyer for ada on 2026-01-02, it did not happen: ada was in buyer already since 2026-01-01
  not expected: ada went from buyer to regular on 2026-01-03, by an event
  line 20: expected silent for ada on 2026-01-05 12:00, it did not happen: it would happen on 2026-01-12, 6 days 12 hours later, but the test ends on 2026-01-05
  line 23: expected buyer for cleo on 2026-01-06, it did not happen: `cleo` has no event up to the end

0 passed, 1 failed
";
    assert_eq!(shown, expected);
}

#[test]
fn the_reference_shows_the_printed_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let preset = fs::read_to_string(root.join("config/models/retail.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = preset.replace("days(45), hold: 3d", "days(46), hold: 3d");
    fs::write(folder.path().join("retail.yaml"), text).unwrap();
    let Run { out, .. } = run(folder.path(), "test retail.yaml --only silence");
    let reference = fs::read_to_string(root.join("config/models/README.md")).unwrap();
    let (shown, _) = out.split_once("\n\nok ").unwrap();
    assert!(reference.contains(&format!("```\n{shown}\n```")), "{shown}");
}

#[test]
fn long_names_are_printed_one_below_the_other() {
    let long = "who_has_been_silent_for_longer_than_is_usual_among_our_customers";
    let folder = shop(
        "  - name: silence
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-05, to: silent, cause: timer }
",
    );
    let file = folder.path().join("shop.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("silent", long);
    fs::write(&file, text).unwrap();
    let Run { out, .. } = run(folder.path(), "test shop.yaml");
    let expected = "\
FAILED  shop: silence
        shop.yaml:11

    12  event       2026-01-01  bought
    14  same        expected  2026-01-01  buyer
                    happened  2026-01-01  new -> buyer
    15  OTHER TIME  expected  2026-01-05  LONG, by a timer
                    happened  2026-01-10  buyer -> LONG

  line 15: expected LONG on 2026-01-05, it happened on 2026-01-10, 5 days later

0 passed, 1 failed
";
    assert_eq!(out, expected.replace("LONG", long));
}

#[test]
fn a_long_timeline_is_shortened_to_rows_near_differences() {
    let days = |from: u32| (from..from + 25).map(|day| format!("2026-01-{day:02}"));
    let events = days(1).map(|day| format!("      - {{ at: {day}, type: looked }}\n"));
    let events: String = events.collect();
    let buys = "      - { at: 2026-01-26, type: bought }\n";
    let more = days(1).map(|day| day.replace("-01-", "-03-"));
    let more: String = more.map(|day| format!("      - {{ at: {day}, type: looked }}\n")).collect();
    let shown = printed(&format!(
        "  - name: long\n    events:\n{events}{buys}{more}    until: 2026-02-01\n    expect: []\n"
    ));
    let expected = "\
FAILED  shop: long
        shop.yaml:11

  line         expected              happened
               ... 21 rows in which nothing is wrong ...
    34  event  2026-01-22  looked
    35  event  2026-01-23  looked
    36  event  2026-01-24  looked
    37  event  2026-01-25  looked
    38  event  2026-01-26  bought
        EXTRA                        2026-01-26  new -> buyer, by an event
        end    2026-02-01  `until`: the test ends here
    39  event  2026-03-01  looked, after the end
    40  event  2026-03-02  looked, after the end
    41  event  2026-03-03  looked, after the end
    42  event  2026-03-04  looked, after the end
               ... 21 rows in which nothing is wrong ...

  not expected: the customer went from new to buyer on 2026-01-26, by an event

0 passed, 1 failed
";
    assert_eq!(shown, expected);
}

#[test]
fn events_in_other_currencies_count_by_the_rates_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let model = "model: m\ninitial: new\ncurrency: USD\nfacts: { spent: sum(order_completed.value) }\n\
        stages: { new: {}, big: {} }\ntransitions:\n  - { from: new, to: big, when: spent == 20 }\ntests:\n\
        \x20 - name: euros\n    events:\n\
        \x20     - { at: 2026-01-01, type: order_completed, value: 10, currency: EUR }\n\
        \x20   expect:\n      - { at: 2026-01-01, to: big }\n";
    fs::write(folder.path().join("m.yaml"), model).unwrap();
    let without = run(folder.path(), "test m.yaml");
    assert_eq!(without.code, 4, "{}{}", without.out, without.said);
    assert!(without.out.contains("no rate to the currency of the models"), "{}", without.out);
    let with = run(folder.path(), "test m.yaml --rate EUR=2");
    assert_eq!(with.code, 0, "{}{}", with.out, with.said);
}

#[test]
fn the_json_output_has_the_same_rows() {
    let folder = shop(
        "  - name: silence
    events:
      - { at: 2026-01-01, type: bought, customer: ada }
      - { at: 2026-01-02, type: bought, customer: ada, value: much }
    until: 2026-01-10
    expect:
      - { at: 2026-01-01, to: buyer, customer: ada }
      - { at: 2026-01-02, to: regular, customer: ada }
      - { at: 2026-01-11, to: silent, customer: ada }
",
    );
    let Run { code, out, .. } = run(folder.path(), "test shop.yaml --format json");
    assert_eq!(code, 4);
    let json: Json = serde_json::from_str(&out).unwrap();
    let timeline = json!([
        {
            "row": "event", "line": 13, "arrives": null, "after_the_end": false, "rejected": null,
            "event": { "type": "bought", "customer_id": "ada", "time": "2026-01-01T00:00:00.000Z" },
        },
        {
            "row": "same",
            "expected": { "line": 17, "at": "2026-01-01", "customer": "ada", "to": "buyer" },
            "happened": {
                "at": "2026-01-01", "customer": "ada", "from": "new", "to": "buyer",
                "cause": "event", "transition": "new->buyer",
            },
        },
        {
            "row": "event", "line": 14, "arrives": null, "after_the_end": false, "rejected": "bad_value",
            "event": {
                "type": "bought", "customer_id": "ada", "value": "much", "time": "2026-01-02T00:00:00.000Z",
            },
        },
        {
            "row": "missing", "stage": "buyer", "since": "2026-01-01", "would_come": null,
            "expected": { "line": 18, "at": "2026-01-02", "customer": "ada", "to": "regular" },
        },
        {
            "row": "different", "in": ["at"],
            "expected": { "line": 19, "at": "2026-01-11", "customer": "ada", "to": "silent" },
            "happened": {
                "at": "2026-01-10", "customer": "ada", "from": "buyer", "to": "silent",
                "cause": "timer", "transition": "buyer->silent",
            },
        },
        { "row": "end", "at": "2026-01-10T23:59:59.999Z", "stated": true },
    ]);
    let differences = json!([
        "line 14: the event is rejected: its `value` is not a decimal number",
        "line 18: expected regular for ada on 2026-01-02, it did not happen: ada was in buyer since 2026-01-01",
        "line 19: expected silent for ada on 2026-01-11, it happened on 2026-01-10, 1 day earlier",
    ]);
    let expected = json!([{
        "model": "shop", "name": "silence", "file": "shop.yaml", "line": 11, "passed": false,
        "differences": differences,
        "timeline": timeline,
    }]);
    assert_eq!(json, expected);
    let Run { code, out, .. } = run(folder.path(), "test shop.yaml --format json --update");
    let json: Json = serde_json::from_str(&out).unwrap();
    let why = json!({ "line": 14, "why": "put this event right first, which is rejected" });
    assert_eq!((code, &json[0]["not_updated"]), (4, &why));
}
