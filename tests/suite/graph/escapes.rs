//! Texts of a model can be read back from a graph by the rules of each language, and are always inside quotes.

use proptest::prelude::*;
use regex::Regex;
use serde_json::json;
use tenure::authoring::GraphFormat;
use tenure::model::sanitize_for_terminal;

use super::{compile, draw};

/// Texts with a meaning in one of the languages, or in the format around them.
const SPECIAL: &[&str] = &[
    "say \"hi\" 'there' `code` ```",
    "a < b && c > d & &amp; &lt; &#35; &nope",
    "#35; #quot; #; # heading ## ;",
    "back\\slash \\n \\N \\\" end\\",
    "one\ntwo\r\nthree\tfour",
    "end state graph subgraph digraph class click",
    "style a:b#c; classDef x:#f; y",
    "--> -.-> === -- >| |x| [y] {z} (w) ]] }} ))",
    "%% comment %%{init: {'theme':'dark'}}%%",
    "1. list 2) list - list * list + list > quote",
    "**bold** _slanted_ snake_case ~~gone~~",
    "www.example.com https://example.com a@b.c",
    "<br/> <script>alert(1)</script> <b>",
    "ﬂ°°35¶ß größer 顧客 \u{1F600}",
    "\u{202e}reversed \u{0} \u{1b}[31m \u{7f}",
    "$$x^2$$ fa:fa-car @{ shape: x }",
];

fn model(name: &str, condition: &str, description: &str) -> String {
    json!({
        "model": "end",
        "description": description,
        "initial": "state-machine",
        "facts": { "plan": "latest(x.plan)" },
        "stages": { "state-machine": { "description": description }, "end": {}, "graph": {} },
        "transitions": [
            { "from": "state-machine", "to": "end", "when": condition, "name": name },
            { "from": ["state-machine", "end"], "to": "graph", "when": "x" },
        ],
    })
    .to_string()
}

/// A text as a graph shows it: without line breaks and invisible characters.
fn shown(text: &str) -> String {
    let words = text.split_whitespace().map(sanitize_for_terminal);
    words.collect::<Vec<_>>().join(" ")
}

/// Reads a quoted label of DOT: by its grammar, then its label escapes, then its entities.
fn from_dot(quoted: &str) -> String {
    let mut text = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => panic!("an open quote: {quoted}"),
            '\\' => match rest.next() {
                Some('n') => text.push(' '),
                Some(c @ ('"' | '\\')) => text.push(c),
                other => panic!("{other:?} after a backslash: {quoted}"),
            },
            c => text.push(c),
        }
    }
    let entity = Regex::new("&(#?[A-Za-z0-9]+);").unwrap();
    let plain = entity.replace_all(&text, |found: &regex::Captures<'_>| {
        assert_eq!(&found[1], "amp", "{quoted}");
        "&"
    });
    plain.into_owned()
}

/// Reads a quoted label of Mermaid.
fn from_mermaid(quoted: &str) -> String {
    let quoted = quoted.replace("<br/>", " ");
    let number = Regex::new("#([0-9]+);").unwrap();
    let outside = number.replace_all(&quoted, "");
    let safe = Regex::new(r"^[\p{Alphabetic}\p{N} ,()=\-+/…_.]*$").unwrap();
    assert!(safe.is_match(&outside), "{quoted}");
    let text = number.replace_all(&quoted, |found: &regex::Captures<'_>| {
        let c = found[1].parse().ok().and_then(char::from_u32);
        c.unwrap().to_string()
    });
    // Found with Mermaid 11: it interprets these after it has decoded the numbers.
    for pair in ["\\n", "$$", ":f", "ﬂ°", "¶ß"] {
        assert!(!text.contains(pair), "{quoted}");
    }
    text.replace('\u{2060}', "")
}

/// The labels of the description's stage and of the first transition, as each language reads them.
fn read_back(text: &str) -> [(String, String); 2] {
    let models = compile(text);
    let dot = draw(&models, GraphFormat::Dot);
    let node = Regex::new("(?m)^    \"state-machine\" \\[label=\"(.*)\"\\]$").unwrap();
    let edge = Regex::new("(?m)^    \"state-machine\" -> \"end\" \\[label=\"(.*)\"\\]$").unwrap();
    let of = |pattern: &Regex| from_dot(&pattern.captures(&dot).unwrap()[1]);
    let in_dot = (of(&node), of(&edge));
    assert_eq!(dot.lines().count(), 13, "{dot}");
    let mermaid = draw(&models, GraphFormat::Mermaid);
    let form = Regex::new(
        r#"^    (start\(\["first event"\]\)|s\d\["[^"]*"\]|start --> s0|s\d (-->|-\.->)\|"[^"]*"\| s\d)$"#,
    )
    .unwrap();
    for line in mermaid.lines().skip(4) {
        assert!(form.is_match(line), "{line}");
    }
    assert_eq!(mermaid.lines().count(), 12, "{mermaid}");
    let node = Regex::new("s0\\[\"(.*)\"\\]").unwrap();
    let edge = Regex::new("s0 -->\\|\"(.*)\"\\| s1").unwrap();
    let of = |pattern: &Regex| from_mermaid(&pattern.captures(&mermaid).unwrap()[1]);
    [in_dot, (of(&node), of(&edge))]
}

/// A text literal in a condition.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn check(text: &str) {
    let condition = format!("plan == {}", literal(text));
    let expected = (
        format!("state-machine {}", shown(text)).trim_end().to_owned(),
        format!("{} plan == {}", shown(text), sanitize_for_terminal(&literal(text))),
    );
    for found in read_back(&model(text, &condition, text)) {
        assert_eq!(found, expected);
    }
}

#[test]
fn special_characters_are_plain_text_in_a_graph() {
    for text in SPECIAL {
        check(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_can_be_read_back_from_a_graph(
        text in r#"[a-z0-9 ."'#;&<>|\\`*_\[\]{}()%:$@~!/+=-]{1,40}"#.prop_filter("a name", |text| !text.trim().is_empty()),
    ) {
        check(&text);
    }
}
