//! The names of event types in records and those in models.

use std::collections::{BTreeMap, BTreeSet};

use super::column::Column;
use super::fields::TYPES_MAX;
use crate::event::{EventType, Vocabulary, fold_spelling};

/// Renames that are listed one by one.
const RENAMED_MAX: usize = 12;

/// What several systems call the same event: the name in the models that ship with the program, and others without
/// their spelling.
const KINDS: [(&str, &str); 5] = [
    (
        "order_completed",
        "ordercompleted purchase purchased order ordered orderplaced ordercreated orderpaid paid orderspaid \
         checkoutcompleted transaction sale completed delivered bought kauf bestellung bezahlt \
         chargesucceeded paymentsucceeded invoicepaid complete fulfilled shipped closed succeeded processing \
         bestellt gekauft abgeschlossen geliefert versendet versandt erledigt",
    ),
    (
        "order_refunded",
        "orderrefunded refund refunded return returned erstattung retoure chargerefunded",
    ),
    ("order_cancelled", "ordercancelled ordercanceled cancelled canceled voided storno storniert"),
    ("page_viewed", "pageviewed pageview page view productview screen screenview"),
    (
        "signed_up",
        "signedup signup register registered registration accountcreated customercreated",
    ),
];

fn kind(name: &str) -> Option<usize> {
    let folded = fold_spelling(name);
    KINDS.iter().position(|(_, names)| names.split(' ').any(|name| name == folded))
}

/// The type of the models that an order most plausibly has; that of the presets without models.
pub(super) fn order_type(vocabulary: &Vocabulary) -> &str {
    const WORDS: [&str; 5] = ["order", "purchase", "sale", "bought", "buy"];
    let is_like = |name: &&str| WORDS.iter().any(|word| fold_spelling(name).contains(word));
    let is_order = |name: &&str| kind(name) == Some(0);
    let like_order = || vocabulary.type_names().find(|name| is_like(name) && kind(name).is_none());
    let found = vocabulary.type_names().find(is_order).or_else(like_order);
    found.or_else(|| vocabulary.type_names().next()).unwrap_or(KINDS[0].0)
}

/// Whether a column has a type that the models name, or that means one of theirs; without models, one of a known kind.
pub(super) fn is_any_known(column: &Column, vocabulary: &Vocabulary) -> bool {
    let is_named =
        |name: &str| vocabulary.find_type(name) != EventType::UNNAMED || kind(name).is_some();
    let found = column.distinct(TYPES_MAX).unwrap_or_default();
    found.into_keys().any(is_named)
        || renames(&[column], vocabulary, &BTreeMap::new()) != Renames::default()
}

/// How types are renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Renames {
    /// The name in models by the name in records; empty if only spelling differs in too many names.
    pub(super) types: BTreeMap<String, String>,
    pub(super) ignores_spelling: bool,
}

/// The renames with which the types of the columns are those that the models ask for. `known` are renamed already.
pub(super) fn renames(
    columns: &[&Column],
    vocabulary: &Vocabulary,
    known: &BTreeMap<String, String>,
) -> Renames {
    let all = columns.iter().filter_map(|column| column.distinct(TYPES_MAX));
    let found: BTreeSet<&str> =
        all.flat_map(BTreeMap::into_keys).filter(|name| !name.contains(char::is_control)).collect();
    let has_models = vocabulary.type_names().next().is_some();
    let (mut types, mut spelled) = (BTreeMap::new(), 0);
    for name in &found {
        if known.contains_key(*name) || vocabulary.find_type(name) != EventType::UNNAMED {
            continue;
        }
        let kind_of_name = kind(name);
        let has_kind = |named: &&str| kind_of_name.is_some() && kind(named) == kind_of_name;
        let mut named = vocabulary.type_names();
        let same = named.find(|named| fold_spelling(named) == fold_spelling(name));
        spelled += usize::from(same.is_some());
        // A type of the models that the records have already is not another one's meaning.
        let wanted = same.or_else(|| match kind_of_name {
            Some(kind) if !has_models => Some(KINDS[kind].0).filter(|it| !found.contains(it)),
            _ => vocabulary.type_names().find(|it| has_kind(it) && !found.contains(it)),
        });
        types.extend(wanted.map(|wanted| ((*name).to_owned(), wanted.to_owned())));
    }
    let ignores_spelling = spelled > RENAMED_MAX;
    if ignores_spelling {
        types.retain(|name, wanted| fold_spelling(name) != fold_spelling(wanted));
    }
    Renames { types, ignores_spelling }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(names: &[&str]) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for name in names {
            vocabulary.intern_type(name);
        }
        vocabulary
    }

    fn renamed(found: &[&str], named: &[&str]) -> Vec<(String, String)> {
        let column = Column::of_texts(found);
        renames(&[&column], &vocabulary(named), &BTreeMap::new()).types.into_iter().collect()
    }

    #[test]
    fn a_type_is_renamed_to_what_the_models_call_it() {
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(
            renamed(&["purchase", "view"], &["order_completed"]),
            [pair("purchase", "order_completed")]
        );
        assert_eq!(
            renamed(&["Order Completed"], &["order_completed"]),
            [pair("Order Completed", "order_completed")]
        );
        assert_eq!(renamed(&["purchase", "order_completed"], &["order_completed"]), []);
        assert_eq!(renamed(&["purchase"], &["purchase"]), []);
        assert_eq!(renamed(&["refunded"], &["order_completed"]), []);
        assert_eq!(renamed(&["paid", "click"], &[]), [pair("paid", "order_completed")]);
    }

    #[test]
    fn rows_without_a_type_are_what_the_models_call_an_order() {
        for (named, order) in [
            (&["visit", "order_completed"][..], "order_completed"),
            (&["order_refunded", "bought_something"], "bought_something"),
            (&["login", "trial"], "login"),
            (&[], "order_completed"),
        ] {
            assert_eq!(order_type(&vocabulary(named)), order);
        }
    }
}
