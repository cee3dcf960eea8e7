//! Parses conditions: a subset of CEL (Common Expression Language).
//!
//! The parser of the `cel` crate is not used: it aborts the process on deep nesting, keeps no spans for type errors,
//! and needs an ANTLR runtime for a grammar of eight levels. Precedence and literals follow the CEL specification;
//! parts of CEL that are not supported are refused by name.

mod error;
mod tokens;

use std::ops::Range;

use tokens::{Token, tokenize};

pub(super) use error::SyntaxError;

/// The longest condition, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4096;
/// The deepest nesting of parentheses, calls and operators. It bounds the recursion of the parser and of everything
/// that walks the tree.
const DEPTH_MAX: usize = 48;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    /// The bytes of the condition's text.
    pub span: Range<usize>,
    pub kind: ExprKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    Name(String),
    /// A number, as written.
    Number(String),
    /// A quoted text, unescaped.
    Text(String),
    Bool(bool),
    /// `!x` or `-x`.
    Unary(&'static str, Box<Expr>),
    /// `a op b`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `f(a, b)`.
    Call(String, Vec<Expr>),
    /// `a.b`.
    Member(Box<Expr>, String),
    /// `a where b`, as an argument of a call.
    Where(Box<Expr>, Box<Expr>),
}

/// Parses a whole condition.
pub(super) fn parse(text: &str) -> Result<Expr, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.parse_expression(0, 0)?;
    match parser.peek() {
        None => Ok(expr),
        Some((token, span)) => Err(SyntaxError::new(span, unexpected_message(token))),
    }
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    /// The index of the next token.
    position: usize,
    /// The length of the text, in bytes.
    end: usize,
}

/// Binary operators from loosest to tightest.
const PRECEDENCE_LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["<", "<=", ">", ">=", "==", "!="], &["+", "-"], &["*", "/", "%"]];

impl Expr {
    /// Whether it is `null`, which the language does not have.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, ExprKind::Name(name) if name.eq_ignore_ascii_case("null"))
    }
}

impl Parser {
    fn new(text: &str) -> Result<Parser, SyntaxError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(SyntaxError::new(0..1, format!("longer than {TEXT_BYTES_MAX} bytes")));
        }
        Ok(Parser { tokens: tokenize(text)?, position: 0, end: text.len() })
    }

    fn peek(&self) -> Option<(&Token, Range<usize>)> {
        self.tokens.get(self.position).map(|(token, span)| (token, span.clone()))
    }

    fn accept_symbol(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.position) {
            Some((Token::Symbol(symbol), _)) if wanted.contains(symbol) => {
                self.position += 1;
                Some(symbol)
            }
            _ => None,
        }
    }

    fn expect(&mut self, wanted: &'static str) -> Result<(), SyntaxError> {
        if self.accept_symbol(&[wanted]).is_some() {
            return Ok(());
        }
        match self.peek() {
            Some((token, span)) => {
                let message = foreign_message(token).unwrap_or_else(|| {
                    format!("expected `{wanted}`, found {}", quote_token(token))
                });
                Err(SyntaxError::new(span, message))
            }
            None => Err(SyntaxError::new(
                self.end..self.end,
                format!("expected `{wanted}`, found the end"),
            )),
        }
    }

    fn parse_expression(&mut self, level: usize, depth: usize) -> Result<Expr, SyntaxError> {
        let Some(operators) = PRECEDENCE_LEVELS.get(level) else {
            return self.parse_unary(depth);
        };
        let mut left = self.parse_expression(level + 1, depth)?;
        let mut links = 0;
        while let Some(operator) = self.accept_symbol(operators) {
            // Operators are left-associative, so the length of a chain is the depth of its tree.
            links += 1;
            self.check_depth(depth + links)?;
            let right = self.parse_expression(level + 1, depth + 1)?;
            let span = left.span.start..right.span.end;
            left = Expr { span, kind: ExprKind::Binary(operator, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn parse_unary(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        self.check_depth(depth)?;
        let start = self.peek().map_or(self.end, |(_, span)| span.start);
        if let Some(operator) = self.accept_symbol(&["!", "-"]) {
            let operand = self.parse_unary(depth + 1)?;
            return Ok(Expr {
                span: start..operand.span.end,
                kind: ExprKind::Unary(operator, Box::new(operand)),
            });
        }
        let mut expr = self.parse_primary(depth)?;
        let mut links = 0;
        while self.accept_symbol(&["."]).is_some() {
            links += 1;
            self.check_depth(depth + links)?;
            match self.tokens.get(self.position) {
                // A quoted name may contain blanks and other characters.
                Some((Token::Name(name) | Token::Text(name), span)) => {
                    self.position += 1;
                    let span = expr.span.start..span.end;
                    expr = Expr { span, kind: ExprKind::Member(Box::new(expr), name.clone()) };
                }
                _ => return Err(self.error_here("expected a name after `.`")),
            }
        }
        Ok(expr)
    }

    fn parse_primary(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        let Some((token, span)) = self.tokens.get(self.position).cloned() else {
            return Err(SyntaxError::new(
                self.end..self.end,
                "something is missing at the end".to_owned(),
            ));
        };
        self.position += 1;
        let kind = match token {
            Token::Symbol("(") => {
                let inner = self.parse_expression(0, depth + 1)?;
                self.expect(")")?;
                // The span includes the parentheses, so that the source text is complete.
                let end = self.tokens[self.position - 1].1.end;
                return Ok(Expr { span: span.start..end, kind: inner.kind });
            }
            Token::Symbol(_) => return Err(SyntaxError::new(span, unexpected_message(&token))),
            Token::Number(number) => ExprKind::Number(number),
            Token::Text(text) => ExprKind::Text(text),
            Token::Name(name) if name == "true" || name == "false" => {
                ExprKind::Bool(name == "true")
            }
            Token::Name(name)
                if !name.eq_ignore_ascii_case("not") && self.accept_symbol(&["("]).is_some() =>
            {
                let arguments = self.parse_arguments(depth)?;
                let end = self.tokens[self.position - 1].1.end;
                return Ok(Expr { span: span.start..end, kind: ExprKind::Call(name, arguments) });
            }
            Token::Name(name) if name.eq_ignore_ascii_case("not") && self.is_at_operand() => {
                return Err(SyntaxError::new(span, format!("`{name}` is written `!`")));
            }
            Token::Name(name) => ExprKind::Name(name),
        };
        Ok(Expr { span, kind })
    }

    fn parse_arguments(&mut self, depth: usize) -> Result<Vec<Expr>, SyntaxError> {
        let mut arguments = Vec::new();
        if self.accept_symbol(&[")"]).is_some() {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.parse_argument(depth + 1)?);
            if self.accept_symbol(&[","]).is_none() {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }

    fn parse_argument(&mut self, depth: usize) -> Result<Expr, SyntaxError> {
        let operand = self.parse_expression(0, depth)?;
        match self.peek() {
            Some((Token::Name(word), _)) if word == "where" => self.position += 1,
            _ => return Ok(operand),
        }
        let filter = self.parse_expression(0, depth)?;
        Ok(Expr {
            span: operand.span.start..filter.span.end,
            kind: ExprKind::Where(Box::new(operand), Box::new(filter)),
        })
    }

    fn is_at_operand(&self) -> bool {
        let next = self.tokens.get(self.position).map(|(token, _)| token);
        !matches!(next, None | Some(Token::Symbol(_)))
            || matches!(next, Some(Token::Symbol("(" | "!")))
    }

    fn check_depth(&self, depth: usize) -> Result<(), SyntaxError> {
        if depth > DEPTH_MAX { Err(self.error_here("nested too deeply")) } else { Ok(()) }
    }

    fn error_here(&self, message: &str) -> SyntaxError {
        let span = self.peek().map_or(self.end..self.end, |(_, span)| span);
        SyntaxError::new(span, message.to_owned())
    }
}

fn quote_token(token: &Token) -> String {
    match token {
        Token::Name(text) | Token::Number(text) => format!("`{text}`"),
        Token::Text(text) => format!("'{text}'"),
        Token::Symbol(symbol) => format!("`{symbol}`"),
    }
}

fn unexpected_message(token: &Token) -> String {
    foreign_message(token).unwrap_or_else(|| format!("unexpected {}", quote_token(token)))
}

/// What CEL and other languages have and conditions do not, with what to write instead.
fn foreign_message(token: &Token) -> Option<String> {
    let message = match token {
        Token::Symbol("=") => "`=` is not an operator; compare with `==`",
        Token::Symbol("=>") => "`=>` is not an operator; at least is written `>=`",
        Token::Symbol("<>") => "`<>` is not an operator; unequal is written `!=`",
        Token::Symbol("?" | ":") => {
            "`a ? b : c` is not part of the language; write two transitions, or `a && b || !a && c`"
        }
        Token::Symbol("[" | "]") => "lists are not part of the language",
        Token::Name(name) if name == "in" => "`in` is not part of the language; use `==` and `||`",
        Token::Name(name) if name.eq_ignore_ascii_case("and") => {
            return Some(format!("`{name}` is written `&&`"));
        }
        Token::Name(name) if name.eq_ignore_ascii_case("or") => {
            return Some(format!("`{name}` is written `||`"));
        }
        _ => return None,
    };
    Some(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The syntax tree as text, with every operator in parentheses.
    fn tree(text: &str) -> String {
        fn show(expr: &Expr) -> String {
            match &expr.kind {
                ExprKind::Name(text) | ExprKind::Number(text) => text.clone(),
                ExprKind::Text(text) => format!("'{text}'"),
                ExprKind::Bool(truth) => truth.to_string(),
                ExprKind::Unary(op, x) => format!("({op}{})", show(x)),
                ExprKind::Binary(op, a, b) => format!("({} {op} {})", show(a), show(b)),
                ExprKind::Call(name, args) => {
                    format!("{name}({})", args.iter().map(show).collect::<Vec<_>>().join(", "))
                }
                ExprKind::Member(x, name) => format!("{}.{name}", show(x)),
                ExprKind::Where(x, filter) => format!("({} where {})", show(x), show(filter)),
            }
        }
        parse(text).map_or_else(|e| format!("{:?}: {}", e.span, e.message), |expr| show(&expr))
    }

    #[test]
    fn operators_bind_as_in_cel() {
        assert_eq!(tree("a || b && c == d + e * -f"), "(a || (b && (c == (d + (e * (-f))))))");
        assert_eq!(tree("!a == b"), "((!a) == b)");
        assert_eq!(tree("a - b - c"), "((a - b) - c)");
        assert_eq!(
            tree("(a || b) && since(x) >= days(4.5)"),
            "((a || b) && (since(x) >= days(4.5)))"
        );
        assert_eq!(
            tree("count(a.b where c == 'd' && e, 5)"),
            "count((a.b where ((c == 'd') && e)), 5)"
        );
        assert_eq!(tree(r#"x == 'it\'s' || y.z == "é""#), "((x == 'it's') || (y.z == 'é'))");
    }

    #[test]
    fn a_syntax_error_has_a_span_and_a_reason() {
        assert_eq!(tree("a = b"), "2..3: `=` is not an operator; compare with `==`");
        assert_eq!(tree("a >= "), "5..5: something is missing at the end");
        assert_eq!(tree("since(x >= 3"), "12..12: expected `)`, found the end");
        assert_eq!(
            tree("a >= 45d"),
            "5..8: `45d` is not a number; write durations as days(45), hours(12) or minutes(30)"
        );
        assert_eq!(tree("a and b"), "2..5: `and` is written `&&`");
        assert_eq!(tree("a OR b"), "2..4: `OR` is written `||`");
        assert_eq!(tree("a && not b"), "5..8: `not` is written `!`");
        assert_eq!(tree("NOT (a)"), "0..3: `NOT` is written `!`");
        assert_eq!(tree("not == a"), "(not == a)");
        assert_eq!(tree("a => 3"), "2..4: `=>` is not an operator; at least is written `>=`");
        assert_eq!(tree("a <> 3"), "2..4: `<>` is not an operator; unequal is written `!=`");
        assert_eq!(tree("(a or b)"), "3..5: `or` is written `||`");
        assert_eq!(
            tree("(a in ['b'])"),
            "3..5: `in` is not part of the language; use `==` and `||`"
        );
        assert_eq!(
            tree("a >= (b ? 3 : 5)"),
            "8..9: `a ? b : c` is not part of the language; write two transitions, or `a && b || !a && c`"
        );
        assert_eq!(tree("a == 'x"), "5..6: this quote is never closed");
        assert_eq!(tree("a § b"), "2..4: `§` has no meaning here");
    }

    #[test]
    fn nesting_of_every_kind_is_bounded() {
        for text in [
            "(".repeat(1000),
            "!".repeat(1000),
            "-".repeat(1000),
            "f(".repeat(1000),
            vec!["a"; 1000].join("+"),
            vec!["a"; 1000].join(" || "),
            vec!["a"; 1000].join("."),
            "x".repeat(5000),
        ] {
            assert!(parse(&text).is_err());
        }
    }
}
