//! Draws charts as SVG. Colours are classes and hues, which the style sheet defines for light and dark themes.

use std::fmt::Write as _;

use super::super::format::format_instant;
use super::page::escape;
use crate::event::EventTime;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Distinguishable hues for the first stages; further stages get computed ones.
const HUES: [u32; 10] = [215, 165, 130, 45, 270, 10, 330, 190, 85, 300];

pub(super) fn hue(stage: usize) -> u32 {
    HUES.get(stage)
        .copied()
        .unwrap_or((stage as u32 * 137) % 360)
}

/// A named series with one value, or none, for each date.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) kind: SeriesKind,
    pub(super) values: Vec<Option<f64>>,
}

#[derive(Clone, Copy)]
pub(super) enum SeriesKind {
    /// An area of this hue.
    Stage(u32),
    /// The line of a version.
    Version(usize),
    /// The line of plain recency with as many flagged customers as a version flags.
    Recency(usize),
}

impl Series {
    /// The symbol of the series in a legend.
    pub(super) fn swatch(&self) -> String {
        let line = |class: &str, version: usize| {
            format!(
                "<svg class=\"swatch\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><path class=\"{class} \
                 v{version}\" d=\"M0 5H24\"/></svg>"
            )
        };
        match self.kind {
            SeriesKind::Stage(hue) => format!(
                "<svg class=\"swatch\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><rect class=\"stage\" \
                 style=\"--h:{hue}\" width=\"24\" height=\"10\"/></svg>"
            ),
            SeriesKind::Version(version) => line("line", version),
            SeriesKind::Recency(version) => line("line plain", version),
        }
    }
}

/// Maps dates and values to coordinates.
struct Axes {
    from: f64,
    span: f64,
    top: f64,
}

impl Axes {
    fn new(dates: &[EventTime], top: f64) -> Axes {
        let from = dates.first().map_or(0.0, |date| date.0 as f64);
        let to = dates.last().map_or(1.0, |date| date.0 as f64);
        Axes {
            from,
            span: (to - from).max(1.0),
            top,
        }
    }

    fn x(&self, date: EventTime) -> f64 {
        LEFT + (date.0 as f64 - self.from) / self.span * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - value / self.top) * (HEIGHT - TOP - BOTTOM)
    }

    /// Draws the grid and the labels; `label` formats a value.
    fn render(&self, dates: &[EventTime], label: impl Fn(f64) -> String) -> String {
        let mut svg = String::new();
        for tick in 0..=4 {
            let value = self.top * f64::from(tick) / 4.0;
            let y = self.y(value);
            let _infallible = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                label(value)
            );
        }
        let last = dates.len().saturating_sub(1);
        let mut marked: Vec<usize> = (0..=3).map(|part| last * part / 3).collect();
        marked.dedup();
        for at in marked.iter().filter(|at| **at < dates.len()) {
            let x = self.x(dates[*at]);
            let anchor = match *at {
                0 => "start",
                at if at == last => "end",
                _ => "middle",
            };
            let date = format_instant(dates[*at]);
            let _infallible = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                HEIGHT - 6.0,
                escape(date.get(..10).unwrap_or(&date))
            );
        }
        svg
    }
}

fn svg(title: &str, height: f64, content: &str) -> String {
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\"><title>{}</title>\
         <desc>The tables of this section contain the numbers.</desc>{content}</svg>\n",
        escape(title)
    )
}

/// The smallest of 1, 2, 2.5, 5 or 10 times a power of ten that is not less than `most`.
fn nice_ceiling(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

/// Draws stacked areas, with the first series at the bottom.
pub(super) fn areas(title: &str, dates: &[EventTime], series: &[Series]) -> String {
    let value = |area: &Series, at: usize| area.values.get(at).copied().flatten().unwrap_or(0.0);
    let sum = |at: usize| series.iter().map(|area| value(area, at)).sum::<f64>();
    let most = (0..dates.len()).map(sum).fold(1.0, f64::max);
    let axes = Axes::new(dates, nice_ceiling(most));
    let mut below = vec![0.0; dates.len()];
    let mut content = String::new();
    for area in series {
        let above: Vec<f64> = (0..dates.len())
            .map(|at| below[at] + value(area, at))
            .collect();
        let point = |(at, height): (usize, &f64)| {
            format!("{:.1} {:.1}", axes.x(dates[at]), axes.y(*height))
        };
        let mut points: Vec<String> = above.iter().enumerate().map(point).collect();
        points.extend(below.iter().enumerate().rev().map(point));
        if let SeriesKind::Stage(hue) = area.kind {
            let _infallible = write!(
                content,
                "<path class=\"stage\" style=\"--h:{hue}\" d=\"M{}Z\"><title>{}</title></path>",
                points.join("L"),
                escape(&area.name)
            );
        }
        below = above;
    }
    content += &axes.render(dates, |value| format!("{value:.0}"));
    svg(title, HEIGHT, &content)
}

/// Draws lines of ratios from 0 to 1. A date without a value interrupts the line.
pub(super) fn lines(title: &str, dates: &[EventTime], series: &[Series]) -> String {
    let axes = Axes::new(dates, 1.0);
    let mut content = axes.render(dates, |value| format!("{:.0} %", 100.0 * value));
    for line in series {
        let (class, version) = match line.kind {
            SeriesKind::Stage(_) => continue,
            SeriesKind::Version(version) => ("line", version),
            SeriesKind::Recency(version) => ("line plain", version),
        };
        let mut path = String::new();
        let mut pen = 'M';
        for (date, value) in dates.iter().zip(&line.values) {
            let Some(value) = value else {
                pen = 'M';
                continue;
            };
            let _infallible = write!(path, "{pen}{:.1} {:.1}", axes.x(*date), axes.y(*value));
            pen = 'L';
        }
        let _infallible = write!(
            content,
            "<path class=\"{class} v{version}\" d=\"{path}\"><title>{}</title></path>",
            escape(&line.name)
        );
    }
    svg(title, HEIGHT, &content)
}

/// A bar for a stage of a version.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) hue: u32,
    /// In days.
    pub(super) median: f64,
    /// In days.
    pub(super) p90: f64,
}

/// Draws horizontal bars of the medians, with a whisker to the 90th percentile.
pub(super) fn bars(title: &str, bars: &[Bar]) -> String {
    const ROW: f64 = 20.0;
    const NAMES: f64 = 170.0;
    let longest = bars.iter().map(|bar| bar.p90).fold(1.0, f64::max);
    let scale = (WIDTH - NAMES - 60.0) / longest;
    let mut content = String::new();
    for (at, bar) in bars.iter().enumerate() {
        let Bar { median, p90, .. } = *bar;
        let y = ROW * at as f64 + 2.0;
        let end = NAMES + p90.max(median) * scale;
        let _infallible = write!(
            content,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect class=\"stage\" style=\"--h:{}\" \
             x=\"{NAMES}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/><path class=\"whisker\" d=\"M{:.1} \
             {:.1}H{end:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\">{median:.0} / {p90:.0}</text>",
            NAMES - 8.0,
            y + 12.0,
            escape(&bar.name),
            bar.hue,
            (median * scale).max(1.0),
            ROW - 5.0,
            NAMES + (median * scale).max(1.0),
            y + (ROW - 5.0) / 2.0,
            end + 6.0,
            y + 12.0,
        );
    }
    svg(title, ROW * bars.len() as f64 + 4.0, &content)
}
