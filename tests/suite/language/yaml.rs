//! YAML as an editor reads it (version 1.2, core schema), for the check against the JSON Schema.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value as Json};

/// The only document of a valid YAML text.
pub(super) fn json(text: &str) -> Json {
    let mut parser = Parser::new_from_str(text);
    loop {
        match next(&mut parser) {
            Event::StreamStart | Event::DocumentStart(_) => {}
            first => return node(&mut parser, first),
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    parser.next().unwrap().unwrap().0
}

fn node<'t>(parser: &mut Parser<'t, StrInput<'t>>, event: Event<'t>) -> Json {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
        Event::Scalar(text, ..) => Json::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Json::Array(items),
                    event => items.push(node(parser, event)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = Map::new();
            loop {
                let key = match next(parser) {
                    Event::MappingEnd => return Json::Object(entries),
                    Event::Scalar(key, ..) => key.into_owned(),
                    other => panic!("a key that is {other:?}"),
                };
                let event = next(parser);
                entries.insert(key, node(parser, event));
            }
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn plain(text: &str) -> Json {
    let numeric = text.trim_start_matches(['-', '+', '.']);
    match text {
        "" | "~" | "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ if numeric.starts_with(|c: char| c.is_ascii_digit()) => {
            let number = text.trim_start_matches('+').parse::<serde_json::Number>();
            number.map_or_else(|_| text.into(), Json::Number)
        }
        _ => text.into(),
    }
}
