//! The ways to count orders decide some of the generated histories.

use super::variety::{Part, check_parts, each_orders};
use crate::histories;
use crate::reference::{Refunds, Repeated};

/// Ways to count orders and to recognise events, over histories about few orders.
const WAYS: [Part; 5] = [
    ("by_type", 7, |model| model.dedupe_by_type = false),
    ("refunds: partial", 16, |model| {
        each_orders(model, |orders| {
            if orders.refunds == Refunds::Partial {
                orders.refunds = Refunds::Single;
            }
        });
    }),
    ("refunds: cumulative, not partial", 6, |model| {
        each_orders(model, |orders| {
            if orders.refunds == Refunds::Cumulative {
                orders.refunds = Refunds::Partial;
            }
        });
    }),
    ("repeated: line", 38, |model| {
        each_orders(model, |orders| {
            if orders.repeated == Repeated::Line {
                orders.repeated = Repeated::Duplicate;
            }
        });
    }),
    ("repeated: replace", 35, |model| {
        each_orders(model, |orders| {
            if orders.repeated == Repeated::Replace {
                orders.repeated = Repeated::Duplicate;
            }
        });
    }),
];

#[test]
fn every_way_to_count_orders_decides_some_histories() {
    check_parts(&WAYS, histories::about_amounts(), 1_000);
}
