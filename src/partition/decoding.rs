//! The decoding settings of a partition (mappings, limits, money), stored with its states. New settings take
//! effect from the next offset on; a process with older settings defers the partition.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::short_hash::short_hex;
use crate::event::{CurrencyRates, Mapping, RecordLimits};

/// The settings as key and text.
///
/// The texts are a storage format: they are compared between versions of Tenure. A setting that a later version
/// adds must be left out if its value means the behaviour of earlier versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecodingSettings(BTreeMap<String, String>);

const VERSION: &str = "version";
const CURRENCY: &str = "money.currency";

impl DecodingSettings {
    /// `inputs` are the topics with the mappings of each, in order. An operator increments `version` to return to
    /// earlier settings.
    pub fn new<'i>(
        version: u64,
        inputs: impl Iterator<Item = (&'i str, &'i [Mapping])>,
        limits: &RecordLimits,
        money: &CurrencyRates,
    ) -> DecodingSettings {
        let mut all = BTreeMap::from([(VERSION.to_owned(), version.to_string())]);
        for (number, (topic, mappings)) in inputs.enumerate() {
            all.insert(format!("input.{number}.topic"), topic.to_owned());
            for (at, mapping) in mappings.iter().enumerate() {
                let prefix = match at {
                    0 => format!("input.{number}"),
                    further => format!("input.{number}.mapping.{further}"),
                };
                all.extend(
                    mapping_as_text(mapping).map(|(key, text)| (format!("{prefix}.{key}"), text)),
                );
            }
        }
        let RecordLimits {
            record_bytes,
            depth,
            text_bytes,
            elements,
            time_floor,
            time_ceiling: _, // Used for files only.
            future_tolerance,
        } = limits;
        for (key, number) in [
            ("limits.record", *record_bytes as i128),
            ("limits.depth", *depth as i128),
            ("limits.text", *text_bytes as i128),
            ("limits.elements", *elements as i128),
            ("time.floor", time_floor.0.into()),
            ("time.future", future_tolerance.0.into()),
        ] {
            all.insert(key.to_owned(), number.to_string());
        }
        all.insert(CURRENCY.to_owned(), money.currency.clone());
        for (code, rate) in &money.rates {
            all.insert(format!("money.rates.{code}"), rate.to_string());
        }
        DecodingSettings(all)
    }

    pub fn hash(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("text is always valid JSON");
        short_hex(Sha256::new().chain_update(bytes))
    }

    pub(super) fn version(&self) -> u64 {
        let version = self.0.get(VERSION).and_then(|text| text.parse().ok());
        version.unwrap_or_default()
    }

    /// Compares the versions that operators set.
    pub(crate) fn is_older_than(&self, other: &DecodingSettings) -> bool {
        self.version() < other.version()
    }

    /// The changed settings, one readable line each.
    pub(crate) fn diff(&self, after: &DecodingSettings) -> Vec<String> {
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

    fn topics(&self) -> Vec<&str> {
        let topic = |number: usize| self.0.get(&format!("input.{number}.topic"));
        (0..).map_while(topic).map(String::as_str).collect()
    }

    /// Why states written with these settings cannot be used with the settings `after`.
    pub(crate) fn incompatibility(&self, after: &DecodingSettings) -> Option<String> {
        let (before, now) = (self.topics(), after.topics());
        if !now.starts_with(&before) {
            return Some(format!(
                "the inputs were {} and must remain in this order; add new inputs at the end of the list",
                before.join(", ")
            ));
        }
        let (before, now) = (self.0.get(CURRENCY)?, after.0.get(CURRENCY)?);
        (before != now).then(|| {
            format!(
                "money.currency was {before} and is {now} now, but the stored facts contain sums in {before}. Restore {before} and \
                add a rate for {now}; to start over in {now}, use another kafka.app and an empty changelog"
            )
        })
    }
}

fn mapping_as_text(mapping: &Mapping) -> impl Iterator<Item = (&'static str, String)> {
    let unit = ("time_unit", mapping.time_format.unit.name().to_owned());
    let sources = Mapping::FIELDS.map(|field| (field, mapping.source(field).to_string()));
    std::iter::once(unit).chain(sources).chain(mapping.other_settings())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Quantity;

    fn decoding(edit: impl Fn(&mut Mapping, &mut CurrencyRates)) -> DecodingSettings {
        let (mut mapping, mut money) = (Mapping::default(), CurrencyRates::default());
        edit(&mut mapping, &mut money);
        let inputs = [("clicks", std::slice::from_ref(&mapping))];
        DecodingSettings::new(1, inputs.into_iter(), &RecordLimits::default(), &money)
    }

    #[test]
    fn the_bytes_of_settings_stay_the_same_from_version_to_version() {
        let bytes = serde_json::to_string(&decoding(|mapping, money| {
            mapping.customer_id = "user.id".into();
            money.rates.insert("EUR".to_owned(), Quantity::parse("1.1").unwrap());
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
        assert_eq!(decoding(|_, _| {}).hash(), "fec2c02d12784ce7ade0390b60f9626a");
    }

    #[test]
    fn changed_settings_are_listed_and_another_currency_is_refused() {
        let before = decoding(|_, _| {});
        assert_eq!(before.diff(&before), [""; 0]);
        let after = decoding(|mapping, money| {
            mapping.event_type = "event".into();
            money.rates.insert("EUR".to_owned(), Quantity::from_whole(2));
        });
        let lines =
            [r#"input.0.type: "event" instead of "type""#, r#"money.rates.EUR: "2" is new"#];
        assert_eq!(before.diff(&after), lines);
        assert_eq!(before.incompatibility(&after), None);
        assert_eq!(after.diff(&before)[1], r#"money.rates.EUR: "2" is gone"#);
        let inputs = |topics: &[&'static str]| {
            let mappings = [Mapping::default()];
            let inputs = topics.iter().map(|topic| (*topic, mappings.as_slice()));
            DecodingSettings::new(1, inputs, &RecordLimits::default(), &CurrencyRates::default())
        };
        assert_eq!(before.incompatibility(&inputs(&["clicks", "orders"])), None);
        for topics in [&["orders", "clicks"][..], &["orders"], &[]] {
            let refusal = before.incompatibility(&inputs(topics)).unwrap();
            assert!(
                refusal.starts_with("the inputs were clicks and must remain in this order"),
                "{refusal}"
            );
        }
        let euros = decoding(|_, money| money.currency = "EUR".to_owned());
        assert!(before.incompatibility(&euros).unwrap().contains("was USD and is EUR now"));
    }
}
