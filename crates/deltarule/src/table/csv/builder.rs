//! A column as it grows cell by cell, its type decided on the way.

use super::super::cell::{TextBuilder, parse_datetime, parse_declared_boolean, parse_number};
use super::super::column::{ColumnData, ColumnType, MISSING_TIME};

/// The words that mean "missing".
pub(super) struct Missing {
    /// By first byte, so that nearly every cell is told apart by that alone.
    words: Vec<Vec<String>>,
    empty: bool,
    /// Whether one of them could be read as a number.
    numbers: bool,
}

impl Missing {
    pub(super) fn new(words: &[String]) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        for word in words {
            if let Some(byte) = word.as_bytes().first() {
                by_first[usize::from(*byte)].push(word.clone());
            }
        }
        Self {
            words: by_first,
            empty: words.iter().any(String::is_empty),
            numbers: words.iter().any(|word| parse_number(word).is_some()),
        }
    }

    pub(super) fn contains(&self, word: &str) -> bool {
        match word.as_bytes().first() {
            None => self.empty,
            Some(byte) => self.words[usize::from(*byte)].iter().any(|missing| missing == word),
        }
    }

    /// Whether a number may mean "missing".
    pub(super) fn has_numbers(&self) -> bool {
        self.numbers
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
#[derive(Clone)]
pub(super) struct ColumnBuilder {
    declared: Option<ColumnType>,
    values: Values,
    /// Where the record of the first infinite number begins (later: the line breaks before it), and the number as it was
    /// written.
    infinite: Option<(u64, String)>,
}

/// What a column's first value says that the others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    Number,
    Boolean,
    Datetime,
    Text,
}

#[derive(Clone)]
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

    /// What the first value promised; `None` without a value, or where a later one broke it.
    pub(super) fn promise(&self) -> Option<Promise> {
        match &self.values {
            Values::Undecided(_) | Values::GaveUp => None,
            Values::Number(_) => Some(Promise::Number),
            Values::Boolean(_) => Some(Promise::Boolean),
            Values::Datetime(_) => Some(Promise::Datetime),
            Values::Text(_) => Some(Promise::Text),
        }
    }

    /// The numbers so far, of a column that is known to hold numbers.
    #[inline]
    pub(super) fn numbers(&mut self) -> Option<&mut Vec<f64>> {
        match &mut self.values {
            Values::Number(values) => Some(values),
            _ => None,
        }
    }

    /// Turns the place of the first infinite number into a line.
    pub(super) fn place_infinite(&mut self, line_of: impl Fn(usize) -> u64) {
        if let Some((at, _)) = &mut self.infinite {
            *at = line_of(*at as usize);
        }
    }

    /// The line and word of the first infinite number of a column that turned out to be numeric.
    pub(super) fn infinite(&self) -> Option<(u64, &str)> {
        let found = self.infinite.as_ref().filter(|_| matches!(self.values, Values::Number(_)));
        found.map(|(line, word)| (*line, word.as_str()))
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
    pub(super) fn push(&mut self, word: &str, offset: usize) -> Result<(), Refusal> {
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
                        self.infinite.get_or_insert_with(|| (offset as u64, word.to_owned()));
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

    /// The column that these parts of it, which all promise the same, make in this order; one without any value is
    /// numeric.
    pub(super) fn joined(parts: Vec<Self>) -> ColumnData {
        let promise = parts.iter().find_map(Self::promise);
        let parts = parts.into_iter().map(|part| part.values);
        match promise {
            None | Some(Promise::Number) => {
                ColumnData::F64(chained(parts, f64::NAN, |values| match values {
                    Values::Number(numbers) => Some(numbers),
                    _ => None,
                }))
            }
            Some(Promise::Boolean) => ColumnData::Boolean(chained(parts, None, |values| match values {
                Values::Boolean(truths) => Some(truths),
                _ => None,
            })),
            Some(Promise::Datetime) => {
                ColumnData::Datetime(chained(parts, MISSING_TIME, |values| match values {
                    Values::Datetime(times) => Some(times),
                    _ => None,
                }))
            }
            Some(Promise::Text) => {
                let mut all = TextBuilder::default();
                for part in parts {
                    match part {
                        Values::Text(text) => all.append(text),
                        other => all.append(TextBuilder::with_missing(other.missing())),
                    }
                }
                ColumnData::Text(all.finish())
            }
        }
    }
}

impl Values {
    /// Rows, of a part without any value.
    fn missing(&self) -> usize {
        if let Self::Undecided(missing) = self { *missing } else { 0 }
    }

    /// Rows.
    fn rows(&self) -> usize {
        match self {
            Self::Undecided(missing) => *missing,
            Self::Number(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Datetime(values) => values.len(),
            Self::Text(_) | Self::GaveUp => 0,
        }
    }
}

/// The values of all parts in one vector; those without any value give missing ones.
fn chained<T: Copy>(
    parts: impl Iterator<Item = Values>,
    missing: T,
    of: impl Fn(Values) -> Option<Vec<T>>,
) -> Vec<T> {
    let parts: Vec<Values> = parts.collect();
    let mut all = Vec::with_capacity(parts.iter().map(Values::rows).sum());
    for part in parts {
        let rows = all.len() + part.missing();
        all.resize(rows, missing);
        all.extend_from_slice(&of(part).unwrap_or_default());
    }
    all
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
