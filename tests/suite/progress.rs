//! The stored formats of progress and generations, and with which settings they are accepted.

use tenure::event::{CurrencyRates, EventTime, Mapping, Millis, RecordLimits, Watermark};
use tenure::model::{Models, SourceFile as ModelSource};
use tenure::partition::codec::{self, Identity, LegacyIdentity, SourceTopics, UnusableState};
use tenure::partition::{
    DecodingSettings, Generation, MinDelay, Population, Progress, TimerKey, VersionOrdering,
};
use typed_index_collections::ti_vec;

fn source(inputs: &[&str]) -> SourceTopics {
    SourceTopics {
        cluster: "kafka-1".to_owned(),
        inputs: inputs.iter().map(|&id| id.to_owned()).collect(),
        partitions: 4,
    }
}

fn identity(source: SourceTopics) -> Identity {
    Identity {
        source,
        legacy: LegacyIdentity {
            rules: "rules".to_owned(),
            inputs: "inputs".to_owned(),
            inputs_with_fewer: vec!["one".to_owned(), "two".to_owned()],
            format_1: "models and rules".to_owned(),
        },
    }
}

fn progress() -> Progress {
    Progress {
        batch: 7,
        offsets: vec![3, 5],
        watermark: Watermark(100),
        max_event_time: Some(EventTime(110)),
        min_delay: Some(MinDelay { delay: Millis(60_000), received_at: EventTime(120) }),
        fired_to: Some(TimerKey { due: EventTime(90), customer: "ann".into() }),
        generation: 2,
        models_hash: "hash".to_owned(),
        adopted_at: EventTime(80),
        sweep: Some("bob".into()),
        timers: 1,
        population: Population(ti_vec![ti_vec![1, 0]]),
    }
}

const ENCODED: &str = concat!(
    r#"{"format":4,"batch":7,"offsets":[3,5],"watermark":100,"highest":110,"delay":60000,"arrived":120,"fired_to":[90,"ann"],"#,
    r#""generation":2,"models":"hash","adopted_at":80,"sweep":"bob","timers":1,"population":[[1,0]],"#,
    r#""source":{"cluster":"kafka-1","inputs":["a","b"],"partitions":4}}"#,
);

fn decode(text: &str, source: SourceTopics) -> Result<Progress, UnusableState> {
    codec::decode(text.as_bytes(), &identity(source), "hash")
}

#[test]
fn the_encoding_of_progress_is_stable() {
    let bytes = codec::encode(&progress(), &identity(source(&["a", "b"])));
    assert_eq!(String::from_utf8(bytes).unwrap(), ENCODED);
    assert_eq!(decode(ENCODED, source(&["a", "b"])), Ok(progress()));
}

#[test]
fn progress_of_format_3_is_accepted_only_with_the_settings_that_wrote_it() {
    let (known, _) = ENCODED.split_once(r#","source""#).unwrap();
    let of = |identity: &str| {
        let text = format!(r#"{known},"identity":"{identity}"}}"#);
        decode(&text.replace(r#""format":4"#, r#""format":3"#), source(&["a", "b"]))
    };
    assert_eq!(of("rules/inputs"), Ok(progress()));
    assert_eq!(of("other/inputs"), Err(UnusableState::OtherSettings));
    assert_eq!(of("rules/other"), Err(UnusableState::OtherInputs));
    let more_partitions = UnusableState::MorePartitions { before: 2, now: 3 };
    assert_eq!(of("rules/two"), Err(more_partitions));
    assert_eq!(decode(&format!("{known}}}"), source(&["a", "b"])), Err(UnusableState::Damaged));
}

#[test]
fn inputs_may_only_be_appended_to_the_list() {
    assert_eq!(decode(ENCODED, source(&["a", "b", "c"])), Ok(progress()));
    let fewer = UnusableState::FewerInputs { before: 2, now: 1 };
    assert_eq!(decode(ENCODED, source(&["a"])), Err(fewer));
    for other in [&["b", "a"][..], &["c", "a", "b"], &["b"], &["a", "c"]] {
        assert_eq!(decode(ENCODED, source(other)), Err(UnusableState::OtherInputs));
    }
    // An input that was not read yet is not listed.
    let bytes = codec::encode(&progress(), &identity(source(&["a", "b", "c"])));
    assert_eq!(String::from_utf8(bytes).unwrap(), ENCODED);
}

#[test]
fn another_cluster_and_more_partitions_are_distinguished() {
    let mut other = source(&["a", "b"]);
    other.cluster = "kafka-2".to_owned();
    let message = decode(ENCODED, other).unwrap_err().to_string();
    assert!(message.contains("kafka-1, but the configured cluster is kafka-2"), "{message}");
    let mut other = source(&["a", "b"]);
    other.partitions = 6;
    let more_partitions = UnusableState::MorePartitions { before: 4, now: 6 };
    assert_eq!(decode(ENCODED, other), Err(more_partitions));
}

fn models() -> Models {
    let text = "model: m\nversion: 1\ninitial: a\nfacts: { n: count(any) }\nstages: { a: {}, b: {} }\n\
                transitions:\n  - { from: a, to: b, when: n >= 1 }\n";
    let source = ModelSource { name: "m.yaml".to_owned(), text: text.to_owned() };
    Models::compile(vec![source]).unwrap().0
}

fn decoding(version: u64, customer: &str) -> DecodingSettings {
    let mapping = Mapping { customer_id: customer.into(), ..Mapping::default() };
    let inputs = [("clicks", std::slice::from_ref(&mapping))];
    DecodingSettings::new(
        version,
        inputs.into_iter(),
        &RecordLimits::default(),
        &CurrencyRates::default(),
    )
}

#[test]
fn earlier_settings_are_older_unless_their_version_is_raised() {
    let (one, two) = (decoding(0, "one"), decoding(0, "two"));
    let first = Generation::first(&models());
    assert_eq!(first.compare_decoding(&one), VersionOrdering::Newer, "none are stored");
    let first = first.with_decoding(&one);
    assert_eq!(first.compare_decoding(&one), VersionOrdering::Current);
    assert_eq!(first.compare_decoding(&two), VersionOrdering::Newer);
    let second = first.with_decoding(&two);
    let read = Generation::decode(&second.encode()).unwrap();
    assert_eq!(read, second);
    assert_eq!(read.number, 0, "states stay as they are");
    assert_eq!(read.compare_decoding(&two), VersionOrdering::Current);
    assert_eq!(read.compare_decoding(&one), VersionOrdering::Older);
    assert_eq!(read.compare_decoding(&decoding(1, "one")), VersionOrdering::Newer);
    let third = read.with_decoding(&decoding(1, "one"));
    assert_eq!(third.compare_decoding(&decoding(0, "three")), VersionOrdering::Older);
}

#[test]
fn a_generation_of_format_1_is_read() {
    let first = Generation::first(&models());
    let text = String::from_utf8(first.encode()).unwrap();
    let old = text.replace(r#""format":2"#, r#""format":1"#);
    assert_ne!(old, text);
    let read = Generation::decode(old.as_bytes()).unwrap();
    assert_eq!(read.decoding(), None);
    assert_eq!(read.compare_models(&models()), VersionOrdering::Current);
}
