//! Laws of any change, over thousands of histories.

use fastrand::Rng;

use super::*;

/// Models with random numbers and random order; the facts that they store are always the same.
fn random_models(chance: &mut Rng, version: u32) -> Models {
    let mut facts = vec![
        "orders: count(order_completed)".to_owned(),
        "recent: count(order_completed) over 9d".to_owned(),
        "spent: sum(order_completed.value) over 20d".to_owned(),
        "last_order: last(order_completed)".to_owned(),
        "channels: count_distinct(any.channel, 3)".to_owned(),
        "channel: latest(any.channel)".to_owned(),
        "pause: max_gap(order_completed)".to_owned(),
    ];
    chance.shuffle(&mut facts);
    let [a, b, c, d, e] = [1..3, 3..6, 2..9, 5..15, 20..200].map(|range| chance.i64(range));
    let (hold, dwell, cooldown) = (chance.i64(1..4), chance.i64(0..5), chance.i64(0..9));
    let facts = facts.join("\n  ");
    let first = format!(
        "
model: first
version: {version}
initial: new
corrections: 12d
orders: {{ placed: order_completed, refunded: order_refunded, within: 15d }}
dedupe: 3d
facts:
  {facts}
stages: {{ new: {{}}, buyer: {{ min_dwell: {dwell}d }}, regular: {{ reentry: after {a}d }}, quiet: {{}} }}
transitions:
  - {{ from: new, to: buyer, when: orders >= {a} }}
  - {{ from: buyer, to: regular, when: recent >= {b} || spent > {e}, cooldown: {cooldown}d }}
  - {{ from: [buyer, regular], to: quiet, when: since(last_order) >= days({c}), hold: {hold}d }}
  - {{ from: quiet, to: buyer, when: since(last_order) < days(1) && channels < 3 }}
  - {{ from: quiet, to: regular, when: since(last_order) < days(1) && channel == 'web' }}
"
    );
    let second = format!(
        "
model: second
initial: here
facts: {{ last_order: last(order_completed), seen: last(any) }}
stages: {{ here: {{}}, slow: {{}}, away: {{}} }}
transitions:
  - {{ from: here, to: slow, when: max_gap(order_completed) > days({c}) && visits(here) < {b} }}
  - {{ from: [here, slow], to: away, when: since(seen) >= days({d}) }}
  - {{ from: [slow, away], to: here, when: since(last_order) < days(2) }}
"
    );
    let mut texts = vec![&*first, &*second];
    chance.shuffle(&mut texts);
    models(&texts)
}

struct RandomEvent {
    customer: &'static str,
    kind: &'static str,
    at: i64,
    more: String,
}

/// Events of eight customers in some days, in time order, with duplicates and returns.
fn history(chance: &mut Rng, days: std::ops::Range<i64>) -> Vec<RandomEvent> {
    let mut times: Vec<i64> =
        (0..chance.usize(10..60)).map(|_| chance.i64(days.start * DAY..days.end * DAY)).collect();
    times.sort_unstable();
    let event = |at| {
        let customer = ["a", "b", "c", "d", "e", "f", "g", "h"][chance.usize(..8)];
        let kind =
            ["order_completed", "order_completed", "order_refunded", "visit"][chance.usize(..4)];
        let (order, value) = (chance.u32(..12), chance.u32(1..120));
        let channel = ["web", "shop", "mail"][chance.usize(..3)];
        let id = chance.u32(..200);
        let more = format!(
            r#","id":"{id}","order_id":"{customer}{order}","value":{value},"channel":"{channel}""#
        );
        RandomEvent { customer, kind, at, more }
    };
    times.into_iter().map(event).collect()
}

impl RandomEvent {
    fn as_event(&self) -> TestEvent<'_> {
        let RandomEvent { customer, kind, at, more } = self;
        TestEvent { customer, kind, at: *at, more }
    }
}

fn by_customer(shop: &Shop, outputs: &[Output]) -> BTreeMap<String, Vec<String>> {
    let mut by_customer: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for output in outputs {
        if let Output::StageChanged { customer, change } = output {
            let line = format!(
                "{} {} {}",
                shop.models.list[change.model].name,
                shop.describe(change),
                change.sequence
            );
            by_customer.entry(customer.as_str().to_owned()).or_default().push(line);
        }
    }
    by_customer
}

/// The states without their entries in the timer index, which may differ.
fn comparable(states: &BTreeMap<CustomerId, CustomerState>) -> Vec<(CustomerId, CustomerState)> {
    let without = |(id, state): (&CustomerId, &CustomerState)| {
        let armed = None;
        (id.clone(), CustomerState { armed, ..state.clone() })
    };
    states.iter().map(without).collect()
}

#[test]
fn the_result_does_not_depend_on_whether_the_sweep_or_an_event_migrates_a_customer() {
    let (mut transitions, mut by_change) = (0, 0);
    for seed in 0..200 {
        let mut chance = Rng::with_seed(seed);
        let (before, after) = (random_models(&mut chance, 1), random_models(&mut chance, 2));
        let (early, late) = (history(&mut chance, 0..30), history(&mut chance, 30..60));
        let run = |sweep_after: usize| {
            let mut shop = Shop::open(before.clone());
            shop.receive(&early.iter().map(RandomEvent::as_event).collect::<Vec<_>>());
            shop.advance(30);
            let change = shop.change(after.clone());
            assert_eq!(change.refusal(AcceptedLosses::default()), None, "seed {seed}");
            let mut outputs = Vec::new();
            for (at, event) in late.iter().enumerate() {
                if at == sweep_after {
                    outputs.extend(shop.sweep());
                }
                // The batch does not continue the sweep.
                let sweep = shop.progress.sweep.clone();
                shop.progress.sweep = None;
                outputs.extend(shop.receive(&[event.as_event()]));
                shop.progress.sweep = sweep;
            }
            outputs.extend(shop.sweep());
            outputs.extend(shop.advance(90));
            let transitions = by_customer(&shop, &outputs);
            let by_change = outputs.iter().filter(|output| is_by_model_change(output)).count();
            assert_eq!(
                shop.progress.timers,
                shop.states.values().filter(|state| state.armed.is_some()).count() as u64
            );
            (transitions, comparable(&shop.states), shop.progress.population.clone(), by_change)
        };
        let first = run(0);
        transitions += first.0.values().map(Vec::len).sum::<usize>();
        by_change += first.3;
        for sweep_after in [late.len() / 2, usize::MAX] {
            let other = run(sweep_after);
            assert_eq!(other.0, first.0, "seed {seed}: swept after {sweep_after}");
            assert_eq!(other.1, first.1, "seed {seed}: swept after {sweep_after}");
            assert_eq!(other.2, first.2, "seed {seed}: swept after {sweep_after}");
        }
    }
    assert!(transitions > 2_000, "{transitions}");
    assert!(by_change > 200, "{by_change}");
}

#[test]
fn migrated_facts_equal_those_of_a_run_with_the_new_models_from_the_start() {
    let mut facts = 0;
    for seed in 0..600 {
        let mut chance = Rng::with_seed(seed);
        let (before, after) = (random_models(&mut chance, 1), random_models(&mut chance, 2));
        let (early, late) = (history(&mut chance, 0..30), history(&mut chance, 30..50));
        let run = |first: &Models| {
            let mut shop = Shop::open(first.clone());
            shop.receive(&early.iter().map(RandomEvent::as_event).collect::<Vec<_>>());
            if tenure::partition::hash_models(first) != tenure::partition::hash_models(&after) {
                shop.change(after.clone());
                shop.sweep();
            }
            shop.receive(&late.iter().map(RandomEvent::as_event).collect::<Vec<_>>());
            shop.states
        };
        let (changed, always) = (run(&before), run(&after));
        assert_eq!(changed.len(), always.len());
        for (id, state) in &changed {
            facts += state.facts.len();
            assert_eq!(state.facts, always[id].facts, "seed {seed}, {id:?}");
            assert_eq!(state.ledger, always[id].ledger, "seed {seed}, {id:?}");
            assert_eq!(state.recent, always[id].recent, "seed {seed}, {id:?}");
            assert_eq!(state.latest, always[id].latest, "seed {seed}, {id:?}");
        }
    }
    assert!(facts > 20_000, "{facts}");
}

#[test]
fn changing_the_models_back_restores_the_state() {
    for seed in 0..300 {
        let mut chance = Rng::with_seed(seed);
        let before = random_models(&mut chance, 1);
        let mut shop = Shop::open(before.clone());
        shop.receive(
            &history(&mut chance, 0..30).iter().map(RandomEvent::as_event).collect::<Vec<_>>(),
        );
        let known = comparable(&shop.states);
        // The same models in another order, and back.
        let mut texts: Vec<String> = before.list.iter().map(|it| it.source.text.clone()).collect();
        texts.reverse();
        let reversed = models(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let change = shop.change(reversed);
        assert!(!change.is_text_only && change.models.iter().all(|it| it.is_unchanged));
        assert_eq!(shop.sweep_transitions(), [""; 0]);
        texts.reverse();
        let texts: Vec<String> = texts.iter().map(|text| format!("# Back.\n{text}")).collect();
        shop.change(models(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(shop.sweep_transitions(), [""; 0]);
        for ((id, was), (_, is)) in known.into_iter().zip(comparable(&shop.states)) {
            let generation = is.generation;
            assert_eq!(is, CustomerState { generation, ..was }, "seed {seed}, {id:?}");
        }
    }
}
