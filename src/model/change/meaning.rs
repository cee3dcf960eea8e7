//! What models mean, whatever their slots, types and stages are numbered: as text, to be compared.

use crate::event::{EventType, Field, FieldId, FieldKind};
use crate::model::{
    Bucket, Comparison, Condition, Keep, Model, Models, Slot, StageFact, Tally, Term, TextTerm,
    What,
};

/// One model of several, read with names that another version understands.
pub(super) struct Meaning<'m> {
    pub(super) models: &'m Models,
    pub(super) model: &'m Model,
    /// The names of its stages in the other version.
    pub(super) stages: Vec<&'m str>,
}

/// What a slot keeps, without how far back or how many of it.
pub(super) fn slot(models: &Models, slot: &Slot) -> String {
    let field = |field: FieldId| format!("{:?}", named(models, field));
    let filter = slot.filter.as_ref();
    let filter = filter.map(|filter| filter.map(&mut |field, _| named(models, *field)));
    let keep = match &slot.keep {
        Keep::Tally(tally) => format!("tally {}", tally_of(models, *tally)),
        Keep::Last => "last".to_owned(),
        Keep::FirstOf(of) => format!("first {}", field(*of)),
        Keep::LatestOf(of) => format!("latest {}", field(*of)),
        Keep::Buckets { bucket, tally, .. } => {
            format!("{bucket:?} {}", tally_of(models, *tally))
        }
        Keep::Firsts {
            bucket, field: of, ..
        } => format!("{bucket:?} first {}", field(*of)),
        Keep::Distinct {
            field: of, buckets, ..
        } => {
            let bucket: Option<Bucket> = buckets.map(|(bucket, _)| bucket);
            format!("{bucket:?} distinct {}", field(*of))
        }
        Keep::Gaps => "gaps".to_owned(),
    };
    format!("{} {filter:?} {keep}", kind(models, slot.event))
}

/// How far back and how many of it a slot keeps.
pub(super) fn reach(keep: &Keep) -> (u32, u32) {
    match keep {
        Keep::Buckets { retained, .. } | Keep::Firsts { retained, .. } => (*retained, 0),
        Keep::Distinct { buckets, cap, .. } => (buckets.map_or(0, |(_, retained)| retained), *cap),
        Keep::Tally(_) | Keep::Last | Keep::FirstOf(_) | Keep::LatestOf(_) | Keep::Gaps => (0, 0),
    }
}

fn named(models: &Models, field: FieldId) -> Option<(&Field, FieldKind)> {
    let mut fields = models.vocabulary.fields();
    let (_, field, kind) = fields.find(|(id, ..)| *id == field)?;
    Some((field, kind))
}

fn tally_of(models: &Models, tally: Tally) -> String {
    match tally {
        Tally::Count => "count".to_owned(),
        Tally::CountOf(field) => format!("count of {:?}", named(models, field)),
        Tally::Sum(field) => format!("sum {:?}", named(models, field)),
        Tally::Min(field) => format!("min {:?}", named(models, field)),
        Tally::Max(field) => format!("max {:?}", named(models, field)),
        Tally::First => "first".to_owned(),
    }
}

/// In quotes: `any` is no event type.
fn kind(models: &Models, kind: Option<EventType>) -> String {
    match kind {
        None => "any".to_owned(),
        Some(kind) => format!("{:?}", models.vocabulary.type_name(kind)),
    }
}

impl Meaning<'_> {
    /// All that decides where customers are.
    pub(super) fn model(&self) -> String {
        let mut text = format!("{:?}\n", self.model.corrections);
        for (stage, name) in self.model.stages.iter().zip(&self.stages) {
            text += &format!("{name} {:?} {:?}\n", stage.min_dwell, stage.reentry);
        }
        for at in 0..self.model.transitions.len() {
            let transition = &self.model.transitions[at];
            let from: Vec<&str> = transition.from.iter().map(|at| self.stages[*at]).collect();
            let (hold, cooldown) = (transition.hold, transition.cooldown);
            let way = self.way(at);
            text += &format!("{from:?} {way} {hold:?} {cooldown:?}\n");
        }
        text
    }

    /// When a transition may be taken, and into which stage.
    pub(super) fn way(&self, transition: usize) -> String {
        let transition = &self.model.transitions[transition];
        let to = self.stages[transition.to];
        format!("{to} when {}", self.condition(&transition.when))
    }

    fn condition(&self, condition: &Condition) -> String {
        let all = |parts: &[Condition]| -> Vec<String> {
            parts.iter().map(|part| self.condition(part)).collect()
        };
        match condition {
            Condition::Always(truth) => format!("{truth}"),
            Condition::Happened(of) => format!("happened {}", kind(self.models, *of)),
            Condition::Has(fact) => format!("has {}", self.fact(*fact)),
            Condition::Not(inner) => format!("not ({})", self.condition(inner)),
            Condition::All(parts) => format!("all {:?}", all(parts)),
            Condition::Any(parts) => format!("any {:?}", all(parts)),
            Condition::Compare(Comparison {
                operator,
                left,
                right,
                ..
            }) => format!("({}) {operator:?} ({})", self.term(left), self.term(right)),
            Condition::SameText(same) => format!(
                "{} {} {}",
                self.text(&same.left),
                same.equal,
                self.text(&same.right)
            ),
            Condition::Flag { fact, is, .. } => format!("{} is {is}", self.fact(*fact)),
        }
    }

    fn term(&self, term: &Term) -> String {
        match term {
            Term::Constant(number) => format!("{number:?}"),
            Term::Fact(fact) => self.fact(*fact),
            Term::Since(fact) => format!("since {}", self.fact(*fact)),
            Term::Negate(inner) => format!("-({})", self.term(inner)),
            Term::Binary(operator, left, right) => {
                format!("({}) {operator:?} ({})", self.term(left), self.term(right))
            }
        }
    }

    fn text(&self, term: &TextTerm) -> String {
        match term {
            TextTerm::Constant(text) => format!("{text:?}"),
            TextTerm::Fact(fact) => self.fact(*fact),
        }
    }

    fn fact(&self, fact: usize) -> String {
        let reading = self.model.facts[fact].reading;
        let what = match reading.what {
            What::Stage(StageFact::Visits(stage)) => format!("visits {}", self.stages[stage]),
            What::Stage(StageFact::TimeIn(stage)) => format!("time in {}", self.stages[stage]),
            What::Stage(StageFact::Entered(stage)) => format!("entered {}", self.stages[stage]),
            What::Stage(fact) => format!("{fact:?}"),
            What::Number(_) => "number".to_owned(),
            What::Mean { .. } => "mean".to_owned(),
            What::Distinct { cap, .. } => format!("distinct to {cap}"),
            What::Instant(_) => "instant".to_owned(),
            What::Kept(_) => "kept".to_owned(),
            What::MeanGap { .. } => "mean gap".to_owned(),
            What::MaxGap(_) => "max gap".to_owned(),
        };
        let slots = reading.what.slots().into_iter();
        let slots: Vec<String> = slots
            .map(|at| slot(self.models, self.models.slots.get(at)))
            .collect();
        format!("[{what} of {slots:?} over {:?}]", reading.window)
    }
}
