//! Where reading continues after a record that is broken.
//!
//! A broken object ends where its brackets close, if they do. Otherwise it ends with its line, or with the line before one
//! that cannot belong to it: lines that are indented more than the object, and those that begin with a closing bracket,
//! belong to it. In one long line it ends where the beginning of another object is likely.

use std::io;

use super::cursor::{JsonCursor, LINE_LOOKAHEAD_BYTES, is_separator};
use crate::files::file_row::{FileRow, LINE_BYTES_MAX};
use crate::files::json_scan::JsonScan;

/// The brackets by which a broken object, or one that is too long, may still end.
pub(super) struct Brackets {
    pub(super) depth: u32,
    pub(super) in_text: bool,
    pub(super) is_escaped: bool,
}

impl Brackets {
    /// Whether the object ends with this byte.
    fn close(&mut self, byte: u8) -> bool {
        match byte {
            // A text does not continue on the next line.
            b'\n' => (self.in_text, self.is_escaped) = (false, false),
            _ if std::mem::take(&mut self.is_escaped) => {}
            b'\\' => self.is_escaped = self.in_text,
            b'"' => self.in_text = !self.in_text,
            _ if self.in_text => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                let was_open = self.depth > 0;
                self.depth = self.depth.saturating_sub(1);
                return was_open && self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl JsonCursor {
    /// Reads an object that begins at `start` and is broken at `error_at`, where `scan` is.
    pub(super) fn read_broken(
        &mut self,
        start: usize,
        error_at: usize,
        scan: &JsonScan,
        row: &mut FileRow,
    ) -> io::Result<()> {
        let indentation = self.column + start as u64;
        let mut at = start;
        while let Some(found) = memchr::memchr(b'\n', &self.bytes.unread()[at..error_at]) {
            at += found;
            if !self.next_line_belongs(at, indentation)? {
                return self.take_broken(start, at, row);
            }
            at += 1;
        }
        let mut brackets = Brackets { depth: scan.depth, in_text: false, is_escaped: false };
        // Another object that may begin on the line of the error.
        let (mut other, mut is_error_line) = (None, true);
        let mut at = error_at;
        while let Some(byte) = self.bytes.byte(at)? {
            if byte == b'\n' {
                if !self.next_line_belongs(at, indentation)? {
                    break;
                }
                is_error_line = false;
            } else if is_error_line && other.is_none() && self.begins_record(at, scan.depth == 0)? {
                other = Some(at);
            }
            at += 1;
            if brackets.close(byte) {
                return self.take_broken(start, at, row);
            }
            if at - start > LINE_BYTES_MAX && other.is_none() {
                return self.read_long(start, at, brackets, row);
            }
            if at - start > LINE_BYTES_MAX {
                break;
            }
        }
        self.take_broken(start, other.unwrap_or(at), row)
    }

    /// Reads something else than an object: up to the end of the line, or to an object on it.
    pub(super) fn read_junk(&mut self, start: usize, row: &mut FileRow) -> io::Result<()> {
        let mut at = start;
        while let Some(byte) = self.bytes.byte(at)?.filter(|byte| *byte != b'\n') {
            if byte == b'{' && self.begins_record(at, true)? {
                break;
            }
            at += 1;
            if at - start > LINE_BYTES_MAX {
                let brackets = Brackets { depth: 0, in_text: false, is_escaped: false };
                return self.read_long(start, at, brackets, row);
            }
        }
        self.take_broken(start, at, row)
    }

    /// Reads a record that is too long: its beginning becomes the row, and the rest is skipped. `brackets` are those before
    /// `at`.
    pub(super) fn read_long(
        &mut self,
        start: usize,
        at: usize,
        mut brackets: Brackets,
        row: &mut FileRow,
    ) -> io::Result<()> {
        let indentation = self.column + start as u64;
        let is_junk = brackets.depth == 0;
        row.raw.clear();
        row.raw.extend_from_slice(&self.bytes.unread()[start..start + LINE_BYTES_MAX]);
        row.is_truncated = true;
        self.records = self.records.saturating_add(1);
        self.advance(at);
        let mut at = 0;
        while let Some(byte) = self.bytes.byte(at)? {
            let is_end = match byte {
                b'\n' => !self.next_line_belongs(at, indentation)?,
                b'{' => is_junk && self.begins_record(at, true)?,
                _ => false,
            };
            if is_end {
                break;
            }
            at += 1;
            if brackets.close(byte) {
                break;
            }
            if at > LINE_LOOKAHEAD_BYTES {
                self.advance(at);
                at = 0;
            }
        }
        self.advance(at);
        Ok(())
    }

    /// Moves a broken record into a row; with the blanks before it, if it begins its line.
    fn take_broken(&mut self, start: usize, end: usize, row: &mut FileRow) -> io::Result<()> {
        let before = &self.bytes.unread()[..start];
        let is_indented =
            self.column == 0 && before.iter().all(|byte| matches!(byte, b' ' | b'\t'));
        let start = if is_indented { 0 } else { start };
        self.take(start, end, row);
        if row.raw.ends_with(b"\r") {
            row.raw.pop();
        }
        Ok(())
    }

    /// Whether the line after a line feed belongs to an object with this indentation: it is indented more, or begins with
    /// a closing bracket. Empty lines do not matter.
    fn next_line_belongs(&mut self, line_feed: usize, indentation: u64) -> io::Result<bool> {
        let mut column = 0;
        for at in line_feed + 1..=line_feed + LINE_LOOKAHEAD_BYTES {
            match self.bytes.byte(at)? {
                None => return Ok(false),
                Some(b'\n') => column = 0,
                Some(b' ' | b'\t' | b'\r') => column += 1,
                Some(byte) => return Ok(column > indentation || matches!(byte, b'}' | b']')),
            }
        }
        Ok(false)
    }

    /// Whether the byte at this place seems to begin a record in the middle of a line: `{"` or `{}`. After an error inside
    /// an object a closing bracket precedes it.
    fn begins_record(&mut self, at: usize, is_outside: bool) -> io::Result<bool> {
        if self.bytes.byte(at)? != Some(b'{') {
            return Ok(false);
        }
        let before = self.bytes.unread()[..at].iter().rev().find(|byte| !is_separator(**byte));
        if !is_outside && before != Some(&b'}') {
            return Ok(false);
        }
        for next in at + 1..=at + LINE_LOOKAHEAD_BYTES {
            match self.bytes.byte(next)? {
                Some(b' ' | b'\t') => {}
                next => return Ok(matches!(next, Some(b'"' | b'}'))),
            }
        }
        Ok(false)
    }
}
