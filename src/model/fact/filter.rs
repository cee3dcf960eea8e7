//! `where …`: the filter of a fact's events.

use super::fault::Fault;
use crate::event::{Field, FieldKind, Quantity};
use crate::model::condition::Operator;
use crate::model::syntax::{Expr, ExprKind};

/// A predicate over the fields of one event. A comparison with a field that the event lacks is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter<F> {
    Constant(bool),
    /// The event has the field.
    Has(F),
    Not(Box<Filter<F>>),
    /// All are true.
    All(Vec<Filter<F>>),
    /// At least one is true.
    Any(Vec<Filter<F>>),
    /// The field, on the left, compared with a number.
    Number(F, Operator, Quantity),
    /// The field equals the text (`true`) or differs from it (`false`).
    Text(F, bool, String),
    /// The field equals this truth value.
    Bool(F, bool),
}

impl<F> Filter<F> {
    /// The filter with each field replaced by `map(field, kind)`, where `kind` is how the filter reads the field.
    pub(crate) fn map_fields<G>(&self, map: &mut impl FnMut(&F, FieldKind) -> G) -> Filter<G> {
        let mut all = |parts: &[Filter<F>]| parts.iter().map(|part| part.map_fields(map)).collect();
        match self {
            Filter::All(parts) => Filter::All(all(parts)),
            Filter::Any(parts) => Filter::Any(all(parts)),
            Filter::Constant(truth) => Filter::Constant(*truth),
            Filter::Has(field) => Filter::Has(map(field, FieldKind::Any)),
            Filter::Not(inner) => Filter::Not(Box::new(inner.map_fields(map))),
            Filter::Number(field, operator, number) => {
                Filter::Number(map(field, FieldKind::Number), *operator, *number)
            }
            Filter::Text(field, equal, text) => {
                Filter::Text(map(field, FieldKind::Text), *equal, text.clone())
            }
            Filter::Bool(field, is) => Filter::Bool(map(field, FieldKind::Bool), *is),
        }
    }
}

const FILTER_HELP: &str = "compare a field of the event with a number, a text in quotes or true, for example channel == 'web'";

pub(super) fn parse_filter(expr: &Expr) -> Result<Filter<Field>, Fault> {
    match &expr.kind {
        ExprKind::Bool(truth) => Ok(Filter::Constant(*truth)),
        ExprKind::Unary("!", inner) => Ok(Filter::Not(Box::new(parse_filter(inner)?))),
        ExprKind::Binary(operator @ ("&&" | "||"), left, right) => {
            let parts = vec![parse_filter(left)?, parse_filter(right)?];
            Ok(match *operator {
                "&&" => Filter::All(parts),
                _ => Filter::Any(parts),
            })
        }
        ExprKind::Binary(operator, left, right) => match Operator::from_symbol(operator) {
            Some(operator) if left.is_null() || right.is_null() => {
                let other = if left.is_null() { right } else { left };
                let field = dotted_path(other).unwrap_or_else(|| "field".to_owned());
                Err(Fault::null_comparison(expr, operator, &field))
            }
            Some(operator) => match parse_field(left) {
                Some(field) => parse_comparison(expr, field, operator, right),
                None => match parse_field(right) {
                    Some(field) => parse_comparison(expr, field, operator.mirrored(), left),
                    None => Err(Fault::at(
                        expr,
                        "this does not compare a field of the event",
                        Some(FILTER_HELP),
                    )),
                },
            },
            None => Err(Fault::at(expr, "a filter cannot contain arithmetic", Some(FILTER_HELP))),
        },
        ExprKind::Call(name, arguments) if name == "has" => match arguments.as_slice() {
            [argument] => parse_field(argument).map(Filter::Has),
            _ => None,
        }
        .ok_or_else(|| Fault::at(expr, "`has` takes a field of the event", Some(FILTER_HELP))),
        ExprKind::Name(_) | ExprKind::Member(..) => match parse_field(expr) {
            Some(field) => bool_filter(expr, field, true),
            None => Err(Fault::at(expr, "this is not a field of the event", Some(FILTER_HELP))),
        },
        _ => Err(Fault::at(expr, "this is not a filter", Some(FILTER_HELP))),
    }
}

fn parse_comparison(
    expr: &Expr,
    field: Field,
    operator: Operator,
    constant: &Expr,
) -> Result<Filter<Field>, Fault> {
    let equal = match operator {
        Operator::Equal => Some(true),
        Operator::Unequal => Some(false),
        _ => None,
    };
    let (negative, number) = match &constant.kind {
        ExprKind::Unary("-", inner) => (true, inner.as_ref()),
        _ => (false, constant),
    };
    match (&number.kind, equal) {
        (ExprKind::Number(text), _) => {
            check_field_kind(expr, &field, FieldKind::Number)?;
            let number = Quantity::parse(text).and_then(|number| {
                if negative { Quantity::ZERO.checked_sub(number) } else { Some(number) }
            });
            let message = format!("`{text}` is not a decimal number, or out of range");
            let number = number.ok_or_else(|| Fault::at(constant, &message, None))?;
            Ok(Filter::Number(field, operator, number))
        }
        (ExprKind::Text(text), Some(equal)) if !negative => {
            check_field_kind(expr, &field, FieldKind::Text)?;
            Ok(Filter::Text(field, equal, text.clone()))
        }
        (ExprKind::Bool(truth), Some(equal)) if !negative => {
            bool_filter(expr, field, *truth == equal)
        }
        (ExprKind::Text(_) | ExprKind::Bool(_), None) => {
            let message = "a text or truth value can only be compared with `==` and `!=`";
            Err(Fault::at(expr, message, None))
        }
        _ => Err(Fault::at(constant, "a filter compares with a constant", Some(FILTER_HELP))),
    }
}

fn bool_filter(expr: &Expr, field: Field, is: bool) -> Result<Filter<Field>, Fault> {
    check_field_kind(expr, &field, FieldKind::Bool)?;
    Ok(Filter::Bool(field, is))
}

/// Refuses a comparison with a standard field of another kind.
fn check_field_kind(expr: &Expr, field: &Field, kind: FieldKind) -> Result<(), Fault> {
    match field.kind() {
        Some(FieldKind::Number) if kind != FieldKind::Number => {
            Err(Fault::at(expr, "`value` is a number", Some(FILTER_HELP)))
        }
        Some(FieldKind::Text | FieldKind::Id) if kind != FieldKind::Text => {
            Err(Fault::at(expr, "this field is a text", Some(FILTER_HELP)))
        }
        _ => Ok(()),
    }
}

/// `channel`, `properties.gift`, `gift`.
fn parse_field(expr: &Expr) -> Option<Field> {
    dotted_path(expr).map(|path| Field::from_name(&path))
}

/// `a.b.c` as text; `None` unless it begins with a name.
fn dotted_path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.clone()),
        ExprKind::Member(owner, name) => dotted_path(owner).map(|path| format!("{path}.{name}")),
        _ => None,
    }
}
