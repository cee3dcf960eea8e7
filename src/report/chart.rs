//! Charts as SVG. Colours are classes and hues, which the style sheet defines for light and dark themes.

use maud::{Markup, html};

use crate::backtest::CommonStageId;
use crate::event::EventTime;
use crate::explanation::format_instant;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Distinguishable hues for the first stages; further stages get computed ones.
const HUES: [usize; 10] = [215, 165, 130, 45, 270, 10, 330, 190, 85, 300];

/// The `style` of an element of class `stage`.
pub(super) fn stage_style(stage: CommonStageId) -> String {
    let stage = stage.index();
    let computed = stage * 137 % 360;
    format!("--h:{}", HUES.get(stage).copied().unwrap_or(computed))
}

/// A coordinate or length.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// A named series with one value, or none, for each date.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) kind: SeriesKind,
    pub(super) values: Vec<Option<f64>>,
}

#[derive(Clone, Copy)]
pub(super) enum SeriesKind {
    /// An area in the colour of a stage.
    Stage(CommonStageId),
    /// The line of a version.
    Version(usize),
    /// The line of plain recency with as many flagged customers as a version flags.
    Recency(usize),
}

impl SeriesKind {
    /// A path in the style of the series.
    fn path(self, d: &str, content: &Markup) -> Markup {
        let (class, style) = match self {
            SeriesKind::Stage(stage) => ("stage".to_owned(), Some(stage_style(stage))),
            SeriesKind::Version(version) => (format!("line v{version}"), None),
            SeriesKind::Recency(version) => (format!("line plain v{version}"), None),
        };
        html! { path class=(class) style=[style] d=(d) { (content) } }
    }
}

/// The names of the series, each after a sample of its style.
pub(super) fn legend(series: &[Series]) -> Markup {
    let sample = |kind| match kind {
        SeriesKind::Stage(_) => "M0 0H24V10H0Z",
        SeriesKind::Version(_) | SeriesKind::Recency(_) => "M0 5H24",
    };
    html! {
        ul.legend {
            @for Series { name, kind, .. } in series {
                li {
                    svg.swatch viewBox="0 0 24 10" aria-hidden="true" {
                        (kind.path(sample(*kind), &html! {}))
                    }
                    " " (name)
                }
            }
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
        Axes { from, span: (to - from).max(1.0), top }
    }

    fn x(&self, date: EventTime) -> f64 {
        LEFT + (date.0 as f64 - self.from) / self.span * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - value / self.top) * (HEIGHT - TOP - BOTTOM)
    }

    /// A point of a path.
    fn point(&self, date: EventTime, value: f64) -> String {
        format!("{:.1} {:.1}", self.x(date), self.y(value))
    }

    /// The grid and the labels; `label` formats a value.
    fn render(&self, dates: &[EventTime], label: impl Fn(f64) -> String) -> Markup {
        let last = dates.len().saturating_sub(1);
        let mut marked: Vec<usize> = (0..=3).map(|part| last * part / 3).collect();
        marked.dedup();
        html! {
            @for tick in 0..=4 {
                @let value = self.top * f64::from(tick) / 4.0;
                @let y = self.y(value);
                path.grid d={ "M" (LEFT) " " (px(y)) "H" (px(WIDTH - RIGHT)) } {}
                text x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (label(value)) }
            }
            @for (at, date) in marked.into_iter().filter_map(|at| Some((at, *dates.get(at)?))) {
                @let anchor = match at {
                    0 => "start",
                    at if at == last => "end",
                    _ => "middle",
                };
                @let text = format_instant(date);
                text x=(px(self.x(date))) y=(px(HEIGHT - 6.0)) text-anchor=(anchor) {
                    (text.get(..10).unwrap_or(&text))
                }
            }
        }
    }
}

fn svg(title: &str, height: f64, content: &Markup) -> Markup {
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (height) } role="img" {
            title { (title) }
            desc { "The tables of this section contain the numbers." }
            (content)
        }
    }
}

/// The smallest of 1, 2, 2.5, 5 or 10 times a power of ten that is not less than `most`.
fn nice_ceiling(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= most).unwrap_or(most)
}

/// Stacked areas, with the first series at the bottom.
pub(super) fn areas(title: &str, dates: &[EventTime], series: &[Series]) -> Markup {
    let value = |area: &Series, at: usize| area.values.get(at).copied().flatten().unwrap_or(0.0);
    let sum = |at: usize| series.iter().map(|area| value(area, at)).sum::<f64>();
    let most = (0..dates.len()).map(sum).fold(1.0, f64::max);
    let axes = Axes::new(dates, nice_ceiling(most));
    let mut below = vec![0.0; dates.len()];
    let outlines = series.iter().map(|area| {
        let above: Vec<f64> = (0..dates.len()).map(|at| below[at] + value(area, at)).collect();
        let point = |(at, height): (usize, &f64)| axes.point(dates[at], *height);
        let mut points: Vec<String> = above.iter().enumerate().map(point).collect();
        points.extend(below.iter().enumerate().rev().map(point));
        below = above;
        (area, format!("M{}Z", points.join("L")))
    });
    let content = html! {
        @for (area, outline) in outlines {
            (area.kind.path(&outline, &html! { title { (area.name) } }))
        }
        (axes.render(dates, |value| format!("{value:.0}")))
    };
    svg(title, HEIGHT, &content)
}

/// Lines of ratios from 0 to 1. A date without a value interrupts the line.
pub(super) fn lines(title: &str, dates: &[EventTime], series: &[Series]) -> Markup {
    let axes = Axes::new(dates, 1.0);
    let path = |line: &Series| {
        let mut path = String::new();
        let mut pen = "M";
        for (date, value) in dates.iter().zip(&line.values) {
            let Some(value) = value else {
                pen = "M";
                continue;
            };
            path += pen;
            path += &axes.point(*date, *value);
            pen = "L";
        }
        path
    };
    let content = html! {
        (axes.render(dates, |value| format!("{:.0} %", 100.0 * value)))
        @for line in series {
            (line.kind.path(&path(line), &html! { title { (line.name) } }))
        }
    };
    svg(title, HEIGHT, &content)
}

/// A bar in the colour of a stage.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) stage: CommonStageId,
    /// In days.
    pub(super) median: f64,
    /// In days.
    pub(super) p90: f64,
}

/// Horizontal bars of the medians, with a whisker to the 90th percentile.
pub(super) fn bars(title: &str, bars: &[Bar]) -> Markup {
    const ROW: f64 = 20.0;
    const NAMES: f64 = 170.0;
    let longest = bars.iter().map(|bar| bar.p90).fold(1.0, f64::max);
    let scale = (WIDTH - NAMES - 60.0) / longest;
    let content = html! {
        @for (at, Bar { name, stage, median, p90 }) in bars.iter().enumerate() {
            @let y = ROW * at as f64 + 2.0;
            @let width = (median * scale).max(1.0);
            @let end = NAMES + p90.max(*median) * scale;
            text x=(px(NAMES - 8.0)) y=(px(y + 12.0)) text-anchor="end" { (name) }
            rect.stage style=(stage_style(*stage)) x=(NAMES) y=(px(y)) width=(px(width))
                height=(px(ROW - 5.0)) {}
            path.whisker d={ "M" (px(NAMES + width)) " " (px(y + (ROW - 5.0) / 2.0)) "H" (px(end)) } {}
            text x=(px(end + 6.0)) y=(px(y + 12.0)) { (format!("{median:.0} / {p90:.0}")) }
        }
    };
    svg(title, ROW * bars.len() as f64 + 4.0, &content)
}
