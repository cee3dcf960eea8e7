//! Edits expectations in a YAML flow sequence: in brackets.

use std::ops::Range;

use super::{
    EditError, ExpectationChange, ExpectationList, ExpectationStyle, Patch, apply_patches,
    edit_error,
};
use crate::model::YamlNode;

impl ExpectationList<'_> {
    /// Replaces everything between the brackets, reusing the existing texts and gaps.
    pub(super) fn rewrite_flow_sequence(
        &self,
        items: &[YamlNode],
        changes: &[ExpectationChange],
    ) -> Result<Vec<Patch>, EditError> {
        let unclear = || {
            let message = "comments within [ ] are in the way: write one expectation a line, with a dash before it";
            edit_error(self.list.location, message)
        };
        let ranges = items
            .iter()
            .map(|item| Some(self.start_offset(item)?..self.end_offset(item)?));
        let ranges: Vec<_> = ranges.collect::<Option<_>>().ok_or_else(unclear)?;
        let list = self.start_offset(self.list).zip(self.end_offset(self.list));
        let list = list.map(|(begin, end)| begin + 1..end - 1);
        let list = list.ok_or_else(unclear)?;
        let gaps = self.gaps(&list, &ranges).ok_or_else(unclear)?;

        let space = match self.style(&items[0]) {
            ExpectationStyle::Flow(space) => space,
            ExpectationStyle::Block(_) => " ",
        };
        let added = |index: Option<usize>| {
            changes.iter().filter_map(move |change| match change {
                ExpectationChange::Add { after, entries } if *after == index => Some((
                    None,
                    self.format_expectation(ExpectationStyle::Flow(space), entries),
                )),
                _ => None,
            })
        };
        let mut new: Vec<(Option<usize>, String)> = added(None).collect();
        for (at, (item, range)) in items.iter().zip(&ranges).enumerate() {
            let text = self.rewrite_item(at, item, range, changes)?;
            new.extend(text.map(|text| (Some(at), text)));
            new.extend(added(Some(at)));
        }
        Ok(vec![Patch {
            range: list,
            text: join_items(&new, &gaps),
        }])
    }

    /// The texts before each item, and after the last one; `None` if one is more than a comma and white space.
    fn gaps(&self, list: &Range<usize>, items: &[Range<usize>]) -> Option<Vec<&str>> {
        let ends = items.iter().map(|range| range.end);
        let begins = items.iter().map(|range| range.start).chain([list.end]);
        let each = [list.start].into_iter().chain(ends).zip(begins);
        let gap = |(from, to)| {
            let gap: &str = self.lines.text().get(from..to)?;
            matches!(gap.trim(), "" | ",").then_some(gap)
        };
        each.map(gap).collect()
    }

    /// The text of an item with its changes; `None` if it is removed.
    fn rewrite_item(
        &self,
        at: usize,
        item: &YamlNode,
        range: &Range<usize>,
        changes: &[ExpectationChange],
    ) -> Result<Option<String>, EditError> {
        let mut patches = Vec::new();
        for change in changes {
            match change {
                ExpectationChange::Set {
                    expectation,
                    key,
                    value,
                } if *expectation == at => {
                    let Patch { range: part, text } = self.set_value(item, key, value)?;
                    let part = part.start - range.start..part.end - range.start;
                    patches.push(Patch { range: part, text });
                }
                ExpectationChange::Remove { expectation } if *expectation == at => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(apply_patches(
            &self.lines.text()[range.clone()],
            patches,
        )))
    }
}

/// Joins items: former neighbours with the gap between them, others with the gap of the first two.
fn join_items(items: &[(Option<usize>, String)], gaps: &[&str]) -> String {
    let usual = match gaps {
        [_, between, .., _] => between,
        _ => ", ",
    };
    let mut text = String::new();
    let mut before: Option<&(Option<usize>, String)> = None;
    for item in items {
        text.push_str(match (before, item.0) {
            (None, _) => gaps[0],
            (Some((Some(left), _)), Some(right)) if left + 1 == right => gaps[right],
            (Some(_), _) => usual,
        });
        text.push_str(&item.1);
        before = Some(item);
    }
    if before.is_some() {
        text.push_str(gaps.last().copied().unwrap_or_default());
    }
    text
}
