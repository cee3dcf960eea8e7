//! How the names of event types in records become those in models.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{EventType, Vocabulary};

/// Renaming of event types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeNames {
    /// The name in models, by the name in records.
    pub renamed: BTreeMap<String, String>,
    /// Names in records whose events are left out, as if they had not been sent.
    pub left_out: BTreeSet<String>,
    /// Whether case, blanks and punctuation are ignored when names are compared with those of models.
    pub ignores_spelling: bool,
}

impl TypeNames {
    /// The type that a name in a record stands for; `None` if it is left out.
    pub(in super::super) fn find(&self, name: &str, vocabulary: &Vocabulary) -> Option<EventType> {
        if !self.left_out.is_empty() && self.left_out.contains(name) {
            return None;
        }
        let name = self.renamed.get(name).map_or(name, String::as_str);
        let exact = vocabulary.find_type(name);
        if exact != EventType::UNNAMED || !self.ignores_spelling {
            return Some(exact);
        }
        let folded = fold_spelling(name);
        let mut types = vocabulary.named_types();
        let same = types.find(|(_, known)| fold_spelling(known) == folded);
        Some(same.map_or(EventType::UNNAMED, |(event_type, _)| event_type))
    }
}

/// A name without what spellings of it differ in: case, blanks and punctuation.
pub(crate) fn fold_spelling(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_renamed_left_out_or_compared_without_their_spelling() {
        let mut vocabulary = Vocabulary::default();
        let completed = vocabulary.intern_type("Order Completed");
        let names = TypeNames {
            renamed: [("purchase".to_owned(), "Order Completed".to_owned())].into(),
            left_out: ["Email Sent".to_owned()].into(),
            ignores_spelling: false,
        };
        assert_eq!(names.find("purchase", &vocabulary), Some(completed));
        assert_eq!(names.find("Email Sent", &vocabulary), None);
        assert_eq!(names.find("order_completed", &vocabulary), Some(EventType::UNNAMED));
        let names = TypeNames { ignores_spelling: true, ..names };
        for same in ["order_completed", "Order completed", "OrderCompleted", "ORDER-COMPLETED"] {
            assert_eq!(names.find(same, &vocabulary), Some(completed), "{same}");
        }
        assert_eq!(names.find("order", &vocabulary), Some(EventType::UNNAMED));
    }
}
