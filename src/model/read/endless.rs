//! Stages that follow each other by time alone, round and round, for whoever does nothing.

use super::Reader;
use super::never::is_never;
use crate::event::{Millis, Quantity};
use crate::model::condition::{Comparison, Condition, Moves, Operator, Term};
use crate::model::lower::{About, Known};
use crate::model::slots::StageFact;
use crate::model::yaml::Node;
use crate::model::{Reentry, Stage, Transition};

/// A circle that takes as long may be meant, as a cadence; one that takes less is a mistake.
const CIRCLE_MIN: Millis = Millis::DAY;
/// Most ways that are followed; what a model of more has beyond is not found.
const STEPS_MAX: usize = 10_000;
/// Most alternatives of a condition that are looked at.
const ALTERNATIVES_MAX: usize = 8;

impl Reader<'_> {
    pub(super) fn warn_of_endless(
        &mut self,
        nodes: &[&Node],
        stages: &[Stage],
        transitions: &[Transition],
        facts: &[Known],
    ) {
        let mut walk = Walk {
            stages,
            transitions,
            facts,
            steps: STEPS_MAX,
            path: Vec::new(),
        };
        let circle = (0..stages.len()).find_map(|stage| walk.circle(stage));
        let Some(span) = circle else {
            return;
        };
        let name = |step: &Step| stages[step.from].name.as_str();
        let mut names: Vec<&str> = walk.path.iter().map(name).collect();
        names.extend(names.first().copied());
        let message = format!(
            "who does nothing goes round for ever: {}, every {span}",
            names.join(" -> ")
        );
        let help = "let one of the conditions ask for something that happens, or for more time in the stage";
        let first = walk.path.first().map_or(0, |step| step.transition);
        self.warning(nodes[first].place, message, Some(help));
    }
}

/// Whether and when a part of a condition is true for who does nothing.
enum Alone {
    /// It becomes true after so long in the stage, and stays so.
    After(Millis),
    /// It is what it is.
    Kept,
    /// It is false, or becomes so, or nobody can tell.
    Ends,
}

/// From a stage back to it, over stages after it in the file.
struct Walk<'w> {
    stages: &'w [Stage],
    transitions: &'w [Transition],
    facts: &'w [Known],
    steps: usize,
    path: Vec<Step>,
}

/// A transition on the way, out of which stage, and how long a customer stays there before.
struct Step {
    transition: usize,
    from: usize,
    stay: Millis,
}

impl Walk<'_> {
    /// How long the first circle takes that is endless; it is the path then.
    fn circle(&mut self, start: usize) -> Option<Millis> {
        self.path.clear();
        self.on(start, start, &mut Vec::new())
    }

    /// Follows every way out of `from`, `kept` being what has to be so.
    fn on(&mut self, start: usize, from: usize, kept: &mut Vec<Condition>) -> Option<Millis> {
        let transitions = self.transitions;
        for (at, transition) in transitions.iter().enumerate() {
            let passed = self.path.iter().any(|step| step.from == transition.to);
            let ahead = transition.to == start || (transition.to > start && !passed);
            if !transition.from.contains(&from) || !ahead {
                continue;
            }
            for alternative in alternatives(&transition.when) {
                self.steps = self.steps.checked_sub(1)?;
                let known = kept.len();
                let wait = self.stays(alternative, kept);
                if let Some(wait) = wait.filter(|_| !contradicts(kept, self.facts)) {
                    let stay = [transition.hold, self.stages[from].min_dwell];
                    self.path.push(Step {
                        transition: at,
                        from,
                        stay: stay.into_iter().fold(wait, Millis::max),
                    });
                    let found = match transition.to == start {
                        true => self.endless(),
                        false => self.on(start, transition.to, kept),
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
    fn stays(&self, parts: Vec<&Condition>, kept: &mut Vec<Condition>) -> Option<Millis> {
        let mut stay = Millis(0);
        for part in parts {
            match alone(part, self.facts) {
                Alone::After(wait) => stay = stay.max(wait),
                Alone::Kept => kept.push(part.clone()),
                Alone::Ends => return None,
            }
        }
        Some(stay)
    }

    /// How long the circle takes, if time keeps it going. No stage is entered twice in one chain, the one it
    /// starts from included: so a customer has to stay in two of the stages, or the chain ends it.
    fn endless(&self) -> Option<Millis> {
        let stays = self.path.iter().filter(|step| step.stay > Millis(0));
        let mut span = Millis(0);
        for step in &self.path {
            span = Millis(span.0.saturating_add(step.stay.0));
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
        (stays.count() >= 2 && span < CIRCLE_MIN).then_some(span)
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

fn alone(condition: &Condition, facts: &[Known]) -> Alone {
    match condition {
        Condition::Always(true) => Alone::After(Millis(0)),
        Condition::Has(fact) | Condition::Flag { fact, .. } => of_events(*fact, facts),
        Condition::Not(inner) => match inner.as_ref() {
            Condition::Has(fact) | Condition::Flag { fact, .. } => of_events(*fact, facts),
            _ => Alone::Ends,
        },
        Condition::Compare(comparison) => compared(comparison, facts),
        Condition::SameText(same) => {
            let mut sides = [&same.left, &same.right]
                .into_iter()
                .filter_map(|side| side.fact());
            match sides.all(|fact| matches!(of_events(fact, facts), Alone::Kept)) {
                true => Alone::Kept,
                false => Alone::Ends,
            }
        }
        Condition::Always(false)
        | Condition::Happened(_)
        | Condition::All(_)
        | Condition::Any(_) => Alone::Ends,
    }
}

/// What is known of events stays as it is as long as there are none, but for windows.
fn of_events(fact: usize, facts: &[Known]) -> Alone {
    match &facts[fact].about {
        About::Events(declaration) if declaration.window.is_none() => Alone::Kept,
        _ => Alone::Ends,
    }
}

fn compared(comparison: &Comparison, facts: &[Known]) -> Alone {
    let (term, operator, limit) = match (&comparison.left, &comparison.right) {
        (term, Term::Constant(limit)) => (term, comparison.operator, Some(*limit)),
        (Term::Constant(limit), term) => (term, comparison.operator.mirrored(), Some(*limit)),
        (term, _) => (term, comparison.operator, None),
    };
    let grows = matches!(operator, Operator::AtLeast | Operator::Greater) && limit.is_some();
    match term {
        Term::Fact(fact) => match &facts[*fact].about {
            About::Stages(StageFact::DaysIn) if grows => {
                let wait = limit.and_then(|days| days.times(Quantity::whole(Millis::DAY.0)));
                let wait = wait.and_then(Quantity::whole_part).unwrap_or(i64::MAX);
                let past = i64::from(operator == Operator::Greater);
                Alone::After(Millis(wait.saturating_add(past)))
            }
            About::Stages(StageFact::TimeIn(_) | StageFact::Visits(_)) if grows => {
                Alone::After(Millis(0))
            }
            About::Stages(_) => Alone::Ends,
            About::Events(_) | About::Nothing => still(comparison, facts),
        },
        Term::Since(fact) if grows && matches!(of_events(*fact, facts), Alone::Kept) => {
            Alone::After(Millis(0))
        }
        Term::Since(_) => Alone::Ends,
        _ => still(comparison, facts),
    }
}

/// A comparison in which nothing moves.
fn still(comparison: &Comparison, facts: &[Known]) -> Alone {
    let moves = comparison.moves != Moves::Neither;
    let known = |fact: &usize| matches!(of_events(*fact, facts), Alone::Kept);
    match !moves && comparison.facts.iter().all(known) {
        true => Alone::Kept,
        false => Alone::Ends,
    }
}

/// Whether these cannot be true together.
fn contradicts(kept: &[Condition], facts: &[Known]) -> bool {
    let opposite = |one: &Condition, other: &Condition| match (one, other) {
        (Condition::Not(inner), other) => **inner == *other,
        (
            Condition::Flag { fact, is, .. },
            Condition::Flag {
                fact: same,
                is: other,
                ..
            },
        ) => fact == same && is != other,
        _ => false,
    };
    let pair = |one: &Condition| kept.iter().any(|other| opposite(one, other));
    kept.iter().any(pair) || is_never(&Condition::All(kept.to_vec()), facts)
}
