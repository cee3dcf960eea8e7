//! Facts over events (rules 9-11).

use super::conditions::{Evaluation, milliseconds};
use super::{Aggregate, Event, Fact, Filter, HOUR, Op, SCALE, Source, Unit, Value, Window};

impl Evaluation<'_> {
    /// None for a stage fact.
    pub(super) fn declared<'s>(&'s self, source: &'s Source) -> Option<&'s Fact> {
        match source {
            Source::Named(name) => {
                let mut facts = self.model.facts.iter();
                let (_, fact) = facts.find(|(fact, _)| fact == name).expect(name);
                Some(fact)
            }
            Source::Inline(fact) => Some(fact),
            _ => None,
        }
    }

    pub(super) fn fact(&self, fact: &Fact) -> Option<Value> {
        let inside = |w: Window, event: &Event| w.contains(event.time, self.facts_at);
        let counts = |e: &&Event| fact.takes(e) && fact.window.is_none_or(|w| inside(w, e));
        let taken: Vec<&Event> = self.visible.by(fact).filter(counts).collect();
        // Rule 22: a credit note counts in the sum of values only, also in that of an average.
        let of_fact =
            |event: &&Event| fact.event == event.kind && self.visible.is_credit_note(event);
        let (credits, mut taken): (Vec<&Event>, Vec<&Event>) = taken.into_iter().partition(of_fact);
        let credited: i128 = match fact.field.as_deref() {
            Some("value") => numbers(fact, &credits).iter().sum(),
            _ => 0,
        };
        taken.sort_by_key(|event| event.time); // stable: by (time, input order)
        let (first, last) = (taken.first(), taken.last());
        let number = match fact.aggregate {
            Aggregate::Count => taken.len() as i128 * SCALE,
            Aggregate::Sum => numbers(fact, &taken).iter().sum::<i128>() + credited,
            Aggregate::Min => *numbers(fact, &taken).iter().min()?,
            Aggregate::Max => *numbers(fact, &taken).iter().max()?,
            Aggregate::Avg => {
                let numbers = numbers(fact, &taken);
                numbers.first()?;
                half_even(numbers.iter().sum::<i128>() + credited, numbers.len() as i128)
            }
            Aggregate::CountDistinct { cap } => {
                assert!((1..=1000).contains(&cap), "refused: a cap of {cap}");
                let mut different: Vec<Value> = Vec::new();
                for value in taken.iter().filter_map(|event| fact.read(event)) {
                    if !different.contains(&value) {
                        different.push(value);
                    }
                }
                different.len().min(cap) as i128 * SCALE
            }
            Aggregate::First => return fact.read(first?),
            Aggregate::Last => return fact.read(last?),
            Aggregate::MeanGap => {
                let gaps = gaps(&taken);
                gaps.first()?;
                let all = i128::from(last?.time - first?.time) * SCALE;
                half_even(all, gaps.len() as i128)
            }
            Aggregate::MaxGap => i128::from(*gaps(&taken).iter().max()?) * SCALE,
        };
        Some(Value::Number(number))
    }

    /// The instants later than now at which a bucket that contains a counted event enters or leaves the window of the
    /// fact. At some of them nothing changes; evaluating there is harmless.
    pub(super) fn window_edges(&self, source: &Source, instants: &mut Vec<i64>) {
        let Some(fact) = self.declared(source) else {
            return;
        };
        let Some(window) = fact.window else {
            return;
        };
        let counted = self.visible.by(fact).filter(|event| fact.takes(event));
        let edges = counted.flat_map(|event| window.edges(event.time));
        instants.extend(edges.filter(|&instant| instant > self.now));
    }
}

fn numbers(fact: &Fact, taken: &[&Event]) -> Vec<i128> {
    let number = |event: &&Event| match fact.read(event) {
        Some(Value::Number(number)) => number,
        other => panic!("{other:?} is not a number"),
    };
    taken.iter().map(number).collect()
}

fn gaps(by_time: &[&Event]) -> Vec<i64> {
    let gap = |pair: &[&Event]| pair[1].time - pair[0].time;
    by_time.windows(2).map(gap).collect()
}

/// The nearest whole number; of two that are equally near, the even one. The divisor is positive.
pub(super) fn half_even(dividend: i128, divisor: i128) -> i128 {
    let below = dividend.div_euclid(divisor);
    let twice = 2 * dividend.rem_euclid(divisor);
    let up = twice > divisor || (twice == divisor && below % 2 != 0);
    below + i128::from(up)
}

impl Fact {
    /// Whether the event has the right type and the field, and the filter is true for it.
    fn takes(&self, candidate: &Event) -> bool {
        let right_type = self.event == "any" || self.event == candidate.kind;
        let has_field = |field| candidate.fields.contains_key(field);
        let passes = |filter: &Filter| filter.passes(candidate);
        right_type
            && self.field.as_ref().is_none_or(has_field)
            && self.filter.as_ref().is_none_or(passes)
    }

    /// The field of the event; its instant if the fact has no field.
    fn read(&self, event: &Event) -> Option<Value> {
        match &self.field {
            Some(field) => event.fields.get(field).cloned(),
            None => Some(milliseconds(event.time)),
        }
    }
}

impl Filter {
    /// False for a comparison with a field that the event does not have, or that has another type.
    fn passes(&self, event: &Event) -> bool {
        match self {
            Filter::And(a, b) => a.passes(event) && b.passes(event),
            Filter::Or(a, b) => a.passes(event) || b.passes(event),
            Filter::Not(a) => !a.passes(event),
            Filter::Has(field) => event.fields.contains_key(field),
            Filter::Compare(field, op, constant) => {
                let ordered = matches!(constant, Value::Number(_));
                let right_operator = ordered || matches!(op, Op::Eq | Op::Ne);
                assert!(right_operator, "refused: {op:?} {constant:?}");
                let carried = event.fields.get(field);
                let order = match (carried.and_then(|value| value.taken_for(constant)), constant) {
                    (Some(Value::Number(a)), Value::Number(b)) => a.cmp(b),
                    (Some(Value::Text(a)), Value::Text(b)) => a.cmp(b),
                    (Some(Value::Bool(a)), Value::Bool(b)) => a.cmp(b),
                    _ => return false,
                };
                op.accepts(order)
            }
        }
    }
}

impl Value {
    /// The value in the type of `other`, if it can be read so: a text may be a number, 1 is true, a number is a text.
    fn taken_for(&self, other: &Value) -> Option<Value> {
        match (self, other) {
            (Value::Text(text), Value::Number(_)) => {
                text.parse::<f64>().ok().map(|_| Value::number(text))
            }
            (Value::Text(text), Value::Bool(_)) => match text.as_str() {
                "true" | "1" => Some(Value::Bool(true)),
                "false" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            (Value::Number(number), Value::Bool(_)) => match number / SCALE {
                _ if number % SCALE != 0 => None,
                1 => Some(Value::Bool(true)),
                0 => Some(Value::Bool(false)),
                _ => None,
            },
            (Value::Number(number), Value::Text(_)) => Some(Value::Text(decimal(*number))),
            (Value::Bool(truth), Value::Text(_)) => Some(Value::Text(truth.to_string())),
            _ => Some(self.clone()),
        }
    }
}

/// The shortest decimal text.
fn decimal(number: i128) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let (whole, fraction) = (number.abs() / SCALE, number.abs() % SCALE);
    let text = format!("{sign}{whole}.{fraction:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Window {
    /// Rule 10.
    pub(crate) fn of(duration_ms: i64) -> Window {
        let hourly = duration_ms <= 72 * HOUR;
        let unit = if hourly { Unit::Hour } else { Unit::Day };
        Window { unit, buckets: whole_buckets(duration_ms, unit), before: 0 }
    }

    /// The window, shifted back.
    pub(crate) fn before(self, duration_ms: i64) -> Window {
        Window { before: whole_buckets(duration_ms, self.unit), ..self }
    }

    /// The current bucket and the N-1 before it, all of them so many buckets ago.
    fn contains(self, time: i64, now: i64) -> bool {
        let bucket = |instant: i64| instant.div_euclid(self.unit as i64);
        let last = bucket(now) - self.before;
        (last - self.buckets + 1..=last).contains(&bucket(time))
    }

    /// When the bucket of an event enters and leaves the window.
    fn edges(self, time: i64) -> [i64; 2] {
        let bucket = time.div_euclid(self.unit as i64);
        let (enters, leaves) = (bucket + self.before, bucket + self.before + self.buckets);
        [enters * self.unit as i64, leaves * self.unit as i64]
    }
}

fn whole_buckets(duration_ms: i64, unit: Unit) -> i64 {
    let buckets = duration_ms / unit as i64;
    let whole = buckets > 0 && buckets * unit as i64 == duration_ms;
    assert!(whole, "refused: a window of {duration_ms} ms");
    buckets
}
