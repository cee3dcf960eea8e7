//! An explanation as text, for whoever does not program.

use std::fmt::{self, Display, Write};

use super::phrases::{closed, facts, missing, moves, standing};
use super::words::{instant, span, value};
use super::{About, AsOf};
use crate::customer::{Came, Cause, Checked, Explanation, Next, Parts, Taken, Varies};
use crate::event::EventTime;
use crate::model::{Model, visible};

impl Display for About<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (model, explanation) in &self.explained {
            let page = Page {
                model: &self.models.list[*model],
                vocabulary: &self.models.vocabulary,
                now: self.now,
                own: explanation,
            };
            page.headline(self, out)?;
            page.came(out)?;
            page.next(out)?;
            page.ways(out)?;
            writeln!(out)?;
        }
        self.ends(out)
    }
}

impl About<'_> {
    /// As of when all this is, and what has to be known of it.
    fn ends(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, latest) = (instant(self.now), instant(self.latest));
        let what = match self.as_of {
            AsOf::Watermark => "the time that the events of all customers have reached",
            AsOf::LatestEvent => "the time of this customer's latest event",
            AsOf::End => "the end of the events",
            AsOf::Asked => "if nothing happens until then",
        };
        writeln!(
            out,
            "As of {now}, {what}. Latest event of this customer: {latest}."
        )?;
        if self.notes.is_brought_over {
            out.write_str(
                "Other models have just taken over, and the customer is still to be brought under them: this is what \
                that comes to.\n",
            )?;
        }
        for change in &self.notes.meanwhile {
            let model = &self.models.list[change.model];
            writeln!(
                out,
                "Until then, in {}: {}",
                model.name,
                moves(model, change)
            )?;
        }
        Ok(())
    }
}

/// One model.
struct Page<'p> {
    model: &'p Model,
    vocabulary: &'p crate::event::Vocabulary,
    now: EventTime,
    own: &'p Explanation,
}

impl Page<'_> {
    fn stage(&self, stage: usize) -> &str {
        &self.model.stages[stage].name
    }

    fn headline(&self, about: &About<'_>, out: &mut impl Write) -> fmt::Result {
        let customer = visible(about.customer.as_str());
        let (stage, since) = (self.stage(self.own.stage), instant(self.own.since));
        let long = span(self.now.since(self.own.since));
        let Model { name, version, .. } = self.model;
        writeln!(
            out,
            "{customer} has been in {stage} since {since}, for {long} ({name}, version {version})."
        )
    }

    fn came(&self, out: &mut impl Write) -> fmt::Result {
        let Some(Came {
            cause,
            effective_at,
            by,
        }) = &self.own.last
        else {
            return match self.own.sequence {
                0 => writeln!(
                    out,
                    "  Why: everybody begins there, with their first event."
                ),
                _ => writeln!(
                    out,
                    "  Why: not known; an earlier version of Tenure took the last transition."
                ),
            };
        };
        let Some(taken) = by else {
            return writeln!(
                out,
                "  Why: by a transition ({}) that is not one of the model any more.",
                cause.name()
            );
        };
        let name = |transition, from| visible(&self.model.transition_name(transition, from));
        match (&taken.corrects, taken.from) {
            (Some(corrected), _) => {
                writeln!(
                    out,
                    "  Why: on {} the transition {} of {} was taken back: something came late, or was returned, under \
                    which it would not have been taken.",
                    instant(*effective_at),
                    name(corrected.transition, corrected.from),
                    instant(corrected.effective_at)
                )?;
            }
            (None, from) => {
                let from_name = from.map_or("an earlier stage", |from| self.stage(from));
                let by = from.map(|from| format!(" by {}", name(taken.transition, from)));
                writeln!(
                    out,
                    "  Why: came from {from_name}{}, {}.",
                    by.unwrap_or_default(),
                    self.cause(*cause, taken)
                )?;
            }
        }
        self.parts(&taken.parts, "    ", Tense::Past, out)?;
        if let Some(since) = taken.held_since {
            let needs = span(self.model.transitions[taken.transition].hold);
            writeln!(
                out,
                "         so since {}, and it has to last {needs}",
                instant(since)
            )?;
        }
        Ok(())
    }

    fn cause(&self, cause: Cause, taken: &Taken) -> String {
        match (cause, taken.event) {
            (Cause::Event, Some(kind)) => match self.vocabulary.type_name(kind) {
                Some(kind) => format!("with the event {}", visible(kind)),
                None => "with an event that no model names".to_owned(),
            },
            (Cause::Event, None) => "with an event".to_owned(),
            (Cause::Timer, _) => "because time passed".to_owned(),
            (Cause::ModelChange, _) => "because the model was changed".to_owned(),
            (Cause::Correction, _) => "by a correction".to_owned(),
        }
    }

    fn ways(&self, out: &mut impl Write) -> fmt::Result {
        if self.own.ways.is_empty() {
            return writeln!(
                out,
                "  No transition leads out of {}.",
                self.stage(self.own.stage)
            );
        }
        writeln!(out, "  What leads out, in the order in which it is tried:")?;
        for way in &self.own.ways {
            let to = self.stage(self.model.transitions[way.transition].to);
            let name = visible(&self.model.transition_name(way.transition, self.own.stage));
            writeln!(out, "    to {to} ({name}): {}", standing(way, self.now))?;
            self.parts(&way.parts, "      ", Tense::Present, out)?;
            for said in closed(way) {
                writeln!(out, "           {said}")?;
            }
        }
        Ok(())
    }

    fn next(&self, out: &mut impl Write) -> fmt::Result {
        match &self.own.next {
            Next::Never => writeln!(
                out,
                "  If nothing happens: stays in {} for ever; time alone changes nothing.",
                self.stage(self.own.stage)
            ),
            Next::NotBefore(end) => writeln!(
                out,
                "  If nothing happens: stays in {} until {} at least.",
                self.stage(self.own.stage),
                instant(*end)
            ),
            Next::Moves(changes) => {
                let said: Vec<String> = changes
                    .iter()
                    .map(|change| moves(self.model, change))
                    .collect();
                let when = changes.first().map(|change| change.effective_at);
                let ahead = when
                    .map(|when| when.since(self.now))
                    .filter(|ahead| ahead.0 > 0);
                let ahead = ahead.map(|ahead| format!(", in {}", span(ahead)));
                writeln!(
                    out,
                    "  If nothing happens: {}{}.",
                    said.join(", then "),
                    ahead.unwrap_or_default()
                )
            }
        }
    }

    fn parts(
        &self,
        parts: &Parts,
        indent: &str,
        tense: Tense,
        out: &mut impl Write,
    ) -> fmt::Result {
        match parts {
            Parts::Always(true) => writeln!(out, "{indent}yes  always so"),
            Parts::Always(false) => writeln!(out, "{indent}no   never so"),
            Parts::One(checked) => writeln!(out, "{indent}{}", self.line(checked, tense)),
            Parts::All(parts) => {
                let mut parts = parts.iter();
                parts.try_for_each(|part| self.group(part, indent, tense, out))
            }
            Parts::Any(_) => self.group(parts, indent, tense, out),
        }
    }

    /// What stands in brackets is indented.
    fn group(&self, part: &Parts, indent: &str, tense: Tense, out: &mut impl Write) -> fmt::Result {
        let (title, inner) = match part {
            Parts::All(inner) => ("all of these:", inner),
            // Why something was so is said by what was so.
            Parts::Any(inner) if tense == Tense::Past && part.is_met() => {
                let mut inner = inner.iter().filter(|part| part.is_met());
                return inner.try_for_each(|part| self.group(part, indent, tense, out));
            }
            Parts::Any(inner) => ("one of these is enough:", inner),
            Parts::Always(_) | Parts::One(_) => return self.parts(part, indent, tense, out),
        };
        writeln!(out, "{indent}{title}")?;
        let indent = format!("{indent}  ");
        let mut inner = inner.iter();
        inner.try_for_each(|part| self.group(part, &indent, tense, out))
    }

    /// One comparison: whether it is as it should be, what it says, its value, and what is missing.
    fn line(&self, checked: &Checked, tense: Tense) -> String {
        let evidence = &checked.evidence;
        let met = if checked.is_met() { "yes" } else { "no " };
        let not = if checked.negated { "not " } else { "" };
        let mut line = format!("{met}  {not}{}", visible(&evidence.condition));
        let (is, was) = match tense {
            Tense::Present => ("is", "it is"),
            Tense::Past => ("was", "it was"),
        };
        let sides = [&evidence.value, &evidence.threshold];
        let [left, right] = sides.map(|side| side.as_ref().map(value));
        line += &match (checked.varies, left, right) {
            (Varies::Left, Some(known), _) | (Varies::Right, _, Some(known)) => {
                format!(": {was} {known}")
            }
            (Varies::Both, Some(left), Some(right)) => format!(": {was} {left} against {right}"),
            (Varies::Left | Varies::Right | Varies::Both, ..) => ": no value yet".to_owned(),
            (Varies::Neither, ..) if evidence.facts.is_empty() && tense == Tense::Present => {
                ": only while such an event is looked at".to_owned()
            }
            (Varies::Neither, ..) => String::new(),
        };
        if let Some(misses) = missing(checked) {
            line += &format!(", {misses}");
        }
        line += &facts(checked, is);
        if let (Tense::Present, Some(flips)) = (tense, checked.flips) {
            let word = if checked.is_met() { "until" } else { "from" };
            line += &format!("; {word} {} if nothing happens", instant(flips));
        }
        line
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    Past,
    Present,
}
