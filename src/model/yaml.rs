//! Parses YAML text to a bounded tree whose nodes have locations.
//!
//! serde is not used because it stops at the first problem, and users should see all of them.
//! Anchors and aliases are rejected: model files do not need them, and they can expand exponentially.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::problem::{Location, Problem, ProblemList, Severity};

/// Largest model file, in bytes.
pub const MODEL_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 100_000;

/// A value with its location.
#[derive(Clone, Debug)]
pub(crate) struct YamlNode {
    /// The start.
    pub location: Location,
    /// Line and column just after a plain text or a closing bracket. For other nodes it may be later.
    pub end: (usize, usize),
    /// Whether it is a list or map in brackets (YAML's flow style).
    pub is_flow_style: bool,
    pub value: YamlValue,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub(crate) enum YamlValue {
    /// Text; `quoted` distinguishes `"5"` from `5`.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<YamlNode>),
    /// Keys and values in file order; keys are unique.
    Map(Vec<(YamlKey, YamlNode)>),
}

#[derive(Clone, Debug)]
pub(crate) struct YamlKey {
    pub location: Location,
    pub text: String,
}

impl YamlNode {
    /// The entry with this key, if the node is a map that has one.
    pub(crate) fn get(&self, key: &str) -> Option<(&YamlKey, &YamlNode)> {
        let YamlValue::Map(entries) = &self.value else {
            return None;
        };
        let (key, node) = entries.iter().find(|(known, _)| known.text == key)?;
        Some((key, node))
    }

    /// Whether it is an empty value, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, YamlValue::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The name of its kind in messages.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.value {
            _ if self.is_null() => "nothing",
            YamlValue::Scalar { .. } => "a plain value",
            YamlValue::List(_) => "a list",
            YamlValue::Map(_) => "a map",
        }
    }
}

/// Parses one document. After a syntax error the rest of the file is not read.
pub(crate) fn parse(text: &str, problems: &mut ProblemList) -> Option<YamlNode> {
    if text.len() > MODEL_BYTES_MAX {
        let message =
            format!("a model file has at most {MODEL_BYTES_MAX} bytes; this one has more");
        problems.push(error(Location { line: 1, column: 1, width: 1 }, message, None));
        return None;
    }
    let mut tree =
        TreeBuilder { text, parser: Parser::new_from_str(text), node_count: 0, problems };
    match tree.build_document() {
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
                        "a second document begins here; a file contains one model".to_owned(),
                        None,
                    ));
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(scan)) => {
                let marker = scan.marker();
                let line = marker.line().max(1);
                // After comments and blanks the parser counts bytes, so its column may be beyond the line.
                let text = self.text.lines().nth(line - 1).unwrap_or_default();
                let location =
                    Location { line, column: marker.col().min(text.chars().count()) + 1, width: 1 };
                let (message, help) = match scan.info() {
                    // The parser reads ahead, so it may reach its own limit before `DEPTH_MAX` is checked.
                    "recursion limit exceeded" => (too_deep_message(), None),
                    other => (format!("this is not YAML: {other}"), quotes_help(other)),
                };
                Err(error(location, message, help))
            }
            None => Err(error(
                Location { line: 1, column: 1, width: 1 },
                "the file ends too early".to_owned(),
                None,
            )),
        }
    }

    /// Builds the node that starts with `event`. Recursion is bounded by `DEPTH_MAX`.
    fn build_node(
        &mut self,
        event: Event<'t>,
        span: Span,
        depth: usize,
    ) -> Result<YamlNode, Problem> {
        let location = location(span);
        self.node_count += 1;
        if depth > DEPTH_MAX {
            return Err(error(location, too_deep_message(), None));
        }
        if self.node_count > NODES_MAX {
            return Err(error(location, format!("more than {NODES_MAX} values in one file"), None));
        }
        self.reject_tags_and_anchors(&event, span)?;
        // The start event of a list or map without brackets has an empty span.
        let bracketed = !span.is_empty();
        let (value, end) = match event {
            Event::Scalar(text, style, ..) => {
                let quoted = style != ScalarStyle::Plain;
                let text = text.into_owned();
                (YamlValue::Scalar { text, quoted }, span.end)
            }
            Event::SequenceStart(..) => self.build_list(depth)?,
            Event::MappingStart(..) => self.build_map(depth)?,
            other => return Err(error(location, format!("unexpected {other:?}"), None)),
        };
        Ok(YamlNode {
            location,
            end: (end.line().max(1), end.col() + 1),
            is_flow_style: bracketed && !matches!(value, YamlValue::Scalar { .. }),
            value,
        })
    }

    /// Rejects tags, anchors and aliases, which model files do not need.
    fn reject_tags_and_anchors(&self, event: &Event<'t>, span: Span) -> Result<(), Problem> {
        let (anchored, tag) = match event {
            Event::Alias(_) => (true, None),
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor != 0, tag.as_ref()),
            _ => (false, None),
        };
        // Tags are checked first: the text after one may look like an anchor, as in `!bought && orders >= 9`.
        if tag.is_some() {
            return Err(error(
                self.tag_location(span),
                "this begins with `!`, which YAML reads as a tag".to_owned(),
                Some("put the text in quotes"),
            ));
        }
        if anchored {
            return Err(error(
                location(span),
                "anchors and aliases are not supported in model files".to_owned(),
                Some("write the value out"),
            ));
        }
        Ok(())
    }

    /// The location of the tag before a value, if it is on the value's line; otherwise the location of the value.
    fn tag_location(&self, span: Span) -> Location {
        let value = location(span);
        let line = self.text.lines().nth(value.line - 1).unwrap_or_default();
        let before: Vec<char> = line.chars().take(value.column - 1).collect();
        let tag = before.iter().rposition(|c| *c == '!');
        tag.map_or(value, |at| Location { column: at + 1, width: 1, ..value })
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
        let mut keys = BTreeSet::new();
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
            if !keys.insert(text.clone()) {
                self.problems.push(error(
                    key.location,
                    format!("`{text}` is a duplicate key"),
                    None,
                ));
                continue;
            }
            entries.push((YamlKey { location: key.location, text }, value));
        }
    }
}

/// The position just after a closing bracket. The end of the parser's span is not used, because it includes the
/// blanks and comments after the bracket.
fn end_of_bracket(bracket: Span) -> Marker {
    let start = bracket.start;
    Marker::new(start.index() + 1, start.line(), start.col() + 1)
}

fn location(span: Span) -> Location {
    let width = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Location { line: span.start.line().max(1), column: span.start.col() + 1, width }
}

/// `a ? b : c` and `x in ['a', 'b']` without quotes are no text in YAML.
fn quotes_help(problem: &str) -> Option<&'static str> {
    let is_text = ["mapping values are not allowed", "did not find expected ',' or '}'"];
    is_text.iter().any(|it| problem.contains(it)).then_some(
        "put a text in quotes if it contains `: `, and inside `{ }` also if it contains a comma or a bracket",
    )
}

fn too_deep_message() -> String {
    format!("nested deeper than {DEPTH_MAX} levels")
}

fn error(location: Location, message: String, help: Option<&str>) -> Problem {
    Problem { location, severity: Severity::Error, message, help: help.map(str::to_owned) }
}
