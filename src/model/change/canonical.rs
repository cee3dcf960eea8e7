//! The meaning of slots and models as text, independent of the numbers of slots, event types and stages, so that
//! two versions can be compared.

use typed_index_collections::TiVec;

use crate::event::{EventType, Field, FieldId, FieldKind};
use crate::model::{
    Accumulator, Bucket, Comparison, Condition, FactId, Model, Models, Slot, SlotKind, StageFact,
    StageId, Term, TextTerm, Transition, ValueSource,
};

/// A model with the stage names of another version.
pub(super) struct CanonicalModel<'m> {
    pub(super) models: &'m Models,
    pub(super) model: &'m Model,
    /// By stage: its name in the other version.
    pub(super) stages: TiVec<StageId, &'m str>,
}

/// The meaning of a slot, without its retention ([`slot_retention`]).
pub(super) fn slot(models: &Models, slot: &Slot) -> String {
    let field = |field: FieldId| format!("{:?}", find_field(models, field));
    let filter = slot.filter.as_ref();
    let filter = filter.map(|filter| filter.map_fields(&mut |field, _| find_field(models, *field)));
    let kind = match &slot.kind {
        SlotKind::Accumulator(accumulator) => {
            format!("tally {}", accumulator_text(models, *accumulator))
        }
        SlotKind::Last => "last".to_owned(),
        SlotKind::FirstOf(id) => format!("first {}", field(*id)),
        SlotKind::LatestOf(id) => format!("latest {}", field(*id)),
        SlotKind::Buckets { bucket, accumulator, .. } => {
            format!("{bucket:?} {}", accumulator_text(models, *accumulator))
        }
        SlotKind::Firsts { bucket, field: id, .. } => format!("{bucket:?} first {}", field(*id)),
        SlotKind::Distinct { field: id, buckets, .. } => {
            let bucket: Option<Bucket> = buckets.map(|(bucket, _)| bucket);
            format!("{bucket:?} distinct {}", field(*id))
        }
        SlotKind::Gaps => "gaps".to_owned(),
    };
    format!("{} {filter:?} {kind}", event_type(models, slot.event))
}

/// The retained buckets and the cap of distinct values; 0 where the slot has none.
pub(super) fn slot_retention(kind: &SlotKind) -> (u32, u32) {
    match kind {
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

fn accumulator_text(models: &Models, accumulator: Accumulator) -> String {
    match accumulator {
        Accumulator::Count => "count".to_owned(),
        Accumulator::CountOf(field) => format!("count of {:?}", find_field(models, field)),
        Accumulator::Sum(field) => format!("sum {:?}", find_field(models, field)),
        Accumulator::Min(field) => format!("min {:?}", find_field(models, field)),
        Accumulator::Max(field) => format!("max {:?}", find_field(models, field)),
        Accumulator::First => "first".to_owned(),
    }
}

/// The name is in quotes, so that it differs from `any`.
fn event_type(models: &Models, event_type: Option<EventType>) -> String {
    match event_type {
        None => "any".to_owned(),
        Some(event_type) => format!("{:?}", models.vocabulary.type_name(event_type)),
    }
}

impl CanonicalModel<'_> {
    /// Everything that decides the stages of customers.
    pub(super) fn model(&self) -> String {
        let mut text = format!("{:?}\n", self.model.corrections);
        for (stage, name) in self.model.stages.iter().zip(&self.stages) {
            text += &format!("{name} {:?} {:?}\n", stage.min_dwell, stage.reentry);
        }
        for transition in &self.model.transitions {
            let from: Vec<&str> = transition.from.iter().map(|at| self.stages[*at]).collect();
            let (hold, cooldown) = (transition.hold, transition.cooldown);
            let canonical = self.transition(transition);
            text += &format!("{from:?} {canonical} {hold:?} {cooldown:?}\n");
        }
        text
    }

    /// A transition's condition and target stage.
    pub(super) fn transition(&self, transition: &Transition) -> String {
        let to = self.stages[transition.to];
        format!("{to} when {}", self.condition(&transition.when))
    }

    fn condition(&self, condition: &Condition) -> String {
        let all = |parts: &[Condition]| -> Vec<String> {
            parts.iter().map(|part| self.condition(part)).collect()
        };
        match condition {
            Condition::Constant(truth) => format!("{truth}"),
            Condition::OnEvent(kind) => format!("happened {}", event_type(self.models, *kind)),
            Condition::Has(fact) => format!("has {}", self.fact(*fact)),
            Condition::Not(inner) => format!("not ({})", self.condition(inner)),
            Condition::All(parts) => format!("all {:?}", all(parts)),
            Condition::Any(parts) => format!("any {:?}", all(parts)),
            Condition::Compare(Comparison { operator, left, right, .. }) => {
                format!("({}) {operator:?} ({})", self.term(left), self.term(right))
            }
            Condition::CompareText(comparison) => format!(
                "{} {} {}",
                self.text(&comparison.left),
                comparison.equal,
                self.text(&comparison.right)
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

    fn fact(&self, fact: FactId) -> String {
        let accessor = self.model.facts[fact].accessor;
        let source = match accessor.source {
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
        let slots = accessor.source.slots().into_iter();
        let slots: Vec<String> =
            slots.map(|at| slot(self.models, self.models.slots.get(at))).collect();
        format!("[{source} of {slots:?} over {:?}]", accessor.window)
    }
}
