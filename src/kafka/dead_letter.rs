//! Records that were not accepted, as records that the broker takes: verbatim where they fit, else cut, with
//! what was there told by length and hash.

use super::output::header;
use super::{OutboxEntry, OutputTopics, ProducerRecord};
use crate::cloudevent::sha256_hex;
use crate::event::{Headers, Position, Rejection};
use crate::partition::LostRange;

/// The largest batch that a topic takes where nobody has said otherwise (`max.message.bytes`).
const TOPIC_MAX_MESSAGE_BYTES: usize = 1_048_588;
/// The largest record that librdkafka takes where nobody has said otherwise (`message.max.bytes`).
const CLIENT_MESSAGE_MAX_BYTES: usize = 1_000_000;
/// What a batch and its one record take beside their bytes, what is said of the rejection, and what carries a
/// dead letter in the changelog; names of topics are up to 249 bytes.
const DEAD_LETTER_OVERHEAD: usize = 4 << 10;
/// Beside the bytes of a header.
const HEADER_OVERHEAD: usize = 16;
/// Longest header that is taken over from an output that was refused.
const HEADER_VALUE_BYTES_MAX: usize = 256;

const REFUSED: &str = "tenure_refused";
/// The last header of the last resort, which is never replaced again.
const REFUSED_BYTES: &str = "tenure_refused_bytes";
const REASON: &str = "tenure_reason";
const TOPIC: &str = "tenure_topic";
const PARTITION: &str = "tenure_partition";
const OFFSET: &str = "tenure_offset";
const VERSION: &str = "tenure_version";

/// Most bytes of key, value and headers, for a topic that takes batches of this size.
pub(super) fn max_bytes(batch_bytes: Option<usize>) -> usize {
    let batch = batch_bytes
        .unwrap_or(TOPIC_MAX_MESSAGE_BYTES)
        .min(CLIENT_MESSAGE_MAX_BYTES);
    batch.saturating_sub(DEAD_LETTER_OVERHEAD)
}

impl OutputTopics {
    /// Key, value and headers with the reason and the place beside them. Where they are more than `room`, a
    /// quarter of it is for the key, a quarter for the headers, and what is left for the value.
    pub(super) fn encode_dead_letter(
        &self,
        partition: i32,
        position: Position,
        rejection: &Rejection,
        room: usize,
    ) -> ProducerRecord {
        let (mut key, mut value) = (rejection.key.clone(), rejection.value.clone());
        let (mut headers, mut cut) = (rejection.headers.clone(), Headers::new());
        if length(&key) + length(&value) + headers_length(&headers) > room {
            let [names, lengths] = [
                ["tenure_key_length", "tenure_key_sha256"],
                ["tenure_original_length", "tenure_original_sha256"],
            ];
            truncate(&mut key, room / 4, names, &mut cut);
            truncate_headers(&mut headers, room / 4, &mut cut);
            let left = room.saturating_sub(length(&key) + headers_length(&headers));
            truncate(&mut value, left, lengths, &mut cut);
        }
        headers.extend([
            header(REASON, rejection.reason.code()),
            header(TOPIC, &self.inputs[position.input as usize]),
            header(PARTITION, &partition.to_string()),
            header(OFFSET, &position.offset.to_string()),
            header(VERSION, env!("CARGO_PKG_VERSION")),
        ]);
        headers.extend(cut);
        ProducerRecord {
            topic: self.dead_letters.clone(),
            partition: None,
            key,
            value,
            headers,
        }
    }

    /// Says that an input no longer holds some offsets: from the first one to the one before the end. `applied`:
    /// they had been processed before they were lost.
    pub(super) fn encode_input_lost(&self, partition: i32, lost: &LostRange) -> ProducerRecord {
        let (from, to) = (lost.from.min(lost.to), lost.from.max(lost.to));
        ProducerRecord {
            topic: self.dead_letters.clone(),
            partition: None,
            key: None,
            value: None,
            headers: vec![
                header(REASON, "input_lost"),
                header(TOPIC, &self.inputs[lost.input as usize]),
                header(PARTITION, &partition.to_string()),
                header(OFFSET, &from.to_string()),
                header("tenure_offset_end", &to.to_string()),
                header("tenure_applied", &(lost.to < lost.from).to_string()),
                header(VERSION, env!("CARGO_PKG_VERSION")),
            ],
        }
    }

    /// Stands for an output that the broker has refused for what it is: where it came from, and what was said
    /// of it, without its bytes. `None` where it is the last resort itself, or no output.
    pub fn dead_letter_for_refused(
        &self,
        refused: &ProducerRecord,
        why: &str,
    ) -> Option<ProducerRecord> {
        if refused.topic == self.changelog {
            return self.dead_letter_for_refused_outbox_entry(refused, why);
        }
        // A record may have come with headers of that name: no key and no value, and ours at the end.
        let is_bare = refused.key.is_none() && refused.value.is_none();
        let ends = refused.headers.last().map(|(name, _)| name.as_str());
        if is_bare && ends == Some(REFUSED_BYTES) {
            return None;
        }
        let mut headers = vec![header(VERSION, env!("CARGO_PKG_VERSION"))];
        if refused.topic == self.dead_letters {
            // Ours are the last: a record may have come with headers of the same name.
            let ours = [REASON, TOPIC, PARTITION, OFFSET].map(|name| {
                let mut latest = refused.headers.iter().rev();
                latest.find(|(known, _)| known == name).cloned()
            });
            headers.extend(ours.into_iter().flatten());
        } else {
            headers.push(header(REASON, "refused_output"));
            headers.extend(origin(refused));
            let own = refused.headers.iter().filter(|(name, value)| {
                name.starts_with("ce_") && length(value) <= HEADER_VALUE_BYTES_MAX
            });
            headers.extend(own.cloned());
        }
        headers.extend([
            header(REFUSED, why),
            header("tenure_refused_topic", &refused.topic),
            header(REFUSED_BYTES, &refused.byte_len().to_string()),
        ]);
        Some(ProducerRecord {
            topic: self.dead_letters.clone(),
            partition: None,
            key: None,
            value: None,
            headers,
        })
    }
}

impl OutputTopics {
    /// The same of an output that the changelog was to carry.
    fn dead_letter_for_refused_outbox_entry(
        &self,
        refused: &ProducerRecord,
        why: &str,
    ) -> Option<ProducerRecord> {
        let key = refused.key.as_deref();
        let pending = OutboxEntry::decode(key, refused.value.as_deref(), &refused.headers)?;
        let number = u32::from_be_bytes(key?.get(1..)?.try_into().ok()?);
        let output = self.dead_letter_for_refused(&pending.output, why)?;
        let batch = pending.batch;
        Some(OutboxEntry { batch, output }.encode(&self.changelog, refused.partition?, number))
    }
}

impl ProducerRecord {
    /// Of key, value and headers.
    pub(super) fn byte_len(&self) -> usize {
        length(&self.key) + length(&self.value) + headers_length(&self.headers)
    }
}

fn length(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}

/// Of names and values.
fn headers_length(headers: &Headers) -> usize {
    headers.iter().map(header_length).sum()
}

fn header_length((name, value): &(String, Option<Vec<u8>>)) -> usize {
    HEADER_OVERHEAD + name.len() + length(value)
}

/// Cuts what is longer than `room`, and says what it was.
fn truncate(bytes: &mut Option<Vec<u8>>, room: usize, names: [&str; 2], cut: &mut Headers) {
    let Some(bytes) = bytes.as_mut().filter(|bytes| bytes.len() > room) else {
        return;
    };
    cut.push(header(names[0], &bytes.len().to_string()));
    cut.push(header(names[1], &sha256_hex(bytes)));
    bytes.truncate(room);
}

/// Keeps the first headers that fit into `room`, and says what all of them were.
fn truncate_headers(headers: &mut Headers, room: usize, cut: &mut Headers) {
    if headers_length(headers) <= room {
        return;
    }
    // As in a record: what is hashed can be put together again from the topic.
    let mut all = Vec::with_capacity(headers_length(headers));
    for (name, value) in headers.iter() {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.extend_from_slice(value.as_deref().unwrap_or_default());
        all.push(0);
    }
    cut.push(header("tenure_headers_count", &headers.len().to_string()));
    cut.push(header("tenure_headers_sha256", &sha256_hex(&all)));
    let mut used = 0;
    let fits = |one: &(String, Option<Vec<u8>>)| {
        used += header_length(one);
        used <= room
    };
    let kept: Headers = headers.drain(..).take_while(fits).collect();
    *headers = kept;
}

/// The place of the record that an output came of, where its JSON says so.
fn origin(output: &ProducerRecord) -> Headers {
    let json = output
        .value
        .as_deref()
        .map(serde_json::from_slice::<serde_json::Value>);
    let Some(Ok(json)) = json else {
        return Headers::new();
    };
    let data = json.get("data").unwrap_or(&json);
    let input = &data["input"];
    let names = [
        ("topic", TOPIC),
        ("partition", PARTITION),
        ("offset", OFFSET),
    ];
    let known = names
        .into_iter()
        .filter_map(|(key, name)| match &input[key] {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(header(name, text)),
            other => Some(header(name, &other.to_string())),
        });
    known.collect()
}

#[cfg(test)]
mod tests;
