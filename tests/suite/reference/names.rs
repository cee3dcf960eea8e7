//! The event types that models name (rule 7).

use std::collections::BTreeSet;

use super::{Expr, Fact, Model, Num, Source};

pub(super) fn of(models: &[Model]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for model in models {
        for (_, fact) in &model.facts {
            names.insert(fact.event.clone());
        }
        for transition in &model.transitions {
            of_condition(&transition.when, &mut names);
        }
        if let Some(orders) = &model.orders {
            names.insert(orders.placed.clone());
            names.extend(orders.refunded.clone());
            names.extend(orders.cancelled.clone());
        }
    }
    names.remove("any");
    names
}

fn of_condition(expr: &Expr, names: &mut BTreeSet<String>) {
    match expr {
        Expr::And(a, b) | Expr::Or(a, b) => {
            of_condition(a, names);
            of_condition(b, names);
        }
        Expr::Not(a) => of_condition(a, names),
        Expr::Compare(_, a, b) => {
            of_term(a, names);
            of_term(b, names);
        }
        Expr::Has(source) => of_source(source, names),
        Expr::Event(kind) => {
            names.insert(kind.clone());
        }
    }
}

fn of_term(term: &Num, names: &mut BTreeSet<String>) {
    match term {
        Num::Fact(source) | Num::Since(source) => of_source(source, names),
        Num::Literal(_) | Num::Duration(_) => {}
        Num::Plus(a, b) | Num::Minus(a, b) | Num::Times(a, b) | Num::Over(a, b) => {
            of_term(a, names);
            of_term(b, names);
        }
    }
}

fn of_source(source: &Source, names: &mut BTreeSet<String>) {
    if let Source::Inline(Fact { event, .. }) = source {
        names.insert(event.clone());
    }
}
