//! Setting values with units, and secrets, which are never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::event::{Millis, Quantity};
use crate::kafka;

/// A duration, written as in model files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationSetting(pub Millis);

impl DurationSetting {
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0.0.unsigned_abs())
    }
}

impl<'d> Deserialize<'d> for DurationSetting {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let duration = Millis::parse(&text).map(DurationSetting);
        duration.ok_or_else(|| {
            Error::custom(format!(
                "`{text}` is not a duration; write \"90s\", \"5m\", \"12h\" or \"250ms\""
            ))
        })
    }
}

impl Serialize for DurationSetting {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub usize);

const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

impl<'d> Deserialize<'d> for ByteSize {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (unit, factor) =
            UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).unwrap_or(("", 1));
        let number = text.strip_suffix(unit).and_then(|digits| digits.trim().parse::<usize>().ok());
        let bytes = number.and_then(|number| number.checked_mul(factor)).map(ByteSize);
        bytes.ok_or_else(|| {
            Error::custom(format!("`{text}` is not a size; write \"256MiB\", \"64KiB\" or bytes"))
        })
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.0.is_multiple_of(*factor) && self.0 > 0)
            .unwrap_or(("", 1));
        to.collect_str(&format_args!("{}{unit}", self.0 / factor))
    }
}

/// A share of a whole: a number, or decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction(pub Quantity);

impl<'d> Deserialize<'d> for Fraction {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum NumberOrText {
            Whole(i64),
            Number(f64),
            Text(String),
        }
        // The shortest decimal text of a float is the text that was written, so no binary rounding is stored.
        let text = match NumberOrText::deserialize(from) {
            Ok(NumberOrText::Whole(number)) => number.to_string(),
            Ok(NumberOrText::Number(number)) => number.to_string(),
            Ok(NumberOrText::Text(text)) => text,
            Err(_) => return Err(Error::custom("not a number; write 0.05")),
        };
        let fraction = Quantity::parse(text.trim()).map(Fraction);
        fraction.ok_or_else(|| Error::custom(format!("`{text}` is not a number; write 0.05")))
    }
}

impl Serialize for Fraction {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let number: Result<f64, _> = self.0.to_string().parse();
        to.serialize_f64(number.map_err(serde::ser::Error::custom)?)
    }
}

/// An address to listen at; empty text disables the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub Option<SocketAddr>);

impl<'d> Deserialize<'d> for Address {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(Address(None));
        }
        let address = text.parse().map(|address| Address(Some(address)));
        address.map_err(|_| {
            Error::custom(format!(
                "`{text}` is not an address; write 127.0.0.1:8081, or \"\" for none"
            ))
        })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(address) => to.collect_str(&address),
            None => to.serialize_str(""),
        }
    }
}

/// Text that is shown as `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "\"\"" } else { "***" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(if self.0.is_empty() { "" } else { "***" })
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// The table of librdkafka's properties.
pub(super) const PROPERTIES: &str = "kafka.properties";

/// Whether a setting, or one of librdkafka's properties, is a secret.
pub(super) fn is_secret(setting: &str) -> bool {
    secret_name_end(setting).is_some()
}

/// Where the secret name in a setting ends. The path of a secret file is not a secret.
fn secret_name_end(setting: &str) -> Option<usize> {
    let begin = setting.find("properties.").map_or(0, |at| at + "properties.".len());
    let end = kafka::secret_name_end(&setting[begin..])?;
    (!setting.to_ascii_lowercase().ends_with("_file")).then_some(begin + end)
}

/// Where in a line of a file the name of a secret ends; the secret may follow.
pub(super) fn secret_name_end_in_line(line: &str) -> Option<usize> {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut begin = 0;
    for name in line.split(|c| !is_name_char(c)) {
        let end = begin + name.len();
        let setting_end = secret_name_end(name).map(|end| begin + end);
        let table_end = is_secret_table(name, &line[end..]).then_some(end);
        if let Some(end) = setting_end.or(table_end) {
            return Some(end);
        }
        begin = end + line[end..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

/// Whether the name opens a table that may contain secrets under keys that do not look like secrets.
fn is_secret_table(name: &str, rest: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '\'', ' ', '\t']);
    match name {
        "sasl" | "ssl" => rest.starts_with(['.', '=']),
        "properties" => {
            rest.strip_prefix('=').is_some_and(|value| value.trim_start().starts_with('{'))
        }
        _ => false,
    }
}

/// Properties of librdkafka; secret values are shown as `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, String>);

impl Properties {
    fn redacted(&self) -> impl Iterator<Item = (&String, &str)> {
        self.0.iter().map(|(name, value)| {
            let is_hidden = is_secret(name) && !value.is_empty();
            (name, if is_hidden { "***" } else { value.as_str() })
        })
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.redacted()).finish()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.redacted())
    }
}
