//! `where …`: which events of a type count for a fact.

use super::Fault;
use crate::event::{Field, FieldKind, Quantity};
use crate::model::condition::Operator;
use crate::model::syntax::{Expr, ExprKind};

/// A truth about one event's own fields. A comparison with a field that the event does not carry is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter<F> {
    /// Always so.
    Constant(bool),
    /// The event carries the field.
    Has(F),
    /// Not so.
    Not(Box<Filter<F>>),
    /// All of them.
    All(Vec<Filter<F>>),
    /// At least one of them.
    Any(Vec<Filter<F>>),
    /// The number in the field relates so to this one.
    Number(F, Operator, Quantity),
    /// Whether the text in the field is this one.
    Text(F, bool, String),
    /// The field is this truth value.
    Bool(F, bool),
}

impl<F> Filter<F> {
    /// The same with other names of the fields, each given with what it is taken for.
    pub fn map_fields<G>(&self, name: &mut impl FnMut(&F, FieldKind) -> G) -> Filter<G> {
        let mut all =
            |parts: &[Filter<F>]| parts.iter().map(|part| part.map_fields(name)).collect();
        match self {
            Filter::All(parts) => Filter::All(all(parts)),
            Filter::Any(parts) => Filter::Any(all(parts)),
            Filter::Constant(truth) => Filter::Constant(*truth),
            Filter::Has(field) => Filter::Has(name(field, FieldKind::Any)),
            Filter::Not(inner) => Filter::Not(Box::new(inner.map_fields(name))),
            Filter::Number(field, operator, number) => {
                Filter::Number(name(field, FieldKind::Number), *operator, *number)
            }
            Filter::Text(field, equal, text) => {
                Filter::Text(name(field, FieldKind::Text), *equal, text.clone())
            }
            Filter::Bool(field, is) => Filter::Bool(name(field, FieldKind::Bool), *is),
        }
    }
}

const FILTER_HELP: &str = "compare a field of the event with a number, a text in quotes or true, for example channel == 'web'";

/// Reads the filter that `expr` says.
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
            Some(operator) => match parse_field(left) {
                Some(name) => parse_comparison(expr, name, operator, right),
                None => match parse_field(right) {
                    Some(name) => parse_comparison(expr, name, operator.mirrored(), left),
                    None => Err(Fault::at(
                        expr,
                        "this compares no field of the event",
                        Some(FILTER_HELP),
                    )),
                },
            },
            None => Err(Fault::at(
                expr,
                "a filter does not compute",
                Some(FILTER_HELP),
            )),
        },
        ExprKind::Call(name, arguments) if name == "has" => match arguments.as_slice() {
            [argument] => parse_field(argument).map(Filter::Has),
            _ => None,
        }
        .ok_or_else(|| Fault::at(expr, "`has` takes a field of the event", Some(FILTER_HELP))),
        ExprKind::Name(_) | ExprKind::Member(..) => match parse_field(expr) {
            Some(name) => bool_filter(expr, name, true),
            None => Err(Fault::at(
                expr,
                "this is no field of the event",
                Some(FILTER_HELP),
            )),
        },
        _ => Err(Fault::at(expr, "this is no filter", Some(FILTER_HELP))),
    }
}

fn parse_comparison(
    expr: &Expr,
    field: Field,
    operator: Operator,
    with: &Expr,
) -> Result<Filter<Field>, Fault> {
    let equal = match operator {
        Operator::Equal => Some(true),
        Operator::Unequal => Some(false),
        _ => None,
    };
    let (negative, number) = match &with.kind {
        ExprKind::Unary("-", inner) => (true, inner.as_ref()),
        _ => (false, with),
    };
    match (&number.kind, equal) {
        (ExprKind::Number(text), _) => {
            check_field_kind(expr, &field, FieldKind::Number)?;
            let number = Quantity::parse(text).and_then(|number| match negative {
                true => Quantity::ZERO.checked_sub(number),
                false => Some(number),
            });
            let message = format!("`{text}` is no decimal number that fits");
            let number = number.ok_or_else(|| Fault::at(with, &message, None))?;
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
        _ => Err(Fault::at(
            with,
            "a filter compares with a constant",
            Some(FILTER_HELP),
        )),
    }
}

fn bool_filter(expr: &Expr, field: Field, is: bool) -> Result<Filter<Field>, Fault> {
    check_field_kind(expr, &field, FieldKind::Bool)?;
    Ok(Filter::Bool(field, is))
}

/// Refuses a field that never is what it is taken for.
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
    super::parse::dotted_path(expr).map(|path| Field::from_name(&path))
}
