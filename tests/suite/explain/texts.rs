//! The text of explanations, for customers in every kind of situation.

use super::*;

const RETAIL: &str = include_str!("../../../config/models/retail.yaml");

/// The explanation of anna at a time.
fn explanation(folder: &TempDir, at: &str) -> String {
    let arguments = ["explain", "anna", "--at", at, "--model", "model.yaml", "events.ndjson"];
    let run = tenure(folder.path(), &arguments);
    assert_eq!((run.code, &*run.said), (0, ""));
    run.out
}

#[test]
fn an_inactive_buyer_is_explained() {
    let folder = folder(
        RETAIL,
        r#"2026-01-01 anna order_completed ,"value":20
        2026-01-08 anna order_completed ,"value":35
        2026-03-10 anna page_viewed
        2026-04-02 ben page_viewed"#,
    );
    assert_eq!(
        explanation(&folder, "2026-04-02T00:00:00Z"),
        "\
anna has been in at_risk since 2026-02-25, for 36 days (retail, version 1).
  Why: came from retention by retention->at_risk, because time passed.
    yes  since(last_order) >= days(45): it was 48 days (last_order was 2026-01-08)
         so since 2026-02-22, and it has to last 3 days
  If nothing happens: to churned on 2026-05-09 (at_risk->churned), in 37 days.
  Transitions out of it, in the order in which they are tried:
    to retention (won_back): no
      no   since(last_order) < days(30): it is 84 days, 54 days too much (last_order is 2026-01-08)
    to churned (at_risk->churned): no
      no   since(last_order) >= days(120): it is 84 days, 36 days short (last_order is 2026-01-08); from 2026-05-08 if nothing happens
      no   since(last_seen) >= days(60): it is 23 days, 37 days short (last_seen is 2026-03-10); from 2026-05-09 if nothing happens

As of 2026-04-02, the end of the events. Latest event of this customer: 2026-03-10.
"
    );
}

#[test]
fn true_conditions_of_blocked_transitions_are_explained() {
    let model = "\
model: shop
initial: new
facts: { orders: count(order), last_order: last(order), plan: latest(order.plan) }
stages: { new: {}, buyer: { min_dwell: 10d }, regular: { reentry: after 90d }, gold: { reentry: never }, quiet: {} }
transitions:
  - { from: [new, quiet], to: buyer, when: order }
  - { from: buyer, to: regular, when: orders >= 2, cooldown: 60d }
  - { from: buyer, to: gold, when: \"(plan == 'gold' || orders > 9) && !(orders < 2)\" }
  - { from: [buyer, regular, gold], to: quiet, when: since(last_order) >= days(5), hold: 10d }
";
    let folder = folder(
        model,
        r#"2026-01-01 anna order
        2026-01-02 anna order
        2026-01-12 anna order
        2026-02-10 anna order ,"properties":{"plan":"gold"}"#,
    );
    assert_eq!(
        explanation(&folder, "2026-01-08T12:00:00Z"),
        "\
anna has been in buyer since 2026-01-01, for 7 days 12 hours (shop, version 1).
  Why: came from new by new->buyer, with the event order.
    yes  order
  If nothing happens: to regular on 2026-01-11 (buyer->regular), in 2 days 12 hours.
  Transitions out of it, in the order in which they are tried:
    to regular (buyer->regular): true, but blocked
      yes  orders >= 2: it is 2
           blocked until 2026-01-11: the minimum stay in the stage is not over (min_dwell)
    to gold (buyer->gold): no
      one of these is enough:
        no   plan == 'gold': no value yet
        no   orders > 9: it is 2, 7 short
      yes  not (orders < 2): it is 2
           blocked until 2026-01-11: the minimum stay in the stage is not over (min_dwell)
    to quiet (buyer->quiet): true, but not for long enough yet
      yes  since(last_order) >= days(5): it is 6 days 12 hours (last_order is 2026-01-02)
           true since 2026-01-07; it has to last 10 days, until 2026-01-17
           blocked until 2026-01-11: the minimum stay in the stage is not over (min_dwell)

As of 2026-01-08 12:00, the end of the events. Latest event of this customer: 2026-01-02.
"
    );
    assert_eq!(
        explanation(&folder, "2026-02-16T12:00:00Z"),
        "\
anna has been in buyer since 2026-02-10, for 6 days 12 hours (shop, version 1).
  Why: came from quiet by quiet->buyer, with the event order.
    yes  order
  If nothing happens: to gold on 2026-02-20 (buyer->gold), in 3 days 12 hours.
  Transitions out of it, in the order in which they are tried:
    to regular (buyer->regular): true, but blocked
      yes  orders >= 2: it is 4
           blocked until 2026-02-20: the minimum stay in the stage is not over (min_dwell)
           blocked until 2026-03-12: it was taken a short while ago (cooldown)
           blocked until 2026-04-27: the stage was left before (reentry)
    to gold (buyer->gold): true, but blocked
      one of these is enough:
        yes  plan == 'gold': it is 'gold'
        no   orders > 9: it is 4, 5 short
      yes  not (orders < 2): it is 4
           blocked until 2026-02-20: the minimum stay in the stage is not over (min_dwell)
    to quiet (buyer->quiet): true, but not for long enough yet
      yes  since(last_order) >= days(5): it is 6 days 12 hours (last_order is 2026-02-10)
           true since 2026-02-15; it has to last 10 days, until 2026-02-25
           blocked until 2026-02-20: the minimum stay in the stage is not over (min_dwell)

As of 2026-02-16 12:00, the end of the events. Latest event of this customer: 2026-02-10.
"
    );
}

#[test]
fn a_correction_by_a_refund_is_explained() {
    let model = "\
model: shop
initial: new
corrections: 30d
orders: { placed: order, refunded: refund, within: 30d }
facts: { orders: count(order), spent: sum(order.value) }
stages: { new: {}, buyer: {}, big: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: [new, buyer], to: big, when: spent >= 100 }
";
    let folder = folder(
        model,
        r#"2026-01-01 anna order ,"order_id":"a","value":30
        2026-01-03 anna order ,"order_id":"b","value":80
        2026-01-09 anna refund ,"order_id":"b""#,
    );
    assert_eq!(
        explanation(&folder, "2026-01-10T00:00:00Z"),
        "\
anna has been in buyer since 2026-01-01, for 9 days (shop, version 1).
  Why: on 2026-01-09 the transition buyer->big of 2026-01-03 was retracted: with a late event or a return, its condition was not true.
    no   spent >= 100: it was 30, 70 short
  If nothing happens: stays in buyer for ever; time alone changes nothing.
  Transitions out of it, in the order in which they are tried:
    to big (buyer->big): no
      no   spent >= 100: it is 30, 70 short

As of 2026-01-10, the end of the events. Latest event of this customer: 2026-01-09.
"
    );
}

#[test]
fn a_new_customer_is_explained() {
    let folder = folder(RETAIL, "2026-01-01T09:00:00Z anna page_viewed");
    assert_eq!(
        explanation(&folder, "2026-01-01T10:30:00Z"),
        "\
anna has been in reach since 2026-01-01 09:00, for 1 hour 30 minutes (retail, version 1).
  Why: every customer begins there, with their first event.
  If nothing happens: stays in reach for ever; time alone changes nothing.
  Transitions out of it, in the order in which they are tried:
    to acquisition (reach->acquisition): no
      no   signed_up: only while such an event is evaluated
    to conversion (reach->conversion): no
      no   orders >= 1: it is 0, 1 short

As of 2026-01-01 10:30, the end of the events. Latest event of this customer: 2026-01-01 09:00.
"
    );
}
