//! One pass over a JSON object: picks what is mapped, checks the bounds of all the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Draft, Token};
use crate::event::mapping::Node;
use crate::event::{Limits, Reason};

/// Reads `text`, which must be one JSON object and nothing after it.
pub(super) fn read<'a>(
    text: &'a str,
    tree: &Node,
    limits: &Limits,
    draft: &mut Draft<'a>,
) -> Result<(), Reason> {
    let mut scan = Scan {
        limits,
        fault: None,
        draft,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = json
        .deserialize_map(Object {
            node: tree,
            depth: 1,
            scan: &mut scan,
        })
        .and_then(|()| json.end());
    match (scan.fault, outcome) {
        (Some(reason), _) => Err(reason),
        (None, Ok(())) => Ok(()),
        // serde_json has no kind for this one.
        (None, Err(error)) if error.to_string().starts_with("number out of range") => {
            Err(Reason::BadNumber)
        }
        (None, Err(_)) => Err(Reason::NotJson),
    }
}

struct Scan<'s, 'a> {
    limits: &'s Limits,
    /// Why the scan stopped, where it was not the syntax.
    fault: Option<Reason>,
    draft: &'s mut Draft<'a>,
}

impl Scan<'_, '_> {
    fn stop<E: Error>(&mut self, reason: Reason) -> E {
        self.fault.get_or_insert(reason);
        E::custom("rejected")
    }
}

/// An object of which something is mapped.
struct Object<'o, 's, 'a> {
    node: &'o Node,
    depth: usize,
    scan: &'o mut Scan<'s, 'a>,
}

impl<'a> Visitor<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Object { node, depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.stop(Reason::TooDeep));
        }
        let mut seen = 0_u128;
        let mut elements = 0;
        while let Some(child) = map.next_key_seed(Key(node))? {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.stop(Reason::TooLong));
            }
            let Some(at) = child else {
                map.next_value_seed(Skip {
                    depth: depth + 1,
                    scan: &mut *scan,
                })?;
                continue;
            };
            // Beyond 127 mapped children of one object a repetition goes unnoticed: the last counts.
            let bit = 1_u128.checked_shl(at as u32).unwrap_or(0);
            if seen & bit != 0 {
                return Err(scan.stop(Reason::DuplicateKey));
            }
            seen |= bit;
            let raw: &'a RawValue = map.next_value()?;
            mapped(raw.get(), &node.children[at].1, depth, scan)?;
        }
        Ok(())
    }
}

/// Takes a mapped value apart: a scalar for its targets, an object for its children.
fn mapped<'a, E: Error>(
    raw: &'a str,
    node: &Node,
    depth: usize,
    scan: &mut Scan<'_, 'a>,
) -> Result<(), E> {
    let token = match raw.as_bytes().first() {
        Some(b'{') if !node.children.is_empty() => {
            let mut json = serde_json::Deserializer::from_str(raw);
            let object = Object {
                node,
                depth: depth + 1,
                scan: &mut *scan,
            };
            json.deserialize_map(object).map_err(E::custom)?;
            Token::Container
        }
        Some(b'{' | b'[') => {
            let mut json = serde_json::Deserializer::from_str(raw);
            Skip {
                depth: depth + 1,
                scan: &mut *scan,
            }
            .deserialize(&mut json)
            .map_err(E::custom)?;
            Token::Container
        }
        Some(b'"') => {
            let text = unquoted(raw).ok_or_else(|| E::custom("bad string"))?;
            if text.len() > scan.limits.text_bytes {
                return Err(scan.stop(Reason::TooLong));
            }
            Token::Text(text)
        }
        Some(b't') => Token::Flag(true),
        Some(b'f') => Token::Flag(false),
        Some(b'n') | None => Token::Null,
        Some(_) => Token::Number(raw),
    };
    scan.draft.put(&node.targets, token);
    Ok(())
}

/// The text of a JSON string, borrowed unless it has escapes.
fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let inner = &raw[1..raw.len() - 1];
    if inner.contains('\\') || inner.bytes().any(|b| b < 0x20) {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The key of an object, reduced to which child of the tree it names.
struct Key<'o>(&'o Node);

impl<'a> DeserializeSeed<'a> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.child(key))
    }
}

/// A value that nobody reads: checked against the bounds and forgotten.
struct Skip<'o, 's, 'a> {
    depth: usize,
    scan: &'o mut Scan<'s, 'a>,
}

impl<'a> DeserializeSeed<'a> for Skip<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Skip<'_, '_, 'a> {
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
        match text.len() > self.scan.limits.text_bytes {
            true => Err(self.scan.stop(Reason::TooLong)),
            false => Ok(()),
        }
    }

    fn visit_seq<S: SeqAccess<'a>>(self, mut seq: S) -> Result<(), S::Error> {
        let Skip { depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.stop(Reason::TooDeep));
        }
        let mut elements = 0;
        while seq
            .next_element_seed(Skip {
                depth: depth + 1,
                scan: &mut *scan,
            })?
            .is_some()
        {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.stop(Reason::TooLong));
            }
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        let Skip { depth, scan } = self;
        if depth > scan.limits.depth {
            return Err(scan.stop(Reason::TooDeep));
        }
        let mut elements = 0;
        while map.next_key::<IgnoredAny>()?.is_some() {
            elements += 1;
            if elements > scan.limits.elements {
                return Err(scan.stop(Reason::TooLong));
            }
            map.next_value_seed(Skip {
                depth: depth + 1,
                scan: &mut *scan,
            })?;
        }
        Ok(())
    }
}
