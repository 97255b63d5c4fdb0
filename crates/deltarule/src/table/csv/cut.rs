//! A file in pieces that begin and end with a record.
//!
//! A line break ends a record unless it stands in a quoted cell, and a quote opens a cell only where the cell begins: so
//! quotes are gone through one by one, and between two of them nothing needs to be looked at but the last line break.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use memchr::{memchr, memrchr};

use super::super::bad_format;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;

/// Bytes that are read at a time: what a core's cache holds.
pub(super) const BLOCK: usize = 1 << 20;

/// Where a CSV file's bytes come from; they may be gone through more than once.
pub(in super::super) enum Input<'a> {
    /// Memory.
    Held(&'a [u8]),
    /// A file on disk.
    File(&'a File),
    /// A gzipped file on disk, unpacked while it is read.
    Packed(&'a File),
}

impl<'a> Input<'a> {
    /// The bytes from the first one on.
    fn open(&self) -> std::io::Result<Box<dyn Read + Send + 'a>> {
        match *self {
            Self::Held(bytes) => Ok(Box::new(bytes)),
            Self::File(mut file) => {
                file.rewind()?;
                Ok(Box::new(file))
            }
            Self::Packed(mut file) => {
                file.rewind()?;
                Ok(Box::new(flate2::read::MultiGzDecoder::new(file)))
            }
        }
    }

    /// How many bytes there will be, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Held(bytes) => Some(bytes.len() as u64),
            Self::File(file) => file.metadata().ok().map(|metadata| metadata.len()),
            Self::Packed(_) => None,
        }
    }

    /// Whether there is more than a thread or two's start is worth.
    pub(super) fn is_long(&self) -> bool {
        match self {
            Self::Packed(file) => file.metadata().is_ok_and(|packed| packed.len() > BLOCK as u64 / 4),
            _ => self.length().is_some_and(|length| length > 2 * BLOCK as u64),
        }
    }
}

/// Reads an [`Input`] piece by piece.
pub(super) struct Cutter<'a> {
    reader: Box<dyn Read + Send + 'a>,
    path: &'a Path,
    packed: bool,
    /// Read already, but not given out: the beginning of a record.
    rest: Vec<u8>,
    ended: bool,
    /// Bytes read at a time.
    block: usize,
    /// Bytes that a single record may take.
    most: u64,
    /// Bytes given out.
    pub(super) given: u64,
    /// A buffer to be filled next.
    spare: Vec<u8>,
}

impl<'a> Cutter<'a> {
    /// At the beginning, a byte-order mark passed over.
    pub(super) fn open(input: &Input<'a>, path: &'a Path, block: usize) -> Result<Self> {
        let reader = input.open().map_err(|error| Error::io(path, "read", error))?;
        let mut cutter = Self {
            reader,
            path,
            packed: matches!(input, Input::Packed(_)),
            rest: Vec::new(),
            ended: false,
            block,
            most: memory::limit().map_or(u64::MAX, |limit| limit.bytes / 2),
            given: 0,
            spare: Vec::new(),
        };
        cutter.fill(block.max(3))?;
        if cutter.rest.starts_with(b"\xef\xbb\xbf") {
            cutter.rest.drain(..3);
        }
        Ok(cutter)
    }

    /// What is held at the beginning, extended until it satisfies `is_enough` or the file ends.
    pub(super) fn beginning(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Result<&[u8]> {
        while !self.ended && !is_enough(&self.rest) {
            self.fill(2 * self.rest.len().max(self.block))?;
        }
        Ok(&self.rest)
    }

    /// Reads on until `length` bytes are held or the file ends.
    fn fill(&mut self, length: usize) -> Result<()> {
        let wanted = length.saturating_sub(self.rest.len());
        self.rest.reserve(wanted);
        let got = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.rest);
        self.ended = got.map_err(|error| self.broken(error))? < wanted;
        let held = self.rest.len() as u64;
        if held > self.most {
            return Err(ErrorKind::NotEnoughMemory {
                what: self.path.display().to_string(),
                need: held,
                limit: self.most,
                limited_by: "half of the memory that this process may use".to_owned(),
                next: "look for a quote that is not closed: one record goes on that long".to_owned(),
            }
            .into());
        }
        Ok(())
    }

    fn broken(&self, error: std::io::Error) -> Error {
        if self.packed {
            let expected = "a complete gzip stream; fetch or copy the file again";
            return bad_format(self.path, "gzip", expected, &error.to_string());
        }
        Error::io(self.path, "read", error)
    }

    /// The next whole records, about a block of bytes; `None` at the end.
    pub(super) fn next(&mut self, delimiter: u8) -> Result<Option<Vec<u8>>> {
        let mut length = self.block;
        loop {
            self.fill(length)?;
            let end = if self.ended { Some(self.rest.len()) } else { last_end(&self.rest, delimiter) };
            if let Some(end) = end {
                let mut after = std::mem::take(&mut self.spare);
                after.clear();
                after.reserve(self.block);
                after.extend_from_slice(&self.rest[end..]);
                self.rest.truncate(end);
                self.given += end as u64;
                let piece = std::mem::replace(&mut self.rest, after);
                return Ok((!piece.is_empty()).then_some(piece));
            }
            length = 2 * self.rest.len().max(self.block);
        }
    }

    /// Takes back a buffer that [`next`](Self::next) gave.
    pub(super) fn reuse(&mut self, piece: Vec<u8>) {
        if piece.capacity() <= 2 * self.block {
            self.spare = piece;
        }
    }
}

/// Where the last record ends that ends in these bytes, which begin with one: after a line feed outside of quotes, or,
/// without any, after a carriage return that no line feed follows.
fn last_end(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut last = None;
    let mut from = 0;
    while from < bytes.len() {
        let quote = next_opening(bytes, from, delimiter);
        let outside = &bytes[from..quote.unwrap_or(bytes.len())];
        if let Some(feed) = memrchr(b'\n', outside) {
            last = Some(from + feed + 1);
        }
        let Some(closing) = quote.and_then(|quote| closing(bytes, quote + 1)) else { break };
        from = closing + 1;
    }
    last.or_else(|| last_return(bytes, delimiter))
}

/// The place of the first quote from `from` on, where no quote is open, that opens a cell.
fn next_opening(bytes: &[u8], mut from: usize, delimiter: u8) -> Option<usize> {
    loop {
        let quote = from + memchr(b'"', &bytes[from..])?;
        let begins = quote == 0 || matches!(bytes[quote - 1], b'\n' | b'\r') || bytes[quote - 1] == delimiter;
        if begins {
            return Some(quote);
        }
        from = quote + 1;
    }
}

/// The place of the quote that closes the cell whose content begins at `from`; two quotes stand for one within.
/// `None` also where the bytes end with a quote: the next one may be its second half.
pub(super) fn closing(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = from + memchr(b'"', &bytes[from..])?;
        match bytes.get(quote + 1) {
            Some(b'"') => from = quote + 2,
            Some(_) => return Some(quote),
            None => return None,
        }
    }
}

/// As [`last_end`] for files whose lines end with a carriage return alone.
fn last_return(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut last = None;
    let mut from = 0;
    // Of the last byte it is not known what follows.
    let known = bytes.len().saturating_sub(1);
    while from < known {
        let quote = next_opening(bytes, from, delimiter);
        let outside = &bytes[from..quote.unwrap_or(known)];
        last = memrchr(b'\r', outside).map(|at| from + at + 1).or(last);
        let Some(closing) = quote.and_then(|quote| closing(bytes, quote + 1)) else { break };
        from = closing + 1;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_after_a_line_break_outside_of_quotes() {
        let end = |text: &str| last_end(text.as_bytes(), b',');
        assert_eq!(end("a,b\n1,2"), Some(4));
        assert_eq!(end("a,b\n1,\"x\ny"), Some(4));
        assert_eq!(end("a,b\n1,\"x\ny\"\n3"), Some(12));
        // A quote within a cell opens nothing; two within quotes are one.
        assert_eq!(end("a,5\" pipe\n1,2\n3"), Some(14));
        assert_eq!(end("\"a\"\"\n\"\n3"), Some(7));
        // After the closing quote the cell goes on as it is.
        assert_eq!(end("\"a\" \"b\n3"), Some(7));
        assert_eq!(end("\"a\n"), None);
        // Whether the last quote closes the cell is not known yet.
        assert_eq!(end("a\n\"b\n\""), Some(2));
        assert_eq!(end("abc"), None);
    }

    #[test]
    fn lines_may_end_with_a_return_alone_but_are_not_cut_before_a_line_feed() {
        let end = |text: &str| last_end(text.as_bytes(), b',');
        assert_eq!(end("a\rb\rc"), Some(4));
        assert_eq!(end("a\rb\r"), Some(2));
        assert_eq!(end("a\r"), None);
        assert_eq!(end("a\r\nb"), Some(3));
        assert_eq!(end("\"a\rb\"\rc"), Some(6));
    }
}
