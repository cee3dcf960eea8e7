//! What models mean, whatever their slots, types and stages are numbered: as text, to be compared.

use crate::event::{EventType, Field, FieldId, FieldKind};
use crate::model::{
    Accumulator, Bucket, Comparison, Condition, Model, Models, Slot, SlotKind, StageFact, Term,
    TextTerm, ValueSource,
};

/// One model of several, read with names that another version understands.
pub(super) struct CanonicalModel<'m> {
    pub(super) models: &'m Models,
    pub(super) model: &'m Model,
    /// The names of its stages in the other version.
    pub(super) stages: Vec<&'m str>,
}

/// What a slot keeps, without how far back or how many of it.
pub(super) fn slot(models: &Models, slot: &Slot) -> String {
    let field = |field: FieldId| format!("{:?}", find_field(models, field));
    let filter = slot.filter.as_ref();
    let filter = filter.map(|filter| filter.map_fields(&mut |field, _| find_field(models, *field)));
    let keep = match &slot.kind {
        SlotKind::Accumulator(tally) => format!("tally {}", tally_of(models, *tally)),
        SlotKind::Last => "last".to_owned(),
        SlotKind::FirstOf(of) => format!("first {}", field(*of)),
        SlotKind::LatestOf(of) => format!("latest {}", field(*of)),
        SlotKind::Buckets {
            bucket,
            accumulator: tally,
            ..
        } => {
            format!("{bucket:?} {}", tally_of(models, *tally))
        }
        SlotKind::Firsts {
            bucket, field: of, ..
        } => format!("{bucket:?} first {}", field(*of)),
        SlotKind::Distinct {
            field: of, buckets, ..
        } => {
            let bucket: Option<Bucket> = buckets.map(|(bucket, _)| bucket);
            format!("{bucket:?} distinct {}", field(*of))
        }
        SlotKind::Gaps => "gaps".to_owned(),
    };
    format!("{} {filter:?} {keep}", event_type(models, slot.event))
}

/// How far back and how many of it a slot keeps.
pub(super) fn slot_retention(keep: &SlotKind) -> (u32, u32) {
    match keep {
        SlotKind::Buckets { retained, .. } | SlotKind::Firsts { retained, .. } => (*retained, 0),
        SlotKind::Distinct { buckets, cap, .. } => {
            (buckets.map_or(0, |(_, retained)| retained), *cap)
        }
        SlotKind::Accumulator(_)
        | SlotKind::Last
        | SlotKind::FirstOf(_)
        | SlotKind::LatestOf(_)
        | SlotKind::Gaps => (0, 0),
    }
}

fn find_field(models: &Models, field: FieldId) -> Option<(&Field, FieldKind)> {
    let mut fields = models.vocabulary.fields();
    let (_, field, kind) = fields.find(|(id, ..)| *id == field)?;
    Some((field, kind))
}

fn tally_of(models: &Models, tally: Accumulator) -> String {
    match tally {
        Accumulator::Count => "count".to_owned(),
        Accumulator::CountOf(field) => format!("count of {:?}", find_field(models, field)),
        Accumulator::Sum(field) => format!("sum {:?}", find_field(models, field)),
        Accumulator::Min(field) => format!("min {:?}", find_field(models, field)),
        Accumulator::Max(field) => format!("max {:?}", find_field(models, field)),
        Accumulator::First => "first".to_owned(),
    }
}

/// In quotes: `any` is no event type.
fn event_type(models: &Models, kind: Option<EventType>) -> String {
    match kind {
        None => "any".to_owned(),
        Some(kind) => format!("{:?}", models.vocabulary.type_name(kind)),
    }
}

impl CanonicalModel<'_> {
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
            let way = self.transition(at);
            text += &format!("{from:?} {way} {hold:?} {cooldown:?}\n");
        }
        text
    }

    /// When a transition may be taken, and into which stage.
    pub(super) fn transition(&self, transition: usize) -> String {
        let transition = &self.model.transitions[transition];
        let to = self.stages[transition.to];
        format!("{to} when {}", self.condition(&transition.when))
    }

    fn condition(&self, condition: &Condition) -> String {
        let all = |parts: &[Condition]| -> Vec<String> {
            parts.iter().map(|part| self.condition(part)).collect()
        };
        match condition {
            Condition::Constant(truth) => format!("{truth}"),
            Condition::OnEvent(of) => format!("happened {}", event_type(self.models, *of)),
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
            Condition::CompareText(same) => format!(
                "{} {} {}",
                self.text(&same.left),
                same.equal,
                self.text(&same.right)
            ),
            Condition::Bool { fact, is, .. } => format!("{} is {is}", self.fact(*fact)),
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
        let reading = self.model.facts[fact].accessor;
        let what = match reading.source {
            ValueSource::Stage(StageFact::Visits(stage)) => {
                format!("visits {}", self.stages[stage])
            }
            ValueSource::Stage(StageFact::TimeIn(stage)) => {
                format!("time in {}", self.stages[stage])
            }
            ValueSource::Stage(StageFact::Entered(stage)) => {
                format!("entered {}", self.stages[stage])
            }
            ValueSource::Stage(fact) => format!("{fact:?}"),
            ValueSource::Number(_) => "number".to_owned(),
            ValueSource::Mean { .. } => "mean".to_owned(),
            ValueSource::Distinct { cap, .. } => format!("distinct to {cap}"),
            ValueSource::Instant(_) => "instant".to_owned(),
            ValueSource::FieldValue(_) => "kept".to_owned(),
            ValueSource::MeanGap { .. } => "mean gap".to_owned(),
            ValueSource::MaxGap(_) => "max gap".to_owned(),
        };
        let slots = reading.source.slots().into_iter();
        let slots: Vec<String> = slots
            .map(|at| slot(self.models, self.models.slots.get(at)))
            .collect();
        format!("[{what} of {slots:?} over {:?}]", reading.window)
    }
}
