//! What the values of a column are, in words.

use super::column::Column;
use super::{amounts, ids, times};
use crate::event::TimeUnit;

/// Different texts that are few.
const FEW: usize = 20;

impl Column {
    pub(crate) fn describe(&self) -> String {
        if self.present() == 0 {
            return "no value".to_owned();
        }
        if self.is_mostly(ids::is_email) {
            return "e-mail addresses".to_owned();
        }
        let time = times::guess(self).filter(|guess| guess.unit != TimeUnit::SpreadsheetDays);
        if let Some(guess) = time {
            return match guess.patterns.first() {
                Some(pattern) => format!("times, {pattern}"),
                None if guess.unit == TimeUnit::default() => "times".to_owned(),
                None => format!("times, {}", guess.unit.name()),
            };
        }
        if self.is_mostly(|value| matches!(value.text.as_str(), "true" | "false")) {
            return "true or false".to_owned();
        }
        if amounts::is_whole(self) {
            return "whole numbers".to_owned();
        }
        if amounts::is_amount(self) {
            let comma = if amounts::is_comma_column(self) { " with a decimal comma" } else { "" };
            return format!("numbers{comma}");
        }
        let is_upper = |text: &str| text.chars().all(|c| c.is_ascii_uppercase());
        if amounts::currencies(self).is_some() && self.is_mostly(|value| is_upper(&value.text)) {
            return "currencies".to_owned();
        }
        match self.distinct(FEW).map(|distinct| distinct.len()) {
            Some(1) => "one text".to_owned(),
            Some(count) => format!("{count} different texts"),
            None => "texts".to_owned(),
        }
    }
}
