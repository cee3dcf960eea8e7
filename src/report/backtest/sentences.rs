//! The sentences that all forms of the report use.

use super::counting;
use super::findings::Findings;
use super::rates::Rates;
use crate::backtest::{DifferenceExample, Differences, Prediction};
use crate::explanation::format_instant;
use crate::report::format::{format_count, format_length, format_ratio, format_share, years};

impl Findings<'_> {
    /// The customers, events and time range of the history.
    pub(super) fn scope(&self) -> String {
        let (begin, end) = (self.backtest.options.begin, self.backtest.options.end);
        format!(
            "{} with {} events, from {} to {}.",
            customers(self.backtest.customers),
            format_count(self.events),
            format_instant(begin),
            format_instant(end)
        )
    }

    pub(super) fn moves_sentence(&self) -> String {
        let flaps = &self.backtest.flaps;
        let Some(differences) = &self.backtest.differences else {
            return format!("Customers make {} moves.", format_count(flaps[0].transitions));
        };
        let moves = format!(
            "Customers make {} moves under OLD and {} under NEW.",
            format_count(flaps[0].transitions),
            format_count(flaps[1].transitions)
        );
        if !differences.is_comparable {
            return moves + " The two have no stage in common.";
        }
        let all = self.backtest.customers;
        let share = |count: u64| format!("{} ({})", customers(count), format_share(count, all));
        let time = format_ratio(differences.time_apart as f64 / self.backtest.customer_time as f64);
        format!(
            "{moves} At the end {} are in different stages; at some time {} were, for {time} of all \
             customers' time.",
            share(differences.at_end),
            share(differences.histories)
        )
    }

    pub(super) fn final_stages_sentence(&self) -> String {
        let fullest = |version: usize| {
            let stages = self.backtest.stays[version].stages.iter_enumerated();
            let (stage, count) = stages
                .map(|(stage, stays)| (stage, stays.ongoing.count))
                .max_by_key(|(stage, count)| (*count, std::cmp::Reverse(*stage)))?;
            let share = format_share(count, self.backtest.customers);
            Some(format!(
                "{} has most customers in {}: {} ({share})",
                self.label(version),
                self.stage_name(version, stage),
                format_count(count)
            ))
        };
        let fullest: Vec<String> = (0..self.versions.len()).filter_map(fullest).collect();
        format!("At the end {}.", fullest.join("; "))
    }

    /// How the example customers were chosen.
    pub(super) fn sampling_sentence(&self, differences: &Differences) -> String {
        format!(
            "{} of {}, chosen by a hash of their ids.",
            format_count(differences.examples().len() as u64),
            format_count(differences.histories)
        )
    }

    pub(super) fn flapping_sentence(&self, version: usize) -> String {
        let flaps = &self.backtest.flaps[version];
        let years = years(self.backtest.customer_time);
        let rate = if years > 0.0 {
            format!(", {:.3} per customer and year", flaps.flaps as f64 / years)
        } else {
            String::new()
        };
        let chains = match flaps.chains {
            0 => "no customer makes several moves at one instant".to_owned(),
            chains => format!(
                "{} times a customer makes several moves at one instant, at most {}",
                format_count(chains),
                format_count(flaps.longest_chain)
            ),
        };
        format!(
            "{}: {} of {} moves are undone within {}{rate}, by {}; {chains}.",
            self.label(version),
            format_count(flaps.flaps),
            format_count(flaps.transitions),
            self.backtest.options.flap,
            customers(flaps.customers),
        )
    }

    /// The median time in each stage.
    pub(super) fn stay_lengths_sentence(&self) -> String {
        let mut stages: Vec<String> = Vec::new();
        let mut previous = None;
        for (version, stage, stays) in self.visited_stages() {
            let Some(median) = stays.completed.percentile(50) else {
                continue;
            };
            let common = self.common_stage(version, stage);
            match stages.last_mut().filter(|_| previous == Some(common)) {
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
            previous = Some(common);
        }
        if stages.is_empty() {
            "No visit to a stage has lasted and ended.".to_owned()
        } else {
            format!("Half of the visits that ended were over after: {}.", stages.join("; "))
        }
    }

    pub(super) fn prediction_sentences(&self, prediction: &Prediction) -> Vec<String> {
        let (outcome, within) = self.prediction_question();
        let base = prediction.score(0);
        let dates = &prediction.dates;
        let [first, last] = [dates.first(), dates.last()]
            .map(|tally| tally.map_or_else(String::new, |tally| format_instant(tally.date)));
        let mut lines = vec![format!(
            "At {} dates from {first} to {last}, customers with an earlier {outcome} were evaluated {} times (a \
             customer counts at every date); {} of these times none came within {within}.",
            dates.len(),
            format_count(base.population),
            format_share(base.stopped, base.population),
        )];
        lines.push(counting::sentence(self));
        for version in 0..self.versions.len() {
            lines.push(self.score_sentence(prediction, version));
        }
        lines
    }

    fn score_sentence(&self, prediction: &Prediction, version: usize) -> String {
        let rates = Rates::from_score(&prediction.score(version));
        let recency = Rates::from_score(&prediction.recency(version));
        let label = self.label(version);
        let stage = self.flagging_stages(version);
        if prediction.score(version).flagged == 0 {
            return format!("{label} had no customers in {stage} at these dates.");
        }
        let verdict = match rates.precision - recency.precision {
            gain if gain > 0.005 => "the stage predicts better than recency",
            gain if gain < -0.005 => "recency alone predicts better",
            _ => "the stage predicts no better than recency",
        };
        let advice = if rates.precision < rates.base_rate {
            format!(
                " Customers who have moved on from {stage} are not flagged: if they are lost too, also name their \
                 stage, separated by a comma."
            )
        } else {
            String::new()
        };
        format!(
            "{label} flagged {} of them as {stage}: {} of the flagged stopped (precision), where {} of all did; {} \
             of those who stopped were flagged (recall). With as many flagged by plain recency it is {} and {}: \
             {verdict}.{advice}",
            format_ratio(rates.flagged_share),
            format_ratio(rates.precision),
            format_ratio(rates.base_rate),
            format_ratio(rates.recall),
            format_ratio(recency.precision),
            format_ratio(recency.recall),
        )
    }

    /// How long the flag comes before the customer has stopped.
    pub(super) fn lead_time_sentence(&self, prediction: &Prediction, version: usize) -> String {
        let leads = &prediction.lead_times[version];
        let (outcome, within) = self.prediction_question();
        let label = self.label(version);
        let (Some(median), Some(most)) = (leads.ahead.percentile(50), leads.ahead.percentile(90))
        else {
            return format!("{label}: no flagged customer stopped.");
        };
        let late = match leads.late {
            0 => String::new(),
            late => format!(" {} of the flags came only after that.", format_count(late)),
        };
        format!(
            "{label}: of {} times that a customer was flagged {} were right. The flag came {} (median; at most {} for \
             nine of ten) before {within} without {outcome} were over.{late}",
            format_count(leads.spells),
            format_count(leads.ahead.count),
            format_length(median),
            format_length(most),
        )
    }

    /// The stages of a customer, with dates.
    pub(super) fn stage_history(&self, example: &DifferenceExample, version: usize) -> String {
        let mut history = self.stage_name(version, example.initial[version]).to_owned();
        for transition in &example.transitions[version] {
            history += &format!(
                ", {} {}",
                format_instant(transition.at),
                self.stage_name(version, transition.to)
            );
        }
        match example.omitted[version] {
            0 => history,
            more => history + &format!(", and {more} more moves"),
        }
    }
}

fn customers(count: u64) -> String {
    match count {
        1 => "1 customer".to_owned(),
        count => format!("{} customers", format_count(count)),
    }
}
