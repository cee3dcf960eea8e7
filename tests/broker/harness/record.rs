//! Records of a topic, owned.

use rdkafka::message::{Header, Headers as _, Message, OwnedHeaders};

/// A record to produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub partition: i32,
    pub key: Option<Vec<u8>>,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; `None` means now, and only for a record to produce.
    pub timestamp: Option<i64>,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    pub offset: i64,
    pub record: Record,
}

impl Record {
    pub(crate) fn new(partition: i32, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Record { partition, key: Some(key.into()), value: Some(value.into()), ..Record::default() }
    }

    /// With this timestamp.
    pub(crate) fn at(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }

    /// The value, which is UTF-8.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(self.value.as_ref().unwrap()).unwrap()
    }

    pub(super) fn native_headers(&self) -> OwnedHeaders {
        let empty = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers.iter().fold(empty, |all, (key, value)| {
            let value = value.as_ref();
            all.insert(Header { key, value })
        })
    }
}

impl StoredRecord {
    pub(super) fn from_message(message: &impl Message) -> StoredRecord {
        let headers = message.headers().into_iter().flat_map(|it| it.iter());
        StoredRecord {
            offset: message.offset(),
            record: Record {
                partition: message.partition(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers
                    .map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec)))
                    .collect(),
                timestamp: message.timestamp().to_millis(),
            },
        }
    }
}
