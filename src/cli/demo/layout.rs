//! The live view of the demo, as lines that fit into a terminal.

use console::{Alignment, pad_str, truncate_str};

/// Most transitions that are shown.
pub(super) const RECENT_MAX: usize = 12;
/// Transitions that are shown also where stages have to be left out for them.
const RECENT_MIN: usize = 3;
const BAR_WIDTH_MAX: usize = 40;
const COUNT_WIDTH: usize = 7;
/// Between the columns of a stage, and before the first one.
const GAPS: usize = 5;

/// Rows and columns of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The customers in the stages of a model.
#[derive(Debug)]
pub(super) struct ModelCounts<'v> {
    pub(super) model: &'v str,
    pub(super) stages: Vec<(&'v str, u64)>,
}

/// At most as many lines as there are rows above the cursor, and no line longer than a row. The latest transition is first.
pub(super) fn layout<'r>(
    size: Size,
    header: &str,
    models: &[ModelCounts<'_>],
    recent: impl Iterator<Item = &'r str>,
) -> Vec<String> {
    let rows = size.rows.saturating_sub(1);
    let mut stages = stage_lines(size.columns, models);
    let has_gaps = rows >= 1 + stages.len() + RECENT_MIN + 2;
    let gaps = if has_gaps { 2 } else { 0 };
    let room = rows.saturating_sub(1 + RECENT_MIN + gaps).max(1);
    if stages.len() > room {
        let hidden = stages.len() - (room - 1);
        stages.truncate(room - 1);
        stages.push(format!("  … {hidden} more"));
    }
    let room = rows.saturating_sub(1 + stages.len() + gaps).min(RECENT_MAX);
    let recent = recent.map(str::to_owned).chain(std::iter::repeat(String::new())).take(room);
    let gap = has_gaps.then(String::new);
    let lines = std::iter::once(header.to_owned())
        .chain(gap.clone())
        .chain(stages)
        .chain(gap)
        .chain(recent);
    lines.map(|line| truncate_str(&line, size.columns, "…").into_owned()).take(rows).collect()
}

/// A line for each stage; several models have their names above their stages.
fn stage_lines(columns: usize, models: &[ModelCounts<'_>]) -> Vec<String> {
    let names = models.iter().flat_map(|it| &it.stages).map(|(name, _)| name.chars().count());
    let name_width = names.max().unwrap_or(0).min(columns / 3);
    let bar_width = columns.saturating_sub(name_width + COUNT_WIDTH + GAPS).min(BAR_WIDTH_MAX);
    let mut lines = Vec::new();
    for ModelCounts { model, stages } in models {
        if models.len() > 1 {
            lines.push((*model).to_owned());
        }
        let most = stages.iter().map(|(_, customers)| *customers).max().unwrap_or(0).max(1);
        for (stage, customers) in stages {
            let name = pad_str(stage, name_width, Alignment::Left, Some("…"));
            let share = u128::from(*customers) * bar_width as u128 / u128::from(most);
            let bar = "█".repeat(usize::try_from(share).unwrap_or(bar_width));
            lines.push(format!("  {name} {customers:>COUNT_WIDTH$}  \x1b[36m{bar}\x1b[0m"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::*;

    const HEADER: &str =
        "\x1b[1m2026-03-04\x1b[0m   20000 events/s   1000000 events   50000 transitions";
    const STAGES: [&str; 7] =
        ["reach", "acquisition", "conversion", "retention", "loyalty", "at_risk", "churned"];

    fn view(rows: usize, columns: usize, models: usize) -> Vec<String> {
        let stages = || STAGES.iter().zip([1, 20, 300, 4_000, 0, 1_234_567, 9]);
        let counts = (0..models).map(|_| ModelCounts {
            model: "retail",
            stages: stages().map(|(name, count)| (*name, count)).collect(),
        });
        let transition =
            "2026-03-04  customer-12     retention → at_risk   since(last_order) >= days(45): 48d";
        let recent = std::iter::repeat_n(transition, 5);
        layout(Size { rows, columns }, HEADER, &counts.collect::<Vec<_>>(), recent)
    }

    fn count(lines: &[String], text: &str) -> usize {
        lines.iter().filter(|line| line.contains(text)).count()
    }

    #[test]
    fn every_terminal_has_room_for_all_lines_and_no_line_wraps() {
        for (rows, columns) in [(60, 200), (24, 80), (14, 60), (8, 40), (3, 20), (1, 1), (0, 0)] {
            for models in [1, 3] {
                let lines = view(rows, columns, models);
                assert!(lines.len() <= rows.saturating_sub(1), "{rows}: {lines:?}");
                let widest = lines.iter().map(|line| measure_text_width(line)).max();
                assert!(widest.unwrap_or(0) <= columns, "{columns}: {lines:#?}");
            }
        }
    }

    #[test]
    fn small_terminals_show_what_matters() {
        let usual = view(24, 80, 1);
        assert_eq!((count(&usual, "█"), count(&usual, "→")), (1, 5), "{usual:#?}");
        assert!(
            STAGES.iter().all(|stage| count(&usual, stage) > 0)
                && usual[0].ends_with("transitions")
        );
        let small = view(14, 60, 1);
        assert!(STAGES.iter().all(|stage| count(&small, stage) > 0), "{small:#?}");
        assert_eq!(count(&small, "customer-12"), 3, "{small:#?}");
        assert!(small.last().is_some_and(|line| line.ends_with('…')));
        // The stages of three models do not fit.
        let several = view(14, 60, 3);
        assert_eq!(
            (count(&several, "  … 16 more"), count(&several, "customer-12")),
            (1, 3),
            "{several:#?}"
        );
    }

    #[test]
    fn a_view_has_the_same_number_of_lines_before_the_first_transition() {
        let counts = [ModelCounts { model: "m", stages: vec![("new", 0)] }];
        let size = Size { rows: 24, columns: 80 };
        let empty = layout(size, HEADER, &counts, std::iter::empty());
        assert_eq!(empty.len(), layout(size, HEADER, &counts, ["a → b"].into_iter()).len());
    }
}
