//! The diagnostics of model files: every message, and its location.

use proptest::prelude::*;
use proptest::sample::Index;
use tenure::model::{Models, Problem, ProblemReport, Severity, SourceFile};

/// A valid model. Each case below replaces one range of it.
const SHOP: &str = "\
model: shop
initial: new
facts:
  orders: count(order_completed)
  last_order: last(order_completed)
  score: latest(nps_answered.score)
stages:
  new: {}
  buyer: {}
transitions:
  - { from: new, to: buyer, when: signed_up }
  - { from: buyer, to: new, when: orders >= 9 }
";

/// `old text ==> new text`, and below it the whole report.
const RENDERED: &str = r#"
buyer: {} ==> buyer: { min_dwel: 3d }
error: a stage has no key `min_dwel`
  --> shop.yaml:9:12
   |
 9 |   buyer: { min_dwel: 3d }
   |            ^^^^^^^^
  help: did you mean `min_dwell`?

orders >= 9 ==> order >= 9
error: unknown fact `order`
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: order >= 9 }
    |                                   ^^^^^
  help: did you mean `orders`?

orders >= 9 ==> order
warning: `order` is not a fact, so it is read as an event type
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: order }
    |                                   ^^^^^
  help: did you mean `orders`?

orders >= 9 ==> since(last_order) >= 45
error: a duration is compared with a number
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: since(last_order) >= 45 }
    |                                   ^^^^^^^^^^^^^^^^^^^^^^^
  help: write the unit: days(45), hours(12), minutes(30)

orders >= 9 ==> "score == 'größer' && ordrs >= 9"
error: unknown fact `ordrs`
  --> shop.yaml:12:57
    |
 12 |   - { from: buyer, to: new, when: "score == 'größer' && ordrs >= 9" }
    |                                                         ^^^^^
  help: did you mean `orders`?

orders >= 9 ==> score in ['a', 'b']
error: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
  --> shop.yaml:12:44
    |
 12 |   - { from: buyer, to: new, when: score in ['a', 'b'] }
    |                                            ^
  help: put a text in quotes if it contains `: `, and inside `{ }` also if it contains a comma or a bracket

orders >= 9 ==> "max(0, orders) >= 9"
error: `max` takes one field of an event type
  --> shop.yaml:12:36
    |
 12 |   - { from: buyer, to: new, when: "max(0, orders) >= 9" }
    |                                    ^^^^^^^^^^^^^^
  help: max(a, b) >= 3 is written a >= 3 || b >= 3

orders >= 9 ==> null != score
error: there is no null to compare with
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: null != score }
    |                                   ^^^^^^^^^^^^^
  help: write has(score)

orders >= 9 ==> order_completed, hold: 3d
error: the event type `order_completed` cannot have a `hold`
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: order_completed, hold: 3d }
    |                                   ^^^^^^^^^^^^^^^
  help: an event is true only for an instant; use `hold` with facts, such as since(last_order) >= days(3)

orders >= 9 ==> '!(orders >= 9 || order_completed)'
error: an event type cannot be negated
  --> shop.yaml:12:53
    |
 12 |   - { from: buyer, to: new, when: '!(orders >= 9 || order_completed)' }
    |                                                     ^^^^^^^^^^^^^^^
  help: every other event would make it true; write since(last_...) or a count

latest(nps_answered.score) ==> count(nps_answered) where score >= 9 over 90d
error: `where` belongs inside the parentheses
  --> shop.yaml:6:30
   |
 6 |   score: count(nps_answered) where score >= 9 over 90d
   |                              ^^^^^
  help: for example count(order_completed where channel == 'web')

orders >= 9 ==> visits(byer) >= 2
error: unknown stage `byer`
  --> shop.yaml:12:42
    |
 12 |   - { from: buyer, to: new, when: visits(byer) >= 2 }
    |                                          ^^^^
  help: did you mean `buyer`?

orders >= 9 ==> days_in_stage >= days(3)
error: a number is compared with a duration
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: days_in_stage >= days(3) }
    |                                   ^^^^^^^^^^^^^^^^^^^^^^^^
  help: it counts days already: write days_in_stage >= 3

orders >= 9 ==> mean_gap(order_completed) > 30
error: a duration is compared with a number
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: mean_gap(order_completed) > 30 }
    |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  help: write the unit: days(45), hours(12), minutes(30)

orders >= 9 ==> orders >= 9 && orders < 4
warning: this is never true
  --> shop.yaml:12:35
    |
 12 |   - { from: buyer, to: new, when: orders >= 9 && orders < 4 }
    |                                   ^^^^^^^^^^^^^^^^^^^^^^^^^
  help: no customer will take this transition

score: latest ==> nps_answered: latest
error: `nps_answered` is also an event type of this model
  --> shop.yaml:6:3
   |
 6 |   nps_answered: latest(nps_answered.score)
   |   ^^^^^^^^^^^^
  help: give the fact another name; in a condition the event type means the event itself

latest(nps_answered.score) ==> count(nps_answered) over 100h
error: `100h` is not a valid window length
  --> shop.yaml:6:35
   |
 6 |   score: count(nps_answered) over 100h
   |                                   ^^^^
  help: up to 72h in whole hours, longer ones in whole days up to 3660d
"#;

/// `old text ==> new text`, and below it the only problem that is reported.
const LOCATED: &str = r#"
initial: new ==> initial: nowhere
  2:10 error: unknown stage `nowhere`
model: shop ==> model: my shop
  1:8 error: `my shop` cannot be a name
model: shop ==> model: shop\nversion: 1.5
  2:10 error: `1.5` is not a whole number
model: shop ==> model: shop\ndedupe: 7
  2:9 error: `7` is not a duration
model: shop ==> model: shop\ndedupe: 0s
  2:9 error: `dedupe` must be longer than 0 and at most 366d
model: shop ==> model: shop\ndedupe: { within: 7d, by_type: maybe }
  2:32 error: `maybe` is neither true nor false
model: shop ==> model: shop\ndedupe: { by_type: true }
  2:9 error: `within` is missing
model: shop ==> model: shop\norders: { placed: o, refunded: r, within: 7d, refunds: total }
  2:56 error: `refunds` cannot be `total`
model: shop ==> model: shop\norders: { placed: o, within: 7d, repeated: [line] }
  2:44 error: expected text, found a list
model: shop ==> model: shop\norders: { placed: o, within: 7d, refunds: partial }
  2:43 error: `refunds` has no meaning without `refunded`
model: shop ==> model: shop\nmeasures: true
  2:1 error: `measures` is not supported by this version yet
model: shop ==> model: shop\nshadow: maybe
  2:9 error: `maybe` is neither true nor false
model: shop ==> model: shop\nemit_from: soon
  2:12 error: `soon` is not an instant
buyer: {} ==> buyer: { was: new }
  9:17 error: `new` is a stage of this model
buyer: {} ==> buyer: { was: [old, old] }
  9:23 error: two stages have `was: old`
initial: new ==> initial: new\ninitial: buyer
  3:1 error: `initial` is a duplicate key
new: {} ==> new: &same {}
  8:8 error: anchors and aliases are not supported in model files
from: new ==> from: [new, new]
  11:19 error: `new` is listed twice
orders >= 9 ==> sinse(last_order) >= days(3)
  12:35 error: unknown function `sinse`
orders >= 9 ==> since(last_order) != days(45)
  12:35 error: a value that changes with time cannot be compared with `==` or `!=`: it is equal for one millisecond only
orders >= 9 ==> since(orders) >= days(3)
  12:35 error: `orders` is not an instant
orders >= 9 ==> since(last_order) >= 45d
  12:56 error: `45d` is not a number; write durations as days(45), hours(12) or minutes(30)
orders >= 9 ==> orders >=
  12:44 error: something is missing at the end
orders >= 9 ==> (orders >= 9
  12:47 error: expected `)`, found the end
orders >= 9 ==> count(order_completed) over 30d >= 2
  12:58 error: a fact with a window needs a name
orders >= 9 ==> orders = 9
  12:42 error: `=` is not an operator; compare with `==`
orders >= 9 ==> orders >= 9 and orders < 12
  12:47 error: `and` is written `&&`
orders >= 9 ==> orders + 1
  12:35 error: this is a number, not a condition
orders >= 9 ==> orders == 'nine'
  12:35 error: `orders` is a number, not a text
orders >= 9 ==> score < 'nine'
  12:35 error: a text can only be compared with `==` and `!=`
orders >= 9 ==> last_order >= days(3)
  12:35 error: an instant is compared with a duration
orders >= 9 ==> order_completed.value > 5
  12:35 error: a field cannot be read in a condition
orders >= 9 ==> orders ≥ 9
  12:42 error: `≥` has no meaning here
orders >= 9 ==> score == "it's" || ordrs >= 9
  12:54 error: unknown fact `ordrs`
orders >= 9 ==> ((((((((((((((((((((((((((((((((((((((((((((((((((orders))))))))))))))))))))))))))))))))))))))))))))))))))
  12:84 error: nested too deeply
latest(nps_answered.score) ==> cuont(nps_answered)
  6:10 error: unknown aggregate `cuont`
latest(nps_answered.score) ==> avg(nps_answered)
  6:10 error: `avg` needs a field
latest(nps_answered.score) ==> last(nps_answered) over 3d before 3d
  6:10 error: `last` cannot be taken over a window that has ended
latest(nps_answered.score) ==> sum(nps_answered.score) over 30d before 40h
  6:50 error: `40h` is not a valid window length
latest(nps_answered.score) ==> count(nps_answered where score > other)
  6:43 error: a filter compares with a constant
latest(nps_answered.score) ==> count_distinct(nps_answered.score, 9999)
  6:45 error: the cap of `count_distinct` is a number from 1 to 1000
orders >= 9 ==> previous_stage == 'old'
  12:53 error: unknown stage `old`
orders >= 9 ==> previous_stage
  12:35 error: `previous_stage` is a text, not a condition
orders >= 9 ==> entered(new) == days(3)
  12:35 error: an instant is compared with a duration
orders >= 9 ==> time_in(new) == days(3)
  12:35 error: a value that changes with time cannot be compared with `==` or `!=`: it is equal for one millisecond only
orders >= 9 ==> days_in_stage * days_in_stage > 3
  12:35 error: this does not change linearly with time
orders >= 9 ==> avg(nps_answered) >= 9
  12:35 error: `avg` needs a field
orders >= 9 ==> sinse(last_order) == 'new'
  12:35 error: unknown function `sinse`
orders >= 9 ==> previous_stage() == 'new'
  12:35 error: `previous_stage` is written without parentheses
orders >= 9 ==> has(score) == true
  12:35 error: `has` is a condition, not a value
orders >= 9 ==> has(score) > 0
  12:35 error: `has` is a condition, not a value
orders >= 9 ==> since(last_order) == 'long'
  12:35 error: `since(last_order)` is a duration, not a fact
orders >= 9 ==> days(3) == true
  12:35 error: `days(3)` is a duration, not a fact
orders >= 9 ==> visits() >= 9
  12:35 error: `visits` takes the name of a stage
model: shop ==> model: shop\ncurrency: euro
  2:11 error: `euro` is not a currency
orders >= 9 ==> orders < 0
  12:35 warning: this is never true
orders >= 9 } ==> orders >= 9 }\n  - { from: new, to: buyer, when: days_in_stage > 0 }\n  - { from: buyer, to: new, when: days_in_stage > 0 }
  13:5 warning: an inactive customer cycles forever: new -> buyer -> new, every 2ms
orders >= 9 ==> since(last_order) >= days(45000)
  12:35 warning: 45000d is longer than any history
score: latest ==> days_in_stage: latest
  6:3 error: `days_in_stage` is a reserved word of conditions
latest(nps_answered.score) ==> nps_answered
  6:10 error: a fact is an aggregate of events
score: latest ==> nps-score: latest
  6:3 error: `nps-score` would be read as a subtraction in a condition
9 } ==> 9 }\n---\nmodel: b
  13:1 error: a second document begins here; a file contains one model
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ type: x }], expect: [] }
  14:25 error: `at` is missing
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-02-30, type: x }], expect: [] }
  14:31 error: `2026-02-30` is not an instant
9 } ==> 9 }\ntests:\n  - { name: a, events: [], expect: [{ at: 2026-01-01, to: new, cause: bug }] }
  14:71 error: `bug` is not a cause
buyer: {} ==> buyer: {}\n  lost: {}
  10:3 warning: no transition leads to the stage `lost`
buyer: {} ==> buyer: { reentry: sometimes }
  9:21 error: `sometimes` is not a value of `reentry`
buyer: {} ==> buyer: { reentry: after }
  9:21 error: `after` is not a value of `reentry`
new: {} ==> new: { reentry: never }
  12:5 warning: every customer has been in the initial stage, and `reentry: never` blocks entering it again
orders >= 9 } ==> orders >= 9 }\n  - { from: buyer, to: new, when: orders >= 9, hold: 3d }
  13:5 warning: an earlier transition has the same condition and is taken first
orders >= 9 ==> orders >= 9, cooldown: soon
  12:58 error: `soon` is not a duration
buyer: {} ==> buyer: {}}
  9:12 error: this is not YAML: misplaced bracket
orders >= 9 ==> 'orders >= 9 ? true : false'
  12:48 error: `a ? b : c` is not part of the language; write two transitions, or `a && b || !a && c`
9 } ==> 9 }\n  - from: buyer\n    to: new\n    when: orders >= 9 ? true : false
  15:30 error: this is not YAML: mapping values are not allowed in this context
orders >= 9 ==> 'orders >= (signed_up ? 3 : 9)'
  12:57 error: `a ? b : c` is not part of the language; write two transitions, or `a && b || !a && c`
orders >= 9 ==> "score in ['gold', 'silver']"
  12:42 error: `in` is not part of the language; use `==` and `||`
orders >= 9 ==> "!(score in ['gold', 'silver'])"
  12:44 error: `in` is not part of the language; use `==` and `||`
orders >= 9 ==> nps_answered.score == null
  12:35 error: a field cannot be read in a condition
model: shop\ninitial ==> initial
  1:1 error: `model` is missing
initial: new ==> intial: new
  2:1 error: a model has no key `intial`
latest(nps_answered.score) ==> latst(nps_answered.score)\n  again: last(x)
  6:10 error: unknown aggregate `latst`
new: {}\n  buyer: {} ==> 
  7:7 error: expected a map, found nothing
orders >= 9 ==> !order_completed && orders >= 9
  12:35 error: this begins with `!`, which YAML reads as a tag
orders >= 9 ==> !has(score)
  12:35 error: this begins with `!`, which YAML reads as a tag
initial: new ==> initial: !str new
  2:10 error: this begins with `!`, which YAML reads as a tag
orders >= 9 ==> "'Order Completed' && orders >= 9", hold: 3d
  12:36 error: the event type `Order Completed` cannot have a `hold`
orders >= 9 ==> "!'Order Completed'"
  12:37 error: an event type cannot be negated
orders >= 9 ==> order-completed
  12:35 error: this is a number, not a condition
latest(nps_answered.score) ==> count(nps-answered)
  6:16 error: an event type with `-` in its name is put in quotes
latest(nps_answered.score) ==> count(nps_answered) in 30d
  6:30 error: `in` does not begin a window
latest(nps_answered.score) ==> count(nps_answered)  over   100h
  6:38 error: `100h` is not a valid window length
orders >= 9 ==> orders >= 9 OR orders < 12
  12:47 error: `OR` is written `||`
orders >= 9 ==> not has(score)
  12:35 error: `not` is written `!`
orders >= 9 ==> score == null
  12:35 error: there is no null to compare with
orders >= 9 ==> since(order_completed) > days(3)
  12:41 error: `order_completed` is an event type, not a fact
orders >= 9 ==> since(signed_up) > days(3)
  12:41 error: `signed_up` is an event type, not a fact
orders >= 9 ==> orders => 9
  12:42 error: `=>` is not an operator; at least is written `>=`
orders >= 9 ==> orders <> 9
  12:42 error: `<>` is not an operator; unequal is written `!=`
orders >= 9 ==> (orders + 1) * 2
  12:35 error: this is a number, not a condition
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ time: 2026-01-01, type: x }], expect: [] }
  14:27 error: an event of a test has no `time`
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-01-01, type: '' }], expect: [] }
  14:49 error: `type` is empty
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-01-01, type: }], expect: [] }
  14:47 error: `type` is empty
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-01-01, type: x, properties: 5 }], expect: [] }
  14:64 error: `properties` is a map, not a plain value
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-01-01, type: x, valeu: 5 }], expect: [] }
  14:52 warning: `valeu` is read as a property of the event
9 } ==> 9 }\ntests:\n  - { name: a, events: [{ at: 2026-01-01, type: x, customer: a, customer_id: b }], expect: [] }
  14:65 error: `customer` and `customer_id` are the same key
"#;

fn source(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

fn reports(sources: Vec<SourceFile>) -> Vec<ProblemReport> {
    Models::compile(sources).map_or_else(|reports| reports, |(_, warnings)| warnings)
}

/// The report of the shop after `old text ==> new text`.
fn report_after(change: &str) -> ProblemReport {
    let change = change.replace("\\n", "\n");
    let (old, new) = change.split_once(" ==> ").unwrap();
    assert_eq!(SHOP.matches(old).count(), 1, "{old}");
    let changed = source("shop.yaml", &SHOP.replace(old, new));
    let mut reports = reports(vec![changed]);
    assert_eq!(reports.len(), 1, "{change}");
    let mut report = reports.remove(0);
    // The shop has unused facts for the cases.
    report.problems.retain(|problem| !is_unused_fact(problem));
    report
}

/// `12:35 error: unknown fact `order``
fn line(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let location = problem.location;
    format!("{}:{} {severity}: {}", location.line, location.column, problem.message)
}

fn lines(report: &ProblemReport) -> Vec<String> {
    report.problems.iter().map(line).collect()
}

fn is_unused_fact(problem: &Problem) -> bool {
    problem.message.starts_with("no condition uses the fact")
}

#[test]
fn the_base_model_is_valid_except_for_unused_facts() {
    assert_eq!(
        reports(vec![source("shop.yaml", SHOP)])[0].to_string(),
        "\
warning: no condition uses the fact `last_order`
  --> shop.yaml:5:3
   |
 5 |   last_order: last(order_completed)
   |   ^^^^^^^^^^
  help: it still takes space in the state of every customer

warning: no condition uses the fact `score`
  --> shop.yaml:6:3
   |
 6 |   score: latest(nps_answered.score)
   |   ^^^^^
  help: it still takes space in the state of every customer

"
    );
}

#[test]
fn a_problem_is_shown_with_its_line_its_span_and_help() {
    for case in RENDERED.trim().split("\n\n") {
        let (change, expected) = case.split_once('\n').unwrap();
        let shown = report_after(change).to_string();
        assert_eq!(shown, format!("{expected}\n\n"));
    }
}

#[test]
fn each_problem_is_reported_once_at_its_location() {
    let (mut table, mut cases, mut wrong) = (LOCATED.trim().lines(), 0, Vec::new());
    while let (Some(change), Some(expected)) = (table.next(), table.next()) {
        let found = lines(&report_after(change)).join("; ");
        if found != expected.trim() {
            wrong.push(format!("{change}\n  {found}"));
        }
        cases += 1;
    }
    assert!(cases >= 35, "{cases}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_problems_of_a_file_are_reported_together_in_order_of_location() {
    let text = SHOP
        .replace("initial: new", "initial: knew")
        .replace("latest(nps_answered", "latst(nps_answered")
        .replace("buyer: {}", "buyer: { min_dwell: soon, dwell: 1d }")
        .replace("signed_up }", "signed_up, hold: 1 }")
        .replace("orders >= 9", "order >= 9 && since(last_order) > 3");
    let reports = reports(vec![source("shop.yaml", &text)]);
    let mut errors = lines(&reports[0]);
    errors.retain(|line| line.contains(" error: "));
    assert_eq!(
        errors,
        [
            "2:10 error: unknown stage `knew`",
            "6:10 error: unknown aggregate `latst`",
            "9:23 error: `soon` is not a duration",
            "9:29 error: a stage has no key `dwell`",
            "11:52 error: `1` is not a duration",
            "12:35 error: unknown fact `order`",
            "12:49 error: a duration is compared with a number",
        ]
    );
}

#[test]
fn every_file_is_checked_whatever_is_wrong_with_the_ones_before_it() {
    let reports = reports(vec![
        source("one.yaml", &SHOP.replace("to: buyer", "to: buyr")),
        source("two.yaml", SHOP),
        source("three.yaml", SHOP),
        source("four.yaml", "just text"),
    ]);
    let named =
        |report: &ProblemReport| format!("{} {}", report.source.name, lines(report).join("; "));
    let all: Vec<_> = reports.iter().map(named).collect();
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[0].starts_with("one.yaml ") && all[0].ends_with("unknown stage `buyr`"));
    assert!(all[1].starts_with("two.yaml ") && reports[1].problems.iter().all(is_unused_fact));
    assert_eq!(all[2], "three.yaml 1:8 error: another loaded model is also named `shop`");
    assert_eq!(all[3], "four.yaml 1:1 error: expected a map, found a plain value");
}

#[test]
fn unusual_valid_models_are_not_reported() {
    let few = SHOP.split("facts:").next().unwrap().to_owned()
        + "facts:\nstages: { new: {}, buyer: {} }\ntransitions:\n  - { from: new, to: buyer, when: x }\n";
    for text in [
        few,
        // An event type that a fact uses is not a misspelt fact.
        SHOP.replace("orders: count(order_completed)", "order_complete: count(order_completed)")
            .replace("orders >= 9", "order_completed"),
        SHOP.replace("orders >= 9", "\"'Order Completed' && orders >= 9\""),
        SHOP.replace("latest(nps_answered.score)", "count('in over 3d') over\t3d"),
    ] {
        let reports = reports(vec![source("shop.yaml", &text)]);
        let mut problems = reports.iter().flat_map(|report| &report.problems);
        assert!(problems.all(is_unused_fact), "{text}");
    }
}

#[test]
fn consequential_problems_are_not_reported() {
    let conditions = "score == 'a' || score == true || score || !score || since(score) > days(3)";
    let text = SHOP
        .replace("latest(nps_answered", "latst(nps_answered")
        .replace("orders >= 9", conditions);
    let reports = reports(vec![source("shop.yaml", &text)]);
    assert_eq!(lines(&reports[0]), ["6:10 error: unknown aggregate `latst`"]);
}

#[test]
fn a_terminal_is_sent_no_control_characters() {
    let report = report_after("orders >= 9 ==> \"ord\\eers >= 9 || 'x\u{7}\u{202e}' == 3\"");
    let shown = report.to_string();
    assert!(shown.contains('\u{241b}') || shown.contains('\u{2407}'), "{shown}");
    assert!(!shown.contains(|c: char| c != '\n' && c.is_control()), "{shown}");
}

#[test]
fn the_first_of_very_many_problems_are_shown_quickly() {
    let bad_rows = |row: &dyn Fn(usize) -> String| {
        let mut text = SHOP.to_owned();
        for at in 0.. {
            text += &row(at);
            // The limits of a file: bytes and values.
            if text.len() > 1_000_000 || at == 13_000 {
                return text;
            }
        }
        unreachable!("the text grows")
    };
    let transition = |at| format!("  - {{ from: nwe, to: bu, when: ordrs{at} >= 1 }}\n");
    let key = |at| format!("key{at}:\n");
    let same = |_| "mdoel: x\n".to_owned();
    let long = "  - { from: new, to: buyer, when: ".to_owned() + &"a1+b>2||".repeat(500);
    let condition = |at| format!("{long}c{at} }}\n");
    let line = SHOP.to_owned() + "tests: [" + &"{ nmae: a }, ".repeat(7000) + "]\n";
    for text in [bad_rows(&transition), bad_rows(&key), bad_rows(&same), bad_rows(&condition), line]
    {
        let start = std::time::Instant::now();
        let reports = reports(vec![source("shop.yaml", &text)]);
        let shown = reports[0].to_string();
        let elapsed = start.elapsed();
        assert_eq!(reports[0].problems.len(), 101, "{}", &text[..400]);
        assert_eq!(shown.matches(" --> ").count(), 100);
        assert!(shown.ends_with("\nand more\n\n"));
        assert!(elapsed.as_secs() < 3, "{elapsed:?}: {}", &text[300..400]);
    }
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_shift_locations() {
    let wrong = SHOP.replace("orders >= 9", "order >= 9");
    for text in [
        wrong.replace('\n', "\r\n"),
        format!("\u{feff}{wrong}"),
        wrong.replace("shop\n", "shop\r\n"),
    ] {
        let reports = reports(vec![source("shop.yaml", &text)]);
        assert_eq!(lines(&reports[0]), ["12:35 error: unknown fact `order`"]);
    }
}

#[test]
fn a_very_long_line_is_truncated_around_the_problem() {
    let long = "ä".repeat(3000);
    let report = report_after(&format!("9 }} ==> 9, description: '{long}', hold: 3 }}"));
    let shown = report.to_string();
    let rows: Vec<&str> = shown.lines().collect();
    let column = |row: usize, wanted| rows[row].chars().position(|c| c == wanted).unwrap();
    assert!(rows[3].chars().count() < 200, "{shown}");
    assert_eq!(column(3, '3'), column(4, '^'), "{shown}");
}

/// Parts of model files, and characters that break them.
const FRAGMENTS: [&str; 24] = [
    "\n", "\n  ", "- ", ": ", "{", "}", "[", "]", "'", "\"", "#", "|", ">-\n", "&a ", "*a", "!t ",
    "\t", "\r", "\u{feff}", "orders", " over ", "since(", "é", "\0",
];

fn fragment() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(FRAGMENTS.as_slice()).prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => any::<String>()]
}

fn fragments() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..40).prop_map(|parts| parts.concat())
}

/// The retail model with a few ranges replaced.
fn mutated_model() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<Index>(), 0..12_usize, fragment()), 1..4);
    edits.prop_map(|edits| {
        let retail = include_str!("../../config/models/retail.yaml");
        let mut text: Vec<char> = retail.chars().collect();
        for (at, length, fragment) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, fragment.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_compiled_or_reported_with_valid_locations(
        text in prop_oneof![any::<String>(), fragments(), mutated_model(), mutated_model()],
    ) {
        let compiled = Models::compile(vec![source("any.yaml", &text)]);
        let good = compiled.is_ok();
        let reports = compiled.map_or_else(|reports| reports, |(_, warnings)| warnings);
        prop_assert_eq!(good, !reports.iter().any(ProblemReport::has_errors));
        for report in reports {
            prop_assert!(report.problems.is_sorted());
            let mut locations = report.problems.iter().map(|problem| problem.location);
            prop_assert!(locations.all(|location| location.line > 0 && location.column > 0));
            prop_assert!(report.to_string().contains("any.yaml:"));
        }
    }
}
