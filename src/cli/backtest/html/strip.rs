//! Draws a customer's stages over time as two strips, one per version.

use std::fmt::Write as _;

use super::super::findings::Findings;
use super::super::format::format_instant;
use super::chart::hue;
use super::page::escape;
use crate::backtest::{DifferenceExample, Differences, StageHistory};
use crate::event::EventTime;

const WIDTH: f64 = 600.0;
const ROW: f64 = 12.0;

pub(super) fn strips(
    findings: &Findings<'_>,
    differences: &Differences,
    example: &DifferenceExample,
) -> String {
    let (begin, end) = (
        findings.backtest.options.begin,
        findings.backtest.options.end,
    );
    let span = (end.duration_since(begin).0 as f64).max(1.0);
    let x = |at: EventTime| at.duration_since(begin).0 as f64 / span * WIDTH;
    let mut content = String::new();
    for version in 0..2 {
        let history = StageHistory {
            initial: example.initial[version],
            transitions: example.transitions[version].clone(),
        };
        for stay in history.stays(example.begin) {
            // If moves are omitted, the last stay has no known end and is not drawn.
            let until = stay.left.or((example.omitted[version] == 0).then_some(end));
            let (from, to) = (x(stay.entered), x(until.unwrap_or(stay.entered)));
            if to <= from {
                continue;
            }
            let _infallible = write!(
                content,
                "<rect class=\"stage\" style=\"--h:{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{ROW}\">\
                 <title>{}</title></rect>",
                hue(differences.unified[version][stay.stage]),
                version as f64 * (ROW + 2.0),
                to - from,
                escape(&format!(
                    "{} since {}",
                    findings.stage_name(version, stay.stage),
                    format_instant(stay.entered)
                ))
            );
        }
    }
    let height = 2.0 * ROW + 2.0;
    format!(
        "<svg class=\"strips\" viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\" role=\"img\">\
         <title>Stages of this customer</title><desc>In words below.</desc>{content}</svg>"
    )
}
