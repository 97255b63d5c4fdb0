//! CSV: separated values, quoted or not, with names or without.
//!
//! The file is read in pieces of whole records ([`cut`]), which are typed column by column on all cores ([`piece`]: a
//! number, else a truth value, else a time, else words, decided by the first value and given up where a later one does
//! not fit) and put together ([`merge`]); columns that had to be given up are read again as words in a second pass. Cells
//! are trimmed of spaces and tabs. Empty lines are skipped, as is usual.
//!
//! Refused, with the line: rows of another length, bytes that are not UTF-8, infinite numbers among numbers, a cell of
//! more than a mebibyte (a quote that is never closed swallows the rest of the file). Of several faults the first in the
//! file is told.

mod builder;
mod cut;
mod merge;
mod number;
mod piece;

use std::path::Path;

use self::builder::{ColumnBuilder, Missing, Refusal};
use self::cut::Cutter;
use self::merge::{Pass, Pieces};
use self::piece::{Fault, Rules, What, trim};
use super::cell::{parse_number, shorten};
use super::{Column, ColumnType, ReadOptions, Table, bad_format};
use crate::crew;
use crate::error::{Error, ErrorKind, Result};

pub(super) use self::cut::Input;

/// Longer cells are taken for an unclosed quote.
const CELL_LIMIT: usize = 1 << 20;

/// A table from a CSV file.
pub(super) fn parse(input: &Input<'_>, path: &Path, options: &ReadOptions) -> Result<Table> {
    let threads = if input.is_long() { crew::cores() } else { 1 };
    parse_cut(input, path, options, (cut::BLOCK, threads))
}

/// A table from a CSV file read in pieces of about `block` bytes: the table is the same whatever they are.
fn parse_cut(
    input: &Input<'_>,
    path: &Path,
    options: &ReadOptions,
    (block, threads): (usize, usize),
) -> Result<Table> {
    let mut cutter = Cutter::open(input, path, block)?;
    let delimiter = delimiter(&mut cutter, path, options)?;
    let missing = Missing::new(&options.missing);
    let mut rules = Rules { delimiter, missing: &missing, width: 0 };
    let first = first_piece(&mut cutter, delimiter)?;
    let (names, skip) = names(&rules, &first, path, options)?;
    rules.width = names.len();

    let file = File { path, names: &names };
    let source = path.display().to_string();
    let pass = |columns: &[Option<ColumnBuilder>], cutter: &mut Cutter<'_>, first: Option<Vec<u8>>| {
        let (rules, limit, length) = (&rules, options.limit, input.length());
        let pass = Pass { rules, columns, skip, limit, length, source: &source, threads };
        pass.run(cutter, first)
    };
    let wanted = |name: &String| (!options.ignores(name)).then(|| ColumnBuilder::new(options.type_of(name)));
    let pieces = pass(&names.iter().map(wanted).collect::<Vec<_>>(), &mut cutter, Some(first))?;
    drop(cutter);
    let rows = file.rows(&pieces)?;
    if rows == 0 {
        return Err(ErrorKind::NoRows { path: path.to_owned() }.into());
    }

    let again: Vec<bool> = (0..names.len()).map(|column| pieces.is_broken(column)).collect();
    let infinite = |column: &usize| !again[*column] && pieces.infinite(*column).is_some();
    if let Some(column) = (0..names.len()).find(infinite)
        && let Some((line, word)) = pieces.infinite(column)
    {
        return Err(file.infinite(line, column, word));
    }
    let words = again.iter().map(|&again| again.then(|| ColumnBuilder::new(Some(ColumnType::Text))));
    let words: Vec<_> = words.collect();
    let second = if again.contains(&true) {
        let mut cutter = Cutter::open(input, path, block)?;
        let first = first_piece(&mut cutter, delimiter)?;
        let second = pass(&words, &mut cutter, Some(first))?;
        if file.rows(&second)? != rows {
            return Err(bad_format(
                path,
                "rows",
                &format!("{rows}, as at first"),
                "others: the file was changed",
            ));
        }
        second.columns(threads)
    } else {
        Vec::new()
    };
    let mut columns = pieces.columns(threads);
    for (column, second) in columns.iter_mut().zip(second) {
        if second.is_some() {
            *column = second;
        }
    }
    let columns = names.into_iter().zip(columns);
    let columns = columns.filter_map(|(name, data)| Some(Column::new(name, data?))).collect();
    Table::new(source, columns)
}

/// The first piece, with a record in it: empty lines before it do not count.
fn first_piece(cutter: &mut Cutter<'_>, delimiter: u8) -> Result<Vec<u8>> {
    let mut first = Vec::new();
    while first.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        match cutter.next(delimiter)? {
            Some(more) => first.extend(more),
            None => break,
        }
    }
    Ok(first)
}

/// What stands between the cells, said or inferred from the first line.
fn delimiter(cutter: &mut Cutter<'_>, path: &Path, options: &ReadOptions) -> Result<u8> {
    let start = cutter.beginning(|bytes| bytes.len() >= 2)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(bad_format(path, "encoding", "UTF-8; save or convert it so (iconv -f UTF-16)", "UTF-16"));
    }
    let is_blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
    if is_blank(cutter.beginning(|bytes| !is_blank(bytes))?) {
        return Err(ErrorKind::EmptyFile { path: path.to_owned() }.into());
    }
    match options.delimiter {
        Some(byte) if !byte.is_ascii() || matches!(byte, b'"' | b'\n' | b'\r') => {
            Err(ErrorKind::BadSetting {
                setting: "delimiter".to_owned(),
                got: format!("{:?}", char::from(byte)),
                expected: "one ASCII character other than a quote or a line break".to_owned(),
                next: String::new(),
            }
            .into())
        }
        Some(byte) => Ok(byte),
        None if promises_tabs(path) => Ok(b'\t'),
        None => Ok(infer_delimiter(cutter.beginning(|bytes| infer_delimiter(bytes).1)?).0),
    }
}

/// The columns' names, and how many bytes they take at the file's beginning: none where the first record holds values.
fn names(
    rules: &Rules<'_>,
    first: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<(Vec<String>, usize)> {
    let file = File { path, names: &[] };
    let record = rules.first_record(first).map_err(|Fault { line, what }| file.error(1 + line, &what))?;
    let Some((words, end)) = record else {
        return Err(ErrorKind::EmptyFile { path: path.to_owned() }.into());
    };
    let is_number = |word: &String| parse_number(trim(word)).is_some();
    let has_header = options.header.unwrap_or_else(|| !words.iter().any(is_number));
    let name = |(i, word): (usize, &String)| match trim(word) {
        _ if !has_header => format!("x{i}"),
        "" => format!("unnamed_{i}"),
        word => word.to_owned(),
    };
    let names: Vec<String> = words.iter().enumerate().map(name).collect();
    // Checked here rather than when the table is made, so that the message comes before the work.
    let mut seen = std::collections::HashSet::with_capacity(names.len());
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(super::duplicate_name(&path.display().to_string(), twice));
    }
    options.check_names(&path.display().to_string(), &names)?;
    Ok((names, if has_header { end } else { 0 }))
}

/// What messages are worded with.
struct File<'a> {
    path: &'a Path,
    names: &'a [String],
}

impl File<'_> {
    /// The number of rows, where no piece has a fault.
    fn rows(&self, pieces: &Pieces) -> Result<usize> {
        pieces.rows().map_err(|(line, what)| self.error(line, what))
    }

    fn error(&self, line: u64, what: &What) -> Error {
        match what {
            What::Ragged { got } => {
                let (path, expected, got) = (self.path.to_owned(), self.names.len(), *got);
                ErrorKind::RaggedRow { path, line, expected, got }.into()
            }
            What::NotUtf8 { field } => {
                let what = format!("line {line}, field {}", field + 1);
                let expected = "UTF-8; save or convert it so (for instance iconv -f LATIN1 -t UTF-8)";
                bad_format(self.path, &what, expected, "bytes that are not UTF-8")
            }
            What::TooLong { column, length } => {
                let what = format!("line {line}, column {:?}", self.names[*column]);
                let expected = format!("at most {CELL_LIMIT} bytes; look for a quote that is not closed");
                bad_format(self.path, &what, &expected, &format!("a cell of {length} bytes"))
            }
            What::Refused { column, refusal, word } => self.refused(*refusal, line, *column, word),
        }
    }

    fn infinite(&self, line: u64, column: usize, got: &str) -> Error {
        let (path, column, got) = (self.path.to_owned(), self.names[column].clone(), shorten(got));
        ErrorKind::InfiniteValue { path, line, column, got }.into()
    }

    fn refused(&self, refusal: Refusal, line: u64, column: usize, word: &str) -> Error {
        let expected = match refusal {
            Refusal::Infinite => return self.infinite(line, column, word),
            Refusal::NotANumber => {
                let (path, column, got) = (self.path.to_owned(), self.names[column].clone(), shorten(word));
                return ErrorKind::NotANumber { path, line, column, got }.into();
            }
            Refusal::NotABoolean => {
                "true or false (also yes/no, y/n, t/f, on/off, 1/0), as the column is declared"
            }
            Refusal::NotADatetime => {
                "an ISO 8601 date or datetime (2024-01-31, 2024-01-31T12:30:00Z), as declared"
            }
        };
        let what = format!("line {line}, column {:?}", self.names[column]);
        bad_format(self.path, &what, expected, &format!("{:?}", shorten(word)))
    }
}

/// Whether a name promises tabs between cells.
fn promises_tabs(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".tsv") || name.ends_with(".tab")
}

/// What is most frequent in the first line, outside quotes; comma if nothing is. And whether the line ends in these
/// bytes.
fn infer_delimiter(bytes: &[u8]) -> (u8, bool) {
    const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];
    let mut counts = [0_usize; 4];
    let (mut quoted, mut ended) = (false, false);
    for &byte in bytes.iter().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => {
                ended = true;
                break;
            }
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
    (CANDIDATES[first], ended)
}

#[cfg(test)]
mod tests;
