//! Models as a lifecycle manager would write them.

use std::fmt::Write;

use tenure::event::{Millis, Quantity};

use crate::reference::{
    Aggregate, DAY, Expr, Fact, Filter, HOUR, MINUTE, Model, Num, Op, Orders, Reentry, Refunds,
    Repeated, Source, Stage, Transition, Unit, Value,
};

pub(crate) fn model(model: &Model) -> String {
    let mut text = format!("model: {}\ninitial: {}\n", model.name, model.initial);
    match model.dedupe_ms {
        Some(horizon) if model.dedupe_by_type => {
            writeln!(text, "dedupe: {{ within: {}, by_type: true }}", Millis(horizon)).unwrap();
        }
        Some(horizon) => writeln!(text, "dedupe: {}", Millis(horizon)).unwrap(),
        None => {}
    }
    if let Some(orders) = &model.orders {
        text.push_str(&returns(orders));
    }
    if let Some(horizon) = model.corrections_ms {
        writeln!(text, "corrections: {}", Millis(horizon)).unwrap();
    }
    text.push_str(if model.facts.is_empty() { "" } else { "facts:\n" });
    for (name, declared) in &model.facts {
        writeln!(text, "  {name}: {}", scalar(&fact(declared))).unwrap();
    }
    text.push_str("stages:\n");
    for stage in &model.stages {
        writeln!(text, "  {}: {{{}}}", stage.name, rules_of(stage)).unwrap();
    }
    text.push_str("transitions:\n");
    for way in &model.transitions {
        writeln!(text, "  - {{ {} }}", transition(way)).unwrap();
    }
    text
}

fn returns(orders: &Orders) -> String {
    let mut text = format!("orders:\n  placed: {}\n", orders.placed);
    let others = [("refunded", &orders.refunded), ("cancelled", &orders.cancelled)];
    for (name, kind) in others {
        if let Some(kind) = kind {
            writeln!(text, "  {name}: {kind}").unwrap();
        }
    }
    match orders.refunds {
        Refunds::Single => {}
        Refunds::Partial => text.push_str("  refunds: partial\n"),
        Refunds::Cumulative => text.push_str("  refunds: cumulative\n"),
    }
    match orders.repeated {
        Repeated::Duplicate => {}
        Repeated::Line => text.push_str("  repeated: line\n"),
        Repeated::Replace => text.push_str("  repeated: replace\n"),
    }
    text + &format!("  within: {}\n", Millis(orders.within_ms))
}

/// In quotes if YAML would not read it as one text.
fn scalar(text: &str) -> String {
    if text.contains(',') || text.contains(" where ") {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

fn rules_of(stage: &Stage) -> String {
    let mut rules = Vec::new();
    if stage.min_dwell_ms > 0 {
        rules.push(format!("min_dwell: {}", Millis(stage.min_dwell_ms)));
    }
    match stage.reentry {
        Reentry::Always => {}
        Reentry::Never => rules.push("reentry: never".to_owned()),
        Reentry::After(ms) => rules.push(format!("reentry: after {}", Millis(ms))),
    }
    if rules.is_empty() { String::new() } else { format!(" {} ", rules.join(", ")) }
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
    if way.cooldown_ms > 0 {
        write!(text, ", cooldown: {}", Millis(way.cooldown_ms)).unwrap();
    }
    if let Some(name) = &way.name {
        write!(text, ", name: {name}").unwrap();
    }
    text
}

// ---- facts

fn fact(fact: &Fact) -> String {
    let kind =
        if fact.event.contains(' ') { format!("'{}'", fact.event) } else { fact.event.clone() };
    let mut text = format!("{}({kind}", aggregate(fact));
    if let Some(field) = &fact.field {
        write!(text, ".{field}").unwrap();
    }
    if let Some(wanted) = &fact.filter {
        write!(text, " where {}", filter(wanted)).unwrap();
    }
    match fact.aggregate {
        Aggregate::CountDistinct { cap } if cap != CAP_BY_DEFAULT => {
            write!(text, ", {cap}").unwrap();
        }
        _ => {}
    }
    text.push(')');
    if let Some(window) = fact.window {
        let unit = match window.unit {
            Unit::Hour => 'h',
            Unit::Day => 'd',
        };
        write!(text, " over {}{unit}", window.buckets).unwrap();
        if window.before > 0 {
            write!(text, " before {}{unit}", window.before).unwrap();
        }
    }
    text
}

const CAP_BY_DEFAULT: usize = 100;

fn aggregate(fact: &Fact) -> &'static str {
    match fact.aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Avg => "avg",
        Aggregate::CountDistinct { .. } => "count_distinct",
        Aggregate::First => "first",
        Aggregate::Last if fact.field.is_some() => "latest",
        Aggregate::Last => "last",
        Aggregate::MeanGap => "mean_gap",
        Aggregate::MaxGap => "max_gap",
    }
}

/// A name that describes the fact except for its filter: `count_order_where_over_24h`.
pub(super) fn fact_name(declared: &Fact) -> String {
    let plain = Fact { filter: None, ..declared.clone() };
    let text = fact(&plain);
    let text = match declared.filter {
        Some(_) => text.replace(')', " where "),
        None => text,
    };
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

fn filter(wanted: &Filter) -> String {
    let part = |part: &Filter| match part {
        Filter::Or(..) => format!("({})", filter(part)),
        _ => filter(part),
    };
    match wanted {
        Filter::Or(a, b) => format!("{} || {}", filter(a), filter(b)),
        Filter::And(a, b) => format!("{} && {}", part(a), part(b)),
        Filter::Not(a) => match **a {
            Filter::Has(_) | Filter::Not(_) => format!("!{}", filter(a)),
            _ => format!("!({})", filter(a)),
        },
        Filter::Has(field) => format!("has({field})"),
        Filter::Compare(field, Op::Eq, Value::Bool(true)) if field == "vip" => field.clone(),
        Filter::Compare(field, op, value) => {
            format!("{field} {} {}", operator(*op), constant(value))
        }
    }
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
        Expr::Has(known) => format!("has({})", source(known)),
        Expr::Event(kind) => kind.clone(),
        Expr::Compare(Op::Eq, Num::Fact(known), Num::Literal(Value::Bool(true))) => source(known),
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
        Num::Fact(known) => source(known),
        Num::Since(known) => format!("since({})", source(known)),
        Num::Literal(value) => constant(value),
        Num::Duration(ms) => duration(*ms),
        Num::Plus(a, b) => format!("{} + {}", term(a), factor(b)),
        Num::Minus(a, b) => format!("{} - {}", term(a), factor(b)),
        Num::Times(a, b) => format!("{} * {}", factor(a), factor(b)),
        Num::Over(a, b) => format!("{} / {}", factor(a), factor(b)),
    }
}

fn source(known: &Source) -> String {
    match known {
        Source::Named(name) => name.clone(),
        Source::Inline(inline) => fact(inline),
        Source::PreviousStage => "previous_stage".to_owned(),
        Source::DaysInStage => "days_in_stage".to_owned(),
        Source::Visits(stage) => format!("visits({stage})"),
        Source::TimeIn(stage) => format!("time_in({stage})"),
        Source::Entered(stage) => format!("entered({stage})"),
    }
}

fn constant(value: &Value) -> String {
    match value {
        Value::Number(number) => Quantity::from_nanos(*number).to_string(),
        Value::Text(text) => format!("'{text}'"),
        Value::Bool(truth) => truth.to_string(),
    }
}

/// In parentheses where the tree would otherwise be parsed differently.
fn factor(num: &Num) -> String {
    match num {
        Num::Plus(..) | Num::Minus(..) | Num::Times(..) | Num::Over(..) => {
            format!("({})", term(num))
        }
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
