//! Models, stages, facts and transitions that are new, removed or renamed.

use super::*;

const SHOP: &str = "
model: shop
version: 3
initial: new
facts:
  orders: count(order_completed)
  last_order: last(order_completed)
stages: { new: {}, buyer: {}, regular: {}, at_risk: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: regular, when: orders >= 3 }
  - { from: [buyer, regular], to: at_risk, when: since(last_order) >= days(30), hold: 2d }
  - { from: at_risk, to: buyer, when: since(last_order) < days(1), cooldown: 20d, name: back }
";

/// Anna has one order, Ben two, Cleo only a page view.
fn shop() -> Shop {
    let mut shop = Shop::open(models(&[SHOP]));
    let outputs = shop.receive(&[
        event("anna", "order_completed", 0),
        event("ben", "order_completed", 0),
        event("ben", "order_completed", 3),
        event("cleo", "page_viewed", 4),
    ]);
    assert_eq!(
        shop.transitions(&outputs),
        ["anna: new->buyer event 0s", "ben: new->buyer event 0s"]
    );
    shop
}

fn changed(old: &str, new: &str) -> Models {
    assert_eq!(SHOP.matches(old).count(), 1, "{old}");
    models(&[&SHOP.replace(old, new)])
}

#[test]
fn a_change_of_text_alone_needs_no_sweep() {
    let mut shop = shop();
    let before = shop.progress.clone();
    let change =
        shop.change(models(&[&format!("# A comment.{SHOP}").replace("version: 3", "version: 4")]));
    assert!(change.is_text_only, "{change:#?}");
    assert_eq!(change.descriptions, ["shop: no customer moves"]);
    assert_eq!(shop.progress.sweep, None);
    assert_eq!(shop.progress.generation, before.generation);
    assert_ne!(shop.progress.models_hash, before.models_hash);
    assert_eq!(
        shop.advance_transitions(40),
        ["anna: buyer->at_risk timer 32d", "ben: buyer->at_risk timer 35d"]
    );
}

#[test]
fn a_changed_threshold_moves_customers_when_the_change_takes_effect() {
    let mut shop = shop();
    shop.advance(10);
    let change = shop.change(changed("orders >= 3", "orders >= 2"));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    assert_eq!(
        change.descriptions,
        ["shop: every customer is re-evaluated", "shop: buyer->regular now when orders >= 2"]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), ["ben: buyer->regular model_change 10d1ms"]);
    assert_eq!(renamed(&outputs), [""; 0]);
    assert!(outputs.iter().all(is_by_model_change));
    assert_eq!(
        shop.population("shop"),
        [("new".to_owned(), 1), ("buyer".to_owned(), 1), ("regular".to_owned(), 1)]
    );
    assert_eq!(
        shop.advance_transitions(40),
        ["anna: buyer->at_risk timer 32d", "ben: regular->at_risk timer 35d"]
    );
}

#[test]
fn a_timer_that_the_change_makes_earlier_fires_for_its_instant_however_late_the_sweep_is() {
    let mut shop = shop();
    shop.advance(10);
    shop.change(changed("days(30), hold: 2d", "days(12), hold: 2d"));
    // Cleo's event is of day 20; only the sweep migrates Anna and Ben, and late.
    let mut outputs = shop.receive(&[event("cleo", "page_viewed", 20)]);
    outputs.extend(shop.sweep());
    assert_eq!(
        shop.transitions(&outputs),
        ["anna: buyer->at_risk timer 14d", "ben: buyer->at_risk timer 17d"]
    );
}

#[test]
fn a_hold_continues_if_its_condition_is_unchanged_and_restarts_if_not() {
    for (old, new, expected) in [
        ("hold: 2d", "hold: 4d", "anna: buyer->at_risk timer 34d"),
        ("days(30), hold", "days(29), hold", "anna: buyer->at_risk timer 33d1ms"),
    ] {
        let mut shop = shop();
        shop.advance(31); // Anna's condition has been true since day 30.
        shop.change(changed(old, new));
        let mut outputs = shop.sweep();
        outputs.extend(shop.advance(34));
        let transitions = shop.transitions(&outputs);
        assert_eq!(transitions.first().map(String::as_str), Some(expected), "{new}");
    }
}

#[test]
fn minimum_stay_and_cooldown_do_not_block_a_model_change_and_continue_after_it() {
    let mut shop = shop();
    shop.advance(35);
    let outputs = shop.receive(&[event("anna", "order_completed", 36)]);
    assert_eq!(shop.transitions(&outputs), ["anna: at_risk->buyer event 36d"]);
    shop.change(changed("buyer: {}", "buyer: { min_dwell: 60d }"));
    assert_eq!(shop.sweep_transitions(), [""; 0]);
    // 30 days without an order and 2 of hold, but a minimum stay of 60.
    assert_eq!(shop.advance_transitions(100), ["anna: buyer->at_risk timer 96d"]);
    shop.change(models(&[&SHOP.replace("days(1), cooldown", "days(80), cooldown")]));
    // The cooldown of 20 days is over, and these models have no minimum stay.
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), ["anna: at_risk->buyer model_change 100d1ms"]);
}

#[test]
fn a_renaming_takes_no_transition_and_republishes_published_stages() {
    let mut shop = shop();
    let after = SHOP
        .replace("model: shop", "model: store\nwas: shop")
        .replace("buyer: {}", "customer: { was: buyer }")
        .replace("from: buyer", "from: customer")
        .replace("to: buyer", "to: customer")
        .replace("[buyer, ", "[customer, ");
    let change = shop.change(models(&[&after]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    assert_eq!(
        change.descriptions,
        ["store: was shop", "store: no customer moves", "store: the stage `customer` was `buyer`"]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), [""; 0]);
    assert_eq!(renamed(&outputs), ["anna", "ben"]);
    let outputs = shop.advance(40);
    assert_eq!(
        shop.transitions(&outputs),
        ["anna: customer->at_risk timer 32d", "ben: customer->at_risk timer 35d"]
    );
    let sequence = outputs.iter().map(|output| match output {
        Output::StageChanged { change, .. } => change.sequence,
        _ => 0,
    });
    assert_eq!(sequence.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn stages_can_be_merged_and_a_lost_stage_is_refused() {
    let mut shop = shop();
    shop.advance(10);
    let without = SHOP
        .replace(" regular: {},", "")
        .replace("  - { from: buyer, to: regular, when: orders >= 3 }\n", "")
        .replace("[buyer, regular]", "buyer");
    let change = ModelsChange::between(&shop.models, &models(&[&without]));
    let refused = change.refusal(EVERYTHING).unwrap();
    assert_eq!(
        refused,
        "no stage is left for customers in `regular` of shop; write `was: regular` in another stage"
    );
    shop.receive(&[event("ben", "order_completed", 11)]);
    assert_eq!(shop.population("shop")[2].0, "regular");
    let merged = without.replace("buyer: {}", "buyer: { was: [regular, old_name] }");
    let change = shop.change(models(&[&merged]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), [""; 0]);
    assert_eq!(shop.population("shop"), [("new".to_owned(), 1), ("buyer".to_owned(), 2)]);
    // `was` may stay in the file for ever.
    let again = ModelsChange::between(&shop.models, &models(&[&merged]));
    assert!(again.is_text_only);
}

const EVERYTHING: AcceptedLosses = AcceptedLosses { missing_facts: true, dropped_models: true };

const CLUB: &str = "
model: club
initial: outside
facts: { orders: count(order_completed) }
stages: { outside: {}, member: {} }
transitions:
  - { from: outside, to: member, when: orders >= 2 }
";

#[test]
fn a_new_model_starts_for_all_customers_and_a_removed_one_leaves_no_trace() {
    let mut shop = shop();
    shop.advance(10);
    let change = shop.change(models(&[CLUB, SHOP]));
    assert_eq!(
        change.refusal(AcceptedLosses::default()),
        None,
        "orders have been counted all along"
    );
    assert_eq!(
        change.descriptions,
        ["club: new; every customer begins in `outside`", "shop: no customer moves"]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), ["ben: outside->member model_change 10d1ms"]);
    assert_eq!(renamed(&outputs), ["anna", "ben"]);
    assert_eq!(shop.population("club"), [("outside".to_owned(), 2), ("member".to_owned(), 1)]);
    let change = shop.change(models(&[&SHOP.replace("version: 3", "version: 4")]));
    assert_eq!(
        change.descriptions,
        ["shop: no customer moves", "club: removed, with the history of its stages"]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.transitions(&outputs), [""; 0]);
    assert_eq!(renamed(&outputs), ["anna", "ben"]);
    assert!(shop.states.values().all(|state| state.models.len() == 1));
    assert_eq!(
        shop.advance_transitions(40),
        ["anna: buyer->at_risk timer 32d", "ben: buyer->at_risk timer 35d"]
    );
}

#[test]
fn a_likely_renaming_of_a_model_is_refused_unless_it_is_declared_or_accepted() {
    let shop = shop();
    let renamed = SHOP.replace("model: shop", "model: store");
    let change = ModelsChange::between(&shop.models, &models(&[&renamed]));
    let refused = change.refusal(AcceptedLosses::default()).unwrap();
    assert!(refused.contains("write `was: shop` in `store`"), "{refused}");
    assert!(change.refusal(EVERYTHING).is_none());
    let declared = renamed.replace("model: store", "model: store\nwas: shop");
    let change = ModelsChange::between(&shop.models, &models(&[&declared]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
}

#[test]
fn facts_that_were_not_stored_are_listed_and_start_empty_if_accepted() {
    let mut shop = shop();
    shop.advance(10);
    let more = SHOP
        .replace("facts:", "facts:\n  visits_30d: count(page_viewed) over 30d")
        .replace("orders >= 3", "visits_30d >= 2 || visits(at_risk) > 2");
    let change = ModelsChange::between(&shop.models, &models(&[&more]));
    let refused = change.refusal(AcceptedLosses::default()).unwrap();
    assert!(
        refused.starts_with(
            "the old models did not store `visits_30d` of shop, visits to `at_risk` of shop. With"
        ),
        "{refused}"
    );
    assert_eq!(change.refusal(EVERYTHING), None);
    shop.change(models(&[&more]));
    assert_eq!(shop.sweep_transitions(), [""; 0]);
    let outputs =
        shop.receive(&[event("anna", "page_viewed", 11), event("anna", "page_viewed", 12)]);
    assert_eq!(shop.transitions(&outputs), ["anna: buyer->regular event 12d"]);
    // A shorter window is contained in the stored one, a longer one is not.
    let other = |window: &str| models(&[&more.replace("over 30d", window)]);
    assert_eq!(
        ModelsChange::between(&shop.models, &other("over 20d")).refusal(AcceptedLosses::default()),
        None
    );
    assert!(
        ModelsChange::between(&shop.models, &other("over 40d"))
            .refusal(AcceptedLosses::default())
            .is_some()
    );
}

const REFUNDS: &str = "
model: refunds
initial: new
corrections: 30d
orders: { placed: order_completed, refunded: order_refunded, within: 60d }
facts: { orders: count(order_completed), spent: sum(order_completed.value) }
stages: { new: {}, buyer: {}, big: {} }
transitions:
  - { from: new, to: buyer, when: orders >= 1 }
  - { from: buyer, to: big, when: spent >= 100 }
";

#[test]
fn returns_and_corrections_work_across_a_change_of_another_model() {
    let mut shop = Shop::open(models(&[SHOP, REFUNDS]));
    let order = |day, more| TestEvent { more, ..event("anna", "order_completed", day) };
    shop.receive(&[
        order(0, r#","order_id":"o1","value":30"#),
        order(2, r#","order_id":"o2","value":80"#),
    ]);
    // Facts and models in another order, and the other model with another rule.
    shop.change(models(&[REFUNDS, &SHOP.replace("orders >= 3", "orders >= 2")]));
    let mut outputs = shop.sweep();
    outputs.extend(shop.receive(&[TestEvent {
        more: r#","order_id":"o1""#,
        ..event("anna", "order_refunded", 5)
    }]));
    assert_eq!(
        shop.transitions(&outputs),
        ["anna: buyer->regular model_change 2d", "anna: big->buyer correction 5d"]
    );
}

#[test]
fn an_earlier_model_file_is_older_unless_its_version_is_raised() {
    let mut shop = shop();
    let old = models(&[SHOP]);
    shop.change(changed("orders >= 3", "orders >= 2"));
    shop.sweep();
    assert_eq!(shop.generation.compare_models(&shop.models), VersionOrdering::Current);
    assert_eq!(shop.generation.compare_models(&old), VersionOrdering::Older);
    assert_eq!(
        shop.generation.compare_models(&changed("version: 3", "version: 4")),
        VersionOrdering::Newer
    );
    // Models that were never loaded are newer, unless their version is lower.
    let never_seen = changed("days(30)", "days(31)");
    assert_eq!(shop.generation.compare_models(&never_seen), VersionOrdering::Newer);
    let lower_version = models(&[&SHOP.replace("version: 3", "version: 2")]);
    assert_eq!(shop.generation.compare_models(&lower_version), VersionOrdering::Older);
    let bytes = shop.generation.encode();
    assert_eq!(Generation::decode(&bytes), Ok(shop.generation.clone()));
    let compiled = shop.generation.models().unwrap();
    assert_eq!(tenure::partition::hash_models(&compiled), shop.progress.models_hash);
}
