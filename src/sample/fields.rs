//! Which columns are which fields of an event.

use super::column::{Column, Profile, Value};
use super::times::TimeGuess;
use super::{amounts, ids, names, times};
use crate::event::{Path, Step};

/// What a step inwards costs, in ranks of names.
const DEPTH_COST: usize = 8;
/// Columns that a question names.
const ASKED_MAX: usize = 5;

/// The rows of a table that a change-data-capture system such as Debezium sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChangeRows {
    /// `payload.op`
    pub(super) operation: Path,
    /// `payload.after`
    pub(super) after: Path,
    pub(super) operations: Vec<String>,
}

/// What is looked for where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'p> {
    pub(super) profile: &'p Profile,
    pub(super) rows: Option<&'p ChangeRows>,
}

pub(super) fn change_rows(profile: &Profile) -> Option<ChangeRows> {
    ["payload", ""].into_iter().find_map(|outer| {
        let below = |key: &str| Path::of_keys(format!("{outer}.{key}").trim_start_matches('.'));
        let (operation, after) = (below("op"), below("after"));
        let codes = profile.find(&operation)?.distinct(4)?;
        let is_change = codes.keys().all(|code| matches!(*code, "c" | "u" | "d" | "r"));
        let has_after = profile.columns.iter().any(|column| is_below(&column.path, &after));
        let new = codes.keys().filter(|code| **code == "r").map(|code| (*code).to_owned());
        let operations = ["c", "u"].map(str::to_owned).into_iter().chain(new).collect();
        (is_change && has_after && !codes.is_empty()).then_some(ChangeRows {
            operation,
            after,
            operations,
        })
    })
}

fn is_below(path: &Path, outer: &Path) -> bool {
    path.0.len() > outer.0.len() && path.0.starts_with(&outer.0)
}

impl<'p> Search<'p> {
    /// The columns of the rows themselves, without those inside of lists.
    fn columns(self) -> impl Iterator<Item = &'p Column> {
        let is_searched = move |column: &&Column| {
            !column.is_in_list() && self.rows.is_none_or(|rows| is_below(&column.path, &rows.after))
        };
        self.profile.columns.iter().filter(is_searched)
    }

    /// The columns that have a name of the field and fit, the best name first; those that are much emptier come last.
    fn named(self, field: &str, fits: impl Fn(&Column) -> bool) -> Vec<&'p Column> {
        let outer = self.rows.map_or(0, |rows| rows.after.0.len());
        let cost = |column: &Column| {
            Some(names::rank(field, column)? + DEPTH_COST * (column.path.0.len() - outer - 1))
        };
        let named = self.columns().filter(|column| fits(column));
        let mut named: Vec<(usize, &Column)> =
            named.filter_map(|column| Some((cost(column)?, column))).collect();
        let most = named.iter().map(|(_, column)| column.present()).max().unwrap_or(0);
        named.sort_by_key(|(cost, column)| (column.present() * 2 < most, *cost));
        named.into_iter().map(|(_, column)| column).collect()
    }

    fn best(self, field: &str, fits: impl Fn(&Column) -> bool) -> Option<&'p Column> {
        self.named(field, fits).into_iter().next()
    }

    pub(super) fn customer(self) -> Vec<&'p Column> {
        let known = self.best("customer_id", |_| true);
        let anonymous = self.best("anonymous", Column::has_values);
        let is_repeated_id = |column: &&Column| column.folded_names().0 == "id" && column.repeats();
        let by_form = || self.columns().find(|column| column.is_mostly(ids::is_email));
        let repeated_id = || self.columns().find(is_repeated_id);
        let has_gaps = |column: &Column| column.present() < self.profile.records;
        match (known, anonymous) {
            (Some(known), Some(anonymous)) if has_gaps(known) => vec![known, anonymous],
            (Some(known), _) if known.has_values() => vec![known],
            (None, Some(anonymous)) => vec![anonymous],
            _ => by_form().or_else(repeated_id).into_iter().collect(),
        }
    }

    /// The column of the time, perhaps with one for records that have no value there, and how both are written.
    pub(super) fn time(self) -> Option<(Vec<&'p Column>, TimeGuess)> {
        let named = self.named("time", |column| times::guess(column).is_some());
        let of_change = || self.rows.and_then(|rows| self.change_time(rows));
        let by_form = || self.columns().find(|column| times::is_clear(column));
        let best = named.first().copied().or_else(of_change).or_else(by_form)?;
        let guess = times::guess(best)?;
        let fills = |column: &&&Column| {
            column.present() > best.present() && times::guess(column).as_ref() == Some(&guess)
        };
        let has_gaps = best.present() < self.profile.records;
        let other = named.iter().skip(1).find(fills).filter(|_| has_gaps);
        Some((std::iter::once(&best).chain(other).copied().collect(), guess))
    }

    /// When the row was changed.
    fn change_time(self, rows: &ChangeRows) -> Option<&'p Column> {
        let mut path = rows.operation.clone();
        path.0.pop();
        path.0.push(Step::Key("ts_ms".to_owned()));
        self.profile.find(&path)
    }

    pub(super) fn event_type(self) -> Vec<&'p Column> {
        let is_type = |column: &Column| {
            column.distinct(TYPES_MAX).is_some_and(|types| !types.is_empty())
                && times::guess(column).is_none()
        };
        let named = self.named("type", is_type);
        let is_call = |value: &Value| CALLS.contains(&value.text.as_str());
        let Some(call) = named.iter().find(|column| column.is_mostly(is_call)) else {
            return named.into_iter().take(1).collect();
        };
        // Calls of Segment: a track has the name of its event, others are named by their type.
        let is_name = |column: &&Column| column.folded_names().0 == "event" && column.has_values();
        self.columns().find(is_name).into_iter().chain([*call]).collect()
    }

    /// The column of a field that not every event has.
    pub(super) fn optional(self, field: &str) -> Option<&'p Column> {
        let is_named = |column: &Column, name: &str| column.folded_names().0 == name;
        match field {
            "id" => self.best(field, |column| column.has_values() && !column.repeats()),
            "currency" => self.best(field, |column| amounts::currencies(column).is_some()),
            "value" => {
                // A price is none if there are quantities.
                let has_quantity = self.quantity().is_some();
                let is_price =
                    |column: &Column| is_named(column, "price") || is_named(column, "preis");
                self.best(field, |column| {
                    amounts::is_amount(column) && !(has_quantity && is_price(column))
                })
            }
            "order_id" => {
                let has_hash = |value: &Value| value.text.starts_with('#');
                let is_hash_name =
                    |column: &&Column| is_named(column, "name") && column.is_mostly(has_hash);
                let is_row_id = |column: &&Column| self.rows.is_some() && is_named(column, "id");
                let named = self.best(field, Column::has_values);
                let hash_name = || self.columns().find(is_hash_name);
                named.or_else(hash_name).or_else(|| self.columns().find(is_row_id))
            }
            _ => self.best(field, Column::has_values),
        }
    }

    /// The path of a pair with a name of the field.
    pub(super) fn pair(self, field: &str) -> Option<String> {
        let best = self.profile.pairs.iter().filter_map(|(path, pairs)| {
            let ranked =
                pairs.iter().filter_map(|name| Some((names::rank_name(field, name)?, name)));
            let (rank, name) = ranked.min()?;
            Some((rank, path.replacen(']', &format!("={name}]"), 1)))
        });
        best.min().map(|(_, path)| path)
    }

    pub(super) fn quantity(self) -> Option<&'p Column> {
        const NAMES: [&str; 5] = ["quantity", "qty", "menge", "anzahl", "stück"];
        let is_named = |column: &&Column| NAMES.contains(&column.folded_names().0.as_str());
        self.columns().find(|column| is_named(column) && amounts::is_amount(column))
    }

    /// Columns that may be a field, for a question: times for the time, others for the customer.
    pub(super) fn asked(self, field: &str) -> Vec<String> {
        let may_be = |column: &&Column| {
            column.has_values()
                && !amounts::is_fraction(column)
                && (field == "time" || !times::is_clear(column))
        };
        let columns = self.columns().filter(may_be).take(ASKED_MAX);
        columns.map(|column| column.path.to_string()).collect()
    }
}

/// Most different names of event types.
pub(super) const TYPES_MAX: usize = 200;
/// The calls of Segment.
const CALLS: [&str; 6] = ["track", "page", "screen", "identify", "group", "alias"];
