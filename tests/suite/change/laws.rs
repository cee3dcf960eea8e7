//! Laws of any change, over thousands of histories.

use fastrand::Rng;

use super::*;

/// A model whose numbers, and the order of whose parts, are drawn; what it remembers stays the same.
fn drawn(chance: &mut Rng, version: u32) -> Models {
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

struct Drawn {
    who: &'static str,
    what: &'static str,
    at: i64,
    more: String,
}

/// What eight customers do in some days, in order of time; some of it comes twice, some takes orders back.
fn history(chance: &mut Rng, days: std::ops::Range<i64>) -> Vec<Drawn> {
    let mut times: Vec<i64> = (0..chance.usize(10..60))
        .map(|_| chance.i64(days.start * DAY..days.end * DAY))
        .collect();
    times.sort_unstable();
    let event = |at| {
        let who = ["a", "b", "c", "d", "e", "f", "g", "h"][chance.usize(..8)];
        let what = [
            "order_completed",
            "order_completed",
            "order_refunded",
            "visit",
        ][chance.usize(..4)];
        let (order, value) = (chance.u32(..12), chance.u32(1..120));
        let channel = ["web", "shop", "mail"][chance.usize(..3)];
        let id = chance.u32(..200);
        let more = format!(
            r#","id":"{id}","order_id":"{who}{order}","value":{value},"channel":"{channel}""#
        );
        Drawn {
            who,
            what,
            at,
            more,
        }
    };
    times.into_iter().map(event).collect()
}

impl Drawn {
    fn did(&self) -> Did<'_> {
        let Drawn {
            who,
            what,
            at,
            more,
        } = self;
        Did {
            who,
            what,
            at: *at,
            more,
        }
    }
}

fn by_customer(shop: &Shop, outputs: &[Output]) -> BTreeMap<String, Vec<String>> {
    let mut by_customer: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for output in outputs {
        if let Output::StageChanged { customer, change } = output {
            let said = format!(
                "{} {} {}",
                shop.models.list[change.model].name,
                shop.said(change),
                change.sequence
            );
            by_customer
                .entry(customer.as_str().to_owned())
                .or_default()
                .push(said);
        }
    }
    by_customer
}

/// What others see; entries in the timer index may be early or late, as long as they are met.
fn comparable(states: &BTreeMap<CustomerId, CustomerState>) -> Vec<(CustomerId, CustomerState)> {
    let without = |(id, state): (&CustomerId, &CustomerState)| {
        let armed = None;
        (
            id.clone(),
            CustomerState {
                armed,
                ..state.clone()
            },
        )
    };
    states.iter().map(without).collect()
}

#[test]
fn it_does_not_matter_whether_somebody_is_met_by_the_sweep_or_by_what_they_do() {
    let (mut moved, mut by_change) = (0, 0);
    for seed in 0..200 {
        let mut chance = Rng::with_seed(seed);
        let (before, after) = (drawn(&mut chance, 1), drawn(&mut chance, 2));
        let (early, late) = (history(&mut chance, 0..30), history(&mut chance, 30..60));
        let run = |swept_after: usize| {
            let mut shop = Shop::open(before.clone());
            shop.tell(&early.iter().map(Drawn::did).collect::<Vec<_>>());
            shop.wait(30);
            let change = shop.change(after.clone());
            assert_eq!(
                change.refusal(AcceptedLosses::default()),
                None,
                "seed {seed}"
            );
            let mut outputs = Vec::new();
            for (at, event) in late.iter().enumerate() {
                if at == swept_after {
                    outputs.extend(shop.sweep());
                }
                // The sweep does not go on by itself.
                let sweep = shop.progress.sweep.clone();
                shop.progress.sweep = None;
                outputs.extend(shop.tell(&[event.did()]));
                shop.progress.sweep = sweep;
            }
            outputs.extend(shop.sweep());
            outputs.extend(shop.wait(90));
            let moves = by_customer(&shop, &outputs);
            let by_change = outputs.iter().filter(|output| is_by_change(output)).count();
            assert_eq!(
                shop.progress.timers,
                shop.states
                    .values()
                    .filter(|state| state.armed.is_some())
                    .count() as u64
            );
            (
                moves,
                comparable(&shop.states),
                shop.progress.population.clone(),
                by_change,
            )
        };
        let first = run(0);
        moved += first.0.values().map(Vec::len).sum::<usize>();
        by_change += first.3;
        for swept_after in [late.len() / 2, usize::MAX] {
            let other = run(swept_after);
            assert_eq!(other.0, first.0, "seed {seed}: swept after {swept_after}");
            assert_eq!(other.1, first.1, "seed {seed}: swept after {swept_after}");
            assert_eq!(other.2, first.2, "seed {seed}: swept after {swept_after}");
        }
    }
    assert!(moved > 2_000, "{moved}");
    assert!(by_change > 200, "{by_change}");
}

#[test]
fn facts_are_what_they_would_be_had_the_models_always_been_these() {
    let mut facts = 0;
    for seed in 0..600 {
        let mut chance = Rng::with_seed(seed);
        let (before, after) = (drawn(&mut chance, 1), drawn(&mut chance, 2));
        let (early, late) = (history(&mut chance, 0..30), history(&mut chance, 30..50));
        let run = |first: &Models| {
            let mut shop = Shop::open(first.clone());
            shop.tell(&early.iter().map(Drawn::did).collect::<Vec<_>>());
            if tenure::partition::hash_models(first) != tenure::partition::hash_models(&after) {
                shop.change(after.clone());
                shop.sweep();
            }
            shop.tell(&late.iter().map(Drawn::did).collect::<Vec<_>>());
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
fn there_and_back_again_is_the_state_that_it_was() {
    for seed in 0..300 {
        let mut chance = Rng::with_seed(seed);
        let before = drawn(&mut chance, 1);
        let mut shop = Shop::open(before.clone());
        shop.tell(
            &history(&mut chance, 0..30)
                .iter()
                .map(Drawn::did)
                .collect::<Vec<_>>(),
        );
        let known = comparable(&shop.states);
        // The same models in another order, and back.
        let mut texts: Vec<String> = before
            .list
            .iter()
            .map(|it| it.source.text.clone())
            .collect();
        texts.reverse();
        let turned = models(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let change = shop.change(turned);
        assert!(!change.is_text_only && change.models.iter().all(|it| it.is_unchanged));
        assert_eq!(shop.swept(), [""; 0]);
        texts.reverse();
        let texts: Vec<String> = texts
            .iter()
            .map(|text| format!("# Back.\n{text}"))
            .collect();
        shop.change(models(
            &texts.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
        assert_eq!(shop.swept(), [""; 0]);
        for ((id, was), (_, is)) in known.into_iter().zip(comparable(&shop.states)) {
            let generation = is.generation;
            assert_eq!(
                is,
                CustomerState { generation, ..was },
                "seed {seed}, {id:?}"
            );
        }
    }
}
