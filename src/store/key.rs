//! Keys: the order of the bytes is the order of the values.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `customers` | partition (u32), customer | state (`customer::codec`) |
//! | `timers` | partition (u32), due (i64, sign bit flipped), customer | nothing |
//! | `meta` | partition (u32), `p` | progress (`partition::codec`) |
//! | `meta` | partition (u32), `m`, 0 or 1 | a generation of its models, by whether its number is even (`partition::generation`) |
//! | `meta` | partition (u32), `c` | next offset of the changelog (i64) |
//! | `meta` | partition (u32), `s` | wall time at which the state was seen to be the last one (i64) |
//! | `meta` | `origin` | cluster and changelog |
//!
//! Numbers are big-endian. The customer stands last, so it needs no length.

use crate::event::{CustomerId, EventTime};
use crate::partition::TimerKey;

pub(super) fn origin() -> Vec<u8> {
    b"origin".to_vec()
}

pub(super) fn progress(partition: u32) -> Vec<u8> {
    [&partition.to_be_bytes(), b"p".as_slice()].concat()
}

/// The last two generations are kept: a new one begins only when no state is older than the last.
pub(super) fn generation(partition: u32, number: u32) -> Vec<u8> {
    [
        &partition.to_be_bytes(),
        b"m".as_slice(),
        &[(number % 2) as u8],
    ]
    .concat()
}

pub(super) fn changelog_offset(partition: u32) -> Vec<u8> {
    [&partition.to_be_bytes(), b"c".as_slice()].concat()
}

pub(super) fn seen(partition: u32) -> Vec<u8> {
    [&partition.to_be_bytes(), b"s".as_slice()].concat()
}

/// All keys of a partition lie from the first of these to before the second.
pub(super) fn bounds(partition: u32) -> [Vec<u8>; 2] {
    let next = match partition.checked_add(1) {
        Some(next) => next.to_be_bytes().to_vec(),
        None => vec![0xff; 5],
    };
    [partition.to_be_bytes().to_vec(), next]
}

pub(super) fn customer(partition: u32, customer: &CustomerId) -> Vec<u8> {
    customer_of(partition, customer.as_bytes())
}

/// Of the customer with these bytes.
pub(super) fn customer_of(partition: u32, customer: &[u8]) -> Vec<u8> {
    [&partition.to_be_bytes(), customer].concat()
}

pub(super) fn timer(partition: u32, timer: &TimerKey) -> Vec<u8> {
    let due = (timer.due.0 as u64) ^ (1 << 63);
    [
        &partition.to_be_bytes(),
        due.to_be_bytes().as_slice(),
        timer.customer.as_bytes(),
    ]
    .concat()
}

/// The first key of those due at an instant.
pub(super) fn due(partition: u32, due: EventTime) -> Vec<u8> {
    let customer = CustomerId::default();
    timer(partition, &TimerKey { due, customer })
}

/// `None` for bytes that are no key of a customer.
pub(super) fn read_customer(key: &[u8]) -> Option<CustomerId> {
    let customer = std::str::from_utf8(key.get(4..)?).ok()?;
    Some(customer.into())
}

/// `None` for bytes that are no key of a timer.
pub(super) fn read_timer(key: &[u8]) -> Option<TimerKey> {
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
            prop_assert_eq!(timer(7, &a).cmp(&timer(7, &b)), a.cmp(&b));
            prop_assert_eq!(read_timer(&timer(7, &a)), Some(a));
        }
    }
}
