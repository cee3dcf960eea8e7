use super::*;
use crate::event::RejectReason;
use crate::kafka::{DeliveryGuarantee, Encoding};

fn outputs() -> OutputTopics {
    let text = |name: &str| name.to_owned();
    OutputTopics {
        stage_changes: text("stage-changes"),
        quiet: None,
        customer_stages: text("customer-stages"),
        dead_letters: text("dead-letters"),
        changelog: text("changelog"),
        encoding: Encoding::Binary,
        delivery: DeliveryGuarantee::ExactlyOnce,
        source: text("test"),
        app: text("test"),
        stages: std::collections::BTreeMap::new(),
        inputs: vec![text("clicks"), text("orders")],
    }
}

fn rejection(key: usize, value: usize, headers: &[usize]) -> Rejection {
    let headers = headers.iter().map(|length| ("trace".to_owned(), Some(vec![b'h'; *length])));
    Rejection {
        reason: RejectReason::NotJson,
        key: Some(vec![b'k'; key]),
        value: Some(vec![b'v'; value]),
        headers: headers.collect(),
    }
}

const POSITION: Position = Position { input: 1, offset: 77 };

fn text<'o>(letter: &'o ProducerRecord, name: &str) -> Option<&'o str> {
    let mut latest = letter.headers.iter().rev();
    let header = latest.find(|(other, _)| other == name)?;
    std::str::from_utf8(header.1.as_deref()?).ok()
}

#[test]
fn a_record_that_fits_is_verbatim_followed_by_reason_and_origin() {
    let rejection = rejection(10, 1000, &[20, 0]);
    let letter = outputs().encode_dead_letter(3, POSITION, &rejection, max_bytes(None));
    assert_eq!((&letter.key, &letter.value), (&rejection.key, &rejection.value));
    assert_eq!(letter.headers[..2], rejection.headers[..]);
    let origin = [REASON, TOPIC, PARTITION, OFFSET].map(|name| text(&letter, name));
    assert_eq!(origin, [Some("not_json"), Some("orders"), Some("3"), Some("77")]);
    assert_eq!(letter.headers.len(), 7);
}

#[test]
fn a_dead_letter_fits_and_names_what_was_cut_whatever_part_is_huge() {
    let huge = 5 << 20;
    for batch in [None, Some(100_000), Some(50_000_000), Some(10_000)] {
        let room = max_bytes(batch);
        for (key, value, headers) in [
            (huge, 10, vec![]),
            (10, huge, vec![]),
            (10, 10, vec![huge]),
            (10, 10, vec![100; 50_000]),
            (huge, huge, vec![10, huge, 10]),
            (room, 1, vec![]),
        ] {
            let rejection = rejection(key, value, &headers);
            let letter = outputs().encode_dead_letter(3, POSITION, &rejection, room);
            let limit = batch.unwrap_or(TOPIC_MAX_MESSAGE_BYTES).min(CLIENT_MESSAGE_MAX_BYTES);
            assert!(letter.byte_len() < limit, "{} of {limit}", letter.byte_len());
            assert_eq!(text(&letter, OFFSET), Some("77"));
            let is_whole = letter.key == rejection.key;
            assert_eq!(text(&letter, "tenure_key_length").is_none(), is_whole);
            let is_whole = letter.value == rejection.value;
            assert_eq!(text(&letter, "tenure_original_length").is_none(), is_whole);
            let kept = letter.headers.iter().filter(|(name, _)| name == "trace").count();
            assert_eq!(text(&letter, "tenure_headers_count").is_none(), kept == headers.len());
        }
    }
    let letter =
        outputs().encode_dead_letter(3, POSITION, &rejection(10, huge, &[]), max_bytes(None));
    assert!(letter.value.as_ref().unwrap().len() > 900_000);
    assert_eq!(text(&letter, "tenure_original_length"), Some("5242880"));
    let hash = sha256_hex(&vec![b'v'; huge]);
    assert_eq!(text(&letter, "tenure_original_sha256"), Some(hash.as_str()));
}

#[test]
fn the_dead_letter_for_a_refused_output_is_small_and_names_its_origin() {
    let refused = outputs().encode_dead_letter(
        3,
        POSITION,
        &rejection(10, 1000, &[500_000]),
        max_bytes(None),
    );
    let last = outputs().dead_letter_for_refused(&refused, "MessageSizeTooLarge").unwrap();
    assert!(last.byte_len() < 1000);
    let actual = [REASON, TOPIC, PARTITION, OFFSET, REFUSED].map(|name| text(&last, name));
    let expected =
        [Some("not_json"), Some("orders"), Some("3"), Some("77"), Some("MessageSizeTooLarge")];
    assert_eq!(actual, expected);
    assert_eq!(outputs().dead_letter_for_refused(&last, "MessageSizeTooLarge"), None);

    let input = r#""input":{"topic":"orders","partition":3,"offset":77}"#;
    for value in [format!("{{{input}}}"), format!(r#"{{"id":"1","data":{{{input}}}}}"#)] {
        let change = ProducerRecord {
            topic: "stage-changes".to_owned(),
            partition: None,
            key: Some(b"ann".to_vec()),
            value: Some(value.into_bytes()),
            headers: vec![header("ce_id", "1"), header("ce_subject", &"x".repeat(1000))],
        };
        let last = outputs().dead_letter_for_refused(&change, "InvalidRecord").unwrap();
        assert_eq!(last.topic, "dead-letters");
        assert_eq!((last.key.as_ref(), last.value.as_ref()), (None, None));
        let actual = [REASON, TOPIC, PARTITION, OFFSET, "ce_id"].map(|name| text(&last, name));
        let expected = [Some("refused_output"), Some("orders"), Some("3"), Some("77"), Some("1")];
        assert_eq!(actual, expected);
        assert_eq!(text(&last, "tenure_refused_topic"), Some("stage-changes"));
        assert_eq!(text(&last, "ce_subject"), None);
    }

    let state = ProducerRecord {
        topic: "changelog".to_owned(),
        partition: Some(3),
        key: Some(b"cann".to_vec()),
        value: Some(Vec::new()),
        headers: Headers::new(),
    };
    assert_eq!(outputs().dead_letter_for_refused(&state, "MessageSizeTooLarge"), None);
}
