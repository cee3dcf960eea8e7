//! Encoding of keys. The order of the bytes is the order of the values.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `customers` | prefix, customer | state (`customer::codec`) |
//! | `timers` | prefix, due (i64, sign bit flipped), customer | nothing |
//! | `meta` | prefix, `p` | progress (`partition::codec`) |
//! | `meta` | prefix, `m`, number modulo 2 (u8) | a generation (`partition::generation`) |
//! | `meta` | prefix, `c` | next offset of the changelog (i64) |
//! | `meta` | prefix, `s` | wall time at which the state was last confirmed to be the latest one (i64) |
//! | `meta` | prefix, `o` | origin: the cluster and changelog that the state belongs to |
//! | `meta` | prefix, `b` | start offset of the changelog when it was last known to have all customers (i64) |
//! | `meta` | `transactional-ids` | nothing: transactions use the transactional ids of this version |
//! | `meta` | `origin` | the origin of states without `o`, from earlier versions |
//! | `meta` | `current`, partition (u32) | which of the partition's two prefixes is active: 0 (default) or 1 |
//!
//! A prefix (u32) is a partition; its second prefix has the highest bit set. The prefix that is not active is empty,
//! or contains a state that is being rebuilt to replace the current one.
//!
//! Numbers are big-endian. The customer is the last part, so it needs no length.

use crate::event::{CustomerId, EventTime};
use crate::partition::TimerKey;

/// The common prefix of all keys of one state of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix(u32);

const SECOND: u32 = 1 << 31;

impl Prefix {
    pub(super) fn new(partition: u32, is_second: bool) -> Prefix {
        if is_second { Prefix(partition | SECOND) } else { Prefix(partition & !SECOND) }
    }

    /// Decodes the prefix of a key.
    pub(super) fn from_key(key: &[u8]) -> Option<Prefix> {
        key.first_chunk().map(|bytes| Prefix(u32::from_be_bytes(*bytes)))
    }

    /// The other prefix of the same partition.
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

/// The key that selects the active prefix of a partition.
pub(super) fn active_prefix(partition: u32) -> Vec<u8> {
    [b"current".as_slice(), &partition.to_be_bytes()].concat()
}

pub(super) fn former_origin() -> Vec<u8> {
    b"origin".to_vec()
}

pub(super) fn progress(prefix: Prefix) -> Vec<u8> {
    [&prefix.to_bytes(), b"p".as_slice()].concat()
}

/// The last two generations are stored: a new one is adopted only when all states have the last one.
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

/// The range of all keys with a prefix, end exclusive.
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

/// [`customer`] for the bytes of an id.
pub(super) fn raw_customer(prefix: Prefix, customer: &[u8]) -> Vec<u8> {
    [&prefix.to_bytes(), customer].concat()
}

pub(super) fn timer(prefix: Prefix, timer: &TimerKey) -> Vec<u8> {
    let due = (timer.due.0 as u64) ^ (1 << 63);
    [&prefix.to_bytes(), due.to_be_bytes().as_slice(), timer.customer.as_bytes()].concat()
}

/// The lower bound of the timers due at `due`.
pub(super) fn due_bound(prefix: Prefix, due: EventTime) -> Vec<u8> {
    let customer = CustomerId::default();
    timer(prefix, &TimerKey { due, customer })
}

/// `None` for bytes that are not a customer's key.
pub(super) fn decode_customer(key: &[u8]) -> Option<CustomerId> {
    let customer = std::str::from_utf8(key.get(4..)?).ok()?;
    Some(customer.into())
}

/// `None` for bytes that are not a timer's key.
pub(super) fn decode_timer(key: &[u8]) -> Option<TimerKey> {
    let (due, customer) = key.get(4..)?.split_at_checked(8)?;
    let due = u64::from_be_bytes(due.try_into().ok()?) ^ (1 << 63);
    let customer = CustomerId(std::str::from_utf8(customer).ok()?.into());
    Some(TimerKey { due: EventTime(due as i64), customer })
}

/// The number of a Kafka partition in keys.
pub(crate) fn store_partition(partition: i32) -> u32 {
    u32::try_from(partition).unwrap_or(u32::MAX)
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
