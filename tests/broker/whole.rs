//! A model that uses all of the language, and a history in which all of it matters: orders with and
//! without an id, twice, refunded and cancelled, in time and late.

use crate::reference::{
    self, DAY, Event, HOUR, MINUTE, Model, Op, Orders, Reentry, Refunds, Repeated, Source, Value,
    avg, count, count_distinct, date, days, entered, event, fact, field, first, has, hours, last,
    latest, max, max_gap, mean_gap, min, num, since, sum, text, time_in, visits,
};

const ORDER: &str = "order_completed";

pub(crate) fn whole() -> Model {
    let model = Model::new("whole", "new")
        .dedupe(3 * DAY)
        .orders(Orders {
            placed: ORDER.to_owned(),
            refunded: Some("order_refunded".to_owned()),
            cancelled: Some("order_cancelled".to_owned()),
            within_ms: 5 * DAY,
            refunds: Refunds::Single,
            repeated: Repeated::Duplicate,
        })
        .corrections(4 * DAY)
        .stages(&["new"])
        .stage("buyer", HOUR)
        .stages(&["regular"])
        .stage("big", 0)
        .reentry(Reentry::After(12 * HOUR))
        .stages(&["at_risk", "lost"])
        .fact("orders", count(ORDER))
        .fact("web", count(ORDER).only(field("channel", Op::Eq, Value::text("web"))))
        .fact("recent", count(ORDER).over(3 * DAY))
        .fact("earlier", count(ORDER).over(3 * DAY).before(3 * DAY))
        .fact("spend", sum(ORDER, "value").over(7 * DAY))
        .fact("best", max(ORDER, "value").over(10 * DAY))
        .fact("least", min(ORDER, "value"))
        .fact("mean", avg(ORDER, "value"))
        .fact("channels", count_distinct(ORDER, "channel", 3).over(7 * DAY))
        .fact("began", first(ORDER))
        .fact("last_order", last(ORDER))
        .fact("seen", last("any"))
        .fact("channel", latest("any", "channel"))
        .fact("rhythm", mean_gap(ORDER))
        .fact("pause", max_gap(ORDER));
    ways_back(ways_on(model))
}

fn ways_on(model: Model) -> Model {
    model
        .go(&["new"], "buyer", fact("orders").ge(num("1")))
        .go(
            &["buyer", "regular"],
            "big",
            fact("best").ge(num("250")) & fact("mean").gt(num("60")) | fact("spend").ge(num("900")),
        )
        .cooldown(6 * HOUR)
        .go(&["buyer"], "regular", fact("recent").ge(num("3")) & fact("recent").gt(fact("earlier")))
}

fn ways_back(model: Model) -> Model {
    let in_stage = || fact(Source::DaysInStage);
    model
        .go(&["regular"], "buyer", fact("recent").lt(fact("earlier")))
        .hold(3 * HOUR)
        .named("slower")
        .go(
            &["buyer", "regular", "big"],
            "at_risk",
            since("last_order").gt(num("2") * fact("rhythm")) & since("last_order").ge(hours(30)),
        )
        .hold(2 * HOUR)
        .go(
            &["big"],
            "regular",
            in_stage().ge(num("2")) & fact("channels").le(num("2")) & fact("web").ge(num("1")),
        )
        .go(&["at_risk"], "buyer", since("last_order").lt(hours(20)))
        .named("won_back")
        .go(
            &["at_risk"],
            "lost",
            since("seen").ge(days(2)) & fact(visits("at_risk")).ge(num("2"))
                | since(entered("at_risk")).ge(days(6))
                | fact(time_in("at_risk")).ge(days(9)),
        )
        .go(
            &["lost"],
            "buyer",
            event(ORDER) & fact(Source::PreviousStage).eq(text("at_risk")) & has("channel"),
        )
        .go(
            &["buyer", "big"],
            "new",
            fact("orders").lt(num("1"))
                | fact("pause").gt(days(9))
                    & since("began").gt(days(30))
                    & fact("least").lt(num("5")),
        )
}

/// The first part is in time order; the rest, which is in one topic, has late events too.
pub(crate) fn history(seed: u64, customers: u64, first: usize, events: usize) -> Vec<Event> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut time = date(2016, 1, 1);
    let mut history: Vec<Event> = Vec::new();
    for number in 0..events {
        time += chance.i64(1..20 * MINUTE);
        let in_time = number < first;
        let at = match chance.u32(0..12) {
            0 if !in_time => time - chance.i64(1..6 * DAY),
            _ => time,
        };
        // A random customer, or the customer and order of a recent event.
        let recent = history.len().saturating_sub(200);
        let known = (recent < history.len()).then(|| chance.usize(recent..history.len()));
        let known = known.map(|at| history[at].clone());
        let kind = match chance.u32(0..20) {
            0 => "order_refunded",
            1 => "order_cancelled",
            2..9 => ORDER,
            _ if !in_time => ORDER,
            9 => "signed_up",
            _ => "page_viewed",
        };
        let returns = kind == "order_refunded" || kind == "order_cancelled";
        let event = match known {
            // A duplicate.
            Some(known) if chance.u32(0..15) == 0 && known.kind == ORDER => {
                Event { time: at, ..known }
            }
            Some(known) if returns && known.order_id.is_some() => {
                let order = known.order_id.clone().unwrap();
                let event = Event::new(&known.customer, kind, at).of_order(&order);
                match chance.bool() {
                    true => event,
                    false => event.with("value", Value::money(&chance.u32(1..90).to_string())),
                }
            }
            _ => {
                let customer = format!("customer-{}", chance.u64(0..customers));
                let event = Event::new(&customer, kind, at);
                let channel = chance.choice(["web", "shop", "app"]).unwrap();
                let amount = format!("{}.{:02}", chance.u32(1..300), chance.u32(0..100));
                match kind == ORDER {
                    true => event
                        .with_id(&format!("e{number}"))
                        .of_order(&format!("o{number}"))
                        .with("channel", Value::text(channel))
                        .with("value", Value::money(&amount)),
                    false => event,
                }
            }
        };
        history.push(event);
    }
    history
}

/// The transitions that the rules demand. Each partition has a time of its own.
pub(crate) fn expected(
    events: &[Event],
    partition: impl Fn(&str) -> i32,
) -> Vec<reference::Change> {
    let models = [whole()];
    let mut parts: std::collections::BTreeMap<i32, Vec<Event>> = Default::default();
    for event in events {
        let own = parts.entry(partition(&event.customer)).or_default();
        own.push(event.clone());
    }
    let changes = parts.values().map(|part| reference::process(&models, part, 0, None));
    changes.flatten().collect()
}
