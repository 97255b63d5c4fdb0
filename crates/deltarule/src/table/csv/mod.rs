//! CSV: separated values, quoted or not, with names or without.
//!
//! The bytes are held while they are parsed. One pass types every column as it goes (a number, else a truth value, else
//! a time, else words, decided by the first value and given up where a later one does not fit); columns that had to be
//! given up are read again as words in a second pass. Cells are trimmed of spaces and tabs. Empty lines are skipped,
//! as is usual.
//!
//! Refused, with the line: rows of another length, bytes that are not UTF-8, infinite numbers among numbers, a cell of
//! more than a mebibyte (a quote that is never closed swallows the rest of the file).

mod builder;

use std::path::Path;

use ::csv::{ReaderBuilder, StringRecord};

use self::builder::{ColumnBuilder, Missing, Refusal};
use super::cell::{parse_number, shorten};
use super::{Column, ColumnType, ReadOptions, Table, bad_format};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;

/// Longer cells are taken for an unclosed quote.
const CELL_LIMIT: usize = 1 << 20;

/// A table from the bytes of a CSV file.
pub(super) fn parse(bytes: &[u8], path: &Path, options: &ReadOptions) -> Result<Table> {
    let file = File::new(bytes, path, options)?;
    let (names, has_header) = file.names(options)?;
    let builders = names
        .iter()
        .map(
            |name| {
                if options.ignores(name) { None } else { Some(ColumnBuilder::new(options.type_of(name))) }
            },
        )
        .collect();
    let missing = Missing::new(&options.missing);
    let (mut builders, rows) = file.pass(builders, &names, has_header, &missing, options.limit)?;
    if rows == 0 {
        return Err(ErrorKind::NoRows { path: path.to_owned() }.into());
    }

    let again = |builder: &Option<ColumnBuilder>| builder.as_ref().is_some_and(ColumnBuilder::gave_up);
    if builders.iter().any(again) {
        let second =
            builders.iter().map(|b| again(b).then(|| ColumnBuilder::new(Some(ColumnType::Text)))).collect();
        let (second, _) = file.pass(second, &names, has_header, &missing, options.limit)?;
        for (first, second) in builders.iter_mut().zip(second) {
            if second.is_some() {
                *first = second;
            }
        }
    }

    let mut columns = Vec::with_capacity(names.len());
    for (name, builder) in names.into_iter().zip(builders) {
        let Some(builder) = builder else { continue };
        if let Some((offset, got)) = builder.infinite() {
            return Err(file.infinite(*offset, &name, got));
        }
        columns.push(Column::new(name, builder.finish()));
    }
    Table::new(path.display().to_string(), columns)
}

/// The bytes without their mark, and how to split them.
struct File<'a> {
    bytes: &'a [u8],
    path: &'a Path,
    delimiter: u8,
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8], path: &'a Path, options: &ReadOptions) -> Result<Self> {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(bad_format(
                path,
                "encoding",
                "UTF-8; save or convert it so (iconv -f UTF-16)",
                "UTF-16",
            ));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(ErrorKind::EmptyFile { path: path.to_owned() }.into());
        }
        let delimiter = match options.delimiter {
            Some(byte) if !byte.is_ascii() || matches!(byte, b'"' | b'\n' | b'\r') => {
                return Err(ErrorKind::BadSetting {
                    setting: "delimiter".to_owned(),
                    got: format!("{:?}", char::from(byte)),
                    expected: "one ASCII character other than a quote or a line break".to_owned(),
                    next: String::new(),
                }
                .into());
            }
            Some(byte) => byte,
            None => infer_delimiter(bytes, path),
        };
        let cells = bytes.iter().filter(|byte| **byte == delimiter || **byte == b'\n').count() as u64;
        let next = "read fewer rows (--limit) or leave columns out (--ignore)";
        memory::require(&path.display().to_string(), cells.saturating_mul(size_of::<f64>() as u64), next)?;
        Ok(Self { bytes, path, delimiter })
    }

    fn reader(&self) -> ::csv::Reader<&'a [u8]> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(self.bytes)
    }

    /// The columns' names, and whether they were the first record.
    fn names(&self, options: &ReadOptions) -> Result<(Vec<String>, bool)> {
        let mut first = StringRecord::new();
        if !self.next(&mut self.reader(), &mut first)? {
            return Err(ErrorKind::EmptyFile { path: self.path.to_owned() }.into());
        }
        let is_number = |word: &str| parse_number(trim(word)).is_some();
        let has_header = options.header.unwrap_or_else(|| !first.iter().any(is_number));
        let name = |(i, word): (usize, &str)| match trim(word) {
            _ if !has_header => format!("x{i}"),
            "" => format!("unnamed_{i}"),
            word => word.to_owned(),
        };
        let names: Vec<String> = first.iter().enumerate().map(name).collect();
        // Checked here rather than when the table is made, so that the message comes before the work.
        let mut seen = std::collections::HashSet::with_capacity(names.len());
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(super::duplicate_name(&self.path.display().to_string(), twice));
        }
        options.check_names(&self.path.display().to_string(), &names)?;
        Ok((names, has_header))
    }

    /// Feeds every row to the builders that are there; gives them back with the number of rows.
    fn pass(
        &self,
        mut builders: Vec<Option<ColumnBuilder>>,
        names: &[String],
        has_header: bool,
        missing: &Missing,
        limit: Option<usize>,
    ) -> Result<(Vec<Option<ColumnBuilder>>, usize)> {
        let mut reader = self.reader();
        let mut record = StringRecord::new();
        if has_header {
            self.next(&mut reader, &mut record)?;
        }
        let mut rows = 0;
        while limit.is_none_or(|limit| rows < limit) && self.next(&mut reader, &mut record)? {
            let offset = record.position().map_or(0, ::csv::Position::byte);
            if record.len() != names.len() {
                let (expected, got) = (names.len(), record.len());
                return Err(ErrorKind::RaggedRow {
                    path: self.path.to_owned(),
                    line: self.line(offset),
                    expected,
                    got,
                }
                .into());
            }
            for ((word, builder), name) in record.iter().zip(&mut builders).zip(names) {
                let Some(builder) = builder else { continue };
                let word = trim(word);
                if word.len() > CELL_LIMIT {
                    return Err(self.cell_too_long(offset, name, word.len()));
                }
                if missing.contains(word) {
                    builder.push_missing();
                } else if let Err(refusal) = builder.push(word, offset) {
                    return Err(self.refused(refusal, offset, name, word));
                }
            }
            rows += 1;
        }
        Ok((builders, rows))
    }

    /// The next record; false at the end.
    fn next(&self, reader: &mut ::csv::Reader<&[u8]>, record: &mut StringRecord) -> Result<bool> {
        reader.read_record(record).map_err(|error| match error.kind() {
            ::csv::ErrorKind::Utf8 { pos, err } => {
                let line = self.line(pos.as_ref().map_or(0, ::csv::Position::byte));
                let what = format!("line {line}, field {}", err.field() + 1);
                let expected = "UTF-8; save or convert it so (for instance iconv -f LATIN1 -t UTF-8)";
                bad_format(self.path, &what, expected, "bytes that are not UTF-8")
            }
            _ => bad_format(self.path, "text", "separated values", &error.to_string()),
        })
    }

    /// The line on which the record begins whose position the reader gave as `offset`: empty lines that it skipped come
    /// first.
    fn line(&self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let skipped = self.bytes[offset..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let before = &self.bytes[..offset + skipped];
        let feeds = before.iter().filter(|byte| **byte == b'\n').count();
        let returns_alone = before.windows(2).filter(|pair| pair[0] == b'\r' && pair[1] != b'\n').count();
        let at_end = usize::from(before.last() == Some(&b'\r'));
        1 + (feeds + returns_alone + at_end) as u64
    }

    fn infinite(&self, offset: u64, column: &str, got: &str) -> Error {
        let (path, column, got) = (self.path.to_owned(), column.to_owned(), shorten(got));
        ErrorKind::InfiniteValue { path, line: self.line(offset), column, got }.into()
    }

    fn refused(&self, refusal: Refusal, offset: u64, column: &str, word: &str) -> Error {
        let expected = match refusal {
            Refusal::Infinite => return self.infinite(offset, column, word),
            Refusal::NotANumber => {
                let (path, column, got) = (self.path.to_owned(), column.to_owned(), shorten(word));
                return ErrorKind::NotANumber { path, line: self.line(offset), column, got }.into();
            }
            Refusal::NotABoolean => {
                "true or false (also yes/no, y/n, t/f, on/off, 1/0), as the column is declared"
            }
            Refusal::NotADatetime => {
                "an ISO 8601 date or datetime (2024-01-31, 2024-01-31T12:30:00Z), as declared"
            }
        };
        let what = format!("line {}, column {column:?}", self.line(offset));
        bad_format(self.path, &what, expected, &format!("{:?}", shorten(word)))
    }

    fn cell_too_long(&self, offset: u64, column: &str, length: usize) -> Error {
        let what = format!("line {}, column {column:?}", self.line(offset));
        let expected = format!("at most {CELL_LIMIT} bytes; look for a quote that is not closed");
        bad_format(self.path, &what, &expected, &format!("a cell of {length} bytes"))
    }
}

/// The cell without spaces and tabs around it. (All bytes of white space are ASCII here, so that this stays cheap.)
fn trim(word: &str) -> &str {
    word.trim_matches([' ', '\t'])
}

/// Tab for names that say so, otherwise what is most frequent in the first line, outside quotes; comma if nothing is.
fn infer_delimiter(bytes: &[u8], path: &Path) -> u8 {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".tsv") || name.ends_with(".tab") {
        return b'\t';
    }
    const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];
    let mut counts = [0_usize; 4];
    let mut quoted = false;
    for &byte in bytes.iter().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(i) = CANDIDATES.iter().position(|candidate| *candidate == byte) {
                    counts[i] += 1;
                }
            }
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let first = counts.iter().position(|count| *count == most).unwrap_or(0);
    CANDIDATES[first]
}

#[cfg(test)]
mod tests;
