//! From the syntax of a condition to its typed form: every name resolved, every type checked.

mod term;

use super::condition::{Comparison, Condition, Operator, Term, TextComparison, TextTerm, Unit};
use super::fact::{Aggregate, Declaration, Fault};
use super::problem::did_you_mean;
use super::syntax::{Expr, Kind};
use crate::event::{FieldKind, Vocabulary};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number or money.
    Number,
    /// A length of time.
    Duration,
    /// A point in time.
    Instant,
    /// Text.
    Text,
    /// True or false.
    Flag,
}

impl Type {
    /// The type of a field of known kind.
    pub(super) fn of_field(kind: FieldKind) -> Type {
        match kind {
            FieldKind::Number => Type::Number,
            FieldKind::Text | FieldKind::Any => Type::Text,
            FieldKind::Flag => Type::Flag,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Duration => "a duration",
            Type::Instant => "an instant",
            Type::Text => "a text",
            Type::Flag => "true or false",
        }
    }
}

/// A fact while conditions are read: the type of a property is what it is first used as.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) declaration: Declaration,
    pub(super) value_type: Option<Type>,
    /// Its declaration has a mistake, which is reported where it stands and nowhere else.
    pub(super) broken: bool,
}

impl Known {
    /// A fact of which nothing but the name is known.
    pub(super) fn broken(name: &str) -> Known {
        let declaration = Declaration {
            aggregate: Aggregate::Count,
            event: None,
            field: None,
            window: None,
        };
        Known {
            name: name.to_owned(),
            declaration,
            value_type: None,
            broken: true,
        }
    }
}

/// Reads the conditions of one model.
pub(super) struct Lowering<'l> {
    pub(super) facts: &'l mut Vec<Known>,
    pub(super) vocabulary: &'l mut Vocabulary,
    /// The condition's text.
    pub(super) text: &'l str,
    pub(super) faults: &'l mut Vec<Fault>,
    /// Names that were read as event types, with their places.
    pub(super) events: &'l mut Vec<(String, std::ops::Range<usize>)>,
}

impl Lowering<'_> {
    /// The condition that `expr` says; `None` after something was wrong with it.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Condition> {
        match &expr.kind {
            Kind::Truth(truth) => Some(Condition::Always(*truth)),
            Kind::Unary("!", inner) => Some(Condition::Not(Box::new(self.condition(inner)?))),
            Kind::Binary(operator @ ("&&" | "||"), ..) => {
                let mut parts = Vec::new();
                self.parts(expr, operator, &mut parts);
                let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
                Some(if *operator == "&&" {
                    Condition::All(parts)
                } else {
                    Condition::Any(parts)
                })
            }
            Kind::Binary(operator, left, right) => match comparison_operator(operator) {
                Some(operator) => self.comparison(expr, operator, left, right),
                None => self.fault(
                    expr,
                    "this is a number, not a condition",
                    Some("compare it with something"),
                ),
            },
            Kind::Call(name, arguments) if name == "has" => {
                Some(Condition::Has(self.fact_argument(expr, "has", arguments)?))
            }
            Kind::Name(name) => self.name_as_condition(expr, name),
            _ => self.fault(
                expr,
                "this is a value, not a condition",
                Some("compare it with something"),
            ),
        }
    }

    /// Both sides are read even if one is wrong, so that every problem is found.
    fn parts(&mut self, expr: &Expr, operator: &str, parts: &mut Vec<Option<Condition>>) {
        match &expr.kind {
            Kind::Binary(own, left, right) if *own == operator => {
                self.parts(left, operator, parts);
                self.parts(right, operator, parts);
            }
            _ => parts.push(self.condition(expr)),
        }
    }

    fn name_as_condition(&mut self, expr: &Expr, name: &str) -> Option<Condition> {
        if let Some(fact) = self.position(name) {
            if self.facts[fact].broken {
                return None;
            }
            let value_type = self.bind(fact, Type::Flag);
            return match value_type {
                Type::Flag => Some(Condition::Flag {
                    fact,
                    is: true,
                    text: self.text_of(expr),
                }),
                other => self.fault(
                    expr,
                    &format!("`{name}` is {}, not a condition", other.name()),
                    Some("compare it with something"),
                ),
            };
        }
        self.events.push((name.to_owned(), expr.span.clone()));
        Some(Condition::Happened(
            (name != "any").then(|| self.vocabulary.intern_type(name)),
        ))
    }

    fn comparison(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        let (left_type, right_type) = (self.hint(left), self.hint(right));
        let wanted = match (left_type, right_type) {
            (Some(Type::Text), _) | (_, Some(Type::Text)) => Type::Text,
            (Some(Type::Flag), _) | (_, Some(Type::Flag)) => Type::Flag,
            (None, None) => {
                return self.fault(
                    expr,
                    "nothing tells what these two are",
                    Some("compare each with a number, a text in quotes or true"),
                );
            }
            _ => return self.quantities(expr, operator, left, right),
        };
        let equal = match operator {
            Operator::Equal => true,
            Operator::Unequal => false,
            _ => {
                return self.fault(
                    expr,
                    &format!("{} can only be compared with `==` and `!=`", wanted.name()),
                    None,
                );
            }
        };
        if wanted == Type::Flag {
            return self.flag(expr, equal, left, right);
        }
        let (left, right) = (self.text_term(left), self.text_term(right));
        Some(Condition::SameText(TextComparison {
            left: left?,
            right: right?,
            equal,
            text: self.text_of(expr),
        }))
    }

    fn flag(&mut self, expr: &Expr, equal: bool, left: &Expr, right: &Expr) -> Option<Condition> {
        let (Kind::Name(name), Kind::Truth(truth)) = (&left.kind, &right.kind) else {
            return self.fault(expr, "a truth value is compared as `fact == true`", None);
        };
        let fact = self.named_fact(left, name)?;
        match self.bind(fact, Type::Flag) {
            Type::Flag => Some(Condition::Flag {
                fact,
                is: *truth == equal,
                text: self.text_of(expr),
            }),
            other => self.fault(
                left,
                &format!("`{name}` is {}, not true or false", other.name()),
                None,
            ),
        }
    }

    fn text_term(&mut self, expr: &Expr) -> Option<TextTerm> {
        match &expr.kind {
            Kind::Text(text) => Some(TextTerm::Constant(text.clone())),
            Kind::Name(name) => {
                let fact = self.named_fact(expr, name)?;
                match self.bind(fact, Type::Text) {
                    Type::Text => Some(TextTerm::Fact(fact)),
                    other => self.fault(
                        expr,
                        &format!("`{name}` is {}, not a text", other.name()),
                        None,
                    ),
                }
            }
            _ => self.fault(expr, "this is not a text", None),
        }
    }

    fn quantities(
        &mut self,
        expr: &Expr,
        operator: Operator,
        left: &Expr,
        right: &Expr,
    ) -> Option<Condition> {
        let (left, right) = (self.term(left), self.term(right));
        let (left, right) = (left?, right?);
        if left.value_type != right.value_type {
            let message = format!(
                "{} is compared with {}",
                left.value_type.name(),
                right.value_type.name()
            );
            let help = match (left.value_type, right.value_type) {
                (Type::Duration, Type::Number) | (Type::Number, Type::Duration) => {
                    Some("say the unit: days(45), hours(12), minutes(30)")
                }
                (Type::Instant, _) | (_, Type::Instant) => {
                    Some("the time since an instant is since(fact)")
                }
                _ => None,
            };
            return self.fault(expr, &message, help);
        }
        let moves = left.moves || right.moves;
        if moves && matches!(operator, Operator::Equal | Operator::Unequal) {
            return self.fault(
                expr,
                "`since` cannot be compared with `==` or `!=`: it is so for a millisecond only",
                Some("use `>=` or `<`"),
            );
        }
        let unit = match left.value_type {
            Type::Duration => Unit::Duration,
            Type::Instant => Unit::Instant,
            Type::Number | Type::Text | Type::Flag => Unit::Number,
        };
        let mut facts = Vec::new();
        collect_facts(&left.term, &mut facts);
        collect_facts(&right.term, &mut facts);
        let windows = facts
            .iter()
            .copied()
            .filter(|fact| self.facts[*fact].declaration.window.is_some())
            .collect();
        let text = self.text_of(expr);
        Some(Condition::Compare(Comparison {
            operator,
            left: left.term,
            right: right.term,
            unit,
            moves,
            windows,
            facts,
            text,
        }))
    }

    fn fact_argument(&mut self, expr: &Expr, function: &str, arguments: &[Expr]) -> Option<usize> {
        match arguments {
            [
                Expr {
                    kind: Kind::Name(name),
                    ..
                },
            ] => self.named_fact(&arguments[0], name),
            _ => self.fault(
                expr,
                &format!("`{function}` takes the name of a fact"),
                None,
            ),
        }
    }

    fn named_fact(&mut self, expr: &Expr, name: &str) -> Option<usize> {
        if let Some(at) = self.position(name) {
            return (!self.facts[at].broken).then_some(at);
        }
        let help = did_you_mean(name, self.facts.iter().map(|fact| fact.name.as_str()));
        self.fault(
            expr,
            &format!("unknown fact `{name}`"),
            help.as_deref()
                .or(Some("facts are declared under `facts:`")),
        )
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.facts.iter().position(|fact| fact.name == name)
    }

    /// The type of the fact; one that had none yet becomes `wanted`.
    fn bind(&mut self, fact: usize, wanted: Type) -> Type {
        *self.facts[fact].value_type.get_or_insert(wanted)
    }

    /// The type of an operand as far as it can be seen without binding anything.
    fn hint(&self, expr: &Expr) -> Option<Type> {
        match &expr.kind {
            Kind::Text(_) => Some(Type::Text),
            Kind::Truth(_) => Some(Type::Flag),
            Kind::Name(name) => match self.position(name) {
                Some(at) if self.facts[at].broken => Some(Type::Number),
                Some(at) => self.facts[at].value_type,
                None => Some(Type::Number), // Unknown: reported when it is read as a term.
            },
            _ => Some(Type::Number),
        }
    }

    fn text_of(&self, expr: &Expr) -> String {
        self.text[expr.span.clone()].to_owned()
    }

    fn fault<T>(&mut self, expr: &Expr, message: &str, help: Option<&str>) -> Option<T> {
        self.faults.push(Fault::of(expr, message, help));
        None
    }
}

fn collect_facts(term: &Term, facts: &mut Vec<usize>) {
    match term {
        Term::Constant(_) => {}
        Term::Fact(fact) | Term::Since(fact) => {
            if !facts.contains(fact) {
                facts.push(*fact);
            }
        }
        Term::Negate(inner) => collect_facts(inner, facts),
        Term::Binary(_, left, right) => {
            collect_facts(left, facts);
            collect_facts(right, facts);
        }
    }
}

fn comparison_operator(symbol: &str) -> Option<Operator> {
    Some(match symbol {
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        ">" => Operator::Greater,
        ">=" => Operator::AtLeast,
        "==" => Operator::Equal,
        "!=" => Operator::Unequal,
        _ => return None,
    })
}
