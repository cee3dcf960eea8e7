//! The report for a terminal: sentences and tables of at most 100 columns.

use super::findings::Findings;
use super::{definitions, tables};
use crate::backtest::Differences;
use crate::explanation::format_instant;
use crate::model::sanitize_for_terminal;
use crate::report::format::wrap;

pub(crate) fn to_text(findings: &Findings<'_>) -> String {
    let versions = 0..findings.versions.len();
    let mut text = wrap(&format!("Backtest of {}", findings.scope()));
    for version in versions.clone() {
        text += &format!("{:<6}{}\n", findings.label(version), findings.title(version));
    }
    for line in findings.excluded.lines() {
        text += &format!("Left out: {line}\n");
    }
    text += "\nWHO MOVES\n";
    text += &wrap(&findings.moves_sentence());
    let differences = findings.backtest.differences.as_ref();
    if let Some(differences) = differences {
        text += &tables::moves(differences).to_text();
        text += &tables::arrivals(differences).to_text();
    }
    text += "\nWHERE CUSTOMERS ARE\n";
    text += &wrap(&findings.final_stages_sentence());
    text += &tables::matrix(findings).map(|it| it.to_text()).unwrap_or_default();
    if let Some(differences) = differences.filter(|it| it.is_comparable) {
        text += &tables::stage_differences(findings, differences).to_text();
    }
    for version in versions.clone() {
        text += &tables::population(findings, version).to_text();
    }
    text += "\nHOW LONG THEY STAY\n";
    text += &wrap(&findings.stay_lengths_sentence());
    text += &tables::stays(findings).to_text();
    text += "\nFLAPPING\n";
    for version in versions.clone() {
        text += &wrap(&findings.flapping_sentence(version));
    }
    text += &tables::undone_moves(findings).to_text();
    if let Some(prediction) = &findings.backtest.prediction {
        text += "\nPREDICTION\n";
        for line in findings.prediction_sentences(prediction) {
            text += &wrap(&line);
        }
        for version in versions.clone() {
            text += &wrap(&findings.lead_time_sentence(prediction, version));
        }
        text += &tables::scores(findings, prediction).to_text();
        for version in versions {
            text += &tables::scores_by_date(findings, prediction, version).to_text();
        }
    }
    if let Some(differences) = differences {
        text += &examples(findings, differences);
    }
    text += "\nWHAT IS COUNTED\n";
    for definition in definitions::definitions(findings) {
        text += &wrap(&format!("- {definition}"));
    }
    text
}

fn examples(findings: &Findings<'_>, differences: &Differences) -> String {
    let examples = differences.examples();
    if examples.is_empty() {
        return String::new();
    }
    let mut text = "\nSOME CUSTOMERS WHOSE HISTORIES DIFFER\n".to_owned();
    text += &wrap(&findings.sampling_sentence(differences));
    for example in examples {
        let customer = sanitize_for_terminal(example.customer.as_str());
        text += &format!("{customer}, since {}\n", format_instant(example.begin));
        for version in 0..2 {
            let label = findings.label(version);
            text += &wrap(&format!("    {label} {}", findings.stage_history(example, version)));
        }
    }
    text
}
