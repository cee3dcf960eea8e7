//! Types the values of a record: what a model expects in a field, from what the record has there.

use std::borrow::Cow;

use super::raw_fields::RawScalar;
use crate::event::limits::FIELD_BYTES_MAX;
use crate::event::{FieldKind, NumberFormat, Quantity, RejectReason, Scalar};

/// The value of a field as `kind`; `None` if it cannot be read as one.
pub(super) fn read_scalar(
    token: &RawScalar<'_>,
    kind: FieldKind,
    format: NumberFormat,
) -> Result<Option<Scalar>, RejectReason> {
    Ok(match (kind, token) {
        (_, RawScalar::Container) => None,
        (FieldKind::Number, RawScalar::Many(all)) => sum(all, format).map(Scalar::Number),
        (_, RawScalar::Many(_)) => None,
        (FieldKind::Number, RawScalar::Number(text)) => {
            let number = Quantity::parse(text).filter(is_in_range);
            Some(Scalar::Number(number.ok_or(RejectReason::BadNumber)?))
        }
        (FieldKind::Any, RawScalar::Number(text)) => {
            Quantity::parse(text).filter(is_in_range).map(Scalar::Number)
        }
        (FieldKind::Number, RawScalar::Text(text)) => read_number(text, format).map(Scalar::Number),
        (FieldKind::Text | FieldKind::Any, RawScalar::Text(text)) => {
            Some(Scalar::Text(truncate(text).into()))
        }
        // `1` and `1.0` are the same text.
        (FieldKind::Text, RawScalar::Number(text)) => {
            let plain = Quantity::parse(text).map(|number| number.to_string());
            Some(Scalar::Text(truncate(plain.as_deref().unwrap_or(text)).into()))
        }
        (FieldKind::Text, RawScalar::Bool(flag)) => {
            Some(Scalar::Text(if *flag { "true" } else { "false" }.into()))
        }
        (FieldKind::Id, RawScalar::Text(text) | RawScalar::Number(text)) => {
            Some(Scalar::Text(truncate(whole_id(text)).into()))
        }
        (FieldKind::Bool | FieldKind::Any, RawScalar::Bool(flag)) => Some(Scalar::Bool(*flag)),
        (FieldKind::Bool, RawScalar::Text(text)) => read_bool(text).map(Scalar::Bool),
        (FieldKind::Bool, RawScalar::Number(text)) => match Quantity::parse(text) {
            Some(Quantity::ZERO) => Some(Scalar::Bool(false)),
            Some(number) if number == Quantity::from_whole(1) => Some(Scalar::Bool(true)),
            _ => None,
        },
        (FieldKind::Number | FieldKind::Id, RawScalar::Bool(_)) => None,
    })
}

/// The sum of the elements of a list, if each of them is a number.
fn sum(all: &[RawScalar<'_>], format: NumberFormat) -> Option<Quantity> {
    let read = |token: &RawScalar<'_>| match token {
        RawScalar::Number(text) => Quantity::parse(text),
        RawScalar::Text(text) => read_number(text, format),
        _ => None,
    };
    all.iter()
        .try_fold(Quantity::ZERO, |total, token| total.checked_add(read(token)?))
        .filter(is_in_range)
}

fn read_number(text: &str, format: NumberFormat) -> Option<Quantity> {
    Quantity::parse(&format.read(text)?.text).filter(is_in_range)
}

/// `true`, `yes`, `y`, `t`, `on` and `1`, in any case, and their opposites.
fn read_bool(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(&["true", "1", "yes", "y", "t", "on"]) {
        Some(true)
    } else if is_one_of(&["false", "0", "no", "n", "f", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// A whole number that was written as a float is the same id: tables with a gap write `17850` as `17850.0`.
pub(super) fn whole_id(text: &str) -> &str {
    match text.strip_suffix(".0") {
        Some(whole) if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) => {
            whole
        }
        _ => text,
    }
}

/// A number with blanks, separators and signs as in exports, as plain decimal text; other texts as they are.
pub(super) fn plain_text<'t>(
    token: &'t RawScalar<'_>,
    format: NumberFormat,
) -> Option<(Cow<'t, str>, Option<Cow<'t, str>>)> {
    match token {
        RawScalar::Number(text) => Some((Cow::Borrowed(text), None)),
        RawScalar::Text(text) => format.read(text).map(|number| (number.text, number.currency)),
        RawScalar::Bool(_) | RawScalar::Container | RawScalar::Many(_) => None,
    }
}

/// The first [`FIELD_BYTES_MAX`] bytes of a text, cut at a character boundary. It bounds the size of states.
fn truncate(text: &str) -> &str {
    let ends = 0..=FIELD_BYTES_MAX.min(text.len());
    let end = ends.rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Up to 10¹⁸, so that a sum over a customer's whole history cannot overflow.
fn is_in_range(number: &Quantity) -> bool {
    number.nanos().unsigned_abs() <= 10_u128.pow(27)
}
