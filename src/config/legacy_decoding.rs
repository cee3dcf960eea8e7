//! The text of mappings, limits and money that Tenure hashed up to progress format 3, storing the hash with the states.
//! It recognises those states and never changes.

use crate::event::{CurrencyRates, Mapping, RecordLimits, Step, TimeUnit};

/// The text that was hashed. It does not contain settings that were added later.
pub(super) fn hashed_text(
    inputs: &[&str],
    mappings: &[Mapping],
    limits: &RecordLimits,
    money: &CurrencyRates,
) -> String {
    let mappings: Vec<String> = mappings.iter().map(mapping).collect();
    let mappings = mappings.join(", ");
    let rates = money.rates.iter();
    let rates: Vec<String> =
        rates.map(|(code, rate)| format!("{code:?}: Quantity({})", rate.nanos())).collect();
    let (currency, rates) = (&money.currency, rates.join(", "));
    format!(
        "{inputs:?}\n[{mappings}]\n{}\nMoney {{ currency: {currency:?}, rates: {{{rates}}} }}",
        self::limits(limits)
    )
}

fn mapping(mapping: &Mapping) -> String {
    // Paths of keys alone, and only one for each field, are all that there was.
    let path = |field: &str| {
        let path = mapping.source(field).paths.first().cloned().unwrap_or_default();
        let keys = path.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            _ => None,
        });
        format!("Path({:?})", keys.collect::<Vec<_>>())
    };
    let time_unit = match mapping.time_format.unit {
        TimeUnit::Seconds => "Seconds",
        TimeUnit::Milliseconds => "Milliseconds",
        TimeUnit::Microseconds => "Microseconds",
        TimeUnit::Nanoseconds => "Nanoseconds",
        TimeUnit::SpreadsheetDays => "SpreadsheetDays",
    };
    format!(
        "Mapping {{ customer_id: {}, kind: {}, time: {}, time_unit: {time_unit}, id: {}, order_id: {}, channel: {}, value: {}, \
        currency: {}, properties: {} }}",
        path("customer_id"),
        path("type"),
        path("time"),
        path("id"),
        path("order_id"),
        path("channel"),
        path("value"),
        path("currency"),
        path("properties"),
    )
}

fn limits(limits: &RecordLimits) -> String {
    format!(
        "Limits {{ record_bytes: {}, depth: {}, text_bytes: {}, elements: {}, time_floor: EventTime({}), future: Millis({}) }}",
        limits.record_bytes,
        limits.depth,
        limits.text_bytes,
        limits.elements,
        limits.time_floor.0,
        limits.future_tolerance.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Quantity;
    use crate::event::TimeFormat;

    #[test]
    fn the_text_is_the_one_of_version_0_1() {
        let mapping = Mapping {
            customer_id: "user.id".into(),
            properties: "".into(),
            time_format: TimeFormat { unit: TimeUnit::Seconds, ..TimeFormat::default() },
            ..Mapping::default()
        };
        let rates = [("EUR", "1.1"), ("JPY", "0.0065")];
        let rates = rates.map(|(code, rate)| (code.to_owned(), Quantity::parse(rate).unwrap()));
        let money = CurrencyRates { currency: "USD".to_owned(), rates: rates.into() };
        let all = [mapping, Mapping::default()];
        let text = hashed_text(&["clicks", "orders"], &all, &RecordLimits::default(), &money);
        let expected = concat!(
            r#"["clicks", "orders"]"#,
            "\n",
            r#"[Mapping { customer_id: Path(["user", "id"]), kind: Path(["type"]), time: Path(["time"]), "#,
            r#"time_unit: Seconds, id: Path(["id"]), order_id: Path(["order_id"]), channel: "#,
            r#"Path(["channel"]), value: Path(["value"]), currency: Path(["currency"]), properties: Path([]) "#,
            r#"}, Mapping { customer_id: Path(["customer_id"]), kind: Path(["type"]), time: Path(["time"]), "#,
            r#"time_unit: Milliseconds, id: Path(["id"]), order_id: Path(["order_id"]), channel: "#,
            r#"Path(["channel"]), value: Path(["value"]), currency: Path(["currency"]), properties: "#,
            r#"Path(["properties"]) }]"#,
            "\n",
            r#"Limits { record_bytes: 1048576, depth: 32, text_bytes: 65536, elements: 10000, time_floor: "#,
            r#"EventTime(631152000000), future: Millis(86400000) }"#,
            "\n",
            r#"Money { currency: "USD", rates: {"EUR": Quantity(1100000000), "JPY": Quantity(6500000)} }"#,
        );
        assert_eq!(text, expected);
    }
}
