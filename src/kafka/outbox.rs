//! The outbox of at-least-once delivery. A commit writes its outputs to the changelog, and they are
//! published after it. After a crash, the next owner of the partition publishes them (again).
//!
//! Each entry is a changelog record: the output, with its topic and key moved into headers. Keys
//! repeat from batch to batch, so the next batch overwrites it.

use super::ProducerRecord;
use crate::event::Headers;

/// The first byte of the key of an entry; the number of the output in its batch follows.
pub(super) const KEY_PREFIX: u8 = b'o';

const BATCH: &str = "tenure_batch";
const TOPIC: &str = "tenure_topic_to";
const OUTPUT_KEY: &str = "tenure_key";
/// Marks an output without a value: in the compacted changelog, a record without one is a tombstone.
const NO_VALUE: &str = "tenure_no_value";

/// An output that may not be published yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutboxEntry {
    pub batch: u64,
    pub output: ProducerRecord,
}

impl OutboxEntry {
    /// The changelog record of output `number` of its batch.
    pub(super) fn encode(self, changelog: &str, partition: i32, number: u32) -> ProducerRecord {
        let ProducerRecord { topic, key, value, mut headers, .. } = self.output;
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

    /// Decodes a changelog record; `None` if it is no outbox entry.
    pub(crate) fn decode(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Option<OutboxEntry> {
        if key?.first() != Some(&KEY_PREFIX) {
            return None;
        }
        // The outbox appends its headers, and the output may have headers of the same name: find the
        // last of each name, and accept only those from `BATCH` on.
        let last = |name: &str| {
            let index = headers.iter().rposition(|(other, _)| other == name)?;
            Some((index, headers[index].1.as_deref()?))
        };
        let (first, batch) = last(BATCH)?;
        let after = |name: &str| last(name).filter(|(at, _)| *at > first).map(|(_, it)| it);
        let topic = std::str::from_utf8(after(TOPIC)?).ok()?;
        let output = ProducerRecord {
            topic: topic.to_owned(),
            partition: None,
            key: after(OUTPUT_KEY).map(<[u8]>::to_vec),
            value: match after(NO_VALUE) {
                Some(_) => None,
                None => value.map(<[u8]>::to_vec),
            },
            headers: headers[..first].to_vec(),
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
        fn a_decoded_entry_equals_the_encoded_one(
            topic: String,
            key: Bytes,
            value: Bytes,
            headers: Vec<(String, Bytes)>,
            has_same_names: bool,
            batch: u64,
        ) {
            let mut headers = headers;
            if has_same_names {
                headers.extend([BATCH, TOPIC, OUTPUT_KEY, NO_VALUE].map(|name| (name.to_owned(), Some(vec![0; 8]))));
            }
            let output = ProducerRecord { topic, partition: None, key, value, headers };
            let entry = OutboxEntry { batch, output };
            let record = entry.clone().encode("changelog", 1, 2);
            prop_assert_eq!(&record.topic, "changelog");
            prop_assert!(record.value.is_some());
            let decoded = OutboxEntry::decode(record.key.as_deref(), record.value.as_deref(), &record.headers);
            prop_assert_eq!(decoded, Some(entry));
        }
    }
}
