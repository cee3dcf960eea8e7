//! YAML text as a bounded tree in which every node knows its place.
//!
//! Why not serde: it stops at the first problem, and a lifecycle manager should see them all.
//! Anchors and aliases are refused: model files do not need them, and they can explode.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::problem::{Place, Problem, Problems, Severity};

/// Largest model file, in bytes.
pub const MODEL_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 100_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub place: Place,
    /// Line and column right after a plain text or a closing bracket; after others, perhaps further on.
    pub end: (usize, usize),
    /// Whether it is a list or map in brackets.
    pub bracketed: bool,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Text; whether it was quoted tells `"5"` from `5`.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in file order; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Where it stands.
    pub place: Place,
    /// Its text.
    pub text: String,
}

impl Node {
    /// The entry of a map under this key.
    pub(super) fn get(&self, key: &str) -> Option<(&Key, &Node)> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        let entry = entries.iter().find(|(known, _)| known.text == key)?;
        Some((&entry.0, &entry.1))
    }

    /// Whether it is an empty value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What to call it in a message.
    pub(super) fn what(&self) -> &'static str {
        match self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a plain value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads one document. On a syntax error the rest of the file is not looked at.
pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > MODEL_BYTES_MAX {
        let message =
            format!("a model file has at most {MODEL_BYTES_MAX} bytes, and this one more");
        problems.push(error(
            Place {
                line: 1,
                column: 1,
                width: 1,
            },
            message,
            None,
        ));
        return None;
    }
    let mut tree = Tree {
        text,
        parser: Parser::new_from_str(text),
        nodes: 0,
        problems,
    };
    let root = tree.document();
    match root {
        Ok(root) => Some(root),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

struct Tree<'t, 'p> {
    text: &'t str,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    nodes: usize,
    problems: &'p mut Problems,
}

impl<'t> Tree<'t, '_> {
    fn document(&mut self) -> Result<Node, Problem> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(error(
                        place(span),
                        "the file is empty".to_owned(),
                        Some("a model begins with `model: NAME`"),
                    ));
                }
                first => {
                    let root = self.node(first, span, 0)?;
                    self.nothing_follows()?;
                    return Ok(root);
                }
            }
        }
    }

    fn nothing_follows(&mut self) -> Result<(), Problem> {
        loop {
            match self.next()? {
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    return Err(error(
                        place(span),
                        "a second document begins here; a file holds one model".to_owned(),
                        None,
                    ));
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(scan)) => {
                let marker = scan.marker();
                let line = marker.line().max(1);
                // After what it passes over, the parser counts bytes.
                let written = self.text.lines().nth(line - 1).unwrap_or_default();
                let place = Place {
                    line,
                    column: marker.col().min(written.chars().count()) + 1,
                    width: 1,
                };
                let message = match scan.info() {
                    // The parser looks ahead, and gives up before the reader does.
                    "recursion limit exceeded" => too_deep(),
                    other => format!("this is not YAML: {other}"),
                };
                Err(error(place, message, None))
            }
            None => Err(error(
                Place {
                    line: 1,
                    column: 1,
                    width: 1,
                },
                "the file ends too early".to_owned(),
                None,
            )),
        }
    }

    /// The node that `event` begins. Recursion is bounded by `DEPTH_MAX`.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = place(span);
        self.nodes += 1;
        if depth > DEPTH_MAX {
            return Err(error(place, too_deep(), None));
        }
        if self.nodes > NODES_MAX {
            return Err(error(
                place,
                format!("more than {NODES_MAX} values in one file"),
                None,
            ));
        }
        self.plain(&event, span)?;
        // The beginning of a list or map without brackets has no extent.
        let bracketed = !span.is_empty();
        let (value, end) = match event {
            Event::Scalar(text, style, ..) => {
                let quoted = style != ScalarStyle::Plain;
                let text = text.into_owned();
                (Value::Scalar { text, quoted }, span.end)
            }
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            other => return Err(error(place, format!("unexpected {other:?}"), None)),
        };
        Ok(Node {
            place,
            end: (end.line().max(1), end.col() + 1),
            bracketed: bracketed && !matches!(value, Value::Scalar { .. }),
            value,
        })
    }

    /// Refuses what YAML can do and models do not need.
    fn plain(&self, event: &Event<'t>, span: Span) -> Result<(), Problem> {
        let (anchored, tag) = match event {
            Event::Alias(_) => (true, None),
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor != 0, tag.as_ref()),
            _ => (false, None),
        };
        // A tag first: what follows it may look like an anchor, as in `!bought && orders >= 9`.
        if tag.is_some() {
            return Err(error(
                self.tag_place(span),
                "this begins with `!`, which YAML takes for a tag".to_owned(),
                Some("put the text in quotes"),
            ));
        }
        if anchored {
            return Err(error(
                place(span),
                "anchors and aliases are not used in model files".to_owned(),
                Some("write the value out"),
            ));
        }
        Ok(())
    }

    /// The tag before a value, where it stands on the value's line; else the value.
    fn tag_place(&self, span: Span) -> Place {
        let value = place(span);
        let line = self.text.lines().nth(value.line - 1).unwrap_or_default();
        let before: Vec<char> = line.chars().take(value.column - 1).collect();
        let tag = before.iter().rposition(|c| *c == '!');
        tag.map_or(value, |at| Place {
            column: at + 1,
            width: 1,
            ..value
        })
    }

    fn list(&mut self, depth: usize) -> Result<(Value, Marker), Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, span) => return Ok((Value::List(items), after(span))),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Value, Marker), Problem> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known = BTreeSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, span) => return Ok((Value::Map(entries), after(span))),
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Value::Scalar { text, .. } = key.value else {
                self.problems.push(error(
                    key.place,
                    format!("a key must be plain text, not {}", key.what()),
                    None,
                ));
                continue;
            };
            if !known.insert(text.clone()) {
                self.problems.push(error(
                    key.place,
                    format!("`{text}` stands here twice"),
                    None,
                ));
                continue;
            }
            entries.push((
                Key {
                    place: key.place,
                    text,
                },
                value,
            ));
        }
    }
}

/// Right after a closing bracket. What the parser calls its end counts in what is passed over after it.
fn after(bracket: Span) -> Marker {
    let Span { start, .. } = bracket;
    Marker::new(start.index() + 1, start.line(), start.col() + 1)
}

fn place(span: Span) -> Place {
    let width = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
        width,
    }
}

fn too_deep() -> String {
    format!("nested deeper than {DEPTH_MAX} levels")
}

fn error(place: Place, message: String, help: Option<&str>) -> Problem {
    Problem {
        place,
        severity: Severity::Error,
        message,
        help: help.map(str::to_owned),
    }
}
