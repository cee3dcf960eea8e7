//! The only document of a valid YAML text as JSON, with the scalars as the caller reads them.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value as Json};

type Scalar = fn(&str, ScalarStyle) -> Json;

pub(crate) fn parse(text: &str, scalar: Scalar) -> Json {
    let mut parser = Parser::new_from_str(text);
    loop {
        match next(&mut parser) {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            first => return node(&mut parser, first, scalar),
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    parser.next().unwrap().unwrap().0
}

fn node<'t>(parser: &mut Parser<'t, StrInput<'t>>, event: Event<'t>, scalar: Scalar) -> Json {
    match event {
        Event::Scalar(text, style, ..) => scalar(&text, style),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Json::Array(items),
                    event => items.push(node(parser, event, scalar)),
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
                let former = entries.insert(key.clone(), node(parser, event, scalar));
                assert!(former.is_none(), "{key} occurs twice");
            }
        }
        other => panic!("unexpected {other:?}"),
    }
}
