//! YAML text as a bounded tree in which every node knows its place.
//!
//! Why not serde: it stops at the first problem, and a lifecycle manager should see them all.
//! Anchors and aliases are refused: model files do not need them, and they can explode.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::problem::{Location, Problem, ProblemList, Severity};

/// Largest model file, in bytes.
pub const MODEL_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 100_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct YamlNode {
    /// Where it begins.
    pub location: Location,
    /// Line and column right after a plain text or a closing bracket; after others, perhaps further on.
    pub end: (usize, usize),
    /// Whether it is a list or map in brackets.
    pub is_flow_style: bool,
    /// What it is.
    pub value: YamlValue,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum YamlValue {
    /// Text; whether it was quoted tells `"5"` from `5`.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<YamlNode>),
    /// Keys and values in file order; keys are unique.
    Map(Vec<(YamlKey, YamlNode)>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(super) struct YamlKey {
    /// Where it stands.
    pub location: Location,
    /// Its text.
    pub text: String,
}

impl YamlNode {
    /// The entry of a map under this key.
    pub(super) fn get(&self, key: &str) -> Option<(&YamlKey, &YamlNode)> {
        let YamlValue::Map(entries) = &self.value else {
            return None;
        };
        let entry = entries.iter().find(|(known, _)| known.text == key)?;
        Some((&entry.0, &entry.1))
    }

    /// Whether it is an empty value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, YamlValue::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What to call it in a message.
    pub(super) fn kind_name(&self) -> &'static str {
        match self.value {
            _ if self.is_null() => "nothing",
            YamlValue::Scalar { .. } => "a plain value",
            YamlValue::List(_) => "a list",
            YamlValue::Map(_) => "a map",
        }
    }
}

/// Reads one document. On a syntax error the rest of the file is not looked at.
pub(super) fn parse(text: &str, problems: &mut ProblemList) -> Option<YamlNode> {
    if text.len() > MODEL_BYTES_MAX {
        let message =
            format!("a model file has at most {MODEL_BYTES_MAX} bytes, and this one more");
        problems.push(error(
            Location {
                line: 1,
                column: 1,
                width: 1,
            },
            message,
            None,
        ));
        return None;
    }
    let mut tree = TreeBuilder {
        text,
        parser: Parser::new_from_str(text),
        node_count: 0,
        problems,
    };
    let root = tree.build_document();
    match root {
        Ok(root) => Some(root),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

struct TreeBuilder<'t, 'p> {
    text: &'t str,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    node_count: usize,
    problems: &'p mut ProblemList,
}

impl<'t> TreeBuilder<'t, '_> {
    fn build_document(&mut self) -> Result<YamlNode, Problem> {
        loop {
            let (event, span) = self.next_event()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(error(
                        location(span),
                        "the file is empty".to_owned(),
                        Some("a model begins with `model: NAME`"),
                    ));
                }
                first => {
                    let root = self.build_node(first, span, 0)?;
                    self.expect_end()?;
                    return Ok(root);
                }
            }
        }
    }

    fn expect_end(&mut self) -> Result<(), Problem> {
        loop {
            match self.next_event()? {
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => {
                    return Err(error(
                        location(span),
                        "a second document begins here; a file holds one model".to_owned(),
                        None,
                    ));
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(scan)) => {
                let marker = scan.marker();
                let line = marker.line().max(1);
                // After what it passes over, the parser counts bytes.
                let written = self.text.lines().nth(line - 1).unwrap_or_default();
                let place = Location {
                    line,
                    column: marker.col().min(written.chars().count()) + 1,
                    width: 1,
                };
                let message = match scan.info() {
                    // The parser looks ahead, and gives up before the reader does.
                    "recursion limit exceeded" => too_deep_message(),
                    other => format!("this is not YAML: {other}"),
                };
                Err(error(place, message, None))
            }
            None => Err(error(
                Location {
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
    fn build_node(
        &mut self,
        event: Event<'t>,
        span: Span,
        depth: usize,
    ) -> Result<YamlNode, Problem> {
        let place = location(span);
        self.node_count += 1;
        if depth > DEPTH_MAX {
            return Err(error(place, too_deep_message(), None));
        }
        if self.node_count > NODES_MAX {
            return Err(error(
                place,
                format!("more than {NODES_MAX} values in one file"),
                None,
            ));
        }
        self.reject_tags_and_anchors(&event, span)?;
        // The beginning of a list or map without brackets has no extent.
        let bracketed = !span.is_empty();
        let (value, end) = match event {
            Event::Scalar(text, style, ..) => {
                let quoted = style != ScalarStyle::Plain;
                let text = text.into_owned();
                (YamlValue::Scalar { text, quoted }, span.end)
            }
            Event::SequenceStart(..) => self.build_list(depth)?,
            Event::MappingStart(..) => self.build_map(depth)?,
            other => return Err(error(place, format!("unexpected {other:?}"), None)),
        };
        Ok(YamlNode {
            location: place,
            end: (end.line().max(1), end.col() + 1),
            is_flow_style: bracketed && !matches!(value, YamlValue::Scalar { .. }),
            value,
        })
    }

    /// Refuses what YAML can do and models do not need.
    fn reject_tags_and_anchors(&self, event: &Event<'t>, span: Span) -> Result<(), Problem> {
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
                self.tag_location(span),
                "this begins with `!`, which YAML takes for a tag".to_owned(),
                Some("put the text in quotes"),
            ));
        }
        if anchored {
            return Err(error(
                location(span),
                "anchors and aliases are not used in model files".to_owned(),
                Some("write the value out"),
            ));
        }
        Ok(())
    }

    /// The tag before a value, where it stands on the value's line; else the value.
    fn tag_location(&self, span: Span) -> Location {
        let value = location(span);
        let line = self.text.lines().nth(value.line - 1).unwrap_or_default();
        let before: Vec<char> = line.chars().take(value.column - 1).collect();
        let tag = before.iter().rposition(|c| *c == '!');
        tag.map_or(value, |at| Location {
            column: at + 1,
            width: 1,
            ..value
        })
    }

    fn build_list(&mut self, depth: usize) -> Result<(YamlValue, Marker), Problem> {
        let mut items = Vec::new();
        loop {
            match self.next_event()? {
                (Event::SequenceEnd, span) => {
                    return Ok((YamlValue::List(items), end_of_bracket(span)));
                }
                (event, span) => items.push(self.build_node(event, span, depth + 1)?),
            }
        }
    }

    fn build_map(&mut self, depth: usize) -> Result<(YamlValue, Marker), Problem> {
        let mut entries: Vec<(YamlKey, YamlNode)> = Vec::new();
        let mut known = BTreeSet::new();
        loop {
            let key = match self.next_event()? {
                (Event::MappingEnd, span) => {
                    return Ok((YamlValue::Map(entries), end_of_bracket(span)));
                }
                (event, span) => self.build_node(event, span, depth + 1)?,
            };
            let (event, span) = self.next_event()?;
            let value = self.build_node(event, span, depth + 1)?;
            let YamlValue::Scalar { text, .. } = key.value else {
                self.problems.push(error(
                    key.location,
                    format!("a key must be plain text, not {}", key.kind_name()),
                    None,
                ));
                continue;
            };
            if !known.insert(text.clone()) {
                self.problems.push(error(
                    key.location,
                    format!("`{text}` stands here twice"),
                    None,
                ));
                continue;
            }
            entries.push((
                YamlKey {
                    location: key.location,
                    text,
                },
                value,
            ));
        }
    }
}

/// Right after a closing bracket. What the parser calls its end counts in what is passed over after it.
fn end_of_bracket(bracket: Span) -> Marker {
    let Span { start, .. } = bracket;
    Marker::new(start.index() + 1, start.line(), start.col() + 1)
}

fn location(span: Span) -> Location {
    let width = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Location {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
        width,
    }
}

fn too_deep_message() -> String {
    format!("nested deeper than {DEPTH_MAX} levels")
}

fn error(place: Location, message: String, help: Option<&str>) -> Problem {
    Problem {
        location: place,
        severity: Severity::Error,
        message,
        help: help.map(str::to_owned),
    }
}
