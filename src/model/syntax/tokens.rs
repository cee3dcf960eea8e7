//! The lexer of conditions.

use std::ops::Range;

use super::error::SyntaxError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(String),
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 25] = [
    "=>", "<>", "||", "&&", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "%", "!", "(",
    ")", ",", ".", "?", ":", "[", "]", "=",
];

/// All tokens, each with its byte range.
pub(super) fn tokenize(text: &str) -> Result<Vec<(Token, Range<usize>)>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = if first.is_alphabetic() || matches!(first, '_' | '$') {
            // Some systems begin the names of their own properties with a dollar sign.
            let dollar = usize::from(first == '$');
            let length =
                dollar + prefix_length(&rest[dollar..], |c| c.is_alphanumeric() || c == '_');
            (Token::Name(rest[..length].to_owned()), length)
        } else if first.is_ascii_digit() {
            lex_number(rest, at)?
        } else if first == '\'' || first == '"' {
            lex_string(rest, first, at)?
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            return Err(SyntaxError::new(
                at..at + first.len_utf8(),
                format!("`{first}` has no meaning here"),
            ));
        };
        tokens.push((token, at..at + length));
        at += length;
    }
    Ok(tokens)
}

fn lex_number(rest: &str, at: usize) -> Result<(Token, usize), SyntaxError> {
    let mut length = prefix_length(rest, |c| c.is_ascii_digit());
    if rest[length..].starts_with('.') {
        length += 1 + prefix_length(&rest[length + 1..], |c| c.is_ascii_digit());
    }
    if rest[length..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
        length += 1 + sign + prefix_length(&rest[length + 1 + sign..], |c| c.is_ascii_digit());
    }
    let tail = prefix_length(&rest[length..], |c| c.is_ascii_alphanumeric() || c == '_');
    if tail > 0 {
        let message = format!(
            "`{}` is not a number; write durations as days(45), hours(12) or minutes(30)",
            &rest[..length + tail]
        );
        return Err(SyntaxError::new(at..at + length + tail, message));
    }
    Ok((Token::Number(rest[..length].replace("e+", "e").replace("E+", "e")), length))
}

fn lex_string(rest: &str, quote: char, at: usize) -> Result<(Token, usize), SyntaxError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            _ if c == quote => return Ok((Token::Text(text), offset + 1)),
            '\\' => match chars.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => text.push(escaped),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                _ => {
                    return Err(SyntaxError::new(
                        at + offset..at + offset + 1,
                        "unknown escape; only \\\\ \\' \\\" \\n \\t are known".to_owned(),
                    ));
                }
            },
            _ => text.push(c),
        }
    }
    Err(SyntaxError::new(at..at + 1, "this quote is never closed".to_owned()))
}

fn prefix_length(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}
