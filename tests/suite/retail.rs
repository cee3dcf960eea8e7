//! The retail model and the CDNOW sample for the independent fold.

use std::path::Path;

use tenure::customer::{self, CustomerState};
use tenure::event::{CurrencyRates, Decoder, Mapping, Position, RecordLimits};
use tenure::model::{Models, SourceFile};

use crate::reference::{
    self, DAY, Event, Value, count, date, days, event, fact, last, num, since, sum,
};

/// `config/models/retail.yaml`, as a model of the reference.
pub(crate) fn retail() -> reference::Model {
    reference::Model::new("retail", "reach")
        .stages(&["reach", "acquisition", "conversion"])
        .stage("retention", DAY)
        .stages(&["loyalty", "at_risk", "churned"])
        .fact("orders", count("order_completed"))
        .fact("orders_90d", count("order_completed").over(90 * DAY))
        .fact("spend_365d", sum("order_completed", "value").over(365 * DAY))
        .fact("last_order", last("order_completed"))
        .fact("last_seen", last("any"))
        .go(&["reach"], "acquisition", event("signed_up"))
        .go(&["reach", "acquisition"], "conversion", fact("orders").ge(num("1")))
        .go(&["conversion"], "retention", fact("orders").ge(num("2")))
        .go(
            &["retention"],
            "loyalty",
            fact("orders_90d").ge(num("4")) & fact("spend_365d").ge(num("500.0")),
        )
        .go(&["conversion", "retention", "loyalty"], "at_risk", since("last_order").ge(days(45)))
        .hold(3 * DAY)
        .go(&["at_risk"], "retention", since("last_order").lt(days(30)))
        .named("won_back")
        .go(
            &["at_risk"],
            "churned",
            since("last_order").ge(days(120)) & since("last_seen").ge(days(60)),
        )
        .go(&["churned"], "retention", since("last_order").lt(days(1)))
        .named("reactivated")
}

/// The sample, read without a CSV library: it has no quotes.
pub(crate) fn purchases() -> Vec<Event> {
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cdnow_sample.csv"),
    )
    .unwrap();
    let rows = text.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>());
    rows.map(|cells| {
        let part = |range: std::ops::Range<usize>| cells[2][range].parse::<i64>().unwrap();
        let day = date(part(0..4), part(5..7) as usize, part(8..10));
        Event::new(cells[0], cells[1], day).with("value", Value::money(cells[3]))
    })
    .collect()
}

/// A customer with six orders and forty clicks, as encoded in the store and in the changelog.
#[test]
fn the_state_of_a_typical_customer_is_small() {
    let text = include_str!("../../config/models/retail.yaml").to_owned();
    let name = "retail.yaml".to_owned();
    let (models, _) = Models::compile(vec![SourceFile { name, text }]).unwrap();
    let decoder = Decoder::new(
        Mapping::default(),
        models.vocabulary.clone(),
        CurrencyRates::default(),
        RecordLimits::default(),
    );
    let mut state = None;
    for number in 0..46_i64 {
        let kind = match number % 8 {
            4 => r#""order_completed","value":49.90"#,
            _ => r#""page_viewed""#,
        };
        let time = 1_767_225_600_000 + number * 5 * DAY / 4;
        let text = format!(r#"{{"customer_id":"c","time":{time},"type":{kind}}}"#);
        let event = decoder.decode_json(text.as_bytes()).unwrap();
        let position = Position { input: 1, offset: 3_000_000_000 + number };
        let fresh = || CustomerState::new(&models, event.time, position);
        let state = state.get_or_insert_with(fresh);
        state.receive(&models, &event, position, usize::MAX, &mut Vec::new());
    }
    let mut bytes = Vec::new();
    customer::encode(&state.unwrap(), &mut bytes);
    assert!(bytes.len() <= 200, "{} bytes", bytes.len());
}
