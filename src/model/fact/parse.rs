//! Declarations as they are written: `sum(order_completed.value where channel == 'web') over 90d`.

use super::{AGGREGATES, Aggregate, DISTINCT_MAX, Declaration, Fault, filter, over};
use crate::event::Field;
use crate::model::problem::did_you_mean;
use crate::model::syntax::{self, Expr, Kind};

const SHAPES: &str = "for example count(order_completed), sum(order_completed.value) over 90d, last(any), first(any.channel)";

impl Declaration {
    /// Reads `count(order_completed)`, `sum(order_completed.value) over 365d` and the like.
    /// `Err` has the bytes of the text that are wrong, why, and what to do.
    pub fn parse(text: &str) -> Result<Declaration, Fault> {
        let (call, over) = over::split(text);
        let expr = syntax::parse(call).map_err(|error| {
            let known = misplaced_where(call, &error).or_else(|| over::other_word(text));
            known.unwrap_or(Fault {
                span: error.span,
                message: error.message,
                help: None,
            })
        })?;
        let declaration = Declaration {
            window: over.map(|span| over::window(text, span)).transpose()?,
            ..Declaration::unchecked(&expr)?
        };
        declaration.check(&expr).map(|()| declaration)
    }

    /// Reads an aggregate that stands in a condition.
    pub(in crate::model) fn inline(expr: &Expr) -> Result<Declaration, Fault> {
        let declaration = Declaration::unchecked(expr)?;
        declaration.check(expr).map(|()| declaration)
    }

    fn unchecked(expr: &Expr) -> Result<Declaration, Fault> {
        let Kind::Call(name, arguments) = &expr.kind else {
            return Err(Fault::of(
                expr,
                "a fact is an aggregate of events",
                Some(SHAPES),
            ));
        };
        let mut aggregate = aggregate(name, expr)?;
        let argument = match (arguments.as_slice(), &mut aggregate) {
            ([argument], _) => argument,
            ([argument, cap], Aggregate::CountDistinct(most)) => {
                *most = distinct_cap(cap)?;
                argument
            }
            _ => {
                let message = "an aggregate takes one event type or one field of it";
                return Err(Fault::of(expr, message, Some(SHAPES)));
            }
        };
        let (of, filter) = match &argument.kind {
            Kind::Where(of, filter) => (of.as_ref(), Some(filter::filter(filter)?)),
            _ => (argument, None),
        };
        let (event, field) = event_and_field(of)?;
        Ok(Declaration {
            aggregate,
            event,
            field,
            filter,
            window: None,
        })
    }
}

fn aggregate(name: &str, expr: &Expr) -> Result<Aggregate, Fault> {
    if let Some(aggregate) = Aggregate::named(name) {
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
        other => (
            format!("unknown aggregate `{other}`"),
            did_you_mean(other, AGGREGATES),
        ),
    };
    Err(Fault::of(
        expr,
        &message,
        Some(help.as_deref().unwrap_or(SHAPES)),
    ))
}

fn distinct_cap(expr: &Expr) -> Result<u32, Fault> {
    let cap = match &expr.kind {
        Kind::Number(text) => text.parse().ok(),
        _ => None,
    };
    cap.filter(|cap| (1..=DISTINCT_MAX).contains(cap))
        .ok_or_else(|| {
            let message =
                format!("the cap of `count_distinct` is a number from 1 to {DISTINCT_MAX}");
            let help = "different values are counted exactly up to it, and then it is the count";
            Fault::of(expr, &message, Some(help))
        })
}

/// `order_completed`, `'Order Completed'`, `order_completed.value`, `any.properties.score`.
fn event_and_field(argument: &Expr) -> Result<(Option<String>, Option<Field>), Fault> {
    let mut inner = argument;
    while let Kind::Member(of, _) = &inner.kind {
        inner = of;
    }
    let field = members(argument).map(|path| Field::named(&path));
    match &inner.kind {
        Kind::Name(any) if any == "any" => Ok((None, field)),
        Kind::Name(event) | Kind::Text(event) if !event.is_empty() => {
            Ok((Some(event.clone()), field))
        }
        Kind::Binary("-", ..) => Err(Fault::of(
            argument,
            "an event type with `-` in its name is put in quotes",
            Some("for example count('order-completed')"),
        )),
        _ => Err(Fault::of(
            argument,
            "expected an event type, or a field of one",
            Some(SHAPES),
        )),
    }
}

/// What follows the first name of `a.b.c`, if anything does.
fn members(expr: &Expr) -> Option<String> {
    let Kind::Member(of, name) = &expr.kind else {
        return None;
    };
    Some(match members(of) {
        Some(path) => format!("{path}.{name}"),
        None => name.clone(),
    })
}

/// All of `a.b.c`, where it begins with a name.
pub(super) fn path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Member(of, name) => path(of).map(|of| format!("{of}.{name}")),
        _ => None,
    }
}

/// `count(x) where …`: the filter stands behind the call.
fn misplaced_where(call: &str, error: &syntax::SyntaxError) -> Option<Fault> {
    call[error.span.start..]
        .starts_with("where")
        .then(|| Fault {
            span: error.span.clone(),
            message: "`where` stands inside the parentheses".to_owned(),
            help: Some("for example count(order_completed where channel == 'web')".to_owned()),
        })
}
