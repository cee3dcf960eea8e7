//! A customer's stages over time, under one version above those under the other.

use std::fmt::Write as _;

use super::super::findings::Findings;
use super::super::words::day;
use super::chart::hue;
use super::page::escape;
use crate::backtest::{Differences, Example, Lifeline};
use crate::event::EventTime;

const WIDTH: f64 = 600.0;
const ROW: f64 = 12.0;

pub(super) fn strips(
    findings: &Findings<'_>,
    differences: &Differences,
    example: &Example,
) -> String {
    let (begin, end) = (
        findings.backtest.questions.begin,
        findings.backtest.questions.end,
    );
    let span = (end.since(begin).0 as f64).max(1.0);
    let x = |at: EventTime| at.since(begin).0 as f64 / span * WIDTH;
    let mut content = String::new();
    for version in 0..2 {
        let line = Lifeline {
            initial: example.initial[version],
            moves: example.moves[version].clone(),
        };
        for stay in line.stays(example.begin) {
            // Of whoever has more moves than are shown, the rest is not known here.
            let until = stay.left.or((example.more[version] == 0).then_some(end));
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
                    findings.stage(version, stay.stage),
                    day(stay.entered)
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
