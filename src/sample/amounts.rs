//! Which columns have amounts, and how these are written.

use std::collections::BTreeSet;

use super::column::{Column, Value};
use crate::event::{CurrencyRates, NumberFormat};

/// Most currencies of a column; more different texts are none.
const CURRENCIES_MAX: usize = 40;

const POINT: NumberFormat = NumberFormat { has_decimal_comma: false };
const COMMA: NumberFormat = NumberFormat { has_decimal_comma: true };

/// Numbers of JSON are read in either way.
fn reads(format: NumberFormat, value: &Value) -> bool {
    let is_truth = matches!(value.text.as_str(), "true" | "false");
    if value.is_bare { !is_truth } else { format.read(&value.text).is_some() }
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
    !column.values.is_empty() && column.values.iter().all(is_whole)
}

pub(super) fn has_negative(column: &Column) -> bool {
    column.count(|value| value.text.starts_with('-')) > 0
}

/// The ISO 4217 codes of a column of currencies.
pub(super) fn currencies(column: &Column) -> Option<BTreeSet<String>> {
    if !column.is_mostly(|value| CurrencyRates::is_currency_code(&value.text)) {
        return None;
    }
    let codes = column.distinct(CURRENCIES_MAX)?;
    Some(codes.keys().map(|code| code.to_uppercase()).collect())
}
