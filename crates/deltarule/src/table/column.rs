//! One column: a name and the values of one type.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cell;
use crate::error::{Error, ErrorKind};

/// The code of a missing text value.
pub const MISSING_CODE: u32 = u32::MAX;
/// The microseconds that stand for a missing datetime.
pub const MISSING_TIME: i64 = i64::MIN;

/// What a column may be declared to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ColumnType {
    /// Finite numbers.
    Number,
    /// One of a few values, kept as the words of the file: `1` and `1.0` differ.
    Category,
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    Datetime,
    /// Words; stored as a category is. The encoder decides what it makes of them.
    Text,
}

impl ColumnType {
    /// Every type, in the order in which messages list them.
    pub const ALL: [Self; 5] = [Self::Number, Self::Category, Self::Boolean, Self::Datetime, Self::Text];

    /// The name in options and configuration files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Boolean => "boolean",
            Self::Datetime => "datetime",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
            ErrorKind::BadSetting {
                setting: "types".to_owned(),
                got: format!("{word:?}"),
                expected: format!("one of {}", Self::ALL.map(Self::name).join(", ")),
                next: String::new(),
            }
            .into()
        })
    }
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name, unique in its table.
    pub name: String,
    /// The values.
    pub data: ColumnData,
}

/// The values of a column, all of one type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnData {
    /// Bytes, none missing: pixels.
    U8(Vec<u8>),
    /// Finite numbers; NaN is a missing one.
    F32(Vec<f32>),
    /// Finite numbers; NaN is a missing one. CSV's numbers are these.
    F64(Vec<f64>),
    /// Truth values; `None` is a missing one.
    Boolean(Vec<Option<bool>>),
    /// Words as codes into a dictionary.
    Text(TextColumn),
    /// Microseconds since 1970-01-01T00:00:00Z; [`MISSING_TIME`] is a missing one.
    Datetime(Vec<i64>),
}

/// Words, each stored once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextColumn {
    /// One code per row: the word's place in the dictionary, [`MISSING_CODE`] where it is missing.
    pub codes: Vec<u32>,
    /// The words in the order of their first appearance.
    pub dictionary: Vec<String>,
}

impl TextColumn {
    /// The word of a row, `None` where it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.dictionary.get(self.codes[row] as usize).map(String::as_str)
    }
}

impl<'a> FromIterator<Option<&'a str>> for TextColumn {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(words: I) -> Self {
        let mut builder = cell::TextBuilder::default();
        for word in words {
            match word {
                Some(word) => builder.push(word),
                None => builder.push_missing(),
            }
        }
        builder.finish()
    }
}

impl Column {
    /// A column of that name.
    pub fn new(name: impl Into<String>, data: ColumnData) -> Self {
        Self { name: name.into(), data }
    }

    /// A column of 64-bit numbers; NaN is a missing one.
    pub fn numbers(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self::new(name, ColumnData::F64(values))
    }

    /// A column of words, none missing.
    pub fn words(name: impl Into<String>, words: &[&str]) -> Self {
        Self::new(name, ColumnData::Text(words.iter().map(|word| Some(*word)).collect()))
    }

    /// The number of values, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.data {
            ColumnData::U8(values) => values.len(),
            ColumnData::F32(values) => values.len(),
            ColumnData::F64(values) => values.len(),
            ColumnData::Boolean(values) => values.len(),
            ColumnData::Text(text) => text.codes.len(),
            ColumnData::Datetime(values) => values.len(),
        }
    }

    /// Bytes that the values take, a dictionary's words included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = match &self.data {
            ColumnData::U8(values) => size_of_val(values.as_slice()),
            ColumnData::F32(values) => size_of_val(values.as_slice()),
            ColumnData::F64(values) => size_of_val(values.as_slice()),
            ColumnData::Boolean(values) => size_of_val(values.as_slice()),
            ColumnData::Text(text) => {
                let words: usize = text.dictionary.iter().map(|word| size_of::<String>() + word.len()).sum();
                size_of_val(text.codes.as_slice()) + words
            }
            ColumnData::Datetime(values) => size_of_val(values.as_slice()),
        };
        bytes as u64
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the values are; a dictionary of words is [`ColumnType::Text`].
    #[must_use]
    pub fn column_type(&self) -> ColumnType {
        match &self.data {
            ColumnData::U8(_) | ColumnData::F32(_) | ColumnData::F64(_) => ColumnType::Number,
            ColumnData::Boolean(_) => ColumnType::Boolean,
            ColumnData::Text(_) => ColumnType::Text,
            ColumnData::Datetime(_) => ColumnType::Datetime,
        }
    }

    /// Whether the value of a row is missing.
    ///
    /// # Panics
    /// Where the row is out of range, as the following ones do.
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.data {
            ColumnData::U8(values) => row >= values.len(),
            ColumnData::F32(values) => values[row].is_nan(),
            ColumnData::F64(values) => values[row].is_nan(),
            ColumnData::Boolean(values) => values[row].is_none(),
            ColumnData::Text(text) => text.codes[row] == MISSING_CODE,
            ColumnData::Datetime(values) => values[row] == MISSING_TIME,
        }
    }

    /// How many values are missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        match &self.data {
            ColumnData::U8(_) => 0,
            ColumnData::F32(values) => values.iter().filter(|value| value.is_nan()).count(),
            ColumnData::F64(values) => values.iter().filter(|value| value.is_nan()).count(),
            ColumnData::Boolean(values) => values.iter().filter(|value| value.is_none()).count(),
            ColumnData::Text(text) => text.codes.iter().filter(|code| **code == MISSING_CODE).count(),
            ColumnData::Datetime(values) => values.iter().filter(|value| **value == MISSING_TIME).count(),
        }
    }

    /// The value of a row as a number: booleans 0 and 1, datetimes in seconds since 1970; NaN where it is missing or
    /// text.
    #[must_use]
    pub fn number(&self, row: usize) -> f64 {
        match &self.data {
            ColumnData::U8(values) => f64::from(values[row]),
            ColumnData::F32(values) => f64::from(values[row]),
            ColumnData::F64(values) => values[row],
            ColumnData::Boolean(values) => values[row].map_or(f64::NAN, |value| f64::from(u8::from(value))),
            ColumnData::Text(_) => f64::NAN,
            ColumnData::Datetime(values) if values[row] == MISSING_TIME => f64::NAN,
            ColumnData::Datetime(values) => values[row] as f64 / 1e6,
        }
    }

    /// The value of a row in words (`5`, `0.25`, `true`, `2024-01-31T00:00:00Z`), `None` where it is missing.
    #[must_use]
    pub fn word(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.is_missing(row) {
            return None;
        }
        match &self.data {
            ColumnData::U8(values) => Some(values[row].to_string().into()),
            ColumnData::F32(values) => Some(values[row].to_string().into()),
            ColumnData::F64(values) => Some(values[row].to_string().into()),
            ColumnData::Boolean(values) => {
                values[row].map(|value| if value { "true" } else { "false" }.into())
            }
            ColumnData::Text(text) => text.get(row).map(Cow::Borrowed),
            ColumnData::Datetime(values) => Some(cell::format_datetime(values[row]).into()),
        }
    }

    /// The values of these rows, in this order. A dictionary stays whole.
    #[must_use]
    pub fn take_rows(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row]).collect()
        }
        let data = match &self.data {
            ColumnData::U8(values) => ColumnData::U8(pick(values, rows)),
            ColumnData::F32(values) => ColumnData::F32(pick(values, rows)),
            ColumnData::F64(values) => ColumnData::F64(pick(values, rows)),
            ColumnData::Boolean(values) => ColumnData::Boolean(pick(values, rows)),
            ColumnData::Text(text) => ColumnData::Text(TextColumn {
                codes: pick(&text.codes, rows),
                dictionary: text.dictionary.clone(),
            }),
            ColumnData::Datetime(values) => ColumnData::Datetime(pick(values, rows)),
        };
        Self { name: self.name.clone(), data }
    }
}
