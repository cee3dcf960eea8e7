//! Parses fact declarations: `sum(order_completed.value where channel == 'web') over 90d`.

use super::declaration::{AGGREGATES, Aggregate, DISTINCT_CAP_MAX, FactDeclaration};
use super::fault::Fault;
use super::{filter, over};
use crate::event::Field;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{self, Expr, ExprKind};

const DECLARATION_HELP: &str = "for example count(order_completed), sum(order_completed.value) over 90d, last(any), first(any.channel)";

impl FactDeclaration {
    /// Parses a declaration such as `sum(order_completed.value) over 365d`.
    pub fn parse(text: &str) -> Result<FactDeclaration, Fault> {
        let (call, over) = over::split_window(text);
        let expr = syntax::parse(call).map_err(|error| {
            let specific =
                find_misplaced_where(call, &error).or_else(|| over::find_wrong_keyword(text));
            specific.unwrap_or(Fault { span: error.span, message: error.message, help: None })
        })?;
        let declaration = FactDeclaration {
            window: over.map(|span| over::parse_window(text, span)).transpose()?,
            ..FactDeclaration::parse_unchecked(&expr)?
        };
        declaration.check(&expr).map(|()| declaration)
    }

    /// The declaration of an aggregate that is written in a condition.
    pub(in super::super) fn from_expr(expr: &Expr) -> Result<FactDeclaration, Fault> {
        let declaration = FactDeclaration::parse_unchecked(expr)?;
        declaration.check(expr).map(|()| declaration)
    }

    fn parse_unchecked(expr: &Expr) -> Result<FactDeclaration, Fault> {
        let ExprKind::Call(name, arguments) = &expr.kind else {
            return Err(Fault::at(
                expr,
                "a fact is an aggregate of events",
                Some(DECLARATION_HELP),
            ));
        };
        let mut aggregate = parse_aggregate(name, expr)?;
        let argument = match (arguments.as_slice(), &mut aggregate) {
            ([argument], _) => argument,
            ([argument, cap_expr], Aggregate::CountDistinct(cap)) => {
                *cap = parse_distinct_cap(cap_expr)?;
                argument
            }
            ([_, _, ..], Aggregate::Min | Aggregate::Max) => {
                return Err(several_values(expr, name));
            }
            _ => {
                let message = "an aggregate takes one event type or one field of it";
                return Err(Fault::at(expr, message, Some(DECLARATION_HELP)));
            }
        };
        let (operand, filter) = match &argument.kind {
            ExprKind::Where(operand, filter) => {
                (operand.as_ref(), Some(filter::parse_filter(filter)?))
            }
            _ => (argument, None),
        };
        let (event, field) = parse_event_and_field(operand)?;
        Ok(FactDeclaration { aggregate, event, field, filter, window: None })
    }
}

/// `max(0, x)`, as in other languages.
fn several_values(expr: &Expr, name: &str) -> Fault {
    let operator = if name == "max" { "||" } else { "&&" };
    Fault::at(
        expr,
        &format!("`{name}` takes one field of an event type"),
        Some(&format!("{name}(a, b) >= 3 is written a >= 3 {operator} b >= 3")),
    )
}

fn parse_aggregate(name: &str, expr: &Expr) -> Result<Aggregate, Fault> {
    if let Some(aggregate) = Aggregate::from_name(name) {
        return Ok(aggregate);
    }
    let (message, help) = match name {
        "visits" | "time_in" | "entered" => (
            format!("`{name}` is about stages, not events"),
            Some(format!("write {name}(stage) in a condition")),
        ),
        "mean" | "average" => (
            format!("unknown aggregate `{name}`"),
            Some(
                "the mean of a field is avg(event_type.field), that of gaps mean_gap(event_type)"
                    .to_owned(),
            ),
        ),
        other => (format!("unknown aggregate `{other}`"), did_you_mean(other, AGGREGATES)),
    };
    Err(Fault::at(expr, &message, Some(help.as_deref().unwrap_or(DECLARATION_HELP))))
}

fn parse_distinct_cap(expr: &Expr) -> Result<u32, Fault> {
    let cap = match &expr.kind {
        ExprKind::Number(text) => text.parse().ok(),
        _ => None,
    };
    cap.filter(|cap| (1..=DISTINCT_CAP_MAX).contains(cap)).ok_or_else(|| {
        let message =
            format!("the cap of `count_distinct` is a number from 1 to {DISTINCT_CAP_MAX}");
        let help =
            "up to the cap, distinct values are counted exactly; beyond it, the count is the cap";
        Fault::at(expr, &message, Some(help))
    })
}

/// Parses `order_completed`, `'Order Completed'`, `order_completed.value` or `any.properties.score`.
fn parse_event_and_field(argument: &Expr) -> Result<(Option<String>, Option<Field>), Fault> {
    let mut inner = argument;
    while let ExprKind::Member(owner, _) = &inner.kind {
        inner = owner;
    }
    let field = member_path(argument).map(|path| Field::from_name(&path));
    match &inner.kind {
        ExprKind::Name(any) if any == "any" => Ok((None, field)),
        ExprKind::Name(event) | ExprKind::Text(event) if !event.is_empty() => {
            Ok((Some(event.clone()), field))
        }
        ExprKind::Binary("-", ..) => Err(Fault::at(
            argument,
            "an event type with `-` in its name is put in quotes",
            Some("for example count('order-completed')"),
        )),
        _ => Err(Fault::at(
            argument,
            "expected an event type, or a field of one",
            Some(DECLARATION_HELP),
        )),
    }
}

/// `b.c` of `a.b.c`; `None` of `a`.
fn member_path(expr: &Expr) -> Option<String> {
    let ExprKind::Member(owner, name) = &expr.kind else {
        return None;
    };
    Some(match member_path(owner) {
        Some(path) => format!("{path}.{name}"),
        None => name.clone(),
    })
}

/// `count(x) where …`: the filter is outside the parentheses.
fn find_misplaced_where(call: &str, error: &syntax::SyntaxError) -> Option<Fault> {
    call[error.span.start..].starts_with("where").then(|| Fault {
        span: error.span.clone(),
        message: "`where` belongs inside the parentheses".to_owned(),
        help: Some("for example count(order_completed where channel == 'web')".to_owned()),
    })
}
