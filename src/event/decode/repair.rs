//! Makes JSON valid where only values are damaged, so that a field that is not read rejects no event.

/// Replaces what producers write and JSON does not have: `NaN` and infinities by `null`, halves of surrogate pairs by the
/// replacement character, control characters in texts by their escapes. `None` if there is nothing to replace.
pub(super) fn repair(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut fixed, mut copied, mut at) = (String::new(), 0, 0);
    let mut in_text = false;
    while at < bytes.len() {
        let replacement = match bytes[at] {
            b'"' => {
                in_text = !in_text;
                None
            }
            b'\\' if in_text => match surrogate_half(&bytes[at..]) {
                Surrogates::None => {
                    at += 2;
                    continue;
                }
                Surrogates::Pair => {
                    at += 12;
                    continue;
                }
                Surrogates::Half => Some((6, "\\ufffd".to_owned())),
            },
            byte if in_text && byte < 0x20 => Some((1, format!("\\u{byte:04x}"))),
            b'N' | b'I' | b'-' if !in_text => {
                let words = ["NaN", "Infinity", "-Infinity", "-NaN"];
                let word = words.into_iter().find(|word| bytes[at..].starts_with(word.as_bytes()));
                word.map(|word| (word.len(), "null".to_owned()))
            }
            _ => None,
        };
        match replacement {
            None => at += 1,
            Some((length, new)) => {
                fixed += &text[copied..at];
                fixed += &new;
                at += length;
                copied = at;
            }
        }
    }
    (copied > 0).then(|| {
        fixed += &text[copied..];
        fixed
    })
}

enum Surrogates {
    None,
    Half,
    Pair,
}

/// What an escape at the beginning of `bytes` is.
fn surrogate_half(bytes: &[u8]) -> Surrogates {
    let unit = |bytes: &[u8]| {
        let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(bytes) {
        Some(0xD800..=0xDBFF) => match bytes.get(6..).and_then(unit) {
            Some(0xDC00..=0xDFFF) => Surrogates::Pair,
            _ => Surrogates::Half,
        },
        Some(0xDC00..=0xDFFF) => Surrogates::Half,
        _ => Surrogates::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_damaged_values_are_replaced() {
        for (text, fixed) in [
            (r#"{"a":NaN,"b":-Infinity}"#, r#"{"a":null,"b":null}"#),
            (r#"{"a":"NaN \ud83d"}"#, r#"{"a":"NaN \ufffd"}"#),
            (r#"{"a":"\udf75\ud83c\udf75"}"#, r#"{"a":"\ufffd\ud83c\udf75"}"#),
            ("{\"a\":\"x\ty\"}", "{\"a\":\"x\\u0009y\"}"),
        ] {
            assert_eq!(repair(text).as_deref(), Some(fixed), "{text}");
        }
        for text in [
            r#"{"a":"\\ud83d"}"#,
            r#"{"a":"\ud83c\udf75 \" NaN","b":-1}"#,
            "",
            "\\",
            "\"\\",
            "\"\\u",
        ] {
            assert_eq!(repair(text), None, "{text}");
        }
    }
}
