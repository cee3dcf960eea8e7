//! Which columns have amounts, and how these are written.

use std::collections::BTreeSet;

use super::column::{Column, Value};
use crate::event::{CurrencyRates, NumberFormat, Quantity};

/// Most currencies of a column; more different texts are none.
const CURRENCIES_MAX: usize = 40;

const POINT: NumberFormat = NumberFormat { has_decimal_comma: false };
const COMMA: NumberFormat = NumberFormat { has_decimal_comma: true };

/// Numbers of JSON are read in either way.
fn reads(format: NumberFormat, value: &Value) -> bool {
    if value.is_bare {
        return !matches!(value.text.as_str(), "true" | "false");
    }
    format.read(&value.text).is_some_and(|number| Quantity::parse(&number.text).is_some())
}

pub(super) fn is_amount(column: &Column) -> bool {
    column.is_mostly(|value| reads(POINT, value)) || column.is_mostly(|value| reads(COMMA, value))
}

/// Whether more values can only be read with a decimal comma than only with a decimal point.
pub(super) fn has_decimal_comma<'c>(columns: impl Iterator<Item = &'c Column>) -> bool {
    let (mut comma, mut point) = (0, 0);
    for column in columns.filter(|column| is_amount(column)) {
        comma += column.count(|value| reads(COMMA, value) && !reads(POINT, value));
        point += column.count(|value| reads(POINT, value) && !reads(COMMA, value));
    }
    comma > point
}

/// Whether some values are clearly written with a decimal comma.
pub(super) fn is_comma_column(column: &Column) -> bool {
    has_decimal_comma(std::iter::once(column))
}

pub(super) fn is_whole(column: &Column) -> bool {
    let is_whole = |value: &Value| {
        value.text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
    };
    column.has_values() && column.values.iter().all(is_whole)
}

/// Whether some amounts are no whole numbers.
pub(super) fn is_fraction(column: &Column) -> bool {
    is_amount(column) && !is_whole(column)
}

/// The ISO 4217 codes of a column of currencies.
pub(super) fn currencies(column: &Column) -> Option<BTreeSet<String>> {
    if !column.is_mostly(|value| CurrencyRates::is_currency_code(&value.text)) {
        return None;
    }
    let codes = column.distinct(CURRENCIES_MAX)?;
    Some(codes.keys().map(|code| code.to_uppercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_decimal_comma_if_some_can_only_be_read_with_one() {
        for (texts, is_comma) in [
            (&["1.234,56", "5"][..], true),
            (&["12,5", "1.234"], true),
            (&["1,234.56", "5"], false),
            (&["1,234", "5"], false),
            (&["1.234"], false),
        ] {
            assert!(is_amount(&Column::of_texts(texts)), "{texts:?}");
            assert_eq!(is_comma_column(&Column::of_texts(texts)), is_comma, "{texts:?}");
        }
        for other in [&["2026-01"][..], &["01.02.2026"], &["red"], &["1,2,3"], &[]] {
            assert!(!is_amount(&Column::of_texts(other)), "{other:?}");
        }
    }
}
