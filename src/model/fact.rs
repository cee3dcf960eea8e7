//! Facts: what is remembered of a customer's events, and how it is read.

mod over;

use super::lower::Type;
use super::syntax::{self, Expr, Kind};
use crate::event::{Field, Millis};

/// What a fact remembers, as declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// How events are put together.
    pub aggregate: Aggregate,
    /// Of which events; `None` is any.
    pub event: Option<String>,
    /// Of which field of theirs.
    pub field: Option<Field>,
    /// Over which stretch of time.
    pub window: Option<Window>,
}

/// How events are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// How many.
    Count,
    /// The total of a field.
    Sum,
    /// The earliest: its instant, or the value of its field.
    First,
    /// The instant of the latest.
    Last,
    /// The value that a field has in the latest event that carries it.
    Latest,
}

/// The current bucket and the `buckets - 1` before it (`lifecycle.md` rule 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// What a bucket is.
    pub bucket: Bucket,
    /// How many.
    pub buckets: u32,
}

/// A stretch of UTC time; it includes its start and excludes its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Bucket {
    /// Its length.
    pub fn length(self) -> Millis {
        match self {
            Bucket::Hour => Millis::HOUR,
            Bucket::Day => Millis::DAY,
        }
    }
}

/// Longest window.
const WINDOW_DAYS_MAX: i64 = 3660;

impl Window {
    /// Up to 72 hours in hours, longer ones in whole days; `None` for any other length.
    pub fn of(length: Millis) -> Option<Window> {
        let bucket = if length.0 <= 72 * Millis::HOUR.0 {
            Bucket::Hour
        } else {
            Bucket::Day
        };
        let fits = length.0 > 0
            && length.0 % bucket.length().0 == 0
            && length.0 <= WINDOW_DAYS_MAX * Millis::DAY.0;
        fits.then(|| Window {
            bucket,
            buckets: (length.0 / bucket.length().0) as u32,
        })
    }
}

impl Declaration {
    /// The type of the fact's value, where the declaration alone decides it.
    pub fn value_type(&self) -> Option<Type> {
        match (self.aggregate, &self.field) {
            (Aggregate::Count | Aggregate::Sum, _) => Some(Type::Number),
            (_, None) => Some(Type::Instant),
            (_, Some(field)) => field.kind().map(Type::of_field),
        }
    }

    /// Reads `count(order_completed)`, `sum(order_completed.value) over 365d` and the like.
    /// `Err` has the bytes of the text that are wrong, why, and what to do.
    pub fn parse(text: &str) -> Result<Declaration, Fault> {
        let (call, over) = over::split(text);
        let expr = syntax::parse(call).map_err(|error| {
            let known = later_filter(call, &error).or_else(|| over::other_word(text));
            known.unwrap_or(Fault {
                span: error.span,
                message: error.message,
                help: None,
            })
        })?;
        let Kind::Call(name, arguments) = &expr.kind else {
            return Err(Fault::of(
                &expr,
                "a fact is an aggregate of events",
                Some(SHAPES),
            ));
        };
        let aggregate = aggregate(name, &expr)?;
        let [argument] = arguments.as_slice() else {
            return Err(Fault::of(
                &expr,
                "an aggregate takes one event type or one field of it",
                Some(SHAPES),
            ));
        };
        let (event, field) = event_and_field(argument)?;
        let window = over.map(|span| over::window(text, span)).transpose()?;
        let declaration = Declaration {
            aggregate,
            event,
            field,
            window,
        };
        declaration.check(&expr).map(|()| declaration)
    }

    fn check(&self, expr: &Expr) -> Result<(), Fault> {
        let fault = |message, help| Err(Fault::of(expr, message, Some(help)));
        match (self.aggregate, &self.field) {
            (Aggregate::Count, Some(_)) => {
                return fault(
                    "`count` counts events, not a field",
                    "write count(event_type)",
                );
            }
            (Aggregate::Sum, None) => {
                return fault("`sum` needs a field", "write sum(event_type.value)");
            }
            (Aggregate::Sum, Some(field))
                if field
                    .kind()
                    .is_some_and(|kind| Type::of_field(kind) != Type::Number) =>
            {
                return fault(
                    "`sum` needs a field that is a number",
                    "write sum(event_type.value)",
                );
            }
            (Aggregate::Last, Some(_)) => {
                return fault(
                    "`last` is an instant",
                    "for the value of a field write latest(event_type.field)",
                );
            }
            (Aggregate::Latest, None) => {
                return fault(
                    "`latest` needs a field",
                    "for an instant write last(event_type)",
                );
            }
            _ => {}
        }
        match (self.aggregate, self.window) {
            (Aggregate::First | Aggregate::Last | Aggregate::Latest, Some(_)) => fault(
                "only `count` and `sum` can be taken over a window",
                "leave out `over`, or use since() in the condition",
            ),
            _ => Ok(()),
        }
    }
}

/// What is wrong with a stretch of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Bytes of the text.
    pub span: std::ops::Range<usize>,
    /// Why.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn of(expr: &Expr, message: &str, help: Option<&str>) -> Fault {
        Fault {
            span: expr.span.clone(),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }
}

const SHAPES: &str = "for example count(order_completed), sum(order_completed.value) over 90d, last(any), first(any.channel)";
const NAMES: [&str; 5] = ["count", "sum", "first", "last", "latest"];
/// Announced, and refused until they are there.
const LATER: [&str; 6] = ["count_distinct", "min", "max", "avg", "mean_gap", "max_gap"];

fn aggregate(name: &str, expr: &Expr) -> Result<Aggregate, Fault> {
    match name {
        "count" => Ok(Aggregate::Count),
        "sum" => Ok(Aggregate::Sum),
        "first" => Ok(Aggregate::First),
        "last" => Ok(Aggregate::Last),
        "latest" => Ok(Aggregate::Latest),
        later if LATER.contains(&later) => Err(Fault::of(
            expr,
            &format!("`{later}` is not supported by this version yet"),
            None,
        )),
        other => {
            let help = super::problem::did_you_mean(other, NAMES);
            Err(Fault::of(
                expr,
                &format!("unknown aggregate `{other}`"),
                Some(help.as_deref().unwrap_or(SHAPES)),
            ))
        }
    }
}

/// `order_completed`, `'Order Completed'`, `order_completed.value`, `any.properties.score`.
fn event_and_field(argument: &Expr) -> Result<(Option<String>, Option<Field>), Fault> {
    let mut path = Vec::new();
    let mut inner = argument;
    while let Kind::Member(of, name) = &inner.kind {
        path.push(name.as_str());
        inner = of;
    }
    path.reverse();
    let field = (!path.is_empty()).then(|| Field::named(&path.join(".")));
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

fn later_filter(call: &str, error: &syntax::SyntaxError) -> Option<Fault> {
    call[error.span.start..]
        .starts_with("where")
        .then(|| Fault {
            span: error.span.clone(),
            message: "`where` is not supported by this version yet".to_owned(),
            help: Some("let the field mapping give such events a type of their own".to_owned()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_up_to_72_hours_count_hours_and_longer_ones_days() {
        let window = |text| Millis::parse(text).and_then(Window::of);
        assert_eq!(
            window("72h"),
            Some(Window {
                bucket: Bucket::Hour,
                buckets: 72
            })
        );
        assert_eq!(
            window("3d"),
            Some(Window {
                bucket: Bucket::Hour,
                buckets: 72
            })
        );
        assert_eq!(
            window("96h"),
            Some(Window {
                bucket: Bucket::Day,
                buckets: 4
            })
        );
        assert_eq!(
            window("52w"),
            Some(Window {
                bucket: Bucket::Day,
                buckets: 364
            })
        );
        for refused in ["0d", "90m", "73h", "100h", "3661d"] {
            assert_eq!(window(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_word_in_quotes_is_no_window() {
        let read = |text| Declaration::parse(text).expect(text);
        let quoted = read("count('sold over night') over 3d");
        assert_eq!(quoted.event.as_deref(), Some("sold over night"));
        assert_eq!(quoted.window, Window::of(Millis(3 * Millis::DAY.0)));
        assert_eq!(read("count(\"it's in\")").window, None);
        assert_eq!(read("count(x)over\t3d").window, quoted.window);
    }

    #[test]
    fn a_declaration_that_makes_no_sense_says_what_to_write() {
        let fault = |text| Declaration::parse(text).expect_err(text);
        assert_eq!(
            fault("cuont(x)").help.as_deref(),
            Some("did you mean `count`?")
        );
        assert_eq!(
            fault("count(x.y)").help.as_deref(),
            Some("write count(event_type)")
        );
        assert_eq!(
            fault("sum(x)").help.as_deref(),
            Some("write sum(event_type.value)")
        );
        assert_eq!(
            fault("last(x) over 3d").message,
            "only `count` and `sum` can be taken over a window"
        );
        assert_eq!(fault("count(x) over 100h").span, 14..18);
        assert_eq!(fault("count(x)\tover   100h ").span, 16..20);
        assert_eq!(
            fault("count(x) over").message,
            "the length of the window is missing"
        );
        assert_eq!(
            fault("count(x) in 30d").help.as_deref(),
            Some("write `over 30d`")
        );
        assert_eq!(fault("count(x) in 30d").span, 9..15);
        assert_eq!(
            fault("count(order-completed)").message,
            "an event type with `-` in its name is put in quotes"
        );
        assert_eq!(
            fault("count(x where y == 1)").message,
            "`where` is not supported by this version yet"
        );
        assert_eq!(
            fault("max(x.y)").message,
            "`max` is not supported by this version yet"
        );
        assert_eq!(
            fault("sum(x.channel)").message,
            "`sum` needs a field that is a number"
        );
    }
}
