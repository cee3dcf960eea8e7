//! Progress as bytes: all that they say is read, and written so that it reads the same.

use serde_json::Value;
use tenure::partition::codec;

use super::MODELS;

/// The identity that the corpus is written under.
pub(crate) const IDENTITY: &str = "fuzz";

pub(crate) fn run(bytes: &[u8]) {
    let outcome = codec::decode(bytes, &MODELS, IDENTITY);
    assert_eq!(codec::decode(bytes, &MODELS, IDENTITY), outcome);
    let Ok(progress) = outcome else {
        return;
    };
    let written = codec::encode(&progress, IDENTITY);
    assert_eq!(codec::decode(&written, &MODELS, IDENTITY), Ok(progress));
    let foreign = codec::decode(&written, &MODELS, "other");
    assert_eq!(foreign, Err(codec::Unusable::Foreign));
    let read = |bytes| serde_json::from_slice::<Value>(bytes).unwrap();
    let (mut read, written) = (read(bytes), read(&written));
    for absent in ["highest", "delay", "fired_to"] {
        // Nothing may be said by leaving it out.
        read.as_object_mut()
            .unwrap()
            .entry(absent)
            .or_insert(Value::Null);
    }
    assert_eq!(read, written);
}
