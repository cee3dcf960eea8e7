//! Encoded states: each has one encoding, and a damaged one causes no panic.

use tenure::customer::{self, CustomerState, FactState};
use tenure::event::{Event, EventTime, Millis, Position};

use super::MODELS;

pub(crate) fn run(bytes: &[u8]) {
    let outcome = customer::decode(bytes, &MODELS);
    assert_eq!(customer::decode(bytes, &MODELS), outcome);
    let Ok(state) = outcome else {
        return;
    };
    let again = encoded(&state);
    if again[0] == bytes[0] {
        assert_eq!(again, bytes);
    } else {
        // The format of an earlier version.
        assert_eq!(customer::decode(&again, &MODELS).as_ref(), Ok(&state));
    }
    for fact in &state.facts {
        if let FactState::Buckets(buckets) = fact {
            assert!(buckets.is_sorted_by(|(a, _), (b, _)| a < b));
        }
    }
    process_event(state);
}

/// The state can receive an event, followed by a month without events.
fn process_event(mut state: CustomerState) {
    let event = Event {
        customer: "c".into(),
        event_type: MODELS.vocabulary.find_type("order_completed"),
        time: EventTime(state.latest.0.saturating_add(1)).min(EventTime::MAX),
        fields: Default::default(),
    };
    let end = event.time.checked_add(Millis(30 * Millis::DAY.0));
    let mut changes = Vec::new();
    state.receive(&MODELS, &event, Position::default(), usize::MAX, &mut changes);
    state.fire_timers(&MODELS, end.unwrap_or(EventTime::MAX), 10_000, &mut changes);
    let bytes = encoded(&state);
    assert_eq!(customer::decode_armed(&bytes), Ok(state.armed));
    assert_eq!(customer::decode(&bytes, &MODELS), Ok(state));
}

fn encoded(state: &CustomerState) -> Vec<u8> {
    let mut bytes = Vec::new();
    customer::encode(state, &mut bytes);
    bytes
}
