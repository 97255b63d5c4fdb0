//! NumPy's `.npy`: a vector or a matrix of numbers as a table.
//!
//! A file is: the bytes `\x93NUMPY`, a version, the header's length, the header (a Python dictionary of `descr`,
//! `fortran_order` and `shape`), the elements (NumPy Enhancement Proposal 1). The header is read here, by a parser of
//! the three entries that it may hold, so that no length in it is believed before it is compared with the bytes that are
//! there.
//!
//! Columns are `x0`, `x1` …; a vector is one column. Read are `f4`, `f8`, signed and unsigned integers of 1 to 8 bytes
//! and booleans, of either byte order; NaN is missing, infinities are refused. Integers beyond 2⁵³ are rounded to the
//! nearest 64-bit float.

use std::path::Path;

use super::{Column, ColumnData, Table, bad_format};
use crate::error::{ErrorKind, Result};
use crate::memory;

/// A header is a few dozen bytes; NumPy itself refuses above 10,000.
const HEADER_LIMIT: usize = 10_000;

/// What the header says.
#[derive(Debug, PartialEq)]
struct Header {
    element: Element,
    big_endian: bool,
    fortran: bool,
    rows: usize,
    width: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Element {
    F4,
    F8,
    Signed(usize),
    Unsigned(usize),
    Boolean,
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Self::F4 => 4,
            Self::F8 => 8,
            Self::Signed(bytes) | Self::Unsigned(bytes) => bytes,
            Self::Boolean => 1,
        }
    }
}

/// A table from the bytes of a `.npy` file.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Table> {
    let (text, elements) = split(bytes, path)?;
    let header = header(text, path)?;
    let (rows, width) = (header.rows, header.width);
    let promised = rows.checked_mul(width).and_then(|count| count.checked_mul(header.element.bytes()));
    if promised != Some(elements.len()) {
        let expected = match promised {
            Some(promised) => format!("{promised} bytes, by its shape ({rows}, {width})"),
            None => "a shape whose product can be held".to_owned(),
        };
        let state =
            if promised.is_some_and(|promised| promised < elements.len()) { "too many" } else { "cut short" };
        return Err(bad_format(path, "elements", &expected, &format!("{} bytes ({state})", elements.len())));
    }
    if rows == 0 || width == 0 {
        return Err(ErrorKind::NoRows { path: path.to_owned() }.into());
    }
    let cells = (rows as u64).saturating_mul(width as u64); // at most 8 bytes each
    memory::require(&path.display().to_string(), cells.saturating_mul(8), "read fewer rows (--limit)")?;
    Table::new(path.display().to_string(), columns(&header, elements, path)?)
}

/// The header's text and the bytes after it.
fn split<'a>(bytes: &'a [u8], path: &Path) -> Result<(&'a str, &'a [u8])> {
    let broken = |expected: &str, got: &str| bad_format(path, "npy header", expected, got);
    let short = || broken("a header and the elements", &format!("{} bytes (cut short)", bytes.len()));
    let (length, start) = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => (u32::from(u16::from_le_bytes([*a, *b])), 10),
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            (u32::from_le_bytes([*a, *b, *c, *d]), 12)
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1..=3, ..] => return Err(short()),
        [0x93, b'N', b'U', b'M', b'P', b'Y', major, minor, ..] => {
            return Err(broken("version 1, 2 or 3", &format!("version {major}.{minor}")));
        }
        _ => return Err(broken("the signature \\x93NUMPY", "other bytes")),
    };
    let length = length as usize;
    if length > HEADER_LIMIT {
        return Err(broken(&format!("at most {HEADER_LIMIT} bytes of header"), &length.to_string()));
    }
    let (text, elements) = bytes[start..].split_at_checked(length).ok_or_else(short)?;
    let text = std::str::from_utf8(text).map_err(|_| broken("text", "bytes that are not UTF-8"))?;
    Ok((text, elements))
}

/// Reads `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
fn header(text: &str, path: &Path) -> Result<Header> {
    let broken = || {
        bad_format(path, "npy header", "a dictionary of descr, fortran_order and shape", &format!("{text:?}"))
    };
    let mut rest =
        text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(broken)?.trim();
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest).ok_or_else(broken)?;
        rest = after.trim_start().strip_prefix(':').ok_or_else(broken)?.trim_start();
        match key {
            "descr" if rest.starts_with('[') => {
                let expected = "one number per element (save the columns of a structured array as a CSV or Parquet file)";
                return Err(bad_format(path, "element type", expected, "a structured array"));
            }
            "descr" => {
                let (word, after) = quoted(rest).ok_or_else(broken)?;
                (descr, rest) = (Some(word), after);
            }
            "fortran_order" => {
                let yes = rest.strip_prefix("True").map(|after| (true, after));
                let (value, after) = yes
                    .or_else(|| rest.strip_prefix("False").map(|after| (false, after)))
                    .ok_or_else(broken)?;
                (fortran, rest) = (Some(value), after);
            }
            "shape" => {
                let (sizes, after) =
                    rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(broken)?;
                let size = |size: &str| size.trim().trim_end_matches('L').parse::<usize>().ok();
                let sizes = sizes.split(',').filter(|size| !size.trim().is_empty()).map(size);
                (shape, rest) = (Some(sizes.collect::<Option<Vec<_>>>().ok_or_else(broken)?), after);
            }
            _ => return Err(broken()),
        }
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else { return Err(broken()) };
    let (element, big_endian) = element(descr, path)?;
    let (rows, width) = match shape.as_slice() {
        [rows] => (*rows, 1),
        [rows, width] => (*rows, *width),
        _ => {
            let expected = "1 or 2 dimensions, (rows) or (rows, columns); reshape it (x.reshape(len(x), -1))";
            return Err(bad_format(path, "shape", expected, &format!("{shape:?}")));
        }
    };
    Ok(Header { element, big_endian, fortran, rows, width })
}

/// A Python string without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    text[1..].split_once(mark)
}

fn element(descr: &str, path: &Path) -> Result<(Element, bool)> {
    let (order, kind) = match descr.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => descr.split_at(1),
        _ => ("<", descr),
    };
    let element = match kind {
        "f4" => Element::F4,
        "f8" => Element::F8,
        "b1" | "?" => Element::Boolean,
        "i1" => Element::Signed(1),
        "i2" => Element::Signed(2),
        "i4" => Element::Signed(4),
        "i8" => Element::Signed(8),
        "u1" => Element::Unsigned(1),
        "u2" => Element::Unsigned(2),
        "u4" => Element::Unsigned(4),
        "u8" => Element::Unsigned(8),
        _ => {
            let expected = "f4, f8, i1 to i8, u1 to u8 or b1; convert it (x.astype('float32'))";
            return Err(bad_format(path, "element type", expected, &format!("{descr:?}")));
        }
    };
    Ok((element, order == ">"))
}

fn columns(header: &Header, elements: &[u8], path: &Path) -> Result<Vec<Column>> {
    (0..header.width)
        .map(|c| {
            let name = format!("x{c}");
            let data = column(header, elements, c);
            let infinite = match &data {
                ColumnData::F32(values) => values.iter().position(|value| value.is_infinite()),
                ColumnData::F64(values) => values.iter().position(|value| value.is_infinite()),
                _ => None,
            };
            let column = Column::new(name, data);
            match infinite {
                None => Ok(column),
                Some(row) => Err(ErrorKind::InfiniteValue {
                    path: path.to_owned(),
                    line: row as u64 + 1,
                    got: column.number(row).to_string(),
                    column: column.name,
                }
                .into()),
            }
        })
        .collect()
}

/// Column `c`. In C order a row's elements are neighbours, in Fortran order a column's.
fn column(header: &Header, elements: &[u8], c: usize) -> ColumnData {
    let size = header.element.bytes();
    let (first, step) = if header.fortran { (c * header.rows, 1) } else { (c, header.width) };
    let cell = |row: usize| {
        let start = (first + row * step) * size;
        &elements[start..start + size]
    };
    // The bytes, lowest first, in a word that holds them.
    let word = |row: usize| {
        let bytes = cell(row);
        let mut word = [0_u8; 8];
        word[..size].copy_from_slice(bytes);
        if header.big_endian {
            word[..size].reverse();
        }
        u64::from_le_bytes(word)
    };
    let rows = 0..header.rows;
    match header.element {
        Element::F4 => ColumnData::F32(rows.map(|row| f32::from_bits(word(row) as u32)).collect()),
        Element::F8 => ColumnData::F64(rows.map(|row| f64::from_bits(word(row))).collect()),
        Element::Boolean => ColumnData::Boolean(rows.map(|row| Some(cell(row)[0] != 0)).collect()),
        Element::Unsigned(1) => ColumnData::U8(rows.map(|row| cell(row)[0]).collect()),
        Element::Unsigned(2) => ColumnData::F32(rows.map(|row| word(row) as f32).collect()),
        Element::Unsigned(_) => ColumnData::F64(rows.map(|row| word(row) as f64).collect()),
        Element::Signed(bytes) => {
            let shift = 64 - 8 * bytes as u32;
            let value = |row| ((word(row) << shift) as i64) >> shift;
            if bytes <= 2 {
                ColumnData::F32(rows.map(|row| value(row) as f32).collect())
            } else {
                ColumnData::F64(rows.map(|row| value(row) as f64).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests;
