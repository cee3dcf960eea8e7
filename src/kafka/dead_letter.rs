//! Records that were not accepted, as records that the broker takes: verbatim where they fit, else cut, with
//! what was there told by length and hash.

use super::output::header;
use super::{Outgoing, Outputs, Pending};
use crate::cloudevent::sha256_hex;
use crate::event::{Headers, Position, Rejection};
use crate::partition::LostRange;

/// The largest batch that a topic takes where nobody has said otherwise (`max.message.bytes`).
const RECORD_BYTES: usize = 1_048_588;
/// The largest record that librdkafka takes where nobody has said otherwise (`message.max.bytes`).
const CLIENT_BYTES: usize = 1_000_000;
/// What a batch and its one record take beside their bytes, what is said of the rejection, and what carries a
/// dead letter in the changelog; names of topics are up to 249 bytes.
const OVERHEAD: usize = 4 << 10;
/// Beside the bytes of a header.
const HEADER_BYTES: usize = 16;
/// Longest header that is taken over from an output that was refused.
const HEADER_KEPT_MAX: usize = 256;

const REFUSED: &str = "tenure_refused";
/// The last header of the last resort, which is never replaced again.
const REFUSED_BYTES: &str = "tenure_refused_bytes";
const REASON: &str = "tenure_reason";
const TOPIC: &str = "tenure_topic";
const PARTITION: &str = "tenure_partition";
const OFFSET: &str = "tenure_offset";
const VERSION: &str = "tenure_version";

/// Most bytes of key, value and headers, for a topic that takes batches of this size.
pub(super) fn room(batch_bytes: Option<usize>) -> usize {
    let batch = batch_bytes.unwrap_or(RECORD_BYTES).min(CLIENT_BYTES);
    batch.saturating_sub(OVERHEAD)
}

impl Outputs {
    /// Key, value and headers with the reason and the place beside them. Where they are more than `room`, a
    /// quarter of it is for the key, a quarter for the headers, and what is left for the value.
    pub(super) fn dead_letter(
        &self,
        partition: i32,
        position: Position,
        rejection: &Rejection,
        room: usize,
    ) -> Outgoing {
        let (mut key, mut value) = (rejection.key.clone(), rejection.value.clone());
        let (mut headers, mut cut) = (rejection.headers.clone(), Headers::new());
        if length(&key) + length(&value) + bytes_of(&headers) > room {
            let [names, lengths] = [
                ["tenure_key_length", "tenure_key_sha256"],
                ["tenure_original_length", "tenure_original_sha256"],
            ];
            shorten(&mut key, room / 4, names, &mut cut);
            drop_headers(&mut headers, room / 4, &mut cut);
            let left = room.saturating_sub(length(&key) + bytes_of(&headers));
            shorten(&mut value, left, lengths, &mut cut);
        }
        headers.extend([
            header(REASON, rejection.reason.code()),
            header(TOPIC, &self.inputs[position.input as usize]),
            header(PARTITION, &partition.to_string()),
            header(OFFSET, &position.offset.to_string()),
            header(VERSION, env!("CARGO_PKG_VERSION")),
        ]);
        headers.extend(cut);
        Outgoing {
            topic: self.dead_letters.clone(),
            partition: None,
            key,
            value,
            headers,
        }
    }

    /// Says that an input no longer holds some offsets: from the first one to the one before the end. `applied`:
    /// they had been processed before they were lost.
    pub(super) fn input_lost(&self, partition: i32, lost: &LostRange) -> Outgoing {
        let (from, to) = (lost.from.min(lost.to), lost.from.max(lost.to));
        Outgoing {
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
    pub fn last_resort(&self, refused: &Outgoing, why: &str) -> Option<Outgoing> {
        if refused.topic == self.changelog {
            return self.carried_last_resort(refused, why);
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
                name.starts_with("ce_") && length(value) <= HEADER_KEPT_MAX
            });
            headers.extend(own.cloned());
        }
        headers.extend([
            header(REFUSED, why),
            header("tenure_refused_topic", &refused.topic),
            header(REFUSED_BYTES, &refused.bytes().to_string()),
        ]);
        Some(Outgoing {
            topic: self.dead_letters.clone(),
            partition: None,
            key: None,
            value: None,
            headers,
        })
    }
}

impl Outputs {
    /// The same of an output that the changelog was to carry.
    fn carried_last_resort(&self, refused: &Outgoing, why: &str) -> Option<Outgoing> {
        let key = refused.key.as_deref();
        let pending = Pending::of(key, refused.value.as_deref(), &refused.headers)?;
        let number = u32::from_be_bytes(key?.get(1..)?.try_into().ok()?);
        let output = self.last_resort(&pending.output, why)?;
        let batch = pending.batch;
        Some(Pending { batch, output }.carried(&self.changelog, refused.partition?, number))
    }
}

impl Outgoing {
    /// Of key, value and headers.
    pub(super) fn bytes(&self) -> usize {
        length(&self.key) + length(&self.value) + bytes_of(&self.headers)
    }
}

fn length(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}

/// Of names and values.
fn bytes_of(headers: &Headers) -> usize {
    headers.iter().map(bytes_of_one).sum()
}

fn bytes_of_one((name, value): &(String, Option<Vec<u8>>)) -> usize {
    HEADER_BYTES + name.len() + length(value)
}

/// Cuts what is longer than `room`, and says what it was.
fn shorten(bytes: &mut Option<Vec<u8>>, room: usize, names: [&str; 2], cut: &mut Headers) {
    let Some(bytes) = bytes.as_mut().filter(|bytes| bytes.len() > room) else {
        return;
    };
    cut.push(header(names[0], &bytes.len().to_string()));
    cut.push(header(names[1], &sha256_hex(bytes)));
    bytes.truncate(room);
}

/// Keeps the first headers that fit into `room`, and says what all of them were.
fn drop_headers(headers: &mut Headers, room: usize, cut: &mut Headers) {
    if bytes_of(headers) <= room {
        return;
    }
    // As in a record: what is hashed can be put together again from the topic.
    let mut all = Vec::with_capacity(bytes_of(headers));
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
        used += bytes_of_one(one);
        used <= room
    };
    let kept: Headers = headers.drain(..).take_while(fits).collect();
    *headers = kept;
}

/// The place of the record that an output came of, where its JSON says so.
fn origin(output: &Outgoing) -> Headers {
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
