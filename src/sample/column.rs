//! The values that the records of a sample have at one path.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Counts, Path, Step, fold_spelling};

/// Most columns, or paths of JSON records, of a profile.
pub(super) const COLUMNS_MAX: usize = 500;
/// Characters of a value that are kept; longer texts are neither ids nor times nor amounts.
const VALUE_CHARS_MAX: usize = 200;

/// A value that is not null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Without blanks around it.
    pub(super) text: String,
    /// Whether it is a number or a truth of JSON, not a text.
    pub(super) is_bare: bool,
}

/// A column of a CSV file, or a path in JSON records.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub path: Path,
    pub(super) values: Vec<Value>,
}

/// What the records of a sample look like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    /// The records that could be parsed.
    pub records: usize,
    /// Whether the columns are those of a CSV file.
    pub(super) is_table: bool,
    /// In the order in which they occur.
    pub columns: Vec<Column>,
    /// The lists of pairs such as `event_params[key].value`, with the names in them.
    pub(super) pairs: BTreeMap<String, BTreeSet<String>>,
}

impl Profile {
    /// The columns of a CSV file. Names that no path can express are left out.
    pub(crate) fn of_names<'n>(
        names: impl Iterator<Item = &'n str>,
    ) -> (Profile, Vec<Option<usize>>) {
        let mut profile = Profile { is_table: true, ..Profile::default() };
        let mut indexes = Vec::new();
        for name in names.take(COLUMNS_MAX) {
            let index = column_path(name.trim()).map(|path| profile.column_of(path));
            indexes.push(index.flatten());
        }
        (profile, indexes)
    }

    /// The index of the column at a path, which is added; `None` if there are too many.
    pub(super) fn column_of(&mut self, path: Path) -> Option<usize> {
        let known = self.columns.iter().position(|column| column.path == path);
        known.or_else(|| {
            (self.columns.len() < COLUMNS_MAX).then(|| {
                self.columns.push(Column { path, values: Vec::new() });
                self.columns.len() - 1
            })
        })
    }

    pub(super) fn find(&self, path: &Path) -> Option<&Column> {
        self.columns.iter().find(|column| column.path == *path)
    }
}

/// The path that means a column of this name; none if the name has line breaks or the like.
fn column_path(name: &str) -> Option<Path> {
    if name.contains(char::is_control) {
        return None;
    }
    let (keys, whole) = (Path::of_keys(name), Path(vec![Step::Key(name.to_owned())]));
    let is_written = |path: &Path| Path::parse(&path.to_string()).as_ref() == Ok(path);
    [keys, whole].into_iter().find(|path| !path.is_empty() && is_written(path))
}

impl Column {
    /// Adds a value, unless it means that there is none.
    pub(super) fn add(&mut self, text: &str, is_bare: bool) {
        let text = text.trim();
        let is_null = text.is_empty() || matches!(text, "\\N" | "NULL" | "null" | "NaN" | "nan");
        if !is_null {
            let text = text.chars().take(VALUE_CHARS_MAX).collect();
            self.values.push(Value { text, is_bare });
        }
    }

    #[cfg(test)]
    pub(super) fn of_texts(texts: &[&str]) -> Column {
        let mut column = Column { path: Path::of_keys("column"), values: Vec::new() };
        texts.iter().for_each(|text| column.add(text, false));
        column
    }

    /// How many records have a value.
    pub(crate) fn present(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    pub(super) fn count(&self, is: impl Fn(&Value) -> bool) -> usize {
        self.values.iter().filter(|value| is(value)).count()
    }

    /// Whether at least nine of ten values are so, and there are any.
    pub(super) fn is_mostly(&self, is: impl Fn(&Value) -> bool) -> bool {
        self.has_values() && self.count(is) * 10 >= self.values.len() * 9
    }

    /// The different texts, with their counts; `None` if there are more than `max`.
    pub(super) fn distinct(&self, max: usize) -> Option<BTreeMap<&str, usize>> {
        let mut counts = BTreeMap::new();
        for value in &self.values {
            *counts.entry(value.text.as_str()).or_default() += 1;
            if counts.len() > max {
                return None;
            }
        }
        Some(counts)
    }

    /// Whether values repeat, as the ids of customers do and those of events do not.
    pub(super) fn repeats(&self) -> bool {
        self.distinct(self.values.len().saturating_sub(1)).is_some() && self.has_values()
    }

    /// Whether it is inside of a list.
    pub(super) fn is_in_list(&self) -> bool {
        !self.path.has_only_keys()
    }

    /// The last name of the path, and the last two joined, without their spelling: `id` and `customerid`.
    pub(super) fn folded_names(&self) -> (String, String) {
        let keys: Vec<String> = self.path.0.iter().filter_map(key_of).collect();
        let leaf = keys.last().cloned().unwrap_or_default();
        let two = keys[keys.len().saturating_sub(2)..].concat();
        (leaf, two)
    }

    /// The most frequent forms of the values, without their content: digits are 9, letters are x.
    pub(crate) fn forms(&self, max: usize) -> Vec<String> {
        let mut forms = Counts::default();
        self.values.iter().for_each(|value| forms.add(&form(&value.text)));
        forms.by_frequency().into_iter().take(max).map(|(form, _)| form.to_owned()).collect()
    }
}

fn key_of(step: &Step) -> Option<String> {
    match step {
        Step::Key(key) => Some(fold_spelling(key)),
        _ => None,
    }
}

/// A text without its content. Words have at most four letters, so that names do not show by their length.
fn form(text: &str) -> String {
    let (mut form, mut letters) = (String::new(), 0);
    for c in text.chars() {
        letters = if c.is_alphabetic() { letters + 1 } else { 0 };
        match c {
            '0'..='9' => form.push('9'),
            c if c.is_alphanumeric() && letters <= 4 => form.push('x'),
            c if c.is_alphanumeric() => {}
            c if c.is_control() => form.push('?'),
            c => form.push(c),
        }
    }
    form
}
