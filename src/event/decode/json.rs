//! Decodes a JSON object in one pass: reads the mapped values, checks the limits of all others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::raw_fields::{RawFields, RawScalar};
use crate::event::mapping::MappingNode;
use crate::event::{RecordLimits, RejectReason};

/// Decodes `text`, which must be exactly one JSON object.
pub(super) fn decode_object<'a>(
    text: &'a str,
    tree: &MappingNode,
    limits: &RecordLimits,
    draft: &mut RawFields<'a>,
) -> Result<(), RejectReason> {
    let mut scan = Scan { limits, rejection: None, draft };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = json
        .deserialize_map(ObjectVisitor { node: tree, depth: 1, scan: &mut scan })
        .and_then(|()| json.end());
    match (scan.rejection, outcome) {
        (Some(reason), _) => Err(reason),
        (None, Ok(())) => Ok(()),
        // serde_json has no error category for it, so the text is compared.
        (None, Err(error)) if error.to_string().starts_with("number out of range") => {
            Err(RejectReason::BadNumber)
        }
        (None, Err(_)) => Err(RejectReason::NotJson),
    }
}

struct Scan<'s, 'a> {
    limits: &'s RecordLimits,
    /// Why the scan stopped, unless it was a syntax error.
    rejection: Option<RejectReason>,
    draft: &'s mut RawFields<'a>,
}

impl Scan<'_, '_> {
    fn reject<E: Error>(&mut self, reason: RejectReason) -> E {
        self.rejection.get_or_insert(reason);
        E::custom("rejected")
    }
}

/// Visits an object with mapped keys.
struct ObjectVisitor<'o, 's, 'a> {
    node: &'o MappingNode,
    depth: usize,
    scan: &'o mut Scan<'s, 'a>,
}

impl<'a> Visitor<'a> for ObjectVisitor<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let ObjectVisitor { node, depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.reject(RejectReason::TooDeep));
        }
        let mut seen = 0_u128;
        let mut elements = 0;
        while let Some(child) = map.next_key_seed(KeySeed(node))? {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.reject(RejectReason::TooLong));
            }
            let Some(at) = child else {
                map.next_value_seed(SkipSeed { depth: depth + 1, scan: &mut *scan })?;
                continue;
            };
            // From the 129th mapped key of one object on, a duplicate is not detected; its last value is used.
            let bit = 1_u128.checked_shl(at as u32).unwrap_or(0);
            if seen & bit != 0 {
                return Err(scan.reject(RejectReason::DuplicateKey));
            }
            seen |= bit;
            let raw: &'a RawValue = map.next_value()?;
            read_mapped_value(raw.get(), &node.children[at].1, depth, scan)?;
        }
        Ok(())
    }
}

/// Decodes a mapped value: a scalar for its targets, an object for its children.
fn read_mapped_value<'a, E: Error>(
    raw: &'a str,
    node: &MappingNode,
    depth: usize,
    scan: &mut Scan<'_, 'a>,
) -> Result<(), E> {
    let token = match raw.as_bytes().first() {
        Some(b'{') if !node.children.is_empty() => {
            let mut json = serde_json::Deserializer::from_str(raw);
            let object = ObjectVisitor { node, depth: depth + 1, scan: &mut *scan };
            json.deserialize_map(object).map_err(E::custom)?;
            RawScalar::Container
        }
        Some(b'{' | b'[') => {
            let mut json = serde_json::Deserializer::from_str(raw);
            SkipSeed { depth: depth + 1, scan: &mut *scan }
                .deserialize(&mut json)
                .map_err(E::custom)?;
            RawScalar::Container
        }
        Some(b'"') => {
            let text = unquote(raw).ok_or_else(|| E::custom("bad string"))?;
            if text.len() > scan.limits.text_bytes {
                return Err(scan.reject(RejectReason::TooLong));
            }
            RawScalar::Text(text)
        }
        Some(b't') => RawScalar::Bool(true),
        Some(b'f') => RawScalar::Bool(false),
        Some(b'n') | None => RawScalar::Null,
        Some(_) => RawScalar::Number(raw),
    };
    scan.draft.set(&node.targets, token);
    Ok(())
}

/// The text of a JSON string, borrowed unless it has escapes.
fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inner = &raw[1..raw.len() - 1];
    if inner.contains('\\') || inner.bytes().any(|b| b < 0x20) {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Decodes a key of an object to the index of the child that it names.
struct KeySeed<'o>(&'o MappingNode);

impl<'a> DeserializeSeed<'a> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.child_index(key))
    }
}

/// Checks an unmapped value against the limits and discards it.
struct SkipSeed<'o, 's, 'a> {
    depth: usize,
    scan: &'o mut Scan<'s, 'a>,
}

impl<'a> DeserializeSeed<'a> for SkipSeed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for SkipSeed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() > self.scan.limits.text_bytes {
            return Err(self.scan.reject(RejectReason::TooLong));
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        let SkipSeed { depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.reject(RejectReason::TooDeep));
        }
        let mut elements = 0;
        while seq.next_element_seed(SkipSeed { depth: depth + 1, scan: &mut *scan })?.is_some() {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.reject(RejectReason::TooLong));
            }
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let SkipSeed { depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.reject(RejectReason::TooDeep));
        }
        let mut elements = 0;
        while map.next_key::<IgnoredAny>()?.is_some() {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.reject(RejectReason::TooLong));
            }
            map.next_value_seed(SkipSeed { depth: depth + 1, scan: &mut *scan })?;
        }
        Ok(())
    }
}
