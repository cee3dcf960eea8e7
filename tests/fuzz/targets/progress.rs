//! Encoded progress: everything in it is decoded, and encoded so that it decodes to the same.

use serde_json::Value;
use tenure::partition::Generation;
use tenure::partition::codec::{self, Identity, LegacyIdentity, SourceTopics, UnusableState};

/// The identity in the corpus.
pub(crate) fn identity() -> Identity {
    Identity {
        source: SourceTopics {
            cluster: "fuzz".to_owned(),
            inputs: vec!["clicks".to_owned(), "orders".to_owned()],
            partitions: 2,
        },
        legacy: LegacyIdentity {
            rules: "fuzz".to_owned(),
            inputs: "inputs".to_owned(),
            inputs_with_fewer: Vec::new(),
            format_1: "fuzz-1".to_owned(),
        },
    }
}

const LOADED: &str = "models";

pub(crate) fn run(bytes: &[u8]) {
    let identity = identity();
    let outcome = codec::decode(bytes, &identity, LOADED);
    assert_eq!(codec::decode(bytes, &identity, LOADED), outcome);
    drop(Generation::decode(bytes));
    let Ok(progress) = outcome else {
        return;
    };
    let written = codec::encode(&progress, &identity);
    assert_eq!(codec::decode(&written, &identity, LOADED), Ok(progress));
    let other_cluster = codec::decode(&written, &Identity::default(), LOADED);
    assert!(matches!(other_cluster, Err(UnusableState::OtherCluster { .. })));
    let read = |bytes| serde_json::from_slice::<Value>(bytes).unwrap();
    let (mut read, written) = (read(bytes), read(&written));
    if read["format"] != written["format"] {
        return; // It is encoded in the current format.
    }
    for absent in ["highest", "delay", "arrived", "fired_to"] {
        // A missing key means null.
        read.as_object_mut().unwrap().entry(absent).or_insert(Value::Null);
    }
    assert_eq!(read, written);
}
