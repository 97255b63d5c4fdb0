//! A column read as another type than it was stored as.

use super::cell::{TextBuilder, parse_datetime, parse_declared_boolean, parse_number, shorten};
use super::column::{Column, ColumnData, ColumnType, MISSING_TIME};
use crate::error::{Error, ErrorKind, Result};

impl Column {
    /// This column as another type: words are parsed, numbers become words (`5`, not `5.0`), 0 and 1 truth values.
    /// Missing values stay missing. `source` is named in messages.
    ///
    /// # Errors
    /// [`ErrorKind::NotANumber`], [`ErrorKind::InfiniteValue`] or [`ErrorKind::BadFormat`] for the first value that is
    /// not of that type; the line is the row's number, counted from 1.
    ///
    /// ```
    /// use deltarule::table::{Column, ColumnType};
    ///
    /// let digits = Column::numbers("digit", vec![3.0, f64::NAN, 3.0]).convert(ColumnType::Category, "here")?;
    /// assert_eq!(digits.word(0).as_deref(), Some("3"));
    /// assert!(digits.is_missing(1));
    /// # Ok::<(), deltarule::Error>(())
    /// ```
    pub fn convert(&self, wanted: ColumnType, source: &str) -> Result<Self> {
        let data = match (&self.data, wanted) {
            (ColumnData::U8(_) | ColumnData::F32(_) | ColumnData::F64(_), ColumnType::Number)
            | (ColumnData::Boolean(_), ColumnType::Boolean)
            | (ColumnData::Datetime(_), ColumnType::Datetime)
            | (ColumnData::Text(_), ColumnType::Category | ColumnType::Text) => self.data.clone(),
            (_, ColumnType::Category | ColumnType::Text) => self.to_text(),
            (ColumnData::Text(_), ColumnType::Number) => self.parse_numbers(source)?,
            (ColumnData::Boolean(_), ColumnType::Number) => {
                ColumnData::F64((0..self.len()).map(|row| self.number(row)).collect())
            }
            (_, ColumnType::Boolean) if !matches!(self.data, ColumnData::Datetime(_)) => {
                let expected = "true or false (also yes/no, y/n, t/f, on/off, 1/0)";
                ColumnData::Boolean(self.parse_each(source, expected, parse_declared_boolean)?)
            }
            (ColumnData::Text(_), ColumnType::Datetime) => {
                let times = self.parse_each(source, "an ISO 8601 date or datetime", parse_datetime)?;
                ColumnData::Datetime(times.into_iter().map(|time| time.unwrap_or(MISSING_TIME)).collect())
            }
            _ if self.missing() == self.len() => Self::all_missing(wanted, self.len()),
            _ => return Err(self.cannot(wanted, source)),
        };
        Ok(Self { name: self.name.clone(), data })
    }

    fn all_missing(wanted: ColumnType, rows: usize) -> ColumnData {
        match wanted {
            ColumnType::Number => ColumnData::F64(vec![f64::NAN; rows]),
            ColumnType::Boolean => ColumnData::Boolean(vec![None; rows]),
            ColumnType::Datetime => ColumnData::Datetime(vec![MISSING_TIME; rows]),
            ColumnType::Category | ColumnType::Text => {
                ColumnData::Text(TextBuilder::with_missing(rows).finish())
            }
        }
    }

    fn to_text(&self) -> ColumnData {
        let mut builder = TextBuilder::default();
        for row in 0..self.len() {
            match self.word(row) {
                Some(word) => builder.push(&word),
                None => builder.push_missing(),
            }
        }
        ColumnData::Text(builder.finish())
    }

    fn parse_numbers(&self, source: &str) -> Result<ColumnData> {
        let mut values = Vec::with_capacity(self.len());
        for row in 0..self.len() {
            let Some(word) = self.word(row) else {
                values.push(f64::NAN);
                continue;
            };
            let (path, line, column) = (source.into(), row as u64 + 1, self.name.clone());
            match parse_number(&word) {
                Some(value) if value.is_finite() => values.push(value),
                Some(_) => {
                    let got = shorten(&word);
                    return Err(ErrorKind::InfiniteValue { path, line, column, got }.into());
                }
                None => return Err(ErrorKind::NotANumber { path, line, column, got: shorten(&word) }.into()),
            }
        }
        Ok(ColumnData::F64(values))
    }

    fn parse_each<T>(
        &self,
        source: &str,
        expected: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let one = |row| {
            let Some(word) = self.word(row) else { return Ok(None) };
            parse(&word).map(Some).ok_or_else(|| {
                ErrorKind::BadFormat {
                    path: source.into(),
                    what: format!("row {}, column {:?}", row + 1, self.name),
                    expected: expected.to_owned(),
                    got: format!("{:?}", shorten(&word)),
                }
                .into()
            })
        };
        (0..self.len()).map(one).collect()
    }

    fn cannot(&self, wanted: ColumnType, source: &str) -> Error {
        ErrorKind::BadFormat {
            path: source.into(),
            what: format!("column {:?}", self.name),
            expected: format!("values that can be read as {wanted}, as it is declared"),
            got: format!("a column of type {}", self.column_type()),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_numbers_and_the_first_that_is_none_is_named() {
        let column = Column::words("price", &["1.5", "-2"]);
        let numbers = column.convert(ColumnType::Number, "a.parquet").unwrap();
        assert_eq!(numbers.data, ColumnData::F64(vec![1.5, -2.0]));

        let error =
            Column::words("price", &["1.5", "cheap"]).convert(ColumnType::Number, "a.parquet").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotANumber { line: 2, got, .. } if got == "cheap"));
        let error = Column::words("price", &["1e999"]).convert(ColumnType::Number, "a.parquet").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InfiniteValue { line: 1, .. }));
    }

    #[test]
    fn zeros_and_ones_become_truth_values_and_a_two_does_not() {
        let column = Column::numbers("y", vec![0.0, f64::NAN, 1.0]);
        let truth = column.convert(ColumnType::Boolean, "t").unwrap();
        assert_eq!(truth.data, ColumnData::Boolean(vec![Some(false), None, Some(true)]));
        let error = Column::numbers("y", vec![2.0]).convert(ColumnType::Boolean, "t").unwrap_err();
        assert!(error.to_string().contains("row 1"), "{error}");
    }

    #[test]
    fn times_are_parsed_and_numbers_are_not_taken_for_times() {
        let day = Column::words("day", &["1970-01-02"]).convert(ColumnType::Datetime, "t").unwrap();
        assert_eq!(day.data, ColumnData::Datetime(vec![86_400_000_000]));
        assert_eq!(day.number(0), 86_400.0);
        let error = Column::numbers("day", vec![1.0]).convert(ColumnType::Datetime, "t").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BadFormat { .. }));
        // A column without a value is of every type.
        let none = Column::numbers("day", vec![f64::NAN]).convert(ColumnType::Datetime, "t").unwrap();
        assert_eq!(none.data, ColumnData::Datetime(vec![MISSING_TIME]));
    }
}
