//! By what the records of a partition are decoded: mappings, limits and money, as they are kept beside its states. Other ones
//! take effect from the next offset on, and a process with earlier ones leaves the partition alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::generation::short_hex;
use crate::event::{CurrencyRates, Mapping, RecordLimits, TimeUnit};

/// The settings, each as a key and a text.
///
/// The texts are the format: they are compared between versions of Tenure. A setting that a later version adds is left out
/// where it stands at what earlier versions did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecodingSettings(BTreeMap<String, String>);

const VERSION: &str = "version";
const CURRENCY: &str = "money.currency";

impl DecodingSettings {
    /// Of inputs in their order, each a topic and its mapping. `version` is what a person counts up to go back to earlier
    /// settings.
    pub fn new<'i>(
        version: u64,
        inputs: impl Iterator<Item = (&'i str, &'i Mapping)>,
        limits: &RecordLimits,
        money: &CurrencyRates,
    ) -> DecodingSettings {
        let mut all = BTreeMap::from([(VERSION.to_owned(), version.to_string())]);
        for (number, (topic, mapping)) in inputs.enumerate() {
            let mut put =
                |key: &str, text: String| all.insert(format!("input.{number}.{key}"), text);
            put("topic", topic.to_owned());
            put("time_unit", time_unit_name(mapping.time_unit).to_owned());
            for field in Mapping::FIELDS {
                put(field, mapping.path(field).0.join("."));
            }
        }
        let RecordLimits {
            record_bytes,
            depth,
            text_bytes,
            elements,
            time_floor,
            time_ceiling: _, // Of files.
            future_tolerance: future,
        } = limits;
        for (key, number) in [
            ("limits.record", *record_bytes as i128),
            ("limits.depth", *depth as i128),
            ("limits.text", *text_bytes as i128),
            ("limits.elements", *elements as i128),
            ("time.floor", time_floor.0.into()),
            ("time.future", future.0.into()),
        ] {
            all.insert(key.to_owned(), number.to_string());
        }
        all.insert(CURRENCY.to_owned(), money.currency.clone());
        for (code, rate) in &money.rates {
            all.insert(format!("money.rates.{code}"), rate.to_string());
        }
        DecodingSettings(all)
    }

    /// Stands for all of it.
    pub fn hash(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("text is always JSON");
        short_hex(Sha256::new().chain_update(bytes))
    }

    pub(super) fn version(&self) -> u64 {
        let version = self.0.get(VERSION).and_then(|text| text.parse().ok());
        version.unwrap_or_default()
    }

    /// Whether these settings are older than others by the version that a person counts.
    pub fn is_older_than(&self, other: &DecodingSettings) -> bool {
        self.version() < other.version()
    }

    /// What is different after it, for people: a line for each setting.
    pub fn diff(&self, after: &DecodingSettings) -> Vec<String> {
        let keys: std::collections::BTreeSet<&String> =
            self.0.keys().chain(after.0.keys()).collect();
        let change = |key: &String| {
            let (before, now) = (self.0.get(key), after.0.get(key));
            match (before, now) {
                _ if before == now => None,
                (Some(before), Some(now)) => Some(format!("{key}: {now:?} instead of {before:?}")),
                (None, Some(now)) => Some(format!("{key}: {now:?} is new")),
                (Some(before), _) => Some(format!("{key}: {before:?} is gone")),
                (None, None) => None,
            }
        };
        keys.into_iter().filter_map(change).collect()
    }

    /// The inputs in their order.
    fn topics(&self) -> Vec<&str> {
        let topic = |number: usize| self.0.get(&format!("input.{number}.topic"));
        (0..).map_while(topic).map(String::as_str).collect()
    }

    /// Why states made with these settings cannot be gone on with under others.
    pub fn incompatibility(&self, after: &DecodingSettings) -> Option<String> {
        let (before, now) = (self.topics(), after.topics());
        if !now.starts_with(&before) {
            return Some(format!(
                "the inputs were {}, and have to stay so, in this order: further ones go to the end of the list",
                before.join(", ")
            ));
        }
        let (before, now) = (self.0.get(CURRENCY)?, after.0.get(CURRENCY)?);
        (before != now).then(|| {
            format!(
                "money.currency was {before} and is {now} now, and what facts have added up so far is in {before}. Set it back, \
                with a rate for {now}; to begin anew in {now}, use another kafka.app and an empty changelog"
            )
        })
    }
}

fn time_unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Seconds => "seconds",
        TimeUnit::Milliseconds => "milliseconds",
        TimeUnit::Microseconds => "microseconds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Quantity;

    fn decoding(edit: impl Fn(&mut Mapping, &mut CurrencyRates)) -> DecodingSettings {
        let (mut mapping, mut money) = (Mapping::default(), CurrencyRates::default());
        edit(&mut mapping, &mut money);
        let inputs = [("clicks", &mapping)];
        DecodingSettings::new(1, inputs.into_iter(), &RecordLimits::default(), &money)
    }

    #[test]
    fn the_bytes_of_settings_stay_the_same_from_version_to_version() {
        let bytes = serde_json::to_string(&decoding(|mapping, money| {
            mapping.customer_id = "user.id".into();
            money
                .rates
                .insert("EUR".to_owned(), Quantity::parse("1.1").unwrap());
        }));
        let expected = concat!(
            r#"{"input.0.channel":"channel","input.0.currency":"currency","input.0.customer_id":"user.id","input.0.id":"id","#,
            r#""input.0.order_id":"order_id","input.0.properties":"properties","input.0.time":"time","#,
            r#""input.0.time_unit":"milliseconds","input.0.topic":"clicks","input.0.type":"type","input.0.value":"value","#,
            r#""limits.depth":"32","limits.elements":"10000","limits.record":"1048576","limits.text":"65536","#,
            r#""money.currency":"USD","money.rates.EUR":"1.1","time.floor":"631152000000","time.future":"86400000","#,
            r#""version":"1"}"#,
        );
        assert_eq!(bytes.unwrap(), expected);
        assert_eq!(
            decoding(|_, _| {}).hash(),
            "fec2c02d12784ce7ade0390b60f9626a"
        );
    }

    #[test]
    fn what_changes_is_named_and_another_currency_is_refused() {
        let before = decoding(|_, _| {});
        assert_eq!(before.diff(&before), [""; 0]);
        let after = decoding(|mapping, money| {
            mapping.event_type = "event".into();
            money
                .rates
                .insert("EUR".to_owned(), Quantity::from_whole(2));
        });
        let told = [
            r#"input.0.type: "event" instead of "type""#,
            r#"money.rates.EUR: "2" is new"#,
        ];
        assert_eq!(before.diff(&after), told);
        assert_eq!(before.incompatibility(&after), None);
        assert_eq!(after.diff(&before)[1], r#"money.rates.EUR: "2" is gone"#);
        let inputs = |topics: &[&'static str]| {
            let mapping = Mapping::default();
            let inputs = topics.iter().map(|topic| (*topic, &mapping));
            DecodingSettings::new(
                1,
                inputs,
                &RecordLimits::default(),
                &CurrencyRates::default(),
            )
        };
        assert_eq!(before.incompatibility(&inputs(&["clicks", "orders"])), None);
        for topics in [&["orders", "clicks"][..], &["orders"], &[]] {
            let refusal = before.incompatibility(&inputs(topics)).unwrap();
            assert!(refusal.starts_with("the inputs were clicks,"), "{refusal}");
        }
        let euros = decoding(|_, money| money.currency = "EUR".to_owned());
        assert!(
            before
                .incompatibility(&euros)
                .unwrap()
                .contains("was USD and is EUR now")
        );
    }
}
