//! A column of a known type, filled value by value: what a program has that brings rows of its own, such as a request's.

use super::cell::{TextBuilder, parse_datetime, parse_declared_boolean, parse_number};
use super::column::{Column, ColumnData, ColumnType, MISSING_TIME};

/// A value that a column of that type does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What it takes, in words.
    pub expected: &'static str,
}

/// Fills a column of a type that is known beforehand. Values are taken as [`Column::convert`] takes them: words are parsed,
/// numbers become words (`5`, not `5.0`), 0 and 1 truth values. An empty word is a missing value.
///
/// ```
/// use deltarule::table::{ColumnType, TypedColumn};
///
/// let mut age = TypedColumn::new(ColumnType::Number);
/// age.push_number(31.0)?;
/// age.push_word(" 4e1 ")?;
/// age.push_missing();
/// assert!(age.push_word("old").is_err());
/// let age = age.finish("age");
/// assert_eq!((age.number(0), age.number(1), age.is_missing(2)), (31.0, 40.0, true));
/// # Ok::<(), deltarule::table::Unfit>(())
/// ```
pub struct TypedColumn(Values);

enum Values {
    Number(Vec<f64>),
    Boolean(Vec<Option<bool>>),
    Datetime(Vec<i64>),
    Text(TextBuilder),
}

const A_NUMBER: Unfit = Unfit { expected: "a finite number" };
const A_TRUTH_VALUE: Unfit = Unfit { expected: "true or false (also yes/no, y/n, t/f, on/off, 1/0)" };
const A_DATETIME: Unfit =
    Unfit { expected: "an ISO 8601 date or datetime, such as \"2024-01-31T12:30:00Z\"" };

impl TypedColumn {
    /// A column without a row.
    #[must_use]
    pub fn new(kind: ColumnType) -> Self {
        Self(match kind {
            ColumnType::Number => Values::Number(Vec::new()),
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::Datetime => Values::Datetime(Vec::new()),
            ColumnType::Category | ColumnType::Text => Values::Text(TextBuilder::default()),
        })
    }

    /// The number of values, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Values::Number(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::Datetime(values) => values.len(),
            Values::Text(text) => text.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a missing value.
    pub fn push_missing(&mut self) {
        match &mut self.0 {
            Values::Number(values) => values.push(f64::NAN),
            Values::Boolean(values) => values.push(None),
            Values::Datetime(values) => values.push(MISSING_TIME),
            Values::Text(text) => text.push_missing(),
        }
    }

    /// Appends a number; NaN is a missing value.
    ///
    /// # Errors
    /// An infinite one; of truth values all but 0 and 1; a number in a column of datetimes.
    pub fn push_number(&mut self, value: f64) -> Result<(), Unfit> {
        if value.is_nan() {
            self.push_missing();
            return Ok(());
        }
        match &mut self.0 {
            _ if value.is_infinite() => return Err(A_NUMBER),
            Values::Number(values) => values.push(value),
            Values::Boolean(values) if value == 0.0 || value == 1.0 => values.push(Some(value == 1.0)),
            Values::Boolean(_) => return Err(A_TRUTH_VALUE),
            Values::Datetime(_) => return Err(A_DATETIME),
            // −0 and 0 are one category.
            Values::Text(text) => text.push(&(value + 0.0).to_string()),
        }
        Ok(())
    }

    /// Appends a truth value.
    ///
    /// # Errors
    /// In a column of datetimes.
    pub fn push_boolean(&mut self, value: bool) -> Result<(), Unfit> {
        match &mut self.0 {
            Values::Number(values) => values.push(f64::from(u8::from(value))),
            Values::Boolean(values) => values.push(Some(value)),
            Values::Datetime(_) => return Err(A_DATETIME),
            Values::Text(text) => text.push(if value { "true" } else { "false" }),
        }
        Ok(())
    }

    /// Appends a word, without the spaces and tabs around it.
    ///
    /// # Errors
    /// What cannot be read as the column's type.
    pub fn push_word(&mut self, word: &str) -> Result<(), Unfit> {
        let word = word.trim_matches([' ', '\t']);
        if word.is_empty() {
            self.push_missing();
            return Ok(());
        }
        match &mut self.0 {
            Values::Number(values) => {
                values.push(parse_number(word).filter(|value| value.is_finite()).ok_or(A_NUMBER)?);
            }
            Values::Boolean(values) => {
                values.push(Some(parse_declared_boolean(word).ok_or(A_TRUTH_VALUE)?));
            }
            Values::Datetime(values) => values.push(parse_datetime(word).ok_or(A_DATETIME)?),
            Values::Text(text) => text.push(word),
        }
        Ok(())
    }

    /// The column.
    #[must_use]
    pub fn finish(self, name: &str) -> Column {
        let data = match self.0 {
            Values::Number(values) => ColumnData::F64(values),
            Values::Boolean(values) => ColumnData::Boolean(values),
            Values::Datetime(values) => ColumnData::Datetime(values),
            Values::Text(text) => ColumnData::Text(text.finish()),
        };
        Column::new(name, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_what_converting_its_column_makes_of_it() {
        let words = ["1", "0", "true", "2024-01-31", "red", "-0.5", "yes"];
        let numbers = [1.0, 0.0, -2.0, 0.25, f64::NAN];
        for kind in ColumnType::ALL {
            for word in words {
                let mut filled = TypedColumn::new(kind);
                let pushed = filled.push_word(word);
                match Column::words("c", &[word]).convert(kind, "t") {
                    Ok(column) => {
                        pushed.unwrap();
                        assert_eq!(filled.finish("c"), column, "{word} as {kind}");
                    }
                    Err(_) => assert!(pushed.is_err() && filled.is_empty(), "{word} as {kind}"),
                }
            }
            for number in numbers {
                let mut filled = TypedColumn::new(kind);
                let pushed = filled.push_number(number);
                match Column::numbers("c", vec![number]).convert(kind, "t") {
                    Ok(column) => {
                        pushed.unwrap();
                        let filled = filled.finish("c");
                        assert_eq!(
                            (filled.word(0), filled.column_type()),
                            (column.word(0), column.column_type())
                        );
                    }
                    Err(_) => assert!(pushed.is_err() && filled.is_empty(), "{number} as {kind}"),
                }
            }
        }
    }

    #[test]
    fn zero_has_no_sign_where_it_is_a_truth_value_or_a_word() {
        for (kind, word) in
            [(ColumnType::Boolean, "false"), (ColumnType::Category, "0"), (ColumnType::Number, "-0")]
        {
            let mut filled = TypedColumn::new(kind);
            filled.push_number(-0.0).unwrap();
            assert_eq!(filled.finish("c").word(0).as_deref(), Some(word));
        }
    }

    #[test]
    fn missing_values_are_of_every_type_and_infinite_ones_of_none() {
        for kind in ColumnType::ALL {
            let mut filled = TypedColumn::new(kind);
            filled.push_missing();
            filled.push_word(" \t").unwrap();
            filled.push_number(f64::NAN).unwrap();
            assert!(filled.push_number(f64::INFINITY).is_err());
            assert_eq!(filled.len(), 3);
            assert_eq!(filled.finish("c").missing(), 3, "{kind}");
        }
        assert_eq!(TypedColumn::new(ColumnType::Number).push_word("1e999"), Err(A_NUMBER));
    }
}
