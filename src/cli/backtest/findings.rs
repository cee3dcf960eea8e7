//! What a report is about, and the words that every form of it uses.

use std::path::PathBuf;

use indicatif::HumanCount;

use super::counting;
use super::ratio::{Rates, percent};
use super::tables;
use super::words::{self, day, length, shown, years};
use crate::backtest::{Backtest, Differences, Example, Prediction, Version};
use crate::files::Survey;
use crate::model::visible;

/// What a backtest came to.
pub(super) struct Findings<'f> {
    pub(super) files: &'f [PathBuf],
    pub(super) inputs: &'f [PathBuf],
    /// The old one first, or one alone.
    pub(super) versions: &'f [Version],
    pub(super) survey: &'f Survey,
    pub(super) backtest: &'f Backtest,
}

/// Rows that were left out, line by line.
pub(super) fn left_out(inputs: &[PathBuf], survey: &Survey) -> Vec<String> {
    let mut lines = Vec::new();
    for (reason, (count, first)) in &survey.rejected {
        let file = inputs[first.input as usize].display().to_string();
        lines.push(format!(
            "{} rejected: {reason}, first at {}:{}{}",
            HumanCount(*count),
            visible(&file),
            first.offset,
            reason.advice()
        ));
    }
    if survey.later > 0 {
        let later = HumanCount(survey.later);
        lines.push(format!("{later} later than --until"));
    }
    lines
}

impl Findings<'_> {
    /// What a version is called.
    pub(super) fn label(&self, version: usize) -> &'static str {
        match (self.versions.len(), version) {
            (1, _) => "MODEL",
            (_, 0) => "OLD",
            _ => "NEW",
        }
    }

    /// The name of a stage of a version.
    pub(super) fn stage(&self, version: usize, stage: usize) -> &str {
        &self.versions[version].model().stages[stage].name
    }

    /// What a version is, in a line.
    pub(super) fn title(&self, version: usize) -> String {
        let model = self.versions[version].model();
        let file = visible(&self.files[version].display().to_string());
        format!("{file} ({}, version {})", model.name, model.version)
    }

    /// Which of the stages of both a version's stage is.
    pub(super) fn unified(&self, version: usize, stage: usize) -> usize {
        let both = self.backtest.differences.as_ref();
        both.map_or(stage, |both| both.unified[version][stage])
    }

    /// The stages of a version that flag a customer.
    pub(super) fn flagging(&self, version: usize) -> String {
        let own = &self.versions[version];
        let stages = own.model().stages.iter().enumerate();
        let flagging = stages.filter(|(at, _)| own.flags(*at));
        let names: Vec<&str> = flagging.map(|(_, stage)| stage.name.as_str()).collect();
        names.join(" or ")
    }

    /// What was looked at.
    pub(super) fn scope(&self) -> String {
        let (begin, end) = (self.backtest.questions.begin, self.backtest.questions.end);
        format!(
            "{} with {} events, from {} to {}.",
            customers(self.backtest.customers),
            HumanCount(self.survey.events),
            day(begin),
            day(end)
        )
    }

    /// Rows that were left out, line by line.
    pub(super) fn left_out(&self) -> Vec<String> {
        left_out(self.inputs, self.survey)
    }

    /// The sentence about who moves.
    pub(super) fn moved(&self) -> String {
        let flaps = &self.backtest.flaps;
        let Some(differences) = &self.backtest.differences else {
            return format!("Customers make {} moves.", HumanCount(flaps[0].moves));
        };
        let made = format!(
            "Customers make {} moves under OLD and {} under NEW.",
            HumanCount(flaps[0].moves),
            HumanCount(flaps[1].moves)
        );
        if !differences.comparable {
            return made + " The two have no stage in common.";
        }
        let all = self.backtest.customers;
        let share = |count: u64| format!("{} ({})", customers(count), percent(count, all));
        let time = shown(differences.time_apart as f64 / self.backtest.customer_time as f64);
        format!(
            "{made} At the end {} are in different stages; at some time {} were, for {time} of all \
             customers' time.",
            share(differences.at_end),
            share(differences.histories)
        )
    }

    /// The sentence about where customers are at the end.
    pub(super) fn settled(&self) -> String {
        let fullest = |version: usize| {
            let stages = self.backtest.stays[version].stages.iter().enumerate();
            let (stage, there) = stages
                .map(|(stage, own)| (stage, own.ongoing.count))
                .max_by_key(|(stage, there)| (*there, std::cmp::Reverse(*stage)))?;
            let share = percent(there, self.backtest.customers);
            Some(format!(
                "{} has most customers in {}: {} ({share})",
                self.label(version),
                self.stage(version, stage),
                HumanCount(there)
            ))
        };
        let fullest: Vec<String> = (0..self.versions.len()).filter_map(fullest).collect();
        format!("At the end {}.", fullest.join("; "))
    }

    /// What the words and numbers mean.
    pub(super) fn definitions(&self) -> Vec<String> {
        words::definitions(self.versions.len() == 2, self.backtest.prediction.is_some())
    }

    /// How the customers were chosen that are shown.
    pub(super) fn chosen(&self, differences: &Differences) -> String {
        format!(
            "{} of {}, chosen by a hash of their ids.",
            HumanCount(differences.examples().len() as u64),
            HumanCount(differences.histories)
        )
    }

    /// The sentence about restlessness.
    pub(super) fn restless(&self, version: usize) -> String {
        let flaps = &self.backtest.flaps[version];
        let years = years(self.backtest.customer_time);
        let often = if years > 0.0 {
            format!(", {:.3} per customer and year", flaps.flaps as f64 / years)
        } else {
            String::new()
        };
        let chains = match flaps.chains {
            0 => "nobody makes several moves at once".to_owned(),
            chains => format!(
                "{} times somebody makes several moves at once, at most {}",
                HumanCount(chains),
                HumanCount(flaps.longest_chain)
            ),
        };
        format!(
            "{}: {} of {} moves are undone within {}{often}, by {}; {chains}.",
            self.label(version),
            HumanCount(flaps.flaps),
            HumanCount(flaps.moves),
            self.backtest.questions.flap,
            customers(flaps.customers),
        )
    }

    /// The sentence about how long customers stay, by the median of each stage.
    pub(super) fn lasting(&self) -> String {
        let mut stages: Vec<String> = Vec::new();
        let mut before = None;
        for (version, stage, own) in tables::visited(self) {
            let Some(median) = own.completed.percentile(50) else {
                continue;
            };
            let both = self.unified(version, stage);
            match stages.last_mut().filter(|_| before == Some(both)) {
                Some(last) => *last += &format!(", {} {}", self.label(version), length(median)),
                None => stages.push(format!(
                    "{} {} {}",
                    self.stage(version, stage),
                    self.label(version),
                    length(median)
                )),
            }
            before = Some(both);
        }
        match stages.is_empty() {
            true => "No visit to a stage has lasted and ended.".to_owned(),
            false => format!(
                "Half of the visits that ended were over after: {}.",
                stages.join("; ")
            ),
        }
    }

    /// The sentences about a prediction.
    pub(super) fn predicted(&self, prediction: &Prediction) -> Vec<String> {
        let (outcome, within) = self.asked();
        let base = prediction.score(0);
        let mut lines = vec![format!(
            "At {} dates from {} to {}, {} times a customer who had had {outcome} before was looked at (a \
             customer counts at every date); {} of these times none came within {within}.",
            prediction.tallies.len(),
            prediction
                .tallies
                .first()
                .map_or_else(String::new, |it| day(it.date)),
            prediction
                .tallies
                .last()
                .map_or_else(String::new, |it| day(it.date)),
            HumanCount(base.population),
            percent(base.stopped, base.population),
        )];
        lines.push(counting::sentence(self));
        for version in 0..self.versions.len() {
            lines.push(self.scored(prediction, version));
        }
        lines
    }

    fn scored(&self, prediction: &Prediction, version: usize) -> String {
        let own = Rates::of(&prediction.score(version));
        let plain = Rates::of(&prediction.recency(version));
        let label = self.label(version);
        let stage = self.flagging(version);
        if prediction.score(version).flagged == 0 {
            return format!("{label} had nobody in {stage} at these dates.");
        }
        let verdict = match own.precision - plain.precision {
            more if more > 0.005 => "the stage tells more than recency does",
            less if less < -0.005 => "recency alone tells more",
            _ => "the stage tells no more than recency does",
        };
        let advice = match own.precision < own.base_rate {
            true => format!(
                " Whoever has moved on from {stage} is not flagged: where that means that they are lost, name that \
                 stage too, with a comma."
            ),
            false => String::new(),
        };
        format!(
            "{label} flagged {} of them as {stage}: {} of the flagged stopped (precision), where {} of all did; {} \
             of those who stopped were flagged (recall). With as many flagged by plain recency it is {} and {}: \
             {verdict}.{advice}",
            shown(own.flagged_share),
            shown(own.precision),
            shown(own.base_rate),
            shown(own.recall),
            shown(plain.precision),
            shown(plain.recall),
        )
    }

    /// How early the flag comes.
    pub(super) fn early(&self, prediction: &Prediction, version: usize) -> String {
        let leads = &prediction.leads[version];
        let (outcome, within) = self.asked();
        let label = self.label(version);
        let (Some(median), Some(most)) = (leads.ahead.percentile(50), leads.ahead.percentile(90))
        else {
            return format!("{label}: nobody who was flagged stopped.");
        };
        let late = match leads.late {
            0 => String::new(),
            late => format!(
                " {} of them came only when they were over.",
                HumanCount(late)
            ),
        };
        format!(
            "{label}: of {} times that somebody was flagged {} were right. The flag came {} (median; at most {} for \
             nine of ten) before {within} without {outcome} were over.{late}",
            HumanCount(leads.spells),
            HumanCount(leads.ahead.count),
            length(median),
            length(most),
        )
    }

    /// The stages of a customer, with dates.
    pub(super) fn path(&self, example: &Example, version: usize) -> String {
        let mut path = self.stage(version, example.initial[version]).to_owned();
        for one in &example.moves[version] {
            path += &format!(", {} {}", day(one.at), self.stage(version, one.to));
        }
        match example.more[version] {
            0 => path,
            more => path + &format!(", and {more} more moves"),
        }
    }

    /// The outcome and how long it is waited for, as text.
    pub(super) fn asked(&self) -> (String, String) {
        let asked = self.backtest.questions.asked.as_ref();
        asked.map_or_else(Default::default, |asked| {
            (visible(&asked.outcome), asked.within.to_string())
        })
    }
}

fn customers(count: u64) -> String {
    match count {
        1 => "1 customer".to_owned(),
        count => format!("{} customers", HumanCount(count)),
    }
}
