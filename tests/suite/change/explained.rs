//! What is known of how somebody came into their stage, when the models change.

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

/// Anna bought; Ben fell silent; Cleo came back.
fn shop() -> Shop {
    let mut shop = Shop::open(models(&[SHOP]));
    let order = |who, day| Did {
        more: r#","value":20"#,
        ..did(who, "order_completed", day)
    };
    shop.tell(&[order("ben", 0), order("cleo", 0)]);
    shop.wait(34);
    shop.tell(&[order("cleo", 35), order("anna", 36)]);
    shop.wait(36);
    shop
}

fn explained(shop: &Shop, who: &str) -> Explanation {
    let now = EventTime(shop.progress.watermark.0);
    shop.states[&CustomerId::from(who)].explain(&shop.models, 0, now)
}

/// Cause, from, condition by condition with its value.
fn why(shop: &Shop, who: &str) -> (Cause, Option<String>) {
    let last = explained(shop, who).last_transition.unwrap();
    let model = &shop.models.list[0];
    let by = last.transition.map(|by| {
        let from = by.from.map_or("?", |from| &model.stages[from].name);
        let parts = by.condition.comparisons().into_iter().map(|checked| {
            assert!(checked.is_satisfied(), "{checked:#?}");
            format!(
                "; {} {:?}",
                checked.evidence.condition, checked.evidence.value
            )
        });
        format!("{from}{}", parts.collect::<String>())
    });
    (last.cause, by)
}

#[test]
fn what_led_here_stays_known_under_other_names_and_in_another_order() {
    let mut shop = shop();
    let whos = ["anna", "ben", "cleo"];
    let before = whos.map(|who| why(&shop, who));
    assert_eq!(before[1].0, Cause::Timer);
    assert!(
        before[2].1.as_ref().unwrap().contains(r#"Text("buyer")"#),
        "{before:#?}"
    );
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
    let renamed = whos.map(|who| why(&shop, who));
    for (before, after) in before.iter().zip(&renamed) {
        let before = before.1.as_ref().unwrap();
        let before = before
            .replace("spent", "money")
            .replace("buyer", "customer");
        assert_eq!(Some(before), after.1);
    }
}

#[test]
fn of_a_transition_that_is_gone_the_cause_alone_is_known() {
    let mut shop = shop();
    let after = SHOP
        .replace("spent > 5", "spent > 6")
        .replace("days(30)", "days(34)");
    shop.change(models(&[&after]));
    shop.sweep();
    assert_eq!(why(&shop, "anna"), (Cause::Event, None));
    assert_eq!(why(&shop, "ben"), (Cause::Timer, None));
    assert_eq!(why(&shop, "cleo").0, Cause::Event);
    assert!(why(&shop, "cleo").1.is_some());
}

#[test]
fn who_is_still_to_be_brought_over_is_explained_by_the_models_of_today() {
    let mut shop = shop();
    shop.store
        .put_generation(PARTITION, &shop.generation)
        .unwrap();
    let find = |shop: &Shop, who: &str| {
        let partitions = shop.store.partitions().unwrap();
        assert_eq!(partitions, [PARTITION]);
        shop.store
            .find_customer(&partitions, &who.into())
            .unwrap()
            .unwrap()
    };
    assert!(!find(&shop, "ben").is_migrated);
    shop.change(models(&[&SHOP.replace("days(30)", "days(40)")]));
    shop.store
        .put_generation(PARTITION, &shop.generation)
        .unwrap();
    // The change is committed, and nobody has been met yet.
    let commit = Commit {
        states: Vec::new(),
        arm: Vec::new(),
        disarm: Vec::new(),
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
    let (is_brought_over, before) = shown(&shop);
    assert!(
        is_brought_over && before.contains("The models have just changed"),
        "{before}"
    );
    shop.sweep();
    let (is_brought_over, after) = shown(&shop);
    assert!(
        !is_brought_over && before.starts_with(after.trim_end()),
        "{before}\n{after}"
    );
}
