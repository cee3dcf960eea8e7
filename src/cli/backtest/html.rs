//! The report as one self-contained HTML page, without scripts, fonts or other external resources.

mod chart;
mod page;
mod strip;

use super::findings::Findings;
use super::format::format_instant;
use super::ratio::Rates;
use super::tables;
use crate::backtest::{Differences, DurationHistogram, Prediction};
use crate::event::Millis;
use crate::model::sanitize_for_terminal;
use chart::{Bar, Series, SeriesKind};
use page::{Cell, HtmlPage, escape};

pub(super) fn report(findings: &Findings<'_>) -> String {
    let mut page = HtmlPage::new("Backtest");
    page.paragraph(&findings.scope());
    let versions = 0..findings.versions.len();
    let titles = versions.clone();
    let titles = titles.map(|at| format!("{}: {}", findings.label(at), findings.title(at)));
    let excluded = findings.excluded_rows().into_iter();
    let excluded = excluded.map(|line| format!("Left out: {line}"));
    page.list(&titles.chain(excluded).collect::<Vec<_>>());
    page.section("Who moves");
    page.paragraph(&findings.moves_sentence());
    let differences = findings.backtest.differences.as_ref();
    if let Some(differences) = differences {
        page.table(&tables::moves(differences));
        page.table(&tables::arrivals(differences));
    }
    page.section("Where customers are");
    page.paragraph(&findings.final_stages_sentence());
    population_figures(&mut page, findings);
    if let Some(differences) = differences {
        final_stage_matrix(&mut page, findings, differences);
        if differences.is_comparable {
            page.table(&tables::stage_differences(findings, differences));
        }
    }
    for version in versions.clone() {
        page.table(&tables::population(findings, version));
    }
    page.section("How long they stay");
    page.paragraph(&findings.stay_lengths_sentence());
    stay_lengths_figure(&mut page, findings);
    page.table(&tables::stays(findings));
    page.section("Flapping");
    page.list(
        &versions
            .map(|at| findings.flapping_sentence(at))
            .collect::<Vec<_>>(),
    );
    page.table(&tables::undone_moves(findings));
    if let Some(prediction) = &findings.backtest.prediction {
        page.section("Prediction");
        prediction_section(&mut page, findings, prediction);
    }
    if let Some(differences) = differences {
        examples_section(&mut page, findings, differences);
    }
    page.section("What is counted");
    page.list(&findings.definitions());
    page.finish()
}

/// The hue of a version's stage, which is the same for the same stage of both versions.
fn hue(findings: &Findings<'_>, version: usize, stage: usize) -> u32 {
    chart::hue(findings.common_stage(version, stage))
}

fn population_figures(page: &mut HtmlPage, findings: &Findings<'_>) {
    let census = &findings.backtest.census;
    page.begin_figures();
    for version in 0..findings.versions.len() {
        let stages = findings.versions[version].model().stages.iter().enumerate();
        let series: Vec<Series> = stages
            .map(|(index, stage)| Series {
                name: stage.name.clone(),
                kind: SeriesKind::Stage(hue(findings, version, index)),
                values: census
                    .population
                    .iter()
                    .map(|counts| Some(counts[version][index] as f64))
                    .collect(),
            })
            .collect();
        let title = format!("{}: customers by stage", findings.label(version));
        page.figure(
            &title,
            &chart::areas(&title, &census.dates, &series),
            &series,
        );
    }
    page.end_figures();
}

/// The matrix of final stages: more customers are darker, and different stages have another tone.
fn final_stage_matrix(page: &mut HtmlPage, findings: &Findings<'_>, differences: &Differences) {
    let (Some(table), Some(counts)) = (
        tables::matrix(findings),
        findings.backtest.census.matrix.last(),
    ) else {
        return;
    };
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let shade = |old: usize, new: usize| {
        let count = *counts.get(old)?.get(new)?;
        let is_same = differences.unified[0][old] == differences.unified[1][new];
        // The square root keeps small counts visible next to large ones.
        Some(((count as f64 / most as f64).sqrt(), is_same))
    };
    let rows = table.rows.into_iter().enumerate().map(|(old, row)| {
        let cells = row.into_iter().enumerate();
        let cells = cells.map(|(column, text)| {
            match column.checked_sub(1).and_then(|new| shade(old, new)) {
                Some((shade, is_same)) => Cell::shaded(&text, shade, is_same),
                None => Cell::from(text),
            }
        });
        cells.collect()
    });
    page.cells(&table.caption, &table.header, rows.collect());
}

fn stay_lengths_figure(page: &mut HtmlPage, findings: &Findings<'_>) {
    let days = |lengths: &DurationHistogram, percent| {
        let length = lengths.percentile(percent);
        length.map(|length| length.0 as f64 / Millis::DAY.0 as f64)
    };
    let bars = tables::visited_stages(findings).into_iter();
    let bars = bars.filter_map(|(version, stage, stays)| {
        Some(Bar {
            name: format!(
                "{} {}",
                findings.stage_name(version, stage),
                findings.label(version)
            ),
            hue: hue(findings, version, stage),
            median: days(&stays.completed, 50)?,
            p90: days(&stays.completed, 90)?,
        })
    });
    let bars: Vec<Bar> = bars.collect();
    if !bars.is_empty() {
        let title = "Days in a stage, of visits that ended: the median, and a line to what nine of ten do not exceed";
        page.figure(title, &chart::bars(title, &bars), &[]);
    }
}

fn prediction_section(page: &mut HtmlPage, findings: &Findings<'_>, prediction: &Prediction) {
    for line in findings.prediction_sentences(prediction) {
        page.paragraph(&line);
    }
    let versions = 0..findings.versions.len();
    for version in versions.clone() {
        page.paragraph(&findings.lead_time_sentence(prediction, version));
    }
    page.table(&tables::scores(findings, prediction));
    page.begin_figures();
    rate_figure(page, findings, prediction, "Precision by date", |rates| {
        rates.precision
    });
    rate_figure(page, findings, prediction, "Recall by date", |rates| {
        rates.recall
    });
    page.end_figures();
    for version in versions {
        page.table(&tables::scores_by_date(findings, prediction, version));
    }
}

/// A line chart of one rate, for each version and for recency.
fn rate_figure(
    page: &mut HtmlPage,
    findings: &Findings<'_>,
    prediction: &Prediction,
    title: &str,
    rate: impl Fn(&Rates) -> f64,
) {
    let rate = |score| Some(rate(&Rates::from_score(&score))).filter(|rate| !rate.is_nan());
    let tallies = &prediction.dates;
    let mut series = Vec::new();
    for version in 0..findings.versions.len() {
        let label = findings.label(version);
        series.push(Series {
            name: label.to_owned(),
            kind: SeriesKind::Version(version),
            values: tallies
                .iter()
                .map(|tally| rate(tally.score(version)))
                .collect(),
        });
        series.push(Series {
            name: format!("recency for {label}"),
            kind: SeriesKind::Recency(version),
            values: tallies
                .iter()
                .map(|tally| rate(tally.recency(version)))
                .collect(),
        });
    }
    let dates: Vec<_> = tallies.iter().map(|tally| tally.date).collect();
    page.figure(title, &chart::lines(title, &dates, &series), &series);
}

fn examples_section(page: &mut HtmlPage, findings: &Findings<'_>, differences: &Differences) {
    let examples = differences.examples();
    if examples.is_empty() {
        return;
    }
    page.section("Some customers whose histories differ");
    page.paragraph(&findings.sampling_sentence(differences));
    let stages = differences.stages.iter().enumerate();
    let legend: Vec<Series> = stages
        .map(|(stage, name)| Series {
            name: name.clone(),
            kind: SeriesKind::Stage(chart::hue(stage)),
            values: Vec::new(),
        })
        .collect();
    page.legend(&legend);
    let rows = examples.into_iter().map(|example| {
        let picture = strip::strips(findings, differences, example);
        let histories = (0..2).map(|at| {
            escape(&format!(
                "{} {}",
                findings.label(at),
                findings.stage_history(example, at)
            ))
        });
        let histories: Vec<String> = histories.collect();
        vec![
            Cell::from(sanitize_for_terminal(example.customer.as_str())),
            Cell::from(format_instant(example.begin)),
            Cell::markup(format!(
                "{picture}<small>{}</small>",
                histories.join("<br>")
            )),
        ]
    });
    let header = [
        "customer",
        "since",
        "stages under OLD above those under NEW",
    ]
    .map(str::to_owned);
    page.cells(
        "From the first event of all to the end",
        &header,
        rows.collect(),
    );
}
