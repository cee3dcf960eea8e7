//! The timeline of one customer has the transitions of a replay of all customers.

use super::*;

const INPUT: &str = "tests/data/cdnow_sample.csv";

fn replay(arguments: &[&str]) -> Run {
    let run = tenure(&root(), &[&["replay"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.said);
    run
}

fn lines(run: &Run) -> Vec<Json> {
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_timeline_has_exactly_the_transitions_of_the_whole_replay() {
    let models =
        ["--model", "config/models/retail.yaml", "--model", "config/models/funnel_retention.yaml"];
    for until in [&[][..], &["--until", "1998-02-01"]] {
        let common = [&models, until].concat();
        let all = lines(&replay(&[&common[..], &[INPUT]].concat()));
        let mut customers: Vec<&str> =
            all.iter().map(|it| it["subject"].as_str().unwrap()).collect();
        customers.sort_unstable();
        customers.dedup();
        for customer in customers.iter().step_by(97) {
            let timeline = ["--story", customer, "--format", "json", INPUT];
            let steps = lines(&replay(&[&common[..], &timeline].concat()));
            let shown = steps.iter().flat_map(|step| step["transitions"].as_array().unwrap());
            let own = all.iter().filter(|it| it["subject"] == **customer);
            assert_eq!(shown.collect::<Vec<_>>(), own.collect::<Vec<_>>(), "{customer}");
        }
    }
}

const SHOP: &str = "\
model: shop
initial: new
dedupe: 3d
corrections: 30d
orders: { placed: order, refunded: refund, within: 30d }
facts: { orders: count(order), spent: sum(order.value), last_order: last(order) }
stages: { new: {}, buyer: {}, big: {}, quiet: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: [new, buyer], to: big, when: spent >= 100 }
  - { from: [buyer, big], to: quiet, when: since(last_order) >= days(20), hold: 2d }
";

const HISTORY: &str = r#"2026-01-01 anna order ,"order_id":"a","value":30,"id":"1"
        2026-01-02 ben order ,"order_id":"x","value":300
        2026-01-03 anna order ,"order_id":"b","value":80
        2026-01-04 anna order ,"order_id":"a","value":30,"id":"1"
        2026-01-09 anna refund ,"order_id":"b"
        2026-02-01 ben visit"#;

const TIMELINE: &str = "\
2026-01-01  order, value 30, order_id 'a', id '1' (events.ndjson:1), the first event
    orders 0 -> 1
    spent 0 -> 30
    last_order nothing yet -> 2026-01-01
    shop: from new to buyer on 2026-01-01 (new->buyer)
        orders >= 1: 1
    shop: next evaluation on 2026-01-21
2026-01-03  order, value 80, order_id 'b' (events.ndjson:3)
    orders 1 -> 2
    spent 30 -> 110
    last_order 2026-01-01 -> 2026-01-03
    shop: from buyer to big on 2026-01-03 (buyer->big)
        spent >= 100: 110
    shop: next evaluation on 2026-01-23
2026-01-04  order, value 30, order_id 'a', id '1' (events.ndjson:4)
    a duplicate: it changes nothing
2026-01-09  refund, order_id 'b' (events.ndjson:5)
    a refund without a value
    orders 2 -> 1
    spent 110 -> 30
    last_order 2026-01-03 -> 2026-01-01
    shop: from big to buyer on 2026-01-09 (correction)
        retracts buyer->big of 2026-01-03
        spent >= 100 is not so: 30
    shop: next evaluation on 2026-01-21
2026-01-21  time passes, and nothing moves
    shop: waits to go to quiet (buyer->quiet): true since 2026-01-21; it has to last 2 days, until 2026-01-23
    shop: next evaluation on 2026-01-23
2026-01-23  time passes
    shop: from buyer to quiet on 2026-01-23 (buyer->quiet)
        since(last_order) >= days(20): 22 days (last_order was 2026-01-01)
        so since 2026-01-21
    shop: time alone changes nothing any more
";

#[test]
fn a_timeline_shows_events_changed_facts_and_transitions() {
    let folder = folder(SHOP, HISTORY);
    let timeline = |customer| {
        let arguments = ["replay", "--model", "model.yaml", "--story", customer];
        tenure(folder.path(), &[&arguments[..], &["events.ndjson"]].concat())
    };
    let run = timeline("anna");
    assert_eq!((run.code, &*run.said), (0, "up to 2026-02-01T00:00:00.000Z\n"));
    assert_eq!(run.out, TIMELINE);
    let unknown = timeline("anne");
    assert_eq!((unknown.code, &*unknown.said), (1, "error: there are no events of anne\n"));
}
