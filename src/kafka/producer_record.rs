//! A record to produce, its headers and its size.

use crate::event::Headers;

/// Bytes of a header in addition to name and value.
const HEADER_OVERHEAD: usize = 16;
/// A record to produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerRecord {
    pub topic: String,
    /// `None`: the partitioner chooses by the key.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Headers,
}

impl ProducerRecord {
    /// Bytes of key, value and headers.
    pub(super) fn byte_len(&self) -> usize {
        length(&self.key) + length(&self.value) + headers_length(&self.headers)
    }
}

pub(super) fn header(name: &str, value: &str) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

pub(super) fn length(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}

pub(super) fn headers_length(headers: &Headers) -> usize {
    headers.iter().map(header_length).sum()
}

pub(super) fn header_length((name, value): &(String, Option<Vec<u8>>)) -> usize {
    HEADER_OVERHEAD + name.len() + length(value)
}
