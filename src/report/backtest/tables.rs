//! The tables of the report as cells of text, for all of its formats.

use std::cmp::Reverse;

use super::findings::Findings;
use super::rates::Rates;
use crate::backtest::{CommonStageId, Differences, FirstEntries, Flow, Prediction};
use crate::explanation::format_instant;
use crate::report::format::{
    format_count, format_length, format_percentile, format_ratio, format_share,
};
use crate::report::table::ReportTable;

/// Maximum of moves in a table.
const MOVES_MAX: usize = 12;

/// A count, with a dot for zero so that other counts stand out.
fn count_or_dot(count: u64) -> String {
    if count == 0 { "·".to_owned() } else { format_count(count) }
}

/// Moves that only one version makes at their instant, the most frequent first.
pub(super) fn moves(differences: &Differences) -> ReportTable {
    let mut flows: Vec<(&(CommonStageId, CommonStageId), &Flow)> =
        differences.flows.iter().collect();
    flows.retain(|(_, flow)| flow.only != [0, 0]);
    flows.sort_by_key(|(stages, flow)| (Reverse(flow.only[0] + flow.only[1]), **stages));
    let caption =
        "Moves that the other version does not make at the same instant, the most frequent first";
    let mut table = ReportTable::new(caption, ["move", "in both", "OLD alone", "NEW alone"]);
    let stages = &differences.stages;
    for ((from, to), flow) in flows.iter().take(MOVES_MAX) {
        let name = format!("{} -> {}", stages[*from], stages[*to]);
        let [old, new] = flow.only.map(format_count);
        table.add_row([name, format_count(flow.both), old, new]);
    }
    table
}

/// Customers by their first entry into a stage, for stages where the versions differ.
pub(super) fn arrivals(differences: &Differences) -> ReportTable {
    let header = [
        "first entry into",
        "same time",
        "NEW earlier",
        "by (median)",
        "NEW later",
        "by (median)",
        "OLD alone",
        "NEW alone",
    ];
    let mut table = ReportTable::new("Customers by when they first get into a stage", header);
    let differ = |entries: &FirstEntries| {
        entries.only != [0, 0] || entries.earlier.count + entries.later.count > 0
    };
    let stages = differences.stages.iter().zip(&differences.first_entries);
    for (stage, entries) in stages.filter(|(_, entries)| differ(entries)) {
        let [old, new] = entries.only.map(format_count);
        table.add_row([
            stage.clone(),
            format_count(entries.same),
            format_count(entries.earlier.count),
            format_percentile(&entries.earlier, 50),
            format_count(entries.later.count),
            format_percentile(&entries.later, 50),
            old,
            new,
        ]);
    }
    table
}

/// Customers by their stages in both versions at the end, with sums; `None` for a single version.
pub(super) fn matrix(findings: &Findings<'_>) -> Option<ReportTable> {
    let census = &findings.backtest.census;
    let (matrix, population) = (census.matrix.last()?, census.population.last()?);
    let [_, new] = &population[..] else {
        return None;
    };
    let stages = new.keys();
    let mut header = vec!["OLD \\ NEW".to_owned()];
    header.extend(stages.map(|at| findings.stage_name(1, at).to_owned()));
    header.push("all".to_owned());
    let mut rows = Vec::new();
    for (old, counts) in matrix.iter_enumerated() {
        let mut row = vec![findings.stage_name(0, old).to_owned()];
        row.extend(counts.iter().map(|count| count_or_dot(*count)));
        row.push(format_count(counts.iter().sum()));
        rows.push(row);
    }
    let mut all = vec!["all".to_owned()];
    all.extend(new.iter().map(|count| format_count(*count)));
    all.push(format_count(findings.backtest.customers));
    rows.push(all);
    Some(ReportTable {
        caption: "At the end, by the stage under OLD (rows) and under NEW (columns)".to_owned(),
        header,
        rows,
    })
}

/// Customers in each stage of a version at several dates.
pub(super) fn population(findings: &Findings<'_>, version: usize) -> ReportTable {
    let census = &findings.backtest.census;
    let stages = census.population[0][version].keys();
    let mut table = ReportTable::new(
        format!("{}: customers by stage, at dates", findings.label(version)),
        ["date", "all"],
    );
    table.header.extend(stages.map(|at| findings.stage_name(version, at).to_owned()));
    for at in census.shown() {
        let counts = &census.population[at][version];
        let mut row = vec![format_instant(census.dates[at]), format_count(counts.iter().sum())];
        row.extend(counts.iter().map(|count| count_or_dot(*count)));
        table.rows.push(row);
    }
    table
}

/// Customers in different stages at several dates, and the most frequent pair of stages.
pub(super) fn stage_differences(findings: &Findings<'_>, differences: &Differences) -> ReportTable {
    let census = &findings.backtest.census;
    let header = ["date", "all", "apart", "share", "most of them under OLD -> under NEW"];
    let mut table = ReportTable::new("Customers in different stages, at dates", header);
    for at in census.shown() {
        let matrix = &census.matrix[at];
        let (mut apart, mut most) = (0, (0, String::new()));
        for (old, counts) in matrix.iter_enumerated() {
            for (new, count) in counts.iter_enumerated() {
                if differences.unified[0][old] == differences.unified[1][new] {
                    continue;
                }
                apart += count;
                if *count > most.0 {
                    let (old, new) = (findings.stage_name(0, old), findings.stage_name(1, new));
                    most = (*count, format!("{old} -> {new}, {}", format_count(*count)));
                }
            }
        }
        let all: u64 = matrix.iter().flatten().sum();
        table.add_row([
            format_instant(census.dates[at]),
            format_count(all),
            format_count(apart),
            format_share(apart, all),
            most.1,
        ]);
    }
    table
}

/// Visits to each stage, with both versions next to each other.
pub(super) fn stays(findings: &Findings<'_>) -> ReportTable {
    let header = [
        "stage",
        "",
        "entries",
        "passed",
        "ended",
        "median",
        "mean",
        "90 %",
        "at the end",
        "median so far",
    ];
    let caption = "Visits to each stage; lengths are of those that lasted and ended";
    let mut table = ReportTable::new(caption, header);
    for (version, stage, stays) in findings.visited_stages() {
        table.add_row([
            findings.stage_name(version, stage).to_owned(),
            findings.label(version).to_owned(),
            format_count(stays.entries),
            format_count(stays.passed),
            format_count(stays.completed.count),
            format_percentile(&stays.completed, 50),
            stays.completed.mean().map_or_else(|| "–".to_owned(), format_length),
            format_percentile(&stays.completed, 90),
            format_count(stays.ongoing.count),
            format_percentile(&stays.ongoing, 50),
        ]);
    }
    table
}

/// Moves that are undone within the flap span, the most frequent first.
pub(super) fn undone_moves(findings: &Findings<'_>) -> ReportTable {
    let header = ["move that is undone", "", "made", "undone", "share"];
    let mut table = ReportTable::new("What flaps", header);
    for (version, flaps) in findings.backtest.flaps.iter().enumerate() {
        let mut undone: Vec<_> =
            flaps.reversals.iter().filter(|(_, counts)| counts.undone > 0).collect();
        undone.sort_by_key(|(stages, counts)| (Reverse(counts.undone), **stages));
        for ((from, to), counts) in undone.into_iter().take(MOVES_MAX) {
            let from = findings.stage_name(version, *from);
            let to = findings.stage_name(version, *to);
            table.add_row([
                format!("{from} -> {to}"),
                findings.label(version).to_owned(),
                format_count(counts.made),
                format_count(counts.undone),
                format_share(counts.undone, counts.made),
            ]);
        }
    }
    table
}

/// The scores of each version over all dates, and of recency with as many flagged customers.
pub(super) fn scores(findings: &Findings<'_>, prediction: &Prediction) -> ReportTable {
    let header = ["rule", "flagged", "precision", "95 % interval", "recall", "F1"];
    let mut table = ReportTable::new("All dates together", header);
    for version in 0..findings.versions.len() {
        let label = findings.label(version);
        for (name, score) in [
            (label.to_owned(), prediction.score(version)),
            (format!("recency for {label}"), prediction.recency(version)),
        ] {
            let rates = Rates::from_score(&score);
            let (low, high) = rates.interval;
            table.add_row([
                name,
                format_count(score.flagged),
                format_ratio(rates.precision),
                format!("{} to {}", format_ratio(low), format_ratio(high)),
                format_ratio(rates.recall),
                format_ratio(rates.f1),
            ]);
        }
    }
    table
}

/// The scores of one version at each date, and of recency.
pub(super) fn scores_by_date(
    findings: &Findings<'_>,
    prediction: &Prediction,
    version: usize,
) -> ReportTable {
    let header = [
        "date",
        "customers",
        "stopped",
        "flagged",
        "precision",
        "by recency",
        "recall",
        "by recency",
    ];
    let caption = format!("{} at each date", findings.label(version));
    let mut table = ReportTable::new(caption, header);
    for tally in &prediction.dates {
        let rates = Rates::from_score(&tally.score(version));
        let recency = Rates::from_score(&tally.recency(version));
        table.add_row([
            format_instant(tally.date),
            format_count(tally.population),
            format_ratio(rates.base_rate),
            format_ratio(rates.flagged_share),
            format_ratio(rates.precision),
            format_ratio(recency.precision),
            format_ratio(rates.recall),
            format_ratio(recency.recall),
        ]);
    }
    table
}
