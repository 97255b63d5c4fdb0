//! A table's column read as what a recipe needs: numbers, or words.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{ErrorKind, Result, similar_names};
use crate::table::{Column, ColumnData, ColumnType, MISSING_CODE, MISSING_TIME, Table};

/// The largest magnitude that is taken: its square is still a double-precision number.
pub(super) const LARGEST: f64 = 1e150;

/// Numbers of one column, borrowed; missing ones read as NaN.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    U8(&'a [u8]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    Boolean(&'a [Option<bool>]),
    /// No value at all, whatever the type.
    Missing,
}

impl<'a> Numbers<'a> {
    /// Reads a column as numbers; truth values are 0 and 1.
    pub(super) fn of(column: &'a Column) -> Result<Self> {
        match &column.data {
            ColumnData::U8(values) => Ok(Self::U8(values)),
            ColumnData::F32(values) => Ok(Self::F32(values)),
            ColumnData::F64(values) => Ok(Self::F64(values)),
            ColumnData::Boolean(values) => Ok(Self::Boolean(values)),
            ColumnData::Text(_) | ColumnData::Datetime(_) => match first_value(column) {
                None => Ok(Self::Missing),
                Some((row, word)) => Err(other_type(column, "a number", row, &word)),
            },
        }
    }

    pub(super) fn at(self, row: usize) -> f64 {
        match self {
            Self::U8(values) => f64::from(values[row]),
            Self::F32(values) => f64::from(values[row]),
            Self::F64(values) => values[row],
            Self::Boolean(values) => values[row].map_or(f64::NAN, |value| f64::from(u8::from(value))),
            Self::Missing => f64::NAN,
        }
    }

    /// The numbers of these rows.
    pub(super) fn gather(self, rows: &[u32]) -> Vec<f64> {
        fn pick<T: Copy>(values: &[T], rows: &[u32], number: impl Fn(T) -> f64) -> Vec<f64> {
            rows.iter().map(|&row| number(values[row as usize])).collect()
        }
        match self {
            Self::U8(values) => pick(values, rows, f64::from),
            Self::F32(values) => pick(values, rows, f64::from),
            Self::F64(values) => pick(values, rows, |value| value),
            Self::Boolean(_) | Self::Missing => rows.iter().map(|&row| self.at(row as usize)).collect(),
        }
    }
}

/// Microseconds since 1970 of one column; `None` where the column has no value at all.
pub(super) fn times(column: &Column) -> Result<Option<&[i64]>> {
    match &column.data {
        ColumnData::Datetime(values) => Ok(Some(values)),
        _ => match first_value(column) {
            None => Ok(None),
            Some((row, word)) => Err(other_type(column, "a datetime", row, &word)),
        },
    }
}

/// Words of one column as codes into a dictionary; [`MISSING_CODE`] where missing.
pub(super) struct Words<'a> {
    pub(super) codes: Cow<'a, [u32]>,
    pub(super) dictionary: Cow<'a, [String]>,
}

impl<'a> Words<'a> {
    /// Reads these rows of any column as words: numbers as they are written shortest (`5`, `0.25`). Of other rows there
    /// is no code to be relied on.
    pub(super) fn of(column: &'a Column, rows: &[u32]) -> Self {
        match &column.data {
            ColumnData::Text(text) => {
                Self { codes: Cow::Borrowed(&text.codes), dictionary: Cow::Borrowed(&text.dictionary) }
            }
            ColumnData::U8(values) => Self::interned(column, rows, |row| u64::from(values[row])),
            ColumnData::F32(values) => {
                Self::interned(column, rows, |row| (f64::from(values[row]) + 0.0).to_bits())
            }
            ColumnData::F64(values) => Self::interned(column, rows, |row| (values[row] + 0.0).to_bits()),
            ColumnData::Boolean(values) => {
                Self::interned(column, rows, |row| values[row].map_or(2, u64::from))
            }
            ColumnData::Datetime(values) => Self::interned(column, rows, |row| values[row] as u64),
        }
    }

    /// Words of a column that is not text; equal keys have equal words. (−0 is written as 0.)
    fn interned(column: &Column, rows: &[u32], key: impl Fn(usize) -> u64) -> Self {
        let mut index = HashMap::new();
        let mut dictionary = Vec::new();
        let mut codes = vec![0; column.len()];
        for &row in rows {
            let row = row as usize;
            codes[row] = *index.entry(key(row)).or_insert_with(|| match column.word(row) {
                None => MISSING_CODE,
                Some(word) => {
                    dictionary.push(if word == "-0" { "0".to_owned() } else { word.into_owned() });
                    (dictionary.len() - 1) as u32
                }
            });
        }
        Self { codes: Cow::Owned(codes), dictionary: Cow::Owned(dictionary) }
    }

    /// The word of a row, `None` where it is missing.
    pub(super) fn get(&self, row: u32) -> Option<&str> {
        self.dictionary.get(self.codes[row as usize] as usize).map(String::as_str)
    }
}

/// The first value that is not missing.
fn first_value(column: &Column) -> Option<(usize, String)> {
    let row = (0..column.len()).find(|&row| !column.is_missing(row))?;
    Some((row, column.word(row)?.into_owned()))
}

fn other_type(column: &Column, expected: &str, row: usize, got: &str) -> crate::Error {
    let shown: String = got.chars().take(60).collect();
    ErrorKind::UnusableColumn {
        column: column.name.clone(),
        what: format!("row {} holds {shown:?}; expected {expected}", row + 1),
        next: "mend the value, or declare the column's type as it was in training".to_owned(),
    }
    .into()
}

/// Refuses infinite and over-large numbers, with the row (counted from 1).
pub(super) fn check_finite(column: &str, values: &[f64], rows: &[u32]) -> Result<()> {
    match values.iter().position(|value| value.abs() > LARGEST) {
        None => Ok(()),
        Some(at) => Err(not_finite(column, rows[at], values[at])),
    }
}

/// A number that cannot be scaled.
pub(super) fn not_finite(column: &str, row: u32, value: f64) -> crate::Error {
    let what = if value.is_infinite() {
        format!("row {} holds an infinite number ({value})", u64::from(row) + 1)
    } else {
        format!("row {} holds {value:e}, too large to be scaled", u64::from(row) + 1)
    };
    let next = "mend the value, or leave it empty (missing)".to_owned();
    ErrorKind::UnusableColumn { column: column.to_owned(), what, next }.into()
}

/// The column that a model needs.
pub(super) fn needed<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    table.columns().iter().find(|column| column.name == name).ok_or_else(|| {
        let similar = similar_names(name, &table.names());
        ErrorKind::MissingColumn { source: table.source.clone(), column: name.to_owned(), similar }.into()
    })
}

/// Whether a type holds words.
pub(super) fn is_words(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Text | ColumnType::Category)
}

/// A datetime as a number for arithmetic on parts; NaN where missing.
pub(super) fn part_of(part: super::DatetimePart, microseconds: i64) -> f64 {
    if microseconds == MISSING_TIME { f64::NAN } else { part.of(microseconds) }
}
