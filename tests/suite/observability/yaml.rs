//! YAML as JSON, for the files of Prometheus: every scalar is a text.

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value as Json};

pub(super) fn parse(text: &str) -> Json {
    let mut parser = Parser::new_from_str(text);
    loop {
        let event = next(&mut parser);
        if !matches!(event, Event::StreamStart | Event::DocumentStart(_) | Event::Nothing) {
            return node(event, &mut parser);
        }
    }
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    parser.next().unwrap().unwrap().0
}

fn node<'t>(event: Event<'t>, parser: &mut Parser<'t, StrInput<'t>>) -> Json {
    match event {
        Event::Scalar(text, ..) => Json::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut list = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Json::Array(list),
                    event => list.push(node(event, parser)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut map = Map::new();
            loop {
                match next(parser) {
                    Event::MappingEnd => return Json::Object(map),
                    Event::Scalar(key, ..) => {
                        let event = next(parser);
                        let former = map.insert(key.to_string(), node(event, parser));
                        assert!(former.is_none(), "{key} occurs twice");
                    }
                    other => panic!("{other:?} is no key"),
                }
            }
        }
        other => panic!("unexpected {other:?}"),
    }
}
