//! `where …`: which events of a type count for a fact.

use super::Fault;
use crate::event::{Field, FieldKind, Quantity};
use crate::model::condition::Operator;
use crate::model::syntax::{Expr, Kind};

/// A truth about one event's own fields. A comparison with a field that the event does not carry is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter<F> {
    /// Always so.
    Always(bool),
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
    Flag(F, bool),
}

impl<F> Filter<F> {
    /// The same with other names of the fields, each given with what it is taken for.
    pub fn map<G>(&self, name: &mut impl FnMut(&F, FieldKind) -> G) -> Filter<G> {
        let mut all = |parts: &[Filter<F>]| parts.iter().map(|part| part.map(name)).collect();
        match self {
            Filter::All(parts) => Filter::All(all(parts)),
            Filter::Any(parts) => Filter::Any(all(parts)),
            Filter::Always(truth) => Filter::Always(*truth),
            Filter::Has(field) => Filter::Has(name(field, FieldKind::Any)),
            Filter::Not(inner) => Filter::Not(Box::new(inner.map(name))),
            Filter::Number(field, operator, number) => {
                Filter::Number(name(field, FieldKind::Number), *operator, *number)
            }
            Filter::Text(field, equal, text) => {
                Filter::Text(name(field, FieldKind::Text), *equal, text.clone())
            }
            Filter::Flag(field, is) => Filter::Flag(name(field, FieldKind::Flag), *is),
        }
    }
}

const SHAPE: &str = "compare a field of the event with a number, a text in quotes or true, for example channel == 'web'";

/// Reads the filter that `expr` says.
pub(super) fn filter(expr: &Expr) -> Result<Filter<Field>, Fault> {
    match &expr.kind {
        Kind::Truth(truth) => Ok(Filter::Always(*truth)),
        Kind::Unary("!", inner) => Ok(Filter::Not(Box::new(filter(inner)?))),
        Kind::Binary(operator @ ("&&" | "||"), left, right) => {
            let parts = vec![filter(left)?, filter(right)?];
            Ok(match *operator {
                "&&" => Filter::All(parts),
                _ => Filter::Any(parts),
            })
        }
        Kind::Binary(operator, left, right) => match Operator::written(operator) {
            Some(operator) => match field(left) {
                Some(name) => comparison(expr, name, operator, right),
                None => match field(right) {
                    Some(name) => comparison(expr, name, operator.mirrored(), left),
                    None => Err(Fault::of(
                        expr,
                        "this compares no field of the event",
                        Some(SHAPE),
                    )),
                },
            },
            None => Err(Fault::of(expr, "a filter does not compute", Some(SHAPE))),
        },
        Kind::Call(name, arguments) if name == "has" => match arguments.as_slice() {
            [argument] => field(argument).map(Filter::Has),
            _ => None,
        }
        .ok_or_else(|| Fault::of(expr, "`has` takes a field of the event", Some(SHAPE))),
        Kind::Name(_) | Kind::Member(..) => match field(expr) {
            Some(name) => flag(expr, name, true),
            None => Err(Fault::of(
                expr,
                "this is no field of the event",
                Some(SHAPE),
            )),
        },
        _ => Err(Fault::of(expr, "this is no filter", Some(SHAPE))),
    }
}

fn comparison(
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
        Kind::Unary("-", inner) => (true, inner.as_ref()),
        _ => (false, with),
    };
    match (&number.kind, equal) {
        (Kind::Number(text), _) => {
            takes(expr, &field, FieldKind::Number)?;
            let number = Quantity::parse(text).and_then(|number| match negative {
                true => Quantity::ZERO.minus(number),
                false => Some(number),
            });
            let message = format!("`{text}` is no decimal number that fits");
            let number = number.ok_or_else(|| Fault::of(with, &message, None))?;
            Ok(Filter::Number(field, operator, number))
        }
        (Kind::Text(text), Some(equal)) if !negative => {
            takes(expr, &field, FieldKind::Text)?;
            Ok(Filter::Text(field, equal, text.clone()))
        }
        (Kind::Truth(truth), Some(equal)) if !negative => flag(expr, field, *truth == equal),
        (Kind::Text(_) | Kind::Truth(_), None) => {
            let message = "a text or truth value can only be compared with `==` and `!=`";
            Err(Fault::of(expr, message, None))
        }
        _ => Err(Fault::of(
            with,
            "a filter compares with a constant",
            Some(SHAPE),
        )),
    }
}

fn flag(expr: &Expr, field: Field, is: bool) -> Result<Filter<Field>, Fault> {
    takes(expr, &field, FieldKind::Flag)?;
    Ok(Filter::Flag(field, is))
}

/// Refuses a field that never is what it is taken for.
fn takes(expr: &Expr, field: &Field, kind: FieldKind) -> Result<(), Fault> {
    match field.kind() {
        Some(FieldKind::Number) if kind != FieldKind::Number => {
            Err(Fault::of(expr, "`value` is a number", Some(SHAPE)))
        }
        Some(FieldKind::Text | FieldKind::Id) if kind != FieldKind::Text => {
            Err(Fault::of(expr, "this field is a text", Some(SHAPE)))
        }
        _ => Ok(()),
    }
}

/// `channel`, `properties.gift`, `gift`.
fn field(expr: &Expr) -> Option<Field> {
    super::parse::path(expr).map(|path| Field::named(&path))
}
