//! Outputs that are told after the commit that they belong to: it carries them, so that whoever goes
//! on after a crash can tell them, once more if need be.
//!
//! Each is a record of the changelog, as it will be told but for its topic and key, which stand in
//! headers. The next batch writes over it.

use super::ProducerRecord;
use crate::event::Headers;

/// The first byte of their keys; then comes the number of the output in its batch.
pub(super) const KEY_PREFIX: u8 = b'o';

const BATCH: &str = "tenure_batch";
const TOPIC: &str = "tenure_topic_to";
const OUTPUT_KEY: &str = "tenure_key";
/// The changelog is compacted: a record without a value would delete.
const NO_VALUE: &str = "tenure_no_value";

/// An output that may not have been told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The batch that it belongs to.
    pub batch: u64,
    /// What is to be told.
    pub output: ProducerRecord,
}

impl OutboxEntry {
    /// The record of the changelog that carries it, as output `number` of its batch.
    pub(super) fn encode(self, changelog: &str, partition: i32, number: u32) -> ProducerRecord {
        let ProducerRecord {
            topic,
            key,
            value,
            mut headers,
            ..
        } = self.output;
        let mut add = |name: &str, value: Vec<u8>| headers.push((name.to_owned(), Some(value)));
        add(BATCH, self.batch.to_be_bytes().into());
        add(TOPIC, topic.into_bytes());
        if let Some(key) = key {
            add(OUTPUT_KEY, key);
        }
        if value.is_none() {
            add(NO_VALUE, Vec::new());
        }
        ProducerRecord {
            topic: changelog.to_owned(),
            partition: Some(partition),
            key: Some([&[KEY_PREFIX], number.to_be_bytes().as_slice()].concat()),
            value: Some(value.unwrap_or_default()),
            headers,
        }
    }

    /// Reads a record of the changelog; `None` where it carries no output.
    pub fn decode(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Option<OutboxEntry> {
        if key?.first() != Some(&KEY_PREFIX) {
            return None;
        }
        // Ours are the last: what is told may have headers of the same name.
        let own = |name: &str| {
            let found = headers.iter().rposition(|(known, _)| known == name)?;
            Some((found, headers[found].1.as_deref()?))
        };
        let (ours, batch) = own(BATCH)?;
        let after = |name: &str| own(name).filter(|(at, _)| *at > ours).map(|(_, it)| it);
        let topic = std::str::from_utf8(after(TOPIC)?).ok()?;
        let output = ProducerRecord {
            topic: topic.to_owned(),
            partition: None,
            key: after(OUTPUT_KEY).map(<[u8]>::to_vec),
            value: match after(NO_VALUE) {
                Some(_) => None,
                None => value.map(<[u8]>::to_vec),
            },
            headers: headers[..ours].to_vec(),
        };
        let batch = u64::from_be_bytes(batch.try_into().ok()?);
        Some(OutboxEntry { batch, output })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Bytes = Option<Vec<u8>>;

    proptest! {
        #[test]
        fn what_is_carried_is_what_was_to_be_told(
            topic: String,
            key: Bytes,
            value: Bytes,
            headers: Vec<(String, Bytes)>,
            names: bool,
            batch: u64,
        ) {
            let mut headers = headers;
            if names {
                headers.extend([BATCH, TOPIC, OUTPUT_KEY, NO_VALUE].map(|name| (name.to_owned(), Some(vec![0; 8]))));
            }
            let output = ProducerRecord { topic, partition: None, key, value, headers };
            let pending = OutboxEntry { batch, output };
            let carried = pending.clone().encode("changelog", 1, 2);
            prop_assert_eq!(&carried.topic, "changelog");
            prop_assert!(carried.value.is_some());
            let read = OutboxEntry::decode(carried.key.as_deref(), carried.value.as_deref(), &carried.headers);
            prop_assert_eq!(read, Some(pending));
        }
    }
}
