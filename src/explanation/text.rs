//! An explanation as text, for readers who do not program.

use std::fmt::{self, Display, Write};

use super::format::{format_instant, format_span, format_value};
use super::phrases::{distance_text, facts_text, transition_status, transition_text, wait_reasons};
use super::{AsOf, CustomerExplanation};
use crate::customer::{
    Arrival, Cause, EvaluatedComparison, EvaluatedCondition, Explanation, NextChange,
    TakenTransition, VariableSides,
};
use crate::event::EventTime;
use crate::model::{Model, StageId, sanitize_for_terminal};

impl Display for CustomerExplanation<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (model, explanation) in &self.explained {
            let page = ModelText {
                model: &self.models.list[*model],
                vocabulary: &self.models.vocabulary,
                now: self.now,
                explanation,
            };
            page.write_headline(self, out)?;
            page.write_arrival(out)?;
            page.write_next(out)?;
            page.write_outgoing(out)?;
            writeln!(out)?;
        }
        self.write_footer(out)
    }
}

impl CustomerExplanation<'_> {
    /// The instant of the explanation, and what was assumed up to it.
    fn write_footer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, latest) = (format_instant(self.now), format_instant(self.latest));
        let meaning = match self.as_of {
            AsOf::Watermark => "the time that the events of all customers have reached",
            AsOf::LatestEvent => "the time of this customer's latest event",
            AsOf::EndOfEvents => "the end of the events",
            AsOf::Requested => "if nothing happens until then",
        };
        writeln!(out, "As of {now}, {meaning}. Latest event of this customer: {latest}.")?;
        if self.notes.is_migrated {
            out.write_str(
                "The models have just changed, and the state of this customer is not migrated yet: this is the state \
                after the migration.\n",
            )?;
        }
        for change in &self.notes.meanwhile {
            let model = &self.models.list[change.model];
            writeln!(out, "Until then, in {}: {}", model.name, transition_text(model, change))?;
        }
        Ok(())
    }
}

struct ModelText<'p> {
    model: &'p Model,
    vocabulary: &'p crate::event::Vocabulary,
    now: EventTime,
    explanation: &'p Explanation,
}

impl ModelText<'_> {
    fn stage_name(&self, stage: StageId) -> &str {
        &self.model.stages[stage].name
    }

    fn write_headline(
        &self,
        explanation: &CustomerExplanation<'_>,
        out: &mut impl Write,
    ) -> fmt::Result {
        let customer = sanitize_for_terminal(explanation.customer.as_str());
        let (stage, since) =
            (self.stage_name(self.explanation.stage), format_instant(self.explanation.since));
        let duration = format_span(self.now.duration_since(self.explanation.since));
        let Model { name, version, .. } = self.model;
        writeln!(
            out,
            "{customer} has been in {stage} since {since}, for {duration} ({name}, version {version})."
        )
    }

    fn write_arrival(&self, out: &mut impl Write) -> fmt::Result {
        let Some(Arrival { cause, effective_at, transition }) = &self.explanation.last_transition
        else {
            return match self.explanation.sequence {
                0 => writeln!(out, "  Why: every customer begins there, with their first event."),
                _ => writeln!(
                    out,
                    "  Why: not known; an earlier version of Tenure took the last transition."
                ),
            };
        };
        let Some(taken) = transition else {
            return writeln!(
                out,
                "  Why: by a transition ({}) that is not one of the model any more.",
                cause.name()
            );
        };
        let name =
            |transition, from| sanitize_for_terminal(&self.model.transition_name(transition, from));
        match (&taken.corrects, taken.from) {
            (Some(retracted), _) => {
                writeln!(
                    out,
                    "  Why: on {} the transition {} of {} was retracted: with a late event or a return, its condition \
                    was not true.",
                    format_instant(*effective_at),
                    name(retracted.transition, retracted.from),
                    format_instant(retracted.effective_at)
                )?;
            }
            (None, from) => {
                let from_name = from.map_or("an earlier stage", |from| self.stage_name(from));
                let by = from.map(|from| format!(" by {}", name(taken.transition, from)));
                writeln!(
                    out,
                    "  Why: came from {from_name}{}, {}.",
                    by.unwrap_or_default(),
                    self.cause_text(*cause, taken)
                )?;
            }
        }
        self.write_condition(&taken.condition, "    ", Tense::Past, out)?;
        if let Some(since) = taken.held_since {
            let needs = format_span(self.model.transitions[taken.transition].hold);
            writeln!(
                out,
                "         so since {}, and it has to last {needs}",
                format_instant(since)
            )?;
        }
        Ok(())
    }

    fn cause_text(&self, cause: Cause, taken: &TakenTransition) -> String {
        match (cause, taken.event) {
            (Cause::Event, Some(kind)) => match self.vocabulary.type_name(kind) {
                Some(kind) => format!("with the event {}", sanitize_for_terminal(kind)),
                None => "with an event that no model names".to_owned(),
            },
            (Cause::Event, None) => "with an event".to_owned(),
            (Cause::Timer, _) => "because time passed".to_owned(),
            (Cause::ModelChange, _) => "because the model was changed".to_owned(),
            (Cause::Correction, _) => "by a correction".to_owned(),
        }
    }

    fn write_outgoing(&self, out: &mut impl Write) -> fmt::Result {
        if self.explanation.outgoing.is_empty() {
            return writeln!(
                out,
                "  No transition leads out of {}.",
                self.stage_name(self.explanation.stage)
            );
        }
        writeln!(out, "  Transitions out of it, in the order in which they are tried:")?;
        for outgoing in &self.explanation.outgoing {
            let to = self.stage_name(self.model.transitions[outgoing.transition].to);
            let name = sanitize_for_terminal(
                &self.model.transition_name(outgoing.transition, self.explanation.stage),
            );
            writeln!(out, "    to {to} ({name}): {}", transition_status(outgoing, self.now))?;
            self.write_condition(&outgoing.condition, "      ", Tense::Present, out)?;
            for reason in wait_reasons(outgoing) {
                writeln!(out, "           {reason}")?;
            }
        }
        Ok(())
    }

    fn write_next(&self, out: &mut impl Write) -> fmt::Result {
        match &self.explanation.next {
            NextChange::Never => writeln!(
                out,
                "  If nothing happens: stays in {} for ever; time alone changes nothing.",
                self.stage_name(self.explanation.stage)
            ),
            NextChange::NotBefore(end) => writeln!(
                out,
                "  If nothing happens: stays in {} until {} at least.",
                self.stage_name(self.explanation.stage),
                format_instant(*end)
            ),
            NextChange::Transitions(changes) => {
                let texts: Vec<String> =
                    changes.iter().map(|change| transition_text(self.model, change)).collect();
                let when = changes.first().map(|change| change.effective_at);
                let ahead =
                    when.map(|when| when.duration_since(self.now)).filter(|ahead| ahead.0 > 0);
                let ahead = ahead.map(|ahead| format!(", in {}", format_span(ahead)));
                writeln!(
                    out,
                    "  If nothing happens: {}{}.",
                    texts.join(", then "),
                    ahead.unwrap_or_default()
                )
            }
        }
    }

    fn write_condition(
        &self,
        condition: &EvaluatedCondition,
        indent: &str,
        tense: Tense,
        out: &mut impl Write,
    ) -> fmt::Result {
        match condition {
            EvaluatedCondition::Always(true) => writeln!(out, "{indent}yes  always so"),
            EvaluatedCondition::Always(false) => writeln!(out, "{indent}no   never so"),
            EvaluatedCondition::Comparison(comparison) => {
                writeln!(out, "{indent}{}", self.comparison_line(comparison, tense))
            }
            EvaluatedCondition::All(parts) => {
                let mut parts = parts.iter();
                parts.try_for_each(|part| self.write_group(part, indent, tense, out))
            }
            EvaluatedCondition::Any(_) => self.write_group(condition, indent, tense, out),
        }
    }

    /// Writes nested groups indented.
    fn write_group(
        &self,
        part: &EvaluatedCondition,
        indent: &str,
        tense: Tense,
        out: &mut impl Write,
    ) -> fmt::Result {
        let (title, inner) = match part {
            EvaluatedCondition::All(inner) => ("all of these:", inner),
            // The reason for a past "any" is the parts that were true.
            EvaluatedCondition::Any(inner) if tense == Tense::Past && part.is_satisfied() => {
                let mut inner = inner.iter().filter(|part| part.is_satisfied());
                return inner.try_for_each(|part| self.write_group(part, indent, tense, out));
            }
            EvaluatedCondition::Any(inner) => ("one of these is enough:", inner),
            EvaluatedCondition::Always(_) | EvaluatedCondition::Comparison(_) => {
                return self.write_condition(part, indent, tense, out);
            }
        };
        writeln!(out, "{indent}{title}")?;
        let indent = format!("{indent}  ");
        let mut inner = inner.iter();
        inner.try_for_each(|part| self.write_group(part, &indent, tense, out))
    }

    /// One comparison: whether it is satisfied, its text, its value, and the distance.
    fn comparison_line(&self, comparison: &EvaluatedComparison, tense: Tense) -> String {
        let evidence = &comparison.evidence;
        let answer = if comparison.is_satisfied() { "yes" } else { "no " };
        let not = if comparison.negated { "not " } else { "" };
        let mut line = format!("{answer}  {not}{}", sanitize_for_terminal(&evidence.condition));
        let (is, was) = match tense {
            Tense::Present => ("is", "it is"),
            Tense::Past => ("was", "it was"),
        };
        let sides = [&evidence.value, &evidence.threshold];
        let [left, right] = sides.map(|side| side.as_ref().map(format_value));
        line += &match (comparison.variable_sides, left, right) {
            (VariableSides::Left, Some(known), _) | (VariableSides::Right, _, Some(known)) => {
                format!(": {was} {known}")
            }
            (VariableSides::Both, Some(left), Some(right)) => {
                format!(": {was} {left} against {right}")
            }
            (VariableSides::Left | VariableSides::Right | VariableSides::Both, ..) => {
                ": no value yet".to_owned()
            }
            (VariableSides::Neither, ..)
                if evidence.facts.is_empty() && tense == Tense::Present =>
            {
                ": only while such an event is evaluated".to_owned()
            }
            (VariableSides::Neither, ..) => String::new(),
        };
        if let Some(distance) = distance_text(comparison) {
            line += &format!(", {distance}");
        }
        line += &facts_text(comparison, is);
        if let (Tense::Present, Some(changes_at)) = (tense, comparison.changes_at) {
            let word = if comparison.is_satisfied() { "until" } else { "from" };
            line += &format!("; {word} {} if nothing happens", format_instant(changes_at));
        }
        line
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    Past,
    Present,
}
