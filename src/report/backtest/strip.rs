//! A customer's stages over time as two strips, one per version.

use maud::{Markup, html};

use super::findings::Findings;
use crate::backtest::{DifferenceExample, Differences, StageHistory};
use crate::event::EventTime;
use crate::explanation::format_instant;
use crate::model::StageId;
use crate::report::chart::{px, stage_style};

const WIDTH: f64 = 600.0;
const ROW: f64 = 12.0;
const GAP: f64 = 2.0;

pub(super) fn strips(
    findings: &Findings<'_>,
    differences: &Differences,
    example: &DifferenceExample,
) -> Markup {
    html! {
        svg.strips viewBox={ "0 0 " (WIDTH) " " (2.0 * ROW + GAP) } preserveAspectRatio="none" role="img" {
            title { "Stages of this customer" }
            desc { "In words below." }
            @for version in 0..2 {
                @for (stage, from, until) in stays(findings, example, version) {
                    @let [left, right] = [from, until].map(|at| x(findings, at));
                    @if left < right {
                        rect.stage style=(stage_style(differences.unified[version][stage])) x=(px(left))
                            y=(px(version as f64 * (ROW + GAP))) width=(px(right - left)) height=(ROW) {
                            title { (findings.stage_name(version, stage)) " since " (format_instant(from)) }
                        }
                    }
                }
            }
        }
    }
}

fn x(findings: &Findings<'_>, at: EventTime) -> f64 {
    let options = &findings.backtest.options;
    let span = options.end.duration_since(options.begin).0 as f64;
    at.duration_since(options.begin).0 as f64 / span.max(1.0) * WIDTH
}

/// The stages with their begin and end. If moves are omitted, the last stay has no known end and is left out.
fn stays(
    findings: &Findings<'_>,
    example: &DifferenceExample,
    version: usize,
) -> Vec<(StageId, EventTime, EventTime)> {
    let history = StageHistory {
        initial: example.initial[version],
        transitions: example.transitions[version].clone(),
    };
    let end = (example.omitted[version] == 0).then_some(findings.backtest.options.end);
    history
        .stays(example.begin)
        .filter_map(|stay| Some((stay.stage, stay.entered, stay.left.or(end)?)))
        .collect()
}
