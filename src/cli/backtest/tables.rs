//! The tables of a report, as text in cells, whatever it is written as.

use std::cmp::Reverse;

use indicatif::HumanCount;

use super::findings::Findings;
use super::ratio::{Rates, percent};
use super::words::{day, length, percentile, shown};
use crate::backtest::{Arrivals, Differences, Flow, Prediction, StageStays};

/// Most moves in a table.
const MOVES_MAX: usize = 12;

/// Rows under a header; the first cell of a row names it.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(caption: impl Into<String>, header: [&str; N]) -> Table {
        Table {
            caption: caption.into(),
            header: header.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    fn row<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }
}

pub(super) fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

/// A count of which it is easily seen when it is none.
fn some(there: u64) -> String {
    if there == 0 {
        "·".to_owned()
    } else {
        count(there)
    }
}

/// Moves that one version alone makes at that instant, the most frequent first.
pub(super) fn moves(differences: &Differences) -> Table {
    let mut flows: Vec<(&(usize, usize), &Flow)> = differences.flows.iter().collect();
    flows.retain(|(_, flow)| flow.only != [0, 0]);
    flows.sort_by_key(|(moved, flow)| (Reverse(flow.only[0] + flow.only[1]), **moved));
    let caption =
        "Moves that the other version does not make at the same instant, the most frequent first";
    let mut table = Table::new(caption, ["move", "in both", "OLD alone", "NEW alone"]);
    let stages = &differences.stages;
    for ((from, to), flow) in flows.iter().take(MOVES_MAX) {
        let name = format!("{} -> {}", stages[*from], stages[*to]);
        let [old, new] = flow.only.map(count);
        table.row([name, count(flow.both), old, new]);
    }
    table
}

/// When customers first get into a stage, where that differs.
pub(super) fn arrivals(differences: &Differences) -> Table {
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
    let mut table = Table::new("Customers by when they first get into a stage", header);
    let differ = |own: &Arrivals| own.only != [0, 0] || own.earlier.count + own.later.count > 0;
    let arrivals = differences.stages.iter().zip(&differences.arrivals);
    for (stage, own) in arrivals.filter(|(_, own)| differ(own)) {
        let [old, new] = own.only.map(count);
        table.row([
            stage.clone(),
            count(own.same),
            count(own.earlier.count),
            percentile(&own.earlier, 50),
            count(own.later.count),
            percentile(&own.later, 50),
            old,
            new,
        ]);
    }
    table
}

/// Customers by both stages at the end, with sums; none with one version.
pub(super) fn matrix(findings: &Findings<'_>) -> Option<Table> {
    let census = &findings.backtest.census;
    let (matrix, population) = (census.matrix.last()?, census.population.last()?);
    let [_, new] = &population[..] else {
        return None;
    };
    let stages = 0..new.len();
    let mut header = vec!["OLD \\ NEW".to_owned()];
    header.extend(stages.map(|at| findings.stage(1, at).to_owned()));
    header.push("all".to_owned());
    let mut rows = Vec::new();
    for (old, counts) in matrix.iter().enumerate() {
        let mut row = vec![findings.stage(0, old).to_owned()];
        row.extend(counts.iter().map(|there| some(*there)));
        row.push(count(counts.iter().sum()));
        rows.push(row);
    }
    let mut all = vec!["all".to_owned()];
    all.extend(new.iter().map(|there| count(*there)));
    all.push(count(findings.backtest.customers));
    rows.push(all);
    Some(Table {
        caption: "At the end, by the stage under OLD (rows) and under NEW (columns)".to_owned(),
        header,
        rows,
    })
}

/// Customers in each stage of a version, at dates.
pub(super) fn population(findings: &Findings<'_>, version: usize) -> Table {
    let census = &findings.backtest.census;
    let stages = 0..census.population[0][version].len();
    let mut table = Table::new(
        format!("{}: customers by stage, at dates", findings.label(version)),
        ["date", "all"],
    );
    table
        .header
        .extend(stages.map(|at| findings.stage(version, at).to_owned()));
    for at in census.shown() {
        let counts = &census.population[at][version];
        let mut row = vec![day(census.dates[at]), count(counts.iter().sum())];
        row.extend(counts.iter().map(|there| some(*there)));
        table.rows.push(row);
    }
    table
}

/// Who is in different stages at dates, and in which ones most of them.
pub(super) fn apart(findings: &Findings<'_>, differences: &Differences) -> Table {
    let census = &findings.backtest.census;
    let header = [
        "date",
        "all",
        "apart",
        "share",
        "most of them under OLD -> under NEW",
    ];
    let mut table = Table::new("Customers in different stages, at dates", header);
    for at in census.shown() {
        let matrix = &census.matrix[at];
        let (mut apart, mut most) = (0, (0, String::new()));
        for (old, counts) in matrix.iter().enumerate() {
            for (new, there) in counts.iter().enumerate() {
                if differences.unified[0][old] == differences.unified[1][new] {
                    continue;
                }
                apart += there;
                if *there > most.0 {
                    let pair = (findings.stage(0, old), findings.stage(1, new));
                    most = (
                        *there,
                        format!("{} -> {}, {}", pair.0, pair.1, count(*there)),
                    );
                }
            }
        }
        let all: u64 = matrix.iter().flatten().sum();
        table.row([
            day(census.dates[at]),
            count(all),
            count(apart),
            percent(apart, all),
            most.1,
        ]);
    }
    table
}

/// Visits to each stage, those of both versions beside each other.
pub(super) fn stays(findings: &Findings<'_>) -> Table {
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
    let mut table = Table::new(caption, header);
    for (version, stage, own) in visited(findings) {
        table.row([
            findings.stage(version, stage).to_owned(),
            findings.label(version).to_owned(),
            count(own.entries),
            count(own.passed),
            count(own.completed.count),
            percentile(&own.completed, 50),
            own.completed.mean().map_or_else(|| "–".to_owned(), length),
            percentile(&own.completed, 90),
            count(own.ongoing.count),
            percentile(&own.ongoing, 50),
        ]);
    }
    table
}

/// Stages that anybody was in, with their version; those that are the same together.
pub(super) fn visited<'f>(findings: &'f Findings<'_>) -> Vec<(usize, usize, &'f StageStays)> {
    let mut all = Vec::new();
    for (version, stays) in findings.backtest.stays.iter().enumerate() {
        let stages = stays.stages.iter().enumerate();
        let visited = stages.filter(|(_, own)| own.entries > 0);
        all.extend(visited.map(|(stage, own)| (version, stage, own)));
    }
    all.sort_by_key(|(version, stage, _)| (findings.unified(*version, *stage), *version));
    all
}

/// Moves that are undone within the span, the most frequent first.
pub(super) fn undone(findings: &Findings<'_>) -> Table {
    let header = ["move that is undone", "", "made", "undone", "share"];
    let mut table = Table::new("What flaps", header);
    for (version, flaps) in findings.backtest.flaps.iter().enumerate() {
        let mut undone: Vec<_> = flaps
            .undone
            .iter()
            .filter(|(_, it)| it.undone > 0)
            .collect();
        undone.sort_by_key(|(moved, it)| (Reverse(it.undone), **moved));
        for ((from, to), it) in undone.into_iter().take(MOVES_MAX) {
            let pair = (findings.stage(version, *from), findings.stage(version, *to));
            table.row([
                format!("{} -> {}", pair.0, pair.1),
                findings.label(version).to_owned(),
                count(it.made),
                count(it.undone),
                percent(it.undone, it.made),
            ]);
        }
    }
    table
}

/// What each version scored over all dates, and recency with as many.
pub(super) fn scores(findings: &Findings<'_>, prediction: &Prediction) -> Table {
    let header = [
        "rule",
        "flagged",
        "precision",
        "95 % interval",
        "recall",
        "F1",
    ];
    let mut table = Table::new("All dates together", header);
    for version in 0..findings.versions.len() {
        let label = findings.label(version);
        for (name, score) in [
            (label.to_owned(), prediction.score(version)),
            (format!("recency for {label}"), prediction.recency(version)),
        ] {
            let rates = Rates::of(&score);
            let (low, high) = rates.interval;
            table.row([
                name,
                count(score.flagged),
                shown(rates.precision),
                format!("{} to {}", shown(low), shown(high)),
                shown(rates.recall),
                shown(rates.f1),
            ]);
        }
    }
    table
}

/// The same of one version at each date.
pub(super) fn scores_by_date(
    findings: &Findings<'_>,
    prediction: &Prediction,
    version: usize,
) -> Table {
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
    let mut table = Table::new(caption, header);
    for tally in &prediction.tallies {
        let own = Rates::of(&tally.score(version));
        let recency = Rates::of(&tally.recency(version));
        table.row([
            day(tally.date),
            count(tally.population),
            shown(own.base_rate),
            shown(own.flagged_share),
            shown(own.precision),
            shown(recency.precision),
            shown(own.recall),
            shown(recency.recall),
        ]);
    }
    table
}
