//! Keys: the order of the bytes is the order of the values.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `customers` | prefix, customer | state (`customer::codec`) |
//! | `timers` | prefix, due (i64, sign bit flipped), customer | nothing |
//! | `meta` | prefix, `p` | progress (`partition::codec`) |
//! | `meta` | prefix, `m`, 0 or 1 | a generation of its models, by whether its number is even (`partition::generation`) |
//! | `meta` | prefix, `c` | next offset of the changelog (i64) |
//! | `meta` | prefix, `s` | wall time at which the state was seen to be the last one (i64) |
//! | `meta` | prefix, `o` | the cluster and changelog that the state belongs to |
//! | `meta` | prefix, `b` | where the changelog began when it was last known to have everybody (i64) |
//! | `meta` | `transactional-ids` | nothing: transactions are begun under the ids of this version |
//! | `meta` | `origin` | the same for states without it |
//! | `meta` | `current`, partition (u32) | which of the partition's two prefixes is its state: 0 (also where there is no such key) or 1 |
//!
//! A prefix (u32) is a partition, with the highest bit set in the second of its two. The other one is nothing, or a
//! state that is being built to replace this one.
//!
//! Numbers are big-endian. The customer stands last, so it needs no length.

use crate::event::{CustomerId, EventTime};
use crate::partition::TimerKey;

/// What all keys of one state of a partition begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix(u32);

const SECOND: u32 = 1 << 31;

impl Prefix {
    pub(super) fn new(partition: u32, is_second: bool) -> Prefix {
        match is_second {
            false => Prefix(partition & !SECOND),
            true => Prefix(partition | SECOND),
        }
    }

    /// What a key begins with.
    pub(super) fn from_key(key: &[u8]) -> Option<Prefix> {
        key.first_chunk()
            .map(|bytes| Prefix(u32::from_be_bytes(*bytes)))
    }

    /// The other one of the same partition.
    pub(super) fn other(self) -> Prefix {
        Prefix(self.0 ^ SECOND)
    }

    pub(super) fn is_second(self) -> bool {
        self.0 & SECOND != 0
    }

    pub(super) fn partition(self) -> u32 {
        self.0 & !SECOND
    }

    fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

pub(super) fn transactional_ids() -> Vec<u8> {
    b"transactional-ids".to_vec()
}

/// Says which of its two prefixes is the state of a partition.
pub(super) fn current(partition: u32) -> Vec<u8> {
    [b"current".as_slice(), &partition.to_be_bytes()].concat()
}

pub(super) fn former_origin() -> Vec<u8> {
    b"origin".to_vec()
}

pub(super) fn progress(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"p".as_slice()].concat()
}

/// The last two generations are kept: a new one begins only when no state is older than the last.
pub(super) fn generation(prefix: Prefix, number: u32) -> Vec<u8> {
    [&prefix.to_bytes(), b"m".as_slice(), &[(number % 2) as u8]].concat()
}

pub(super) fn changelog_offset(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"c".as_slice()].concat()
}

pub(super) fn last_confirmed(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"s".as_slice()].concat()
}

pub(super) fn partition_origin(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"o".as_slice()].concat()
}

pub(super) fn complete_from(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"b".as_slice()].concat()
}

/// All keys with a prefix lie from the first of these to before the second.
pub(super) fn bounds(prefix: Prefix) -> [Vec<u8>; 2] {
    let next = match prefix.0.checked_add(1) {
        Some(next) => next.to_be_bytes().to_vec(),
        None => vec![0xff; 5],
    };
    [prefix.to_bytes().to_vec(), next]
}

pub(super) fn customer(prefix: Prefix, customer: &CustomerId) -> Vec<u8> {
    raw_customer(prefix, customer.as_bytes())
}

/// Of the customer with these bytes.
pub(super) fn raw_customer(prefix: Prefix, customer: &[u8]) -> Vec<u8> {
    [&prefix.to_bytes(), customer].concat()
}

pub(super) fn timer(prefix: Prefix, timer: &TimerKey) -> Vec<u8> {
    let due = (timer.due.0 as u64) ^ (1 << 63);
    [
        &prefix.to_bytes(),
        due.to_be_bytes().as_slice(),
        timer.customer.as_bytes(),
    ]
    .concat()
}

/// The first key of those due at an instant.
pub(super) fn due_bound(prefix: Prefix, due: EventTime) -> Vec<u8> {
    let customer = CustomerId::default();
    timer(prefix, &TimerKey { due, customer })
}

/// `None` for bytes that are no key of a customer.
pub(super) fn decode_customer(key: &[u8]) -> Option<CustomerId> {
    let customer = std::str::from_utf8(key.get(4..)?).ok()?;
    Some(customer.into())
}

/// `None` for bytes that are no key of a timer.
pub(super) fn decode_timer(key: &[u8]) -> Option<TimerKey> {
    let (due, customer) = key.get(4..)?.split_at_checked(8)?;
    let due = u64::from_be_bytes(due.try_into().ok()?) ^ (1 << 63);
    let customer = CustomerId(std::str::from_utf8(customer).ok()?.into());
    Some(TimerKey {
        due: EventTime(due as i64),
        customer,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_timer_keys_is_the_order_of_their_bytes(a in any::<(i64, String)>(), b in any::<(i64, String)>()) {
            let [a, b] = [a, b].map(|(due, id)| TimerKey { due: EventTime(due), customer: id.as_str().into() });
            prop_assert_eq!(timer(Prefix(7), &a).cmp(&timer(Prefix(7), &b)), a.cmp(&b));
            prop_assert_eq!(decode_timer(&timer(Prefix(7), &a)), Some(a));
        }
    }
}
