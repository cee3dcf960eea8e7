//! Explanations of the last transition after a change of the models.

use tenure::customer::{Cause, Explanation};
use tenure::explanation::CustomerExplanation;
use tenure::runtime::explain_found;

use super::*;

const SHOP: &str = "
model: shop
initial: new
facts:
  orders: count(order_completed)
  spent: sum(order_completed.value)
  last_order: last(order_completed)
stages: { new: {}, buyer: {}, silent: {}, back: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 && spent > 5 }
  - { from: buyer, to: silent, when: since(last_order) >= days(30), hold: 2d }
  - { from: silent, to: back, when: \"order_completed && previous_stage != 'new'\" }
";

/// Anna is a buyer, Ben is silent, Cleo is back.
fn shop() -> Shop {
    let mut shop = Shop::open(models(&[SHOP]));
    let order = |customer, day| TestEvent {
        more: r#","value":20"#,
        ..event(customer, "order_completed", day)
    };
    shop.receive(&[order("ben", 0), order("cleo", 0)]);
    shop.advance(34);
    shop.receive(&[order("cleo", 35), order("anna", 36)]);
    shop.advance(36);
    shop
}

fn explained(shop: &Shop, customer: &str) -> Explanation {
    let now = EventTime(shop.progress.watermark.0);
    shop.states[&CustomerId::from(customer)].explain(&shop.models, 0.into(), now)
}

/// The cause and, if the transition still exists, its stage of origin and each comparison with its value.
fn why(shop: &Shop, customer: &str) -> (Cause, Option<String>) {
    let last = explained(shop, customer).last_transition.unwrap();
    let model = &shop.models.list.raw[0];
    let by = last.transition.map(|by| {
        let from = by.from.map_or("?", |from| &model.stages[from].name);
        let parts = by.condition.comparisons().into_iter().map(|checked| {
            assert!(checked.is_satisfied(), "{checked:#?}");
            format!("; {} {:?}", checked.evidence.condition, checked.evidence.value)
        });
        format!("{from}{}", parts.collect::<String>())
    });
    (last.cause, by)
}

#[test]
fn explanations_survive_renaming_and_reordering() {
    let mut shop = shop();
    let customers = ["anna", "ben", "cleo"];
    let before = customers.map(|customer| why(&shop, customer));
    assert_eq!(before[1].0, Cause::Timer);
    assert!(before[2].1.as_ref().unwrap().contains(r#"Text("buyer")"#), "{before:#?}");
    let after = "
model: shop
version: 2
initial: new
facts:
  last_order: last(order_completed)
  seen: last(any)
  money: sum(order_completed.value)
  orders: count(order_completed)
stages: { silent: {}, back: {}, new: {}, customer: { was: buyer } }
transitions:
  - { from: silent, to: new, when: since(seen) > days(900) }
  - { from: silent, to: back, when: \"order_completed && previous_stage != 'new'\" }
  - { from: customer, to: silent, when: since(last_order) >= days(30), hold: 2d }
  - { from: new, to: customer, when: orders >= 1 && money > 5 }
";
    shop.change(models(&[after]));
    shop.sweep();
    let renamed = customers.map(|customer| why(&shop, customer));
    for (before, after) in before.iter().zip(&renamed) {
        let before = before.1.as_ref().unwrap();
        let before = before.replace("spent", "money").replace("buyer", "customer");
        assert_eq!(Some(before), after.1);
    }
}

#[test]
fn only_the_cause_of_a_removed_transition_stays_known() {
    let mut shop = shop();
    let after = SHOP.replace("spent > 5", "spent > 6").replace("days(30)", "days(34)");
    shop.change(models(&[&after]));
    shop.sweep();
    assert_eq!(why(&shop, "anna"), (Cause::Event, None));
    assert_eq!(why(&shop, "ben"), (Cause::Timer, None));
    assert_eq!(why(&shop, "cleo").0, Cause::Event);
    assert!(why(&shop, "cleo").1.is_some());
}

#[test]
fn a_customer_that_is_not_migrated_yet_is_explained_by_the_new_models() {
    let mut shop = shop();
    shop.store.put_generation(PARTITION, &shop.generation).unwrap();
    let find = |shop: &Shop, customer: &str| {
        let partitions = shop.store.partitions().unwrap();
        assert_eq!(partitions, [PARTITION]);
        shop.store.find_customer(&partitions, &customer.into()).unwrap().unwrap()
    };
    assert!(!find(&shop, "ben").is_migrated);
    shop.change(models(&[&SHOP.replace("days(30)", "days(40)")]));
    shop.store.put_generation(PARTITION, &shop.generation).unwrap();
    // The change is committed, and no customer is migrated yet.
    let commit = Commit {
        states: Vec::new(),
        added_timers: Vec::new(),
        removed_timers: Vec::new(),
        outputs: Vec::new(),
        anomalies: Default::default(),
        applied: Vec::new(),
        unused: Vec::new(),
        finished: false,
        progress: shop.progress.clone(),
    };
    let written = PartitionCommit {
        partition: PARTITION,
        commit: &commit,
        changelog_offset: None,
        generation: None,
    };
    shop.store.write(&Identity::default(), &[written]).unwrap();
    let shown = |shop: &Shop| {
        let found = find(shop, "ben");
        let ben = CustomerId::from("ben");
        let about: CustomerExplanation<'_> = explain_found(&found, &ben, None).unwrap();
        (found.is_migrated, about.to_string())
    };
    let (is_migrated, before) = shown(&shop);
    assert!(is_migrated && before.contains("The models have just changed"), "{before}");
    shop.sweep();
    let (is_migrated, after) = shown(&shop);
    assert!(!is_migrated && before.starts_with(after.trim_end()), "{before}\n{after}");
}
