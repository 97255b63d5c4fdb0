//! The records of one piece of a file, typed column by column.
//!
//! Cells and records are told apart as the `csv` crate does (RFC 4180, and what else files hold): a quote opens a cell
//! only at its beginning, two quotes within stand for one, what follows the closing quote is taken as it is; `\n`, `\r`
//! and `\r\n` end a record, empty lines are none.

use memchr::{memchr, memchr_iter, memchr3};

use super::CELL_LIMIT;
use super::builder::{ColumnBuilder, Missing, Refusal};
use super::cut::closing;
use super::number::short_number;

/// What is the same for all pieces.
pub(super) struct Rules<'a> {
    pub(super) delimiter: u8,
    pub(super) missing: &'a Missing,
    /// Columns in a record.
    pub(super) width: usize,
}

/// What one piece held.
pub(super) struct Piece {
    pub(super) rows: usize,
    /// Line breaks.
    pub(super) lines: u64,
    /// The cells of each column that is wanted.
    pub(super) columns: Vec<Option<ColumnBuilder>>,
    pub(super) fault: Option<Fault>,
}

/// Why reading ends.
pub(super) struct Fault {
    /// Line breaks before the record, within the piece.
    pub(super) line: u64,
    pub(super) what: What,
}

pub(super) enum What {
    Ragged { got: usize },
    NotUtf8 { field: usize },
    TooLong { column: usize, length: usize },
    Refused { column: usize, refusal: Refusal, word: String },
}

impl Rules<'_> {
    /// The cells of the first record, and where it ends; `None` where there is none.
    pub(super) fn first_record(&self, bytes: &[u8]) -> Result<Option<(Vec<String>, usize)>, Fault> {
        let start = skip_breaks(bytes, 0);
        if start == bytes.len() {
            return Ok(None);
        }
        let end = self.record_end(bytes, start);
        let text = std::str::from_utf8(&bytes[..end])
            .map_err(|error| self.not_utf8(bytes, start, error.valid_up_to()))?;
        let (mut cells, mut at, mut scratch) = (Vec::new(), start, String::new());
        loop {
            let (word, end) = self.cell(text, at, &mut scratch);
            cells.push(word.to_owned());
            if text.as_bytes().get(end) != Some(&self.delimiter) {
                return Ok(Some((cells, end)));
            }
            at = end + 1;
        }
    }

    /// Reads up to `most` records from `from` on into the columns.
    pub(super) fn read(
        &self,
        bytes: &[u8],
        from: usize,
        columns: Vec<Option<ColumnBuilder>>,
        most: usize,
    ) -> Piece {
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let start = self.record_around(bytes, from, error.valid_up_to());
                let sound = std::str::from_utf8(&bytes[..start]).unwrap_or_default();
                (sound, Some(self.not_utf8(bytes, start, error.valid_up_to())))
            }
        };
        let mut piece = Piece { rows: 0, lines: 0, columns, fault: None };
        piece.fault = match self.records(text, from, &mut piece, most) {
            Err((at, what)) => Some(Fault { line: breaks(&bytes[..at]), what }),
            Ok(()) if piece.rows < most => broken,
            Ok(()) => None,
        };
        piece.lines = breaks(bytes);
        for column in piece.columns.iter_mut().flatten() {
            column.place_infinite(|at| breaks(&bytes[..at]));
        }
        piece
    }

    /// The error is where its record begins, and what it is.
    fn records(&self, text: &str, from: usize, piece: &mut Piece, most: usize) -> Result<(), (usize, What)> {
        let bytes = text.as_bytes();
        let mut scratch = String::new();
        let mut at = from;
        loop {
            at = skip_breaks(bytes, at);
            if at == bytes.len() || piece.rows == most {
                return Ok(());
            }
            let start = at;
            let mut got = 0;
            let mut wrong = None;
            loop {
                at = match piece.columns.get_mut(got) {
                    Some(Some(column)) => {
                        let read = self.column(text, at, column, start, &mut scratch);
                        if let Some(what) = read.1 {
                            // That the record has another length is said first.
                            wrong = wrong.or(Some(what.of(got)));
                        }
                        read.0
                    }
                    _ => self.cell_end(bytes, at),
                };
                got += 1;
                if bytes.get(at) != Some(&self.delimiter) {
                    break;
                }
                at += 1;
            }
            if got != self.width {
                return Err((start, What::Ragged { got }));
            }
            if let Some(what) = wrong {
                return Err((start, what));
            }
            piece.rows += 1;
        }
    }

    /// Gives the column the cell at `at`; where the cell ends, and what is wrong with it.
    #[inline]
    fn column(
        &self,
        text: &str,
        at: usize,
        column: &mut ColumnBuilder,
        record: usize,
        scratch: &mut String,
    ) -> (usize, Option<Wrong>) {
        if !self.missing.has_numbers()
            && let Some(values) = column.numbers()
            && let Some((value, end)) = short_number(text.as_bytes(), at, self.delimiter)
        {
            values.push(value);
            return (end, None);
        }
        let (word, end) = self.cell(text, at, scratch);
        let word = trim(word);
        if word.len() > CELL_LIMIT {
            return (end, Some(Wrong::TooLong(word.len())));
        }
        if self.missing.contains(word) {
            column.push_missing();
            return (end, None);
        }
        let refused = column.push(word, record).err();
        (end, refused.map(|refusal| Wrong::Refused(refusal, word.to_owned())))
    }

    /// The cell that begins at `at`, and where it ends.
    #[inline]
    fn cell<'t>(&self, text: &'t str, at: usize, scratch: &'t mut String) -> (&'t str, usize) {
        if text.as_bytes().get(at) == Some(&b'"') {
            return self.quoted(text, at + 1, scratch);
        }
        let end = self.plain_end(text.as_bytes(), at);
        (&text[at..end], end)
    }

    /// The quoted cell whose content begins at `from`.
    fn quoted<'t>(&self, text: &'t str, from: usize, scratch: &'t mut String) -> (&'t str, usize) {
        let bytes = text.as_bytes();
        let Some(first) = memchr(b'"', &bytes[from..]).map(|quote| from + quote) else {
            return (&text[from..], bytes.len());
        };
        let is_end = |at: usize| {
            bytes.get(at).is_none_or(|&byte| byte == self.delimiter || byte == b'\n' || byte == b'\r')
        };
        if is_end(first + 1) {
            return (&text[from..first], first + 1);
        }
        scratch.clear();
        let (mut from, mut quote) = (from, first);
        loop {
            scratch.push_str(&text[from..quote]);
            if bytes.get(quote + 1) != Some(&b'"') {
                let end = self.plain_end(bytes, quote + 1);
                scratch.push_str(&text[quote + 1..end]);
                return (scratch, end);
            }
            scratch.push('"');
            from = quote + 2;
            match memchr(b'"', &bytes[from..]) {
                Some(next) => quote = from + next,
                None => {
                    scratch.push_str(&text[from..]);
                    return (scratch, bytes.len());
                }
            }
        }
    }

    /// Where a cell without quotes ends.
    #[inline]
    fn plain_end(&self, bytes: &[u8], at: usize) -> usize {
        const FEW: usize = 24; // a search has to be longer than its call
        let mut end = at;
        let near = bytes.len().min(at + FEW);
        while end < near {
            let byte = bytes[end];
            if byte == self.delimiter || byte == b'\n' || byte == b'\r' {
                return end;
            }
            end += 1;
        }
        memchr3(self.delimiter, b'\n', b'\r', &bytes[end..]).map_or(bytes.len(), |more| end + more)
    }

    /// Where the cell at `at` ends, its content of no interest.
    fn cell_end(&self, bytes: &[u8], at: usize) -> usize {
        if bytes.get(at) != Some(&b'"') {
            return self.plain_end(bytes, at);
        }
        closing(bytes, at + 1).map_or(bytes.len(), |quote| self.plain_end(bytes, quote + 1))
    }

    fn record_end(&self, bytes: &[u8], mut at: usize) -> usize {
        loop {
            at = self.cell_end(bytes, at);
            if bytes.get(at) != Some(&self.delimiter) {
                return at;
            }
            at += 1;
        }
    }

    /// Where the record begins that holds the byte `place`.
    fn record_around(&self, bytes: &[u8], from: usize, place: usize) -> usize {
        let mut start = skip_breaks(bytes, from);
        loop {
            let end = self.record_end(bytes, start);
            if end > place || end == bytes.len() {
                return start;
            }
            start = skip_breaks(bytes, end);
        }
    }

    fn not_utf8(&self, bytes: &[u8], start: usize, place: usize) -> Fault {
        let (mut field, mut at) = (0, start);
        loop {
            at = self.cell_end(bytes, at);
            if at > place || bytes.get(at) != Some(&self.delimiter) {
                return Fault { line: breaks(&bytes[..start]), what: What::NotUtf8 { field } };
            }
            field += 1;
            at += 1;
        }
    }
}

/// What is wrong with a cell.
enum Wrong {
    TooLong(usize),
    Refused(Refusal, String),
}

impl Wrong {
    fn of(self, column: usize) -> What {
        match self {
            Self::TooLong(length) => What::TooLong { column, length },
            Self::Refused(refusal, word) => What::Refused { column, refusal, word },
        }
    }
}

fn skip_breaks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Line breaks in these bytes: line feeds, and carriage returns that none follows.
fn breaks(bytes: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', bytes).count();
    let alone = memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + alone) as u64
}

/// The cell without spaces and tabs around it.
pub(super) fn trim(word: &str) -> &str {
    match word.as_bytes() {
        [first, .., last] if *first > b' ' && *last > b' ' => word,
        _ => word.trim_matches([' ', '\t']),
    }
}
