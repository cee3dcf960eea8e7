//! The report as an HTML page.

use maud::{Markup, html};

use super::findings::Findings;
use super::rates::Rates;
use super::strip::strips;
use super::{definitions, tables};
use crate::backtest::{DateCounts, Differences, DurationHistogram, Prediction, Score};
use crate::event::Millis;
use crate::explanation::format_instant;
use crate::model::{StageId, sanitize_for_terminal};
use crate::report::chart::{self, Bar, Series, SeriesKind};
use crate::report::page;
use crate::report::table::ReportTable;

/// A self-contained page.
pub(crate) fn to_html(findings: &Findings<'_>) -> String {
    let versions = || 0..findings.versions.len();
    let differences = findings.backtest.differences.as_ref();
    let content = html! {
        p { (findings.scope()) }
        ul {
            @for version in versions() {
                li { (findings.label(version)) ": " (findings.title(version)) }
            }
            @for line in findings.excluded.lines() {
                li { "Left out: " (line) }
            }
        }
        section {
            h2 { "Who moves" }
            p { (findings.moves_sentence()) }
            @if let Some(differences) = differences {
                (page::table(&tables::moves(differences)))
                (page::table(&tables::arrivals(differences)))
            }
        }
        section {
            h2 { "Where customers are" }
            p { (findings.final_stages_sentence()) }
            div.figures {
                @for version in versions() { (population_figure(findings, version)) }
            }
            @if let Some(differences) = differences {
                (final_stage_matrix(findings, differences))
                @if differences.is_comparable {
                    (page::table(&tables::stage_differences(findings, differences)))
                }
            }
            @for version in versions() { (page::table(&tables::population(findings, version))) }
        }
        section {
            h2 { "How long they stay" }
            p { (findings.stay_lengths_sentence()) }
            (stay_lengths_figure(findings))
            (page::table(&tables::stays(findings)))
        }
        section {
            h2 { "Flapping" }
            ul {
                @for version in versions() { li { (findings.flapping_sentence(version)) } }
            }
            (page::table(&tables::undone_moves(findings)))
        }
        @if let Some(prediction) = &findings.backtest.prediction {
            (prediction_section(findings, prediction))
        }
        @if let Some(differences) = differences {
            (examples_section(findings, differences))
        }
        section {
            h2 { "What is counted" }
            ul {
                @for definition in definitions::definitions(findings) { li { (definition) } }
            }
        }
    };
    page::page("Backtest", &content)
}

fn population_figure(findings: &Findings<'_>, version: usize) -> Markup {
    let census = &findings.backtest.census;
    let stages = findings.versions[version].model().stages.iter_enumerated();
    let series = stages.map(|(stage, definition)| Series {
        name: definition.name.clone(),
        kind: SeriesKind::Stage(findings.common_stage(version, stage)),
        values: (census.population.iter())
            .map(|counts| Some(counts[version][stage] as f64))
            .collect(),
    });
    let series: Vec<Series> = series.collect();
    let title = format!("{}: customers by stage", findings.label(version));
    let chart = chart::areas(&title, &census.dates, &series);
    page::figure(&title, &chart, &series)
}

/// The matrix of final stages: more customers are darker, and different stages have another tone.
fn final_stage_matrix(findings: &Findings<'_>, differences: &Differences) -> Markup {
    let counts = findings.backtest.census.matrix.last();
    let (Some(table), Some(counts)) = (tables::matrix(findings), counts) else {
        return html! {};
    };
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    page::table_with(&table, |old, column, text| {
        let (old, new) = (StageId::from_index(old), StageId::from_index(column - 1));
        let Some(count) = counts.get(old).and_then(|counts| counts.get(new)) else {
            return page::cell(text);
        };
        let is_same = differences.unified[0][old] == differences.unified[1][new];
        // The square root keeps small counts visible next to large ones.
        let shade = (*count as f64 / most as f64).sqrt();
        html! {
            td.n.same[is_same].other[!is_same] style=(format!("--shade:{shade:.3}")) { (text) }
        }
    })
}

fn stay_lengths_figure(findings: &Findings<'_>) -> Markup {
    let days = |lengths: &DurationHistogram, percent| {
        let length = lengths.percentile(percent);
        length.map(|length| length.0 as f64 / Millis::DAY.0 as f64)
    };
    let bars = findings.visited_stages().into_iter();
    let bars = bars.filter_map(|(version, stage, stays)| {
        let name = findings.stage_name(version, stage);
        Some(Bar {
            name: format!("{name} {}", findings.label(version)),
            stage: findings.common_stage(version, stage),
            median: days(&stays.completed, 50)?,
            p90: days(&stays.completed, 90)?,
        })
    });
    let bars: Vec<Bar> = bars.collect();
    if bars.is_empty() {
        return html! {};
    }
    let title = "Days in a stage, of visits that ended: the median, and a line to what nine of ten do not exceed";
    page::figure(title, &chart::bars(title, &bars), &[])
}

fn prediction_section(findings: &Findings<'_>, prediction: &Prediction) -> Markup {
    let versions = || 0..findings.versions.len();
    let figure = |title, rate: fn(&Rates) -> f64| rate_figure(findings, prediction, title, rate);
    html! {
        section {
            h2 { "Prediction" }
            @for line in findings.prediction_sentences(prediction) { p { (line) } }
            @for version in versions() { p { (findings.lead_time_sentence(prediction, version)) } }
            (page::table(&tables::scores(findings, prediction)))
            div.figures {
                (figure("Precision by date", |rates| rates.precision))
                (figure("Recall by date", |rates| rates.recall))
            }
            @for version in versions() {
                (page::table(&tables::scores_by_date(findings, prediction, version)))
            }
        }
    }
}

/// A line chart of one rate, for each version and for recency.
fn rate_figure(
    findings: &Findings<'_>,
    prediction: &Prediction,
    title: &str,
    rate: fn(&Rates) -> f64,
) -> Markup {
    let rate = |score| Some(rate(&Rates::from_score(&score))).filter(|rate| !rate.is_nan());
    let series = |name, kind, score: &dyn Fn(&DateCounts) -> Score| Series {
        name,
        kind,
        values: (prediction.dates.iter()).map(|tally| rate(score(tally))).collect(),
    };
    let versions = 0..findings.versions.len();
    let series: Vec<Series> = versions
        .flat_map(|version| {
            let label = findings.label(version).to_owned();
            let recency = format!("recency for {label}");
            [
                series(label, SeriesKind::Version(version), &|it| it.score(version)),
                series(recency, SeriesKind::Recency(version), &|it| it.recency(version)),
            ]
        })
        .collect();
    let dates: Vec<_> = prediction.dates.iter().map(|tally| tally.date).collect();
    page::figure(title, &chart::lines(title, &dates, &series), &series)
}

fn examples_section(findings: &Findings<'_>, differences: &Differences) -> Markup {
    const HISTORY: &str = "stages under OLD above those under NEW";
    let examples = differences.examples();
    if examples.is_empty() {
        return html! {};
    }
    let stages = differences.stages.iter_enumerated();
    let legend = stages.map(|(stage, name)| Series {
        name: name.clone(),
        kind: SeriesKind::Stage(stage),
        values: Vec::new(),
    });
    let legend: Vec<Series> = legend.collect();
    let caption = "From the first event of all to the end";
    let mut table = ReportTable::new(caption, ["customer", "since", HISTORY]);
    for example in &examples {
        let customer = sanitize_for_terminal(example.customer.as_str());
        table.add_row([customer, format_instant(example.begin), String::new()]);
    }
    let cell = |row: usize, column: usize, text: &str| {
        if table.header[column] != HISTORY {
            return page::cell(text);
        }
        let history = |version| findings.stage_history(examples[row], version);
        html! {
            td {
                (strips(findings, differences, examples[row]))
                small { "OLD " (history(0)) br; "NEW " (history(1)) }
            }
        }
    };
    html! {
        section {
            h2 { "Some customers whose histories differ" }
            p { (findings.sampling_sentence(differences)) }
            (chart::legend(&legend))
            (page::table_with(&table, cell))
        }
    }
}
