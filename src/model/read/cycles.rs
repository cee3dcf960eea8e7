//! Stages that follow each other by time alone, round and round, for whoever does nothing.

use super::ModelReader;
use super::unsatisfiable::is_unsatisfiable;
use crate::event::{Millis, Quantity};
use crate::model::condition::{Comparison, Condition, Operator, Term, TimeDependentSides};
use crate::model::lower::{FactOrigin, FactSymbol};
use crate::model::slots::StageFact;
use crate::model::yaml::YamlNode;
use crate::model::{Reentry, Stage, Transition};

/// A circle that takes as long may be meant, as a cadence; one that takes less is a mistake.
const CYCLE_PERIOD_MIN: Millis = Millis::DAY;
/// Most ways that are followed; what a model of more has beyond is not found.
const STEPS_MAX: usize = 10_000;
/// Most alternatives of a condition that are looked at.
const ALTERNATIVES_MAX: usize = 8;

impl ModelReader<'_> {
    pub(super) fn warn_of_cycle(
        &mut self,
        nodes: &[&YamlNode],
        stages: &[Stage],
        transitions: &[Transition],
        facts: &[FactSymbol],
    ) {
        let mut walk = CycleSearch {
            stages,
            transitions,
            facts,
            steps_left: STEPS_MAX,
            path: Vec::new(),
        };
        let circle = (0..stages.len()).find_map(|stage| walk.find_cycle(stage));
        let Some(span) = circle else {
            return;
        };
        let name = |step: &CycleStep| stages[step.from].name.as_str();
        let mut names: Vec<&str> = walk.path.iter().map(name).collect();
        names.extend(names.first().copied());
        let message = format!(
            "who does nothing goes round for ever: {}, every {span}",
            names.join(" -> ")
        );
        let help = "let one of the conditions ask for something that happens, or for more time in the stage";
        let first = walk.path.first().map_or(0, |step| step.transition);
        self.add_warning(nodes[first].location, message, Some(help));
    }
}

/// Whether and when a part of a condition is true for who does nothing.
enum InactiveTruth {
    /// It becomes true after so long in the stage, and stays so.
    TrueAfter(Millis),
    /// It is what it is.
    Unchanged,
    /// It is false, or becomes so, or nobody can tell.
    NotTrue,
}

/// From a stage back to it, over stages after it in the file.
struct CycleSearch<'w> {
    stages: &'w [Stage],
    transitions: &'w [Transition],
    facts: &'w [FactSymbol],
    steps_left: usize,
    path: Vec<CycleStep>,
}

/// A transition on the way, out of which stage, and how long a customer stays there before.
struct CycleStep {
    transition: usize,
    from: usize,
    dwell: Millis,
}

impl CycleSearch<'_> {
    /// How long the first circle takes that is endless; it is the path then.
    fn find_cycle(&mut self, start: usize) -> Option<Millis> {
        self.path.clear();
        self.follow(start, start, &mut Vec::new())
    }

    /// Follows every way out of `from`, `kept` being what has to be so.
    fn follow(&mut self, start: usize, from: usize, kept: &mut Vec<Condition>) -> Option<Millis> {
        let transitions = self.transitions;
        for (at, transition) in transitions.iter().enumerate() {
            let passed = self.path.iter().any(|step| step.from == transition.to);
            let ahead = transition.to == start || (transition.to > start && !passed);
            if !transition.from.contains(&from) || !ahead {
                continue;
            }
            for alternative in alternatives(&transition.when) {
                self.steps_left = self.steps_left.checked_sub(1)?;
                let known = kept.len();
                let wait = self.dwell_until_true(alternative, kept);
                if let Some(wait) = wait.filter(|_| !is_contradiction(kept, self.facts)) {
                    let stay = [transition.hold, self.stages[from].min_dwell];
                    self.path.push(CycleStep {
                        transition: at,
                        from,
                        dwell: stay.into_iter().fold(wait, Millis::max),
                    });
                    let found = match transition.to == start {
                        true => self.cycle_period(),
                        false => self.follow(start, transition.to, kept),
                    };
                    if found.is_some() {
                        return found;
                    }
                    self.path.pop();
                }
                kept.truncate(known);
            }
        }
        None
    }

    /// How long a customer stays before all parts are true by time alone; what must be so is added to `kept`.
    fn dwell_until_true(
        &self,
        parts: Vec<&Condition>,
        kept: &mut Vec<Condition>,
    ) -> Option<Millis> {
        let mut stay = Millis(0);
        for part in parts {
            match inactive_truth(part, self.facts) {
                InactiveTruth::TrueAfter(wait) => stay = stay.max(wait),
                InactiveTruth::Unchanged => kept.push(part.clone()),
                InactiveTruth::NotTrue => return None,
            }
        }
        Some(stay)
    }

    /// How long the circle takes, if time keeps it going. No stage is entered twice in one chain, the one it
    /// starts from included: so a customer has to stay in two of the stages, or the chain ends it.
    fn cycle_period(&self) -> Option<Millis> {
        let stays = self.path.iter().filter(|step| step.dwell > Millis(0));
        let mut span = Millis(0);
        for step in &self.path {
            span = Millis(span.0.saturating_add(step.dwell.0));
        }
        for step in &self.path {
            let outside = match self.stages[step.from].reentry {
                Reentry::Always => Millis(0),
                Reentry::After(outside) => outside,
                Reentry::Never => return None,
            };
            let cooldown = self.transitions[step.transition].cooldown;
            span = span.max(outside).max(cooldown);
        }
        (stays.count() >= 2 && span < CYCLE_PERIOD_MIN).then_some(span)
    }
}

/// The ways in which a condition can be true, each as parts that are true together.
fn alternatives(condition: &Condition) -> Vec<Vec<&Condition>> {
    match condition {
        Condition::Any(parts) => {
            let parts = parts.iter().take(ALTERNATIVES_MAX);
            parts.flat_map(alternatives).collect()
        }
        Condition::All(parts) => vec![parts.iter().collect()],
        one => vec![vec![one]],
    }
}

fn inactive_truth(condition: &Condition, facts: &[FactSymbol]) -> InactiveTruth {
    match condition {
        Condition::Constant(true) => InactiveTruth::TrueAfter(Millis(0)),
        Condition::Has(fact) | Condition::Bool { fact, .. } => event_fact_truth(*fact, facts),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Has(fact) | Condition::Bool { fact, .. } => event_fact_truth(*fact, facts),
            _ => InactiveTruth::NotTrue,
        },
        Condition::Compare(comparison) => comparison_truth(comparison, facts),
        Condition::CompareText(same) => {
            let mut sides = [&same.left, &same.right]
                .into_iter()
                .filter_map(|side| side.fact());
            match sides
                .all(|fact| matches!(event_fact_truth(fact, facts), InactiveTruth::Unchanged))
            {
                true => InactiveTruth::Unchanged,
                false => InactiveTruth::NotTrue,
            }
        }
        Condition::Constant(false)
        | Condition::OnEvent(_)
        | Condition::All(_)
        | Condition::Any(_) => InactiveTruth::NotTrue,
    }
}

/// What is known of events stays as it is as long as there are none, but for windows.
fn event_fact_truth(fact: usize, facts: &[FactSymbol]) -> InactiveTruth {
    match &facts[fact].origin {
        FactOrigin::Events(declaration) if declaration.window.is_none() => InactiveTruth::Unchanged,
        _ => InactiveTruth::NotTrue,
    }
}

fn comparison_truth(comparison: &Comparison, facts: &[FactSymbol]) -> InactiveTruth {
    let (term, operator, limit) = match (&comparison.left, &comparison.right) {
        (term, Term::Constant(limit)) => (term, comparison.operator, Some(*limit)),
        (Term::Constant(limit), term) => (term, comparison.operator.mirrored(), Some(*limit)),
        (term, _) => (term, comparison.operator, None),
    };
    let grows = matches!(operator, Operator::AtLeast | Operator::Greater) && limit.is_some();
    match term {
        Term::Fact(fact) => match &facts[*fact].origin {
            FactOrigin::Stages(StageFact::DaysIn) if grows => {
                let wait =
                    limit.and_then(|days| days.checked_mul(Quantity::from_whole(Millis::DAY.0)));
                let wait = wait.and_then(Quantity::whole_part).unwrap_or(i64::MAX);
                let past = i64::from(operator == Operator::Greater);
                InactiveTruth::TrueAfter(Millis(wait.saturating_add(past)))
            }
            FactOrigin::Stages(StageFact::TimeIn(_) | StageFact::Visits(_)) if grows => {
                InactiveTruth::TrueAfter(Millis(0))
            }
            FactOrigin::Stages(_) => InactiveTruth::NotTrue,
            FactOrigin::Events(_) | FactOrigin::Invalid => {
                time_independent_truth(comparison, facts)
            }
        },
        Term::Since(fact)
            if grows && matches!(event_fact_truth(*fact, facts), InactiveTruth::Unchanged) =>
        {
            InactiveTruth::TrueAfter(Millis(0))
        }
        Term::Since(_) => InactiveTruth::NotTrue,
        _ => time_independent_truth(comparison, facts),
    }
}

/// A comparison in which nothing moves.
fn time_independent_truth(comparison: &Comparison, facts: &[FactSymbol]) -> InactiveTruth {
    let moves = comparison.time_dependent != TimeDependentSides::Neither;
    let known = |fact: &usize| matches!(event_fact_truth(*fact, facts), InactiveTruth::Unchanged);
    match !moves && comparison.facts.iter().all(known) {
        true => InactiveTruth::Unchanged,
        false => InactiveTruth::NotTrue,
    }
}

/// Whether these cannot be true together.
fn is_contradiction(kept: &[Condition], facts: &[FactSymbol]) -> bool {
    let opposite = |one: &Condition, other: &Condition| match (one, other) {
        (Condition::Not(inner), other) => **inner == *other,
        (
            Condition::Bool { fact, is, .. },
            Condition::Bool {
                fact: same,
                is: other,
                ..
            },
        ) => fact == same && is != other,
        _ => false,
    };
    let pair = |one: &Condition| kept.iter().any(|other| opposite(one, other));
    kept.iter().any(pair) || is_unsatisfiable(&Condition::All(kept.to_vec()), facts)
}
