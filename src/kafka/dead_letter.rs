//! Encodes rejected records as dead letters that the broker accepts: verbatim if they fit, else
//! truncated, with original length and hash in headers.

use super::producer_record::{header, header_length, headers_length, length};
use super::{OutboxEntry, OutputTopics, ProducerRecord};
use crate::cloudevent::sha256_hex;
use crate::event::{Headers, Position, Rejection};
use crate::partition::LostRange;

/// Kafka's default of a topic's `max.message.bytes`.
const TOPIC_MAX_MESSAGE_BYTES: usize = 1_048_588;
/// librdkafka's default of `message.max.bytes`.
const CLIENT_MESSAGE_MAX_BYTES: usize = 1_000_000;
/// Bytes for the framing of a batch with one record, the headers about the rejection and those of the
/// outbox. Topic names are up to 249 bytes.
const DEAD_LETTER_OVERHEAD: usize = 4 << 10;
/// Longest header value that is copied from a refused output.
const HEADER_VALUE_BYTES_MAX: usize = 256;

const REFUSED: &str = "tenure_refused";
/// The last header of a dead letter for a refused output; marks it, so that it is never replaced again.
const REFUSED_BYTES: &str = "tenure_refused_bytes";
const REASON: &str = "tenure_reason";
const TOPIC: &str = "tenure_topic";
const PARTITION: &str = "tenure_partition";
const OFFSET: &str = "tenure_offset";
const VERSION: &str = "tenure_version";

/// Most bytes of key, value and headers for a topic with this `max.message.bytes`.
pub(super) fn max_bytes(batch_bytes: Option<usize>) -> usize {
    let limit = batch_bytes.unwrap_or(TOPIC_MAX_MESSAGE_BYTES).min(CLIENT_MESSAGE_MAX_BYTES);
    limit.saturating_sub(DEAD_LETTER_OVERHEAD)
}

impl OutputTopics {
    /// Key, value and headers of the record, followed by headers with the reason and the origin. If
    /// they are longer than `room` bytes, the key gets at most a quarter of it, the headers a quarter,
    /// and the value the rest.
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
            let key_names = ["tenure_key_length", "tenure_key_sha256"];
            let value_names = ["tenure_original_length", "tenure_original_sha256"];
            truncate(&mut key, room / 4, key_names, &mut cut);
            truncate_headers(&mut headers, room / 4, &mut cut);
            let rest = room.saturating_sub(length(&key) + headers_length(&headers));
            truncate(&mut value, rest, value_names, &mut cut);
        }
        headers.extend([
            header(REASON, rejection.reason.code()),
            header(TOPIC, &self.inputs[position.input as usize]),
            header(PARTITION, &partition.to_string()),
            header(OFFSET, &position.offset.to_string()),
            header(VERSION, env!("CARGO_PKG_VERSION")),
        ]);
        headers.extend(cut);
        ProducerRecord { topic: self.dead_letters.clone(), partition: None, key, value, headers }
    }

    /// A dead letter about offsets that an input no longer contains: from `tenure_offset` up to before
    /// `tenure_offset_end`. `tenure_applied`: their records were applied before they were lost.
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

    /// The dead letter that replaces an output that the broker refused as too large or invalid: its
    /// origin and short headers, without key and value. `None` if `refused` is such a dead letter
    /// itself, or no output.
    pub(crate) fn dead_letter_for_refused(
        &self,
        refused: &ProducerRecord,
        why: &str,
    ) -> Option<ProducerRecord> {
        if refused.topic == self.changelog {
            return self.dead_letter_for_refused_outbox_entry(refused, why);
        }
        // An input record may have a header of that name, so key, value and header order count too.
        let is_bare = refused.key.is_none() && refused.value.is_none();
        let last_name = refused.headers.last().map(|(name, _)| name.as_str());
        if is_bare && last_name == Some(REFUSED_BYTES) {
            return None;
        }
        let mut headers = vec![header(VERSION, env!("CARGO_PKG_VERSION"))];
        if refused.topic == self.dead_letters {
            // Tenure appends its headers, and the record may have headers of the same name: take the
            // last of each name.
            let copied = [REASON, TOPIC, PARTITION, OFFSET].map(|name| {
                let mut latest = refused.headers.iter().rev();
                latest.find(|(other, _)| other == name).cloned()
            });
            headers.extend(copied.into_iter().flatten());
        } else {
            headers.push(header(REASON, "refused_output"));
            headers.extend(origin(refused));
            let attributes = refused.headers.iter().filter(|(name, value)| {
                name.starts_with("ce_") && length(value) <= HEADER_VALUE_BYTES_MAX
            });
            headers.extend(attributes.cloned());
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

    /// The same for a refused outbox entry: the dead letter is an entry of the same number.
    fn dead_letter_for_refused_outbox_entry(
        &self,
        refused: &ProducerRecord,
        why: &str,
    ) -> Option<ProducerRecord> {
        let key = refused.key.as_deref();
        let entry = OutboxEntry::decode(key, refused.value.as_deref(), &refused.headers)?;
        let number = u32::from_be_bytes(key?.get(1..)?.try_into().ok()?);
        let output = self.dead_letter_for_refused(&entry.output, why)?;
        let batch = entry.batch;
        Some(OutboxEntry { batch, output }.encode(&self.changelog, refused.partition?, number))
    }
}

/// Truncates to `room` bytes; `cut` receives original length and hash under `names`.
fn truncate(bytes: &mut Option<Vec<u8>>, room: usize, names: [&str; 2], cut: &mut Headers) {
    let Some(bytes) = bytes.as_mut().filter(|bytes| bytes.len() > room) else {
        return;
    };
    cut.push(header(names[0], &bytes.len().to_string()));
    cut.push(header(names[1], &sha256_hex(bytes)));
    bytes.truncate(room);
}

/// Retains the first headers that fit into `room`; `cut` receives count and hash of all.
fn truncate_headers(headers: &mut Headers, room: usize, cut: &mut Headers) {
    if headers_length(headers) <= room {
        return;
    }
    // Each name and value ends with a zero byte, so that the hash can be verified from the topic.
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
    let fits = |header: &(String, Option<Vec<u8>>)| {
        used += header_length(header);
        used <= room
    };
    let kept: Headers = headers.drain(..).take_while(fits).collect();
    *headers = kept;
}

/// Topic, partition and offset of the input record of an output, as far as its JSON has them.
fn origin(output: &ProducerRecord) -> Headers {
    let json = output.value.as_deref().map(serde_json::from_slice::<serde_json::Value>);
    let Some(Ok(json)) = json else {
        return Headers::new();
    };
    let data = json.get("data").unwrap_or(&json);
    let input = &data["input"];
    let names = [("topic", TOPIC), ("partition", PARTITION), ("offset", OFFSET)];
    let headers = names.into_iter().filter_map(|(key, name)| match &input[key] {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(header(name, text)),
        other => Some(header(name, &other.to_string())),
    });
    headers.collect()
}

#[cfg(test)]
mod tests;
