//! Decodes a JSON object in one pass: reads the mapped values and skips all others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::raw_fields::{RawFields, RawScalar};
use crate::event::mapping::{ElementSelector, MappingNode};
use crate::event::{RecordLimits, RejectReason};

/// Decodes `text`, which must be exactly one JSON object.
pub(super) fn decode_object<'a>(
    text: &'a str,
    tree: &MappingNode,
    limits: &RecordLimits,
    draft: &mut RawFields<'a, '_>,
) -> Result<(), RejectReason> {
    let mut scan = Scan { limits, rejection: None, draft };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = json
        .deserialize_map(NodeVisitor { node: tree, depth: 1, scan: &mut scan })
        .and_then(|()| json.end());
    match (scan.rejection, outcome) {
        (Some(reason), _) => Err(reason),
        (None, Ok(())) => Ok(()),
        (None, Err(_)) => Err(RejectReason::NotJson),
    }
}

/// Decodes a text that may itself be JSON, such as a column of a file with an object in each cell. Other texts have no
/// inner values.
pub(super) fn decode_inner(
    text: &str,
    node: &MappingNode,
    limits: &RecordLimits,
    draft: &mut RawFields<'_, '_>,
) -> Result<(), RejectReason> {
    if !text.starts_with(['{', '[']) {
        return Ok(());
    }
    let mut inner = RawFields::new(draft.mapping());
    let mut scan = Scan { limits, rejection: None, draft: &mut inner };
    let read = read_container::<serde_json::Error>(text, node, 1, &mut scan);
    match (scan.rejection, read) {
        (Some(reason), _) => return Err(reason),
        // A text that only looks like JSON.
        (None, Err(_)) => return Ok(()),
        (None, Ok(())) => {}
    }
    draft.merge(inner);
    Ok(())
}

struct Scan<'s, 'a, 'm> {
    limits: &'s RecordLimits,
    /// Why the scan stopped, unless it was a syntax error.
    rejection: Option<RejectReason>,
    draft: &'s mut RawFields<'a, 'm>,
}

impl Scan<'_, '_, '_> {
    fn reject<E: Error>(&mut self, reason: RejectReason) -> E {
        self.rejection.get_or_insert(reason);
        E::custom("rejected")
    }
}

/// Visits a value of which the values inside are read: the mapped keys of an object, some elements of a list, or what a
/// text contains that is JSON itself.
struct NodeVisitor<'o, 's, 'a, 'm> {
    node: &'o MappingNode,
    depth: usize,
    scan: &'o mut Scan<'s, 'a, 'm>,
}

impl<'a> DeserializeSeed<'a> for NodeVisitor<'_, '_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for NodeVisitor<'_, '_, 'a, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let NodeVisitor { node, depth, scan } = self;
        if node.children.is_empty() {
            return IgnoredAny.visit_map(map).map(drop);
        }
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
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            // From the 129th mapped key of one object on, a duplicate is not detected; its first value is used.
            let bit = 1_u128.checked_shl(at as u32).unwrap_or(0);
            if seen & bit != 0 {
                return Err(scan.reject(RejectReason::DuplicateKey));
            }
            seen |= bit;
            let child = &node.children[at].1;
            if child.targets.is_empty() {
                map.next_value_seed(NodeVisitor { node: child, depth: depth + 1, scan })?;
            } else {
                let raw: &'a RawValue = map.next_value()?;
                read_mapped_value(raw.get(), child, depth, scan)?;
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        let NodeVisitor { node, depth, scan } = self;
        if node.elements.is_empty() {
            return IgnoredAny.visit_seq(seq).map(drop);
        }
        if depth > scan.limits.depth {
            return Err(scan.reject(RejectReason::TooDeep));
        }
        let mut index = 0;
        while let Some(raw) = seq.next_element::<&'a RawValue>()? {
            if index >= scan.limits.elements {
                return Err(scan.reject(RejectReason::TooLong));
            }
            for (selector, child) in &node.elements {
                let was_collecting = scan.draft.is_collecting;
                match selector {
                    ElementSelector::Index(wanted) if *wanted != index => continue,
                    ElementSelector::Entry { member, name }
                        if !is_entry(raw.get(), member, name) =>
                    {
                        continue;
                    }
                    ElementSelector::Index(_) | ElementSelector::Entry { .. } => {}
                    ElementSelector::Each => scan.draft.is_collecting = true,
                }
                let read = read_mapped_value(raw.get(), child, depth, scan);
                scan.draft.is_collecting = was_collecting;
                read?;
            }
            index += 1;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let scan = self.scan;
        if text.len() > scan.limits.text_bytes {
            return Err(scan.reject(RejectReason::TooLong));
        }
        decode_inner(text.trim(), self.node, scan.limits, scan.draft)
            .map_err(|reason| scan.reject(reason))
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
}

/// The members of an object, without decoding their values; `None` for anything else.
fn members(raw: &str) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    raw.starts_with('{').then(|| serde_json::from_str(raw).ok())?
}

fn is_entry(raw: &str, member: &str, name: &str) -> bool {
    let value = members(raw).and_then(|members| members.get(member).copied());
    value.is_some_and(|value| {
        let text = value.get();
        if text.starts_with('"') {
            unquote(text).is_some_and(|text| text == name)
        } else {
            text == name
        }
    })
}

/// Decodes a mapped value: a scalar for its targets, an object or list for the values inside.
fn read_mapped_value<'a, E: Error>(
    raw: &'a str,
    node: &MappingNode,
    depth: usize,
    scan: &mut Scan<'_, 'a, '_>,
) -> Result<(), E> {
    let token = match raw.as_bytes().first() {
        Some(b'{' | b'[') => {
            if node.is_inner() {
                read_container(raw, node, depth + 1, scan)?;
            }
            match single_member(raw).filter(|_| node.is_entry_value) {
                Some(inner) => return read_mapped_value(inner, node, depth + 1, scan),
                None => RawScalar::Container,
            }
        }
        Some(b'"') => {
            let Some(text) = unquote(raw) else {
                return Err(scan.reject(RejectReason::NotUtf8));
            };
            if text.len() > scan.limits.text_bytes {
                return Err(scan.reject(RejectReason::TooLong));
            }
            let text = trim(text);
            if node.is_inner()
                && let Err(reason) = decode_inner(&text, node, scan.limits, scan.draft)
            {
                return Err(scan.reject(reason));
            }
            RawScalar::Text(text)
        }
        Some(b't') => RawScalar::Bool(true),
        Some(b'f') => RawScalar::Bool(false),
        Some(b'n') | None => return Ok(()),
        Some(_) => RawScalar::Number(Cow::Borrowed(raw)),
    };
    scan.draft.offer(&node.targets, token);
    Ok(())
}

fn read_container<'a, E: Error>(
    raw: &'a str,
    node: &MappingNode,
    depth: usize,
    scan: &mut Scan<'_, 'a, '_>,
) -> Result<(), E> {
    let is_list = raw.starts_with('[');
    let is_read = if is_list { !node.elements.is_empty() } else { !node.children.is_empty() };
    if !is_read {
        return Ok(());
    }
    let mut json = serde_json::Deserializer::from_str(raw);
    let read = NodeVisitor { node, depth, scan }.deserialize(&mut json);
    read.and_then(|()| json.end()).map_err(E::custom)
}

/// The only member that is not null, if it is a scalar: `{"string_value": null, "int_value": 7}`.
fn single_member(raw: &str) -> Option<&str> {
    let members = members(raw)?;
    let mut present = members.values().map(|value| value.get()).filter(|value| *value != "null");
    let first = present.next().filter(|value| !value.starts_with(['{', '[']))?;
    present.next().is_none().then_some(first)
}

/// The text of a JSON string, borrowed unless it has escapes. Control characters are escaped: the parser of the raw value
/// has refused others.
fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inner = &raw[1..raw.len() - 1];
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    // Most texts need no decoding of their characters.
    if let [first, .., last] = text.as_bytes()
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return text;
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
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
