//! An error in the text of a declaration or condition.

use crate::model::condition::Operator;
use crate::model::syntax::Expr;

/// An error in a declaration or condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The wrong bytes of the text.
    pub span: std::ops::Range<usize>,
    pub message: String,
    /// How to correct it.
    pub help: Option<String>,
}

impl Fault {
    pub(in super::super) fn at(expr: &Expr, message: &str, help: Option<&str>) -> Fault {
        Fault {
            span: expr.span.clone(),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }

    /// `x == null` and `x != null`, as in other languages.
    pub(in super::super) fn null_comparison(expr: &Expr, operator: Operator, other: &str) -> Fault {
        let help = match operator {
            Operator::Equal => format!("write !has({other})"),
            _ => format!("write has({other})"),
        };
        Fault::at(expr, "there is no null to compare with", Some(&help))
    }
}
