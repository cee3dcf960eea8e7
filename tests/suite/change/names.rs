//! What becomes of models, stages, facts and transitions that are new, gone, or called otherwise.

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

/// Anna bought once on the first day, Ben twice, Cleo only looked.
fn shop() -> Shop {
    let mut shop = Shop::open(models(&[SHOP]));
    let outputs = shop.tell(&[
        did("anna", "order_completed", 0),
        did("ben", "order_completed", 0),
        did("ben", "order_completed", 3),
        did("cleo", "page_viewed", 4),
    ]);
    assert_eq!(
        shop.moves(&outputs),
        ["anna: new->buyer event 0s", "ben: new->buyer event 0s"]
    );
    shop
}

fn changed(what: &str, by: &str) -> Models {
    assert_eq!(SHOP.matches(what).count(), 1, "{what}");
    models(&[&SHOP.replace(what, by)])
}

#[test]
fn other_words_change_nothing_and_nobody_has_to_be_met() {
    let mut shop = shop();
    let before = shop.progress.clone();
    let change = shop.change(models(&[
        &format!("# A comment.{SHOP}").replace("version: 3", "version: 4")
    ]));
    assert!(change.is_text_only, "{change:#?}");
    assert_eq!(change.descriptions, ["shop: no customer moves"]);
    assert_eq!(shop.progress.sweep, None);
    assert_eq!(shop.progress.generation, before.generation);
    assert_ne!(shop.progress.models_hash, before.models_hash);
    assert_eq!(
        shop.waited(40),
        [
            "anna: buyer->at_risk timer 32d",
            "ben: buyer->at_risk timer 35d"
        ]
    );
}

#[test]
fn who_belongs_elsewhere_by_a_new_threshold_moves_when_the_change_takes_effect() {
    let mut shop = shop();
    shop.wait(10);
    let change = shop.change(changed("orders >= 3", "orders >= 2"));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    assert_eq!(
        change.descriptions,
        [
            "shop: every customer is re-evaluated",
            "shop: buyer->regular now when orders >= 2"
        ]
    );
    let outputs = shop.sweep();
    assert_eq!(
        shop.moves(&outputs),
        ["ben: buyer->regular model_change 10d1ms"]
    );
    assert_eq!(restated(&outputs), [""; 0]);
    assert!(outputs.iter().all(is_by_change));
    assert_eq!(
        shop.population("shop"),
        [
            ("new".to_owned(), 1),
            ("buyer".to_owned(), 1),
            ("regular".to_owned(), 1)
        ]
    );
    assert_eq!(
        shop.waited(40),
        [
            "anna: buyer->at_risk timer 32d",
            "ben: regular->at_risk timer 35d"
        ]
    );
}

#[test]
fn a_deadline_that_comes_earlier_by_the_change_is_met_at_its_instant_however_late_the_sweep_comes()
{
    let mut shop = shop();
    shop.wait(10);
    shop.change(changed("days(30), hold: 2d", "days(12), hold: 2d"));
    // Cleo's events bring time to day 20; anna and ben are met by the sweep alone, and late.
    let mut outputs = shop.tell(&[did("cleo", "page_viewed", 20)]);
    outputs.extend(shop.sweep());
    assert_eq!(
        shop.moves(&outputs),
        [
            "anna: buyer->at_risk timer 14d",
            "ben: buyer->at_risk timer 17d"
        ]
    );
}

#[test]
fn a_hold_goes_on_where_its_condition_stays_and_begins_anew_where_it_does_not() {
    for (what, by, expected) in [
        ("hold: 2d", "hold: 4d", "anna: buyer->at_risk timer 34d"),
        (
            "days(30), hold",
            "days(29), hold",
            "anna: buyer->at_risk timer 33d1ms",
        ),
    ] {
        let mut shop = shop();
        shop.wait(31); // Anna's condition has been true since day 30.
        shop.change(changed(what, by));
        let mut outputs = shop.sweep();
        outputs.extend(shop.wait(34));
        let moves = shop.moves(&outputs);
        assert_eq!(moves.first().map(String::as_str), Some(expected), "{by}");
    }
}

#[test]
fn minimum_stay_and_cooldown_do_not_keep_anybody_from_the_change_and_go_on_after_it() {
    let mut shop = shop();
    shop.wait(35);
    let outputs = shop.tell(&[did("anna", "order_completed", 36)]);
    assert_eq!(shop.moves(&outputs), ["anna: at_risk->buyer event 36d"]);
    shop.change(changed("buyer: {}", "buyer: { min_dwell: 60d }"));
    assert_eq!(shop.swept(), [""; 0]);
    // 30 days of silence and two of hold, but sixty of stay.
    assert_eq!(shop.waited(100), ["anna: buyer->at_risk timer 96d"]);
    shop.change(models(&[
        &SHOP.replace("days(1), cooldown", "days(80), cooldown")
    ]));
    // The cooldown of twenty days is over, the stay of a model that is gone as well.
    let outputs = shop.sweep();
    assert_eq!(
        shop.moves(&outputs),
        ["anna: at_risk->buyer model_change 100d1ms"]
    );
}

#[test]
fn a_new_name_moves_nobody_and_is_told_of_those_who_have_been_told_of() {
    let mut shop = shop();
    let renamed = SHOP
        .replace("model: shop", "model: store\nwas: shop")
        .replace("buyer: {}", "customer: { was: buyer }")
        .replace("from: buyer", "from: customer")
        .replace("to: buyer", "to: customer")
        .replace("[buyer, ", "[customer, ");
    let change = shop.change(models(&[&renamed]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    assert_eq!(
        change.descriptions,
        [
            "store: was shop",
            "store: no customer moves",
            "store: the stage `customer` was `buyer`"
        ]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.moves(&outputs), [""; 0]);
    assert_eq!(restated(&outputs), ["anna", "ben"]);
    let outputs = shop.wait(40);
    assert_eq!(
        shop.moves(&outputs),
        [
            "anna: customer->at_risk timer 32d",
            "ben: customer->at_risk timer 35d"
        ]
    );
    let sequence = outputs.iter().map(|output| match output {
        Output::StageChanged { change, .. } => change.sequence,
        _ => 0,
    });
    assert_eq!(sequence.collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn several_stages_become_one_and_one_that_is_lost_is_refused() {
    let mut shop = shop();
    shop.wait(10);
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
    shop.tell(&[did("ben", "order_completed", 11)]);
    assert_eq!(shop.population("shop")[2].0, "regular");
    let merged = without.replace("buyer: {}", "buyer: { was: [regular, old_name] }");
    let change = shop.change(models(&[&merged]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
    let outputs = shop.sweep();
    assert_eq!(shop.moves(&outputs), [""; 0]);
    assert_eq!(
        shop.population("shop"),
        [("new".to_owned(), 1), ("buyer".to_owned(), 2)]
    );
    // `was` may stay in the file for ever.
    let again = ModelsChange::between(&shop.models, &models(&[&merged]));
    assert!(again.is_text_only);
}

const EVERYTHING: AcceptedLosses = AcceptedLosses {
    missing_facts: true,
    dropped_models: true,
};

const CLUB: &str = "
model: club
initial: outside
facts: { orders: count(order_completed) }
stages: { outside: {}, member: {} }
transitions:
  - { from: outside, to: member, when: orders >= 2 }
";

#[test]
fn a_model_that_comes_takes_everybody_in_and_one_that_goes_leaves_no_trace() {
    let mut shop = shop();
    shop.wait(10);
    let change = shop.change(models(&[CLUB, SHOP]));
    assert_eq!(
        change.refusal(AcceptedLosses::default()),
        None,
        "orders have been counted all along"
    );
    assert_eq!(
        change.descriptions,
        [
            "club: new; every customer begins in `outside`",
            "shop: no customer moves"
        ]
    );
    let outputs = shop.sweep();
    assert_eq!(
        shop.moves(&outputs),
        ["ben: outside->member model_change 10d1ms"]
    );
    assert_eq!(restated(&outputs), ["anna", "ben"]);
    assert_eq!(
        shop.population("club"),
        [("outside".to_owned(), 2), ("member".to_owned(), 1)]
    );
    let change = shop.change(models(&[&SHOP.replace("version: 3", "version: 4")]));
    assert_eq!(
        change.descriptions,
        [
            "shop: no customer moves",
            "club: removed, with the history of its stages"
        ]
    );
    let outputs = shop.sweep();
    assert_eq!(shop.moves(&outputs), [""; 0]);
    assert_eq!(restated(&outputs), ["anna", "ben"]);
    assert!(shop.states.values().all(|state| state.models.len() == 1));
    assert_eq!(
        shop.waited(40),
        [
            "anna: buyer->at_risk timer 32d",
            "ben: buyer->at_risk timer 35d"
        ]
    );
}

#[test]
fn a_model_that_ends_while_another_begins_may_have_a_new_name_and_is_refused_unless_that_is_meant()
{
    let shop = shop();
    let renamed = SHOP.replace("model: shop", "model: store");
    let change = ModelsChange::between(&shop.models, &models(&[&renamed]));
    let refused = change.refusal(AcceptedLosses::default()).unwrap();
    assert!(
        refused.contains("write `was: shop` in `store`"),
        "{refused}"
    );
    assert!(change.refusal(EVERYTHING).is_none());
    let said = renamed.replace("model: store", "model: store\nwas: shop");
    let change = ModelsChange::between(&shop.models, &models(&[&said]));
    assert_eq!(change.refusal(AcceptedLosses::default()), None);
}

#[test]
fn facts_that_were_not_kept_are_named_and_begin_with_what_comes_if_that_is_accepted() {
    let mut shop = shop();
    shop.wait(10);
    let more = SHOP
        .replace(
            "facts:",
            "facts:\n  visits_30d: count(page_viewed) over 30d",
        )
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
    assert_eq!(shop.swept(), [""; 0]);
    let outputs = shop.tell(&[
        did("anna", "page_viewed", 11),
        did("anna", "page_viewed", 12),
    ]);
    assert_eq!(shop.moves(&outputs), ["anna: buyer->regular event 12d"]);
    // A shorter window of the same has been kept, a longer one has not.
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
fn orders_can_be_taken_back_and_transitions_corrected_across_the_change_of_another_model() {
    let mut shop = Shop::open(models(&[SHOP, REFUNDS]));
    let order = |day, more| Did {
        more,
        ..did("anna", "order_completed", day)
    };
    shop.tell(&[
        order(0, r#","order_id":"o1","value":30"#),
        order(2, r#","order_id":"o2","value":80"#),
    ]);
    // Facts and models in another order, and the other model with another rule.
    shop.change(models(&[
        REFUNDS,
        &SHOP.replace("orders >= 3", "orders >= 2"),
    ]));
    let mut outputs = shop.sweep();
    outputs.extend(shop.tell(&[Did {
        more: r#","order_id":"o1""#,
        ..did("anna", "order_refunded", 5)
    }]));
    assert_eq!(
        shop.moves(&outputs),
        [
            "anna: buyer->regular model_change 2d",
            "anna: big->buyer correction 5d"
        ]
    );
}

#[test]
fn who_has_an_older_file_is_behind_and_a_higher_version_makes_it_new() {
    let mut shop = shop();
    let old = models(&[SHOP]);
    shop.change(changed("orders >= 3", "orders >= 2"));
    shop.sweep();
    assert_eq!(
        shop.generation.compare_models(&shop.models),
        VersionOrdering::Current
    );
    assert_eq!(shop.generation.compare_models(&old), VersionOrdering::Older);
    assert_eq!(
        shop.generation
            .compare_models(&changed("version: 3", "version: 4")),
        VersionOrdering::Newer
    );
    // Never seen, but counted down.
    let never_seen = changed("days(30)", "days(31)");
    assert_eq!(
        shop.generation.compare_models(&never_seen),
        VersionOrdering::Newer
    );
    let counted_down = models(&[&SHOP.replace("version: 3", "version: 2")]);
    assert_eq!(
        shop.generation.compare_models(&counted_down),
        VersionOrdering::Older
    );
    let bytes = shop.generation.encode();
    assert_eq!(Generation::decode(&bytes), Ok(shop.generation.clone()));
    let compiled = shop.generation.models().unwrap();
    assert_eq!(
        tenure::partition::hash_models(&compiled),
        shop.progress.models_hash
    );
}
