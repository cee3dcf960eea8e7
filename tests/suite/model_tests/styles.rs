//! However expectations are written, they stay written so.

use tenure::authoring::model_test::{TestOutcome, UpdateResult, run_tests, update_expectations};
use tenure::event::CurrencyRates;
use tenure::model::{Models, SourceFile};

use super::SHOP;

/// Each: a test of the shop, `==>`, and the same after an update.
const STYLES: &str = r#"
  - name: keys one under the other, with comments between
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      # first
      - at: 2026-01-01   # the first order
        to: buyer

      # ten days
      - at: 2026-01-11
        # by and by
        to: silent       # at last

      - to: regular      # never
        # not even then
        at: 2026-01-05
      # the end
==>
  - name: keys one under the other, with comments between
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      # first
      - at: 2026-01-01   # the first order
        to: buyer

      # ten days
      - at: 2026-01-10
        # by and by
        to: silent       # at last

      # never
      # not even then
      # the end
---
  - name: new ones look like their neighbours
    events:
      - { at: 2026-01-01, type: bought }
    until: 2026-01-31
    expect:
       -  at: 2026-01-01   # the first order
          to: buyer
==>
  - name: new ones look like their neighbours
    events:
      - { at: 2026-01-01, type: bought }
    until: 2026-01-31
    expect:
       -  at: 2026-01-01   # the first order
          to: buyer
       -  at: 2026-01-10
          to: silent
---
  - name: no spaces in braces
    events:
      - {at: 2026-01-01, type: bought}
      - {at: 2026-01-01T12:00:00.500Z, type: bought}
    expect:
    # before
    - {at: 2026-01-01, to: buyer}
    # after
==>
  - name: no spaces in braces
    events:
      - {at: 2026-01-01, type: bought}
      - {at: 2026-01-01T12:00:00.500Z, type: bought}
    expect:
    # before
    - {at: 2026-01-01, to: buyer}
    - {at: 2026-01-01T12:00:00.500Z, to: regular}
    # after
---
  - name: the first is missing
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-02, type: bought }
    expect:   # two
      # the second order
      - { at: 2026-01-02, to: regular }
==>
  - name: the first is missing
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-02, type: bought }
    expect:   # two
      - { at: 2026-01-01, to: buyer }
      # the second order
      - { at: 2026-01-02, to: regular }
---
  - name: side by side
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    expect: [{ at: 2026-01-01, to: regular }, { at: 2026-01-02, to: regular }, { at: 2026-01-02, to: regular }]   # all
==>
  - name: side by side
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    expect: [{ at: 2026-01-01, to: buyer }, { at: 2026-01-02, to: regular }]   # all
---
  - name: in brackets, on several lines
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    until: 2026-01-31
    expect: [
      { at: 2026-01-01,
        to: buyer },
      { at: 2026-01-11, to: silent },
    ]
==>
  - name: in brackets, on several lines
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    until: 2026-01-31
    expect: [
      { at: 2026-01-01,
        to: buyer },
      { at: 2026-01-02, to: regular },
      { at: 2026-01-11, to: silent },
    ]
---
  - name: quotes
    events: [{ at: 2026-01-01, type: bought, customer: "o'neil, jr" }, { at: "2026-01-20", type: bought, customer: "o'neil, jr" }]
    expect:
      - { 'at': '2026-01-02', "to": "buyer", customer: 'o''neil, jr' }
      - { at: "2026-01-20", to: buyer, customer: "o'neil, jr", transition: 'came->back' }
==>
  - name: quotes
    events: [{ at: 2026-01-01, type: bought, customer: "o'neil, jr" }, { at: "2026-01-20", type: bought, customer: "o'neil, jr" }]
    expect:
      - { 'at': '2026-01-01', "to": "buyer", customer: 'o''neil, jr' }
      - { at: 2026-01-10, customer: "o'neil, jr", to: silent }
      - { at: "2026-01-20", to: buyer, customer: "o'neil, jr", transition: 'came_back' }
      - { at: 2026-01-20, customer: "o'neil, jr", to: regular }
---
  - name: größer als ASCII
    events: [{ at: 2026-01-01, type: bought, customer: zoë }]
    until: 2026-01-31
    expect:
      - { customer: "zoë", at: 2026-01-02, to: 'buyer' }   # Größe, "zoë"
      - { customer: zoë, to: regular, at: 2026-01-03 }     # nie
==>
  - name: größer als ASCII
    events: [{ at: 2026-01-01, type: bought, customer: zoë }]
    until: 2026-01-31
    expect:
      - { customer: "zoë", at: 2026-01-01, to: 'buyer' }   # Größe, "zoë"
      # nie
      - { at: 2026-01-10, customer: "zoë", to: silent }
---
  - name: nothing yet
    events:
      - at: 2026-01-01
        type: bought
      - at: 2026-01-02
        type: bought
    expect: []   # to be filled in
    until: 2026-01-03
==>
  - name: nothing yet
    events:
      - at: 2026-01-01
        type: bought
      - at: 2026-01-02
        type: bought
    expect:   # to be filled in
      - at: 2026-01-01
        to: buyer
      - at: 2026-01-02
        to: regular
    until: 2026-01-03
---
  - name: nothing at all
    events: [{ at: 2026-01-01, type: bought }]
    expect:
==>
  - name: nothing at all
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      - { at: 2026-01-01, to: buyer }
---
  - expect: ~
    name: no value
    events: [{ at: 2026-01-01, type: bought }]
==>
  - expect:
      - { at: 2026-01-01, to: buyer }
    name: no value
    events: [{ at: 2026-01-01, type: bought }]
---
  - { name: all in braces, events: [{ at: 2026-01-01, type: bought }], expect: [ ] }
==>
  - { name: all in braces, events: [{ at: 2026-01-01, type: bought }], expect: [{ at: 2026-01-01, to: buyer }] }
---
  - name: none is left
    events:
      - { at: 2026-01-01, type: looked }
    expect:   # nothing
      - { at: 2026-01-01, to: buyer }   # who looks buys
      - { at: 2026-01-01, to: regular }

    until: 2026-01-31
==>
  - name: none is left
    events:
      - { at: 2026-01-01, type: looked }
    expect: []   # nothing
      # who looks buys

    until: 2026-01-31
---
  - name: none is left in brackets
    events: [{ at: 2026-01-01, type: looked }]
    expect: [ { at: 2026-01-01, to: buyer } ]
==>
  - name: none is left in brackets
    events: [{ at: 2026-01-01, type: looked }]
    expect: []
---
  - name: each customer has a part of their own
    events:
      - { at: 2026-01-01, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
      - { at: 2026-01-02, type: bought, customer: ben }
    expect:
      - { at: 2026-01-01, customer: ada, to: buyer }
      - { at: 2026-01-01, customer: ben, to: buyer }
==>
  - name: each customer has a part of their own
    events:
      - { at: 2026-01-01, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
      - { at: 2026-01-02, type: bought, customer: ben }
    expect:
      - { at: 2026-01-01, customer: ada, to: buyer }
      - { at: 2026-01-01, customer: ben, to: buyer }
      - { at: 2026-01-02, customer: ben, to: regular }
      - { at: 2026-01-03, customer: ada, to: regular }
---
  - name: one after the other
    events:
      - { at: 2026-01-02, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
    expect:
      - { at: 2026-01-02, customer: ada, to: buyer }
      - { at: 2026-01-01, customer: ben, to: buyer }
==>
  - name: one after the other
    events:
      - { at: 2026-01-02, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
    expect:
      - { at: 2026-01-02, customer: ada, to: buyer }
      - { at: 2026-01-03, customer: ada, to: regular }
      - { at: 2026-01-01, customer: ben, to: buyer }
---
  - name: at one instant the order of the file counts, and is put right
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-02, from: buyer, to: regular }   # at once
      - { at: 2026-01-01, to: buyer }
==>
  - name: at one instant the order of the file counts, and is put right
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-01, type: bought }
    expect:
      # at once
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, from: buyer, to: regular }
---
  - name: what would come after the end that the expectations give is looked for
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-05, to: silent, cause: timer }   # five days
==>
  - name: what would come after the end that the expectations give is looked for
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-10, to: silent, cause: timer }   # five days
"#;

/// Each: a test of the shop, `==>`, and the line and the reason for which it is left alone.
const REFUSED: &str = r#"
  - name: comments in brackets
    events: [{ at: 2026-01-01, type: bought }]
    until: 2026-01-31
    expect: [
      { at: 2026-01-01, to: buyer },   # first
    ]
==> 14 comments within [ ] are in the way
---
  - name: a value on several lines
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      - at: 2026-01-01
        to: >-
          regular
==> 15 `to` is written in a way that is not changed here
---
  - name: a dash on a line of its own
    events: [{ at: 2026-01-01, type: bought }]
    until: 2026-01-31
    expect:
      -
        at: 2026-01-01
        to: buyer
==> 16 each expectation needs lines of its own
---
  - name: brackets on the next line
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      []
==> 14 write `expect: []` on a line of its own
---
  - { name: nothing in braces, events: [{ at: 2026-01-01, type: bought }], expect: }
==> 11 write `expect: []` on a line of its own
---
  - name: an event that is rejected
    events: [{ at: 2026-01-01, type: bought, value: much }]
    expect: [{ at: 2026-01-01, to: buyer }]
==> 12 put this event right first
"#;

fn cases(text: &str) -> Vec<(&str, &str)> {
    let cases = text
        .split("---\n")
        .map(|case| case.split_once("==>").unwrap());
    cases
        .map(|(before, after)| {
            (
                before.trim_start_matches('\n'),
                after.trim_start_matches('\n'),
            )
        })
        .collect()
}

/// The text after an update, and what became of its one test.
fn updated(text: &str) -> (Option<String>, Vec<UpdateResult>) {
    let source = SourceFile {
        name: "shop.yaml".to_owned(),
        text: text.to_owned(),
    };
    let compiled = Models::compile(vec![source]);
    let (models, _) = compiled.unwrap_or_else(|reports| panic!("{}\n{text}", reports[0]));
    let outcomes = run_tests(&models, &CurrencyRates::default());
    let texts = [text.to_owned()];
    let mut update = update_expectations(
        &models,
        &texts,
        &outcomes,
        |_| true,
        &CurrencyRates::default(),
    );
    let verdicts: Vec<UpdateResult> = update.results.into_values().collect();
    let all = update.outcomes.iter().all(TestOutcome::passed);
    assert_eq!(all, verdicts.iter().all(|it| *it == UpdateResult::Updated));
    (update.texts.remove(0), verdicts)
}

#[test]
fn an_update_keeps_the_way_in_which_expectations_are_written() {
    for (before, after) in cases(STYLES) {
        for line_end in ["\n", "\r\n", "\r"] {
            let text = |tests: &str| format!("{SHOP}{tests}").replace('\n', line_end);
            let (new, verdicts) = updated(&text(before));
            assert_eq!(verdicts, [UpdateResult::Updated], "{before}");
            assert_eq!(
                new.unwrap().replace(line_end, "\n"),
                text(after).replace(line_end, "\n")
            );
            // Without a line end at the end it stays so.
            let (new, _) = updated(text(before).trim_end());
            let new = new.unwrap();
            assert_eq!(new.trim_end(), text(after).trim_end());
            assert!(!new.ends_with(['\n', '\r']), "{new:?}");
        }
    }
}

#[test]
fn what_cannot_be_changed_with_certainty_stays_as_it_is() {
    for (before, why) in cases(REFUSED) {
        let (line, why) = why.trim().split_once(' ').unwrap();
        let (new, verdicts) = updated(&format!("{SHOP}{before}"));
        let [UpdateResult::Unchanged(refusal)] = &verdicts[..] else {
            panic!("{before}{verdicts:?}");
        };
        assert!(refusal.message.starts_with(why), "{before}{refusal:?}");
        assert_eq!(refusal.location.line.to_string(), line, "{before}");
        assert_eq!(new, None);
    }
}
