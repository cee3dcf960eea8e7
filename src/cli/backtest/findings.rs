//! What a report is about, and the words that every form of it uses.

use std::path::PathBuf;

use indicatif::HumanCount;

use super::counting;
use super::format::{self, format_instant, format_length, format_ratio, years};
use super::ratio::{Rates, format_share};
use super::tables;
use crate::backtest::{Backtest, DifferenceExample, Differences, Prediction, Version};
use crate::files::InputSummary;
use crate::model::sanitize_for_terminal;

/// What a backtest came to.
pub(super) struct Findings<'f> {
    pub(super) files: &'f [PathBuf],
    pub(super) inputs: &'f [PathBuf],
    /// The old one first, or one alone.
    pub(super) versions: &'f [Version],
    pub(super) survey: &'f InputSummary,
    pub(super) backtest: &'f Backtest,
}

/// Rows that were left out, line by line.
pub(super) fn excluded_rows(inputs: &[PathBuf], survey: &InputSummary) -> Vec<String> {
    let mut lines = Vec::new();
    for (reason, (count, first)) in &survey.rejected {
        let file = inputs[first.input as usize].display().to_string();
        lines.push(format!(
            "{} rejected: {reason}, first at {}:{}{}",
            HumanCount(*count),
            sanitize_for_terminal(&file),
            first.offset,
            reason.hint()
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
    pub(super) fn stage_name(&self, version: usize, stage: usize) -> &str {
        &self.versions[version].model().stages[stage].name
    }

    /// What a version is, in a line.
    pub(super) fn title(&self, version: usize) -> String {
        let model = self.versions[version].model();
        let file = sanitize_for_terminal(&self.files[version].display().to_string());
        format!("{file} ({}, version {})", model.name, model.version)
    }

    /// Which of the stages of both a version's stage is.
    pub(super) fn common_stage(&self, version: usize, stage: usize) -> usize {
        let both = self.backtest.differences.as_ref();
        both.map_or(stage, |both| both.unified[version][stage])
    }

    /// The stages of a version that flag a customer.
    pub(super) fn flagging_stages(&self, version: usize) -> String {
        let own = &self.versions[version];
        let stages = own.model().stages.iter().enumerate();
        let flagging = stages.filter(|(at, _)| own.is_flagged(*at));
        let names: Vec<&str> = flagging.map(|(_, stage)| stage.name.as_str()).collect();
        names.join(" or ")
    }

    /// What was looked at.
    pub(super) fn scope(&self) -> String {
        let (begin, end) = (self.backtest.options.begin, self.backtest.options.end);
        format!(
            "{} with {} events, from {} to {}.",
            customers(self.backtest.customers),
            HumanCount(self.survey.events),
            format_instant(begin),
            format_instant(end)
        )
    }

    /// Rows that were left out, line by line.
    pub(super) fn excluded_rows(&self) -> Vec<String> {
        excluded_rows(self.inputs, self.survey)
    }

    /// The sentence about who moves.
    pub(super) fn moves_sentence(&self) -> String {
        let flaps = &self.backtest.flaps;
        let Some(differences) = &self.backtest.differences else {
            return format!("Customers make {} moves.", HumanCount(flaps[0].transitions));
        };
        let made = format!(
            "Customers make {} moves under OLD and {} under NEW.",
            HumanCount(flaps[0].transitions),
            HumanCount(flaps[1].transitions)
        );
        if !differences.is_comparable {
            return made + " The two have no stage in common.";
        }
        let all = self.backtest.customers;
        let share = |count: u64| format!("{} ({})", customers(count), format_share(count, all));
        let time = format_ratio(differences.time_apart as f64 / self.backtest.customer_time as f64);
        format!(
            "{made} At the end {} are in different stages; at some time {} were, for {time} of all \
             customers' time.",
            share(differences.at_end),
            share(differences.histories)
        )
    }

    /// The sentence about where customers are at the end.
    pub(super) fn final_stages_sentence(&self) -> String {
        let fullest = |version: usize| {
            let stages = self.backtest.stays[version].stages.iter().enumerate();
            let (stage, there) = stages
                .map(|(stage, own)| (stage, own.ongoing.count))
                .max_by_key(|(stage, there)| (*there, std::cmp::Reverse(*stage)))?;
            let share = format_share(there, self.backtest.customers);
            Some(format!(
                "{} has most customers in {}: {} ({share})",
                self.label(version),
                self.stage_name(version, stage),
                HumanCount(there)
            ))
        };
        let fullest: Vec<String> = (0..self.versions.len()).filter_map(fullest).collect();
        format!("At the end {}.", fullest.join("; "))
    }

    /// What the words and numbers mean.
    pub(super) fn definitions(&self) -> Vec<String> {
        format::definitions(self.versions.len() == 2, self.backtest.prediction.is_some())
    }

    /// How the customers were chosen that are shown.
    pub(super) fn sampling_sentence(&self, differences: &Differences) -> String {
        format!(
            "{} of {}, chosen by a hash of their ids.",
            HumanCount(differences.examples().len() as u64),
            HumanCount(differences.histories)
        )
    }

    /// The sentence about restlessness.
    pub(super) fn flapping_sentence(&self, version: usize) -> String {
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
            HumanCount(flaps.transitions),
            self.backtest.options.flap,
            customers(flaps.customers),
        )
    }

    /// The sentence about how long customers stay, by the median of each stage.
    pub(super) fn stay_lengths_sentence(&self) -> String {
        let mut stages: Vec<String> = Vec::new();
        let mut before = None;
        for (version, stage, own) in tables::visited_stages(self) {
            let Some(median) = own.completed.percentile(50) else {
                continue;
            };
            let both = self.common_stage(version, stage);
            match stages.last_mut().filter(|_| before == Some(both)) {
                Some(last) => {
                    *last += &format!(", {} {}", self.label(version), format_length(median))
                }
                None => stages.push(format!(
                    "{} {} {}",
                    self.stage_name(version, stage),
                    self.label(version),
                    format_length(median)
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
    pub(super) fn prediction_sentences(&self, prediction: &Prediction) -> Vec<String> {
        let (outcome, within) = self.prediction_question();
        let base = prediction.score(0);
        let mut lines = vec![format!(
            "At {} dates from {} to {}, {} times a customer who had had {outcome} before was looked at (a \
             customer counts at every date); {} of these times none came within {within}.",
            prediction.dates.len(),
            prediction
                .dates
                .first()
                .map_or_else(String::new, |it| format_instant(it.date)),
            prediction
                .dates
                .last()
                .map_or_else(String::new, |it| format_instant(it.date)),
            HumanCount(base.population),
            format_share(base.stopped, base.population),
        )];
        lines.push(counting::sentence(self));
        for version in 0..self.versions.len() {
            lines.push(self.score_sentence(prediction, version));
        }
        lines
    }

    fn score_sentence(&self, prediction: &Prediction, version: usize) -> String {
        let own = Rates::from_score(&prediction.score(version));
        let plain = Rates::from_score(&prediction.recency(version));
        let label = self.label(version);
        let stage = self.flagging_stages(version);
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
            format_ratio(own.flagged_share),
            format_ratio(own.precision),
            format_ratio(own.base_rate),
            format_ratio(own.recall),
            format_ratio(plain.precision),
            format_ratio(plain.recall),
        )
    }

    /// How early the flag comes.
    pub(super) fn lead_time_sentence(&self, prediction: &Prediction, version: usize) -> String {
        let leads = &prediction.lead_times[version];
        let (outcome, within) = self.prediction_question();
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
            format_length(median),
            format_length(most),
        )
    }

    /// The stages of a customer, with dates.
    pub(super) fn stage_history(&self, example: &DifferenceExample, version: usize) -> String {
        let mut path = self
            .stage_name(version, example.initial[version])
            .to_owned();
        for one in &example.transitions[version] {
            path += &format!(
                ", {} {}",
                format_instant(one.at),
                self.stage_name(version, one.to)
            );
        }
        match example.omitted[version] {
            0 => path,
            more => path + &format!(", and {more} more moves"),
        }
    }

    /// The outcome and how long it is waited for, as text.
    pub(super) fn prediction_question(&self) -> (String, String) {
        let asked = self.backtest.options.prediction.as_ref();
        asked.map_or_else(Default::default, |asked| {
            (
                sanitize_for_terminal(&asked.outcome),
                asked.within.to_string(),
            )
        })
    }
}

fn customers(count: u64) -> String {
    match count {
        1 => "1 customer".to_owned(),
        count => format!("{} customers", HumanCount(count)),
    }
}
