//! A buffer over a source of bytes, with bounded lookahead.

use std::io::{self, Read};

/// The size of one read from the source.
const CHUNK_BYTES: usize = 64 << 10;

/// The unread bytes of a source, as far as they have been looked up.
pub(super) struct ReadBuffer {
    source: Box<dyn Read>,
    /// `storage[start..end]` is unread.
    storage: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
}

impl ReadBuffer {
    pub(super) fn new(source: Box<dyn Read>) -> ReadBuffer {
        ReadBuffer { source, storage: Vec::new(), start: 0, end: 0, is_at_end: false }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    /// Appends at least one byte; `false` at the end of the source.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        if self.start > 0 {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.storage.len() > CHUNK_BYTES {
            // A long lookahead needs its memory no longer; many files can be open.
            self.storage = Vec::new();
        }
        if self.storage.len() < self.end + CHUNK_BYTES {
            self.storage.resize((self.end + CHUNK_BYTES).max(self.storage.len() * 3 / 2), 0);
        }
        loop {
            match self.source.read(&mut self.storage[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.end += read;
                    self.is_at_end = read == 0;
                    return Ok(read > 0);
                }
            }
        }
    }

    /// At least the next `count` bytes, or all up to the end of the source.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && self.fill()? {}
        Ok(self.unread())
    }

    /// The byte `at` this many bytes from here; `None` beyond the end of the source.
    pub(super) fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        while at >= self.end - self.start {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.storage[self.start + at]))
    }

    /// Marks bytes as read. `count` is at most the number of bytes in the buffer.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }
}

impl Read for ReadBuffer {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            self.fill()?;
        }
        let count = target.len().min(self.end - self.start);
        target[..count].copy_from_slice(&self.storage[self.start..self.start + count]);
        self.consume(count);
        Ok(count)
    }
}

impl std::fmt::Debug for ReadBuffer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ReadBuffer").field("unread", &(self.end - self.start)).finish()
    }
}
