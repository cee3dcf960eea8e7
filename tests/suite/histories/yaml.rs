//! Models as a lifecycle manager would write them.

use std::fmt::Write;

use tenure::event::{Millis, Quantity};

use crate::reference::{DAY, Expr, Fact, HOUR, MINUTE, Model, Num, Op, Transition, Unit, Value};

pub(crate) fn model(model: &Model) -> String {
    let mut text = format!("model: {}\ninitial: {}\n", model.name, model.initial);
    text.push_str(if model.facts.is_empty() {
        ""
    } else {
        "facts:\n"
    });
    for (name, declared) in &model.facts {
        writeln!(text, "  {name}: {}", fact(declared)).unwrap();
    }
    text.push_str("stages:\n");
    for stage in &model.stages {
        let dwell = match stage.min_dwell_ms {
            0 => String::new(),
            ms => format!(" min_dwell: {} ", Millis(ms)),
        };
        writeln!(text, "  {}: {{{dwell}}}", stage.name).unwrap();
    }
    text.push_str("transitions:\n");
    for way in &model.transitions {
        writeln!(text, "  - {{ {} }}", transition(way)).unwrap();
    }
    text
}

fn transition(way: &Transition) -> String {
    let from = match way.from.as_slice() {
        [single] => single.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let when = condition(&way.when);
    let mut text = format!("from: {from}, to: {}, when: \"{when}\"", way.to);
    if way.hold_ms > 0 {
        write!(text, ", hold: {}", Millis(way.hold_ms)).unwrap();
    }
    if let Some(name) = &way.name {
        write!(text, ", name: {name}").unwrap();
    }
    text
}

// ---- facts

pub(super) fn fact(fact: &Fact) -> String {
    let (aggregate, kind, field, window) = match fact {
        Fact::Count { event, window } => ("count", event, None, *window),
        Fact::Sum {
            event,
            field,
            window,
        } => ("sum", event, Some(field), *window),
        Fact::First { event } => ("first", event, None, None),
        Fact::Last { event } => ("last", event, None, None),
        Fact::FirstOf { event, field } => ("first", event, Some(field), None),
        Fact::Latest { event, field } => ("latest", event, Some(field), None),
    };
    let kind = match kind.contains(' ') {
        true => format!("'{kind}'"),
        false => kind.clone(),
    };
    let field = field.map_or(String::new(), |field| format!(".{field}"));
    let over = window.map_or(String::new(), |window| match window.unit {
        Unit::Hour => format!(" over {}h", window.buckets),
        Unit::Day => format!(" over {}d", window.buckets),
    });
    format!("{aggregate}({kind}{field}){over}")
}

/// What the fact is, as a name: `count_order_over_24h`.
pub(super) fn fact_name(declared: &Fact) -> String {
    let text = fact(declared);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

// ---- conditions, with no more parentheses than needed

pub(super) fn condition(expr: &Expr) -> String {
    match expr {
        Expr::Or(a, b) => format!("{} || {}", condition(a), condition(b)),
        Expr::And(a, b) => format!("{} && {}", conjunct(a), conjunct(b)),
        Expr::Not(a) => match **a {
            Expr::Has(_) | Expr::Not(_) => format!("!{}", condition(a)),
            _ => format!("!({})", condition(a)),
        },
        Expr::Has(fact) => format!("has({fact})"),
        Expr::Event(kind) => kind.clone(),
        Expr::Compare(Op::Eq, Num::Fact(fact), Num::Literal(Value::Bool(true))) => fact.clone(),
        Expr::Compare(op, a, b) => format!("{} {} {}", term(a), operator(*op), term(b)),
    }
}

fn conjunct(expr: &Expr) -> String {
    match expr {
        Expr::Or(..) => format!("({})", condition(expr)),
        _ => condition(expr),
    }
}

fn operator(op: Op) -> &'static str {
    match op {
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
    }
}

fn term(num: &Num) -> String {
    match num {
        Num::Fact(name) => name.clone(),
        Num::Since(name) => format!("since({name})"),
        Num::Literal(Value::Number(number)) => Quantity::from_nanos(*number).to_string(),
        Num::Literal(Value::Text(text)) => format!("'{text}'"),
        Num::Literal(Value::Bool(truth)) => truth.to_string(),
        Num::Duration(ms) => duration(*ms),
        Num::Plus(a, b) => format!("{} + {}", term(a), factor(b)),
        Num::Minus(a, b) => format!("{} - {}", term(a), factor(b)),
        Num::Times(a, b) => format!("{} * {}", factor(a), factor(b)),
    }
}

/// In parentheses where the tree would not come back otherwise.
fn factor(num: &Num) -> String {
    match num {
        Num::Plus(..) | Num::Minus(..) | Num::Times(..) => format!("({})", term(num)),
        _ => term(num),
    }
}

fn duration(ms: i64) -> String {
    let (unit, name) = match ms {
        whole if whole % DAY == 0 => (DAY, "days"),
        whole if whole % HOUR == 0 => (HOUR, "hours"),
        _ => (MINUTE, "minutes"),
    };
    assert_eq!(ms % unit, 0, "no literal for {ms} ms");
    format!("{name}({})", ms / unit)
}
