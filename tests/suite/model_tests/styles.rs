//! The texts of files after an update: one style of expectations, and their comments.

use tenure::authoring::model_test::{TestOutcome, UpdateResult, run_tests, update_expectations};
use tenure::event::CurrencyRates;

use super::SHOP;
use crate::models::compile;

/// Each: a test of the shop, `==>`, the same after an update, and after `dropped` the comments that have gone, each
/// with its former line.
const UPDATES: &str = r#"
  - name: keys one under the other, with comments between
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      # first
      - at: 2026-01-01   # the first order
        to: buyer

      # ten days
      - at: 2026-01-11
        # gradually
        to: silent       # at last

      - to: regular      # never
        # at no time
        at: 2026-01-05
      # the end
==>
  - name: keys one under the other, with comments between
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      # first
      - { at: 2026-01-01, to: buyer }   # the first order
      - { at: 2026-01-10, to: silent }
      # the end
dropped
19 # ten days
21 # gradually
22 # at last
24 # never
25 # at no time
---
  - name: several comments of one expectation are above it
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - at: 2026-01-01   # the first order

        # or none
        to: regular      # at once
        cause: event
==>
  - name: several comments of one expectation are above it
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      # the first order
      # or none
      # at once
      - { at: 2026-01-01, to: buyer, cause: event }
---
  - name: new ones have the keys that are required
    events:
      - { at: 2026-01-01, type: bought }
    until: 2026-01-31
    expect:
       -  at: 2026-01-01   # the first order
          to: buyer
          from: new
          transition: new->buyer
==>
  - name: new ones have the keys that are required
    events:
      - { at: 2026-01-01, type: bought }
    until: 2026-01-31
    expect:
      - { at: 2026-01-01, from: new, to: buyer, transition: new->buyer }   # the first order
      - { at: 2026-01-10, to: silent }
---
  - name: other indentation
    events:
      - {at: 2026-01-01, type: bought}
      - {at: 2026-01-01T12:00:00.500Z, type: bought}
    expect:
    # before
    - {at: 2026-01-01, to: buyer}
    # after
==>
  - name: other indentation
    events:
      - {at: 2026-01-01, type: bought}
      - {at: 2026-01-01T12:00:00.500Z, type: bought}
    expect:
      # before
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01T12:00:00.500Z, to: regular }
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
  - name: in brackets, on one line
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    expect: [{ at: 2026-01-01, to: regular }, { at: 2026-01-02, to: regular }, { at: 2026-01-02, to: regular }]   # all
==>
  - name: in brackets, on one line
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    expect:   # all
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-02, to: regular }
---
  - name: in brackets, on several lines
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    until: 2026-01-31
    expect: [   # three
      # above
      { at: 2026-01-01,
        to: buyer },   # the first order
      { at: 2026-01-12, to: silent },   # ten days
      # nothing else
    ]   # in all
    # after
==>
  - name: in brackets, on several lines
    events: [{ at: 2026-01-01, type: bought }, { at: 2026-01-02, type: bought }]
    until: 2026-01-31
    expect:   # three
      # above
      - { at: 2026-01-01, to: buyer }   # the first order
      - { at: 2026-01-02, to: regular }
      - { at: 2026-01-11, to: silent }
    # after
dropped
18 # ten days
19 # nothing else
20 # in all
---
  - name: quotes
    events: [{ at: 2026-01-01, type: bought, customer: "o'neil, #1" }, { at: "2026-01-20", type: bought, customer: "o'neil, #1" }]
    expect:
      - { 'at': '2026-01-01', "to": "regular", customer: 'o''neil, #1' }   # it's "one"
      - { at: "2026-01-20", to: buyer, customer: "o'neil, #1", transition: 'came->back' }
==>
  - name: quotes
    events: [{ at: 2026-01-01, type: bought, customer: "o'neil, #1" }, { at: "2026-01-20", type: bought, customer: "o'neil, #1" }]
    expect:
      - { at: 2026-01-01, customer: "o'neil, #1", to: buyer }   # it's "one"
      - { at: 2026-01-10, customer: "o'neil, #1", to: silent }
      - { at: 2026-01-20, customer: "o'neil, #1", to: buyer, transition: came_back }
      - { at: 2026-01-20, customer: "o'neil, #1", to: regular }
---
  - name: a text without quotes may contain them
    events: [{ at: 2026-01-01, type: bought, customer: it is 'a }]
    expect:
      - at: 2026-01-01
        to: regular
        customer: it is 'a   # b'
==>
  - name: a text without quotes may contain them
    events: [{ at: 2026-01-01, type: bought, customer: it is 'a }]
    expect:
      - { at: 2026-01-01, customer: "it is 'a", to: buyer }   # b'
---
  - name: größer als ASCII
    events: [{ at: 2026-01-01, type: bought, customer: zoë }]
    until: 2026-01-31
    expect:
      - { customer: "zoë", at: 2026-01-01, to: 'regular' }   # Größe, "zoë"
      - { customer: zoë, to: regular, at: 2026-01-03 }     # nie
==>
  - name: größer als ASCII
    events: [{ at: 2026-01-01, type: bought, customer: zoë }]
    until: 2026-01-31
    expect:
      - { at: 2026-01-01, customer: "zoë", to: buyer }   # Größe, "zoë"
      - { at: 2026-01-10, customer: "zoë", to: silent }
dropped
16 # nie
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
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-02, to: regular }
    until: 2026-01-03
---
  - name: brackets on the next line
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      []   # to be filled in
==>
  - name: brackets on the next line
    events: [{ at: 2026-01-01, type: bought }]
    expect:   # to be filled in
      - { at: 2026-01-01, to: buyer }
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
  - { name: all in braces, events: [{ at: 2026-01-01, type: bought }], expect: [ ] }   # one order
==>
  - { name: all in braces, events: [{ at: 2026-01-01, type: bought }], expect: [{ at: 2026-01-01, to: buyer }] }   # one order
---
  - { name: nothing in braces, events: [{ at: 2026-01-01, type: bought }], expect: }
==>
  - { name: nothing in braces, events: [{ at: 2026-01-01, type: bought }], expect: [{ at: 2026-01-01, to: buyer }] }
---
  - { name: comments in braces, expect: [   # at once
      { at: 2026-01-01, to: regular } ], events: [{ at: 2026-01-01, type: bought }] }
==>
  - { name: comments in braces, expect: [{ at: 2026-01-01, to: buyer }], events: [{ at: 2026-01-01, type: bought }] }
dropped
11 # at once
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

    until: 2026-01-31
dropped
15 # who looks buys
---
  - name: none is left in brackets
    events: [{ at: 2026-01-01, type: looked }]
    expect: [ { at: 2026-01-01, to: buyer } ]
==>
  - name: none is left in brackets
    events: [{ at: 2026-01-01, type: looked }]
    expect: []
---
  - name: all customers are in one list, in the order of time
    events:
      - { at: 2026-01-02, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
      - { at: 2026-01-02, type: bought, customer: ben }
    expect:
      # ada
      - { at: 2026-01-02, customer: ada, to: buyer }
      # ben
      - { at: 2026-01-01, customer: ben, to: buyer }   # first of all
==>
  - name: all customers are in one list, in the order of time
    events:
      - { at: 2026-01-02, type: bought, customer: ada }
      - { at: 2026-01-03, type: bought, customer: ada }
      - { at: 2026-01-01, type: bought, customer: ben }
      - { at: 2026-01-02, type: bought, customer: ben }
    expect:
      # ben
      - { at: 2026-01-01, customer: ben, to: buyer }   # first of all
      # ada
      - { at: 2026-01-02, customer: ada, to: buyer }
      - { at: 2026-01-02, customer: ben, to: regular }
      - { at: 2026-01-03, customer: ada, to: regular }
---
  - name: at one instant the order counts
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-02, from: buyer, to: regular }   # at once
      - { at: 2026-01-01, to: buyer }
==>
  - name: at one instant the order counts
    events:
      - { at: 2026-01-01, type: bought }
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-01, from: buyer, to: regular }
dropped
16 # at once
---
  - name: a transition after the last expected one is found
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-05, to: silent, cause: timer }   # five days
==>
  - name: a transition after the last expected one is found
    events:
      - { at: 2026-01-01, type: bought }
    expect:
      - { at: 2026-01-01, to: buyer }
      - { at: 2026-01-10, to: silent, cause: timer }
dropped
16 # five days
"#;

/// Each: a test of the shop, `==>`, and the line and the reason for which it is left alone.
const REFUSED: &str = r#"
  - name: a value on several lines
    events: [{ at: 2026-01-01, type: bought }]
    expect:
      - at: 2026-01-01
        to: >-
          regular
==> 11 its `expect` is written in a way that cannot be replaced
---
  - name: an event that is rejected
    events: [{ at: 2026-01-01, type: bought, value: much }]
    expect: [{ at: 2026-01-01, to: buyer }]
==> 12 put this event right first
"#;

fn cases(text: &str) -> Vec<(&str, &str)> {
    let cases = text.split("---\n").map(|case| case.split_once("==>").unwrap());
    cases
        .map(|(before, after)| (before.trim_start_matches('\n'), after.trim_start_matches('\n')))
        .collect()
}

/// The text after an update, and what became of its one test.
fn updated(text: &str) -> (Option<String>, Vec<UpdateResult>) {
    let models = compile("shop.yaml", text);
    let outcomes = run_tests(&models, &CurrencyRates::default());
    let texts = [text.to_owned()];
    let mut update =
        update_expectations(&models, &texts, &outcomes, |_| true, &CurrencyRates::default());
    let verdicts: Vec<UpdateResult> = update.results.into_values().collect();
    let all = update.outcomes.iter().all(TestOutcome::passed);
    let is_updated = |it: &UpdateResult| matches!(it, UpdateResult::Updated(_));
    assert_eq!(all, verdicts.iter().all(is_updated));
    (update.texts.remove(0), verdicts)
}

#[test]
fn expectations_are_rewritten_in_one_style_and_comments_are_kept_or_reported() {
    for (before, after) in cases(UPDATES) {
        let (after, dropped) = after.split_once("dropped\n").unwrap_or((after, ""));
        for line_end in ["\n", "\r\n", "\r"] {
            let text = |tests: &str| format!("{SHOP}{tests}").replace('\n', line_end);
            let (new, verdicts) = updated(&text(before));
            assert_eq!(new.unwrap(), text(after));
            let [UpdateResult::Updated(comments)] = &verdicts[..] else {
                panic!("{before}{verdicts:?}");
            };
            let comments = comments.iter().map(|it| format!("{} {}\n", it.line, it.text));
            assert_eq!(comments.collect::<String>(), dropped, "{before}");
            // Without a line end at the end it stays so.
            let (new, _) = updated(text(before).trim_end());
            assert_eq!(new.unwrap(), text(after).trim_end());
        }
    }
}

#[test]
fn expectations_that_cannot_be_replaced_stay_as_they_are() {
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
