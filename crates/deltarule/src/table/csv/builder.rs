//! A column as it grows cell by cell, its type decided on the way.

use std::collections::HashSet;

use super::super::cell::{TextBuilder, parse_datetime, parse_declared_boolean, parse_number};
use super::super::column::{ColumnData, ColumnType, MISSING_TIME};

/// The words that mean "missing".
pub(super) struct Missing {
    words: HashSet<String>,
    /// By first byte, so that nearly every cell is told apart without hashing.
    first: [bool; 256],
    empty: bool,
}

impl Missing {
    pub(super) fn new(words: &[String]) -> Self {
        let mut first = [false; 256];
        for byte in words.iter().filter_map(|word| word.as_bytes().first()) {
            first[usize::from(*byte)] = true;
        }
        Self { words: words.iter().cloned().collect(), first, empty: words.iter().any(String::is_empty) }
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        match word.as_bytes().first() {
            None => self.empty,
            Some(byte) => self.first[usize::from(*byte)] && self.words.contains(word),
        }
    }
}

/// Why a declared column does not take a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Infinite,
    NotANumber,
    NotABoolean,
    NotADatetime,
}

/// A growing column.
pub(super) struct ColumnBuilder {
    declared: Option<ColumnType>,
    values: Values,
    /// Where the record of the first infinite number begins, and the number as it was written.
    infinite: Option<(u64, String)>,
}

enum Values {
    /// Nothing but missing values so far: their number.
    Undecided(usize),
    Number(Vec<f64>),
    Boolean(Vec<Option<bool>>),
    Datetime(Vec<i64>),
    Text(TextBuilder),
    /// A later value did not fit what the first one promised: to be read again as text.
    GaveUp,
}

impl ColumnBuilder {
    pub(super) fn new(declared: Option<ColumnType>) -> Self {
        let values = match declared {
            None => Values::Undecided(0),
            Some(ColumnType::Number) => Values::Number(Vec::new()),
            Some(ColumnType::Boolean) => Values::Boolean(Vec::new()),
            Some(ColumnType::Datetime) => Values::Datetime(Vec::new()),
            Some(ColumnType::Text | ColumnType::Category) => Values::Text(TextBuilder::default()),
        };
        Self { declared, values, infinite: None }
    }

    pub(super) fn gave_up(&self) -> bool {
        matches!(self.values, Values::GaveUp)
    }

    /// The first infinite number of a column that turned out to be numeric.
    pub(super) fn infinite(&self) -> Option<&(u64, String)> {
        self.infinite.as_ref().filter(|_| matches!(self.values, Values::Number(_)))
    }

    pub(super) fn push_missing(&mut self) {
        match &mut self.values {
            Values::Undecided(missing) => *missing += 1,
            Values::Number(values) => values.push(f64::NAN),
            Values::Boolean(values) => values.push(None),
            Values::Datetime(values) => values.push(MISSING_TIME),
            Values::Text(builder) => builder.push_missing(),
            Values::GaveUp => {}
        }
    }

    /// Takes a cell; `offset` is where its record begins.
    pub(super) fn push(&mut self, word: &str, offset: u64) -> Result<(), Refusal> {
        if let Values::Undecided(missing) = self.values {
            self.values = decide(word, missing);
        }
        let declared = self.declared.is_some();
        match &mut self.values {
            Values::Number(values) => match parse_number(word) {
                Some(value) => {
                    if value.is_infinite() {
                        if declared {
                            return Err(Refusal::Infinite);
                        }
                        self.infinite.get_or_insert_with(|| (offset, word.to_owned()));
                    }
                    values.push(value);
                }
                None if declared => return Err(Refusal::NotANumber),
                None => self.values = Values::GaveUp,
            },
            Values::Boolean(values) => {
                let value = if declared { parse_declared_boolean(word) } else { parse_boolean(word) };
                match value {
                    Some(_) => values.push(value),
                    None if declared => return Err(Refusal::NotABoolean),
                    None => self.values = Values::GaveUp,
                }
            }
            Values::Datetime(values) => match parse_datetime(word) {
                Some(value) => values.push(value),
                None if declared => return Err(Refusal::NotADatetime),
                None => self.values = Values::GaveUp,
            },
            Values::Text(builder) => builder.push(word),
            Values::Undecided(_) | Values::GaveUp => {}
        }
        Ok(())
    }

    /// The column; one without any value is numeric.
    pub(super) fn finish(self) -> ColumnData {
        match self.values {
            Values::Undecided(missing) => ColumnData::F64(vec![f64::NAN; missing]),
            Values::Number(values) => ColumnData::F64(values),
            Values::Boolean(values) => ColumnData::Boolean(values),
            Values::Datetime(values) => ColumnData::Datetime(values),
            Values::Text(builder) => ColumnData::Text(builder.finish()),
            Values::GaveUp => ColumnData::Text(TextBuilder::default().finish()),
        }
    }
}

/// What the first value promises the column to be.
fn decide(word: &str, missing: usize) -> Values {
    if parse_number(word).is_some() {
        Values::Number(vec![f64::NAN; missing])
    } else if parse_boolean(word).is_some() {
        Values::Boolean(vec![None; missing])
    } else if parse_datetime(word).is_some() {
        Values::Datetime(vec![MISSING_TIME; missing])
    } else {
        Values::Text(TextBuilder::with_missing(missing))
    }
}

/// `true` and `false` in any case: what a column is taken to be boolean by, if it holds nothing else.
fn parse_boolean(word: &str) -> Option<bool> {
    if word.eq_ignore_ascii_case("true") {
        Some(true)
    } else if word.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
