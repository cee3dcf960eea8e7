//! A syntax error of a condition.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct SyntaxError {
    /// The wrong bytes of the text.
    pub span: Range<usize>,
    pub message: String,
}

impl SyntaxError {
    pub(super) fn new(span: Range<usize>, message: String) -> SyntaxError {
        SyntaxError { span, message }
    }
}
