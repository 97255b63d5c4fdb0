//! Bytes → typed columns.
//!
//! [`read`] takes what a person names (a path, a bundled data set, `-` for standard input) and gives a [`Table`]: named
//! columns of equal length, each of one type, missing values marked. Formats: CSV and TSV (also gzipped), Parquet,
//! NumPy's `.npy`, folders of IDX files (MNIST's format). With the feature `arrow`, `arrow` takes the record batches of another
//! program in the same process.
//!
//! What it refuses to do: it never guesses over an error (a ragged row, a broken byte, an infinite number end the
//! reading with file, line and column), it scales and encodes nothing (that is the encoder's, fitted on training rows
//! only), and it trusts no length that a file states before checking it against what is there.
//!
//! ```
//! use deltarule::table::{self, ReadOptions};
//!
//! let table = table::read("xor", &ReadOptions::default())?;
//! assert_eq!(table.rows(), 4);
//! assert_eq!(table.names(), ["x1", "x2", "y"]);
//! # Ok::<(), deltarule::Error>(())
//! ```

mod append;
#[cfg(feature = "arrow")]
pub mod arrow;
pub mod bundled;
mod cell;
mod column;
mod convert;
#[cfg(feature = "csv")]
mod csv;
mod generate;
mod idx;
#[cfg(feature = "npy")]
mod npy;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod source;
mod typed;

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

pub use bundled::{BundledDataset, bundled, bundled_names};
pub use column::{Column, ColumnData, ColumnType, MISSING_CODE, MISSING_TIME, TextColumn};
pub use options::{BundledOptions, Format, ReadOptions};
pub use source::{read, read_bytes};
pub use typed::{TypedColumn, Unfit};

use crate::error::{Error, ErrorKind, Result, similar_names};

/// Named columns of equal length: what the encoder makes matrices from.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Where it came from, for messages: the path, the bundled name, or `standard input`.
    pub source: String,
    columns: Vec<Column>,
    rows: usize,
    /// Rows that the source itself sets apart for testing: MNIST's `t10k` files, appended after the training rows.
    pub test_rows: Option<Range<usize>>,
    /// The column that the format or the data set names as its target (`label`, `digit`, `y` …).
    pub default_target: Option<String>,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`] where a column's length differs from the first one's, [`ErrorKind::BadFormat`]
    /// where two columns have one name (a name must address one column).
    pub fn new(source: impl Into<String>, columns: Vec<Column>) -> Result<Self> {
        let source = source.into();
        let rows = columns.first().map_or(0, Column::len);
        let mut seen = HashSet::with_capacity(columns.len());
        for column in &columns {
            if column.len() != rows {
                return Err(ErrorKind::ShapeMismatch {
                    what: format!("{source}: column {:?}", column.name),
                    expected: format!("{rows} values, as in column {:?}", columns[0].name),
                    got: column.len().to_string(),
                }
                .into());
            }
            if !seen.insert(column.name.as_str()) {
                return Err(duplicate_name(&source, &column.name));
            }
        }
        Ok(Self { source, columns, rows, test_rows: None, default_target: None })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in the file's order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns' names, in the file's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Bytes that the values take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// Whether there is a column of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// The position of the column of that name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`] with the close names.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let known = self.names();
            let similar = similar_names(name, &known);
            ErrorKind::UnknownColumn { source: self.source.clone(), column: name.to_owned(), similar, known }
                .into()
        })
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`] with the close names.
    pub fn column(&self, name: &str) -> Result<&Column> {
        Ok(&self.columns[self.position(name)?])
    }

    /// A table of these rows, in this order; a row may be taken more than once. [`Table::test_rows`] is forgotten.
    ///
    /// # Panics
    /// Where a row is not below [`Table::rows`].
    #[must_use]
    pub fn take_rows(&self, rows: &[usize]) -> Self {
        Self {
            source: self.source.clone(),
            columns: self.columns.iter().map(|column| column.take_rows(rows)).collect(),
            rows: rows.len(),
            test_rows: None,
            default_target: self.default_target.clone(),
        }
    }

    /// A table of these columns, in this order.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`]; [`ErrorKind::BadFormat`] where a name is given twice.
    pub fn select(&self, names: &[&str]) -> Result<Self> {
        let columns = names.iter().map(|name| self.column(name).cloned()).collect::<Result<Vec<_>>>()?;
        let rows = self.rows;
        Ok(Self {
            rows,
            test_rows: self.test_rows.clone(),
            default_target: self.default_target.clone(),
            ..Self::new(self.source.clone(), columns)?
        })
    }

    /// Takes the column of that name out of the table.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownColumn`] with the close names.
    pub fn drop_column(&mut self, name: &str) -> Result<Column> {
        let position = self.position(name)?;
        Ok(self.columns.remove(position))
    }

    /// The table with this column appended, or put in the place of the one of its name.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`] where its length is not [`Table::rows`].
    pub fn with_column(mut self, column: Column) -> Result<Self> {
        if column.len() != self.rows && !self.columns.is_empty() {
            return Err(ErrorKind::ShapeMismatch {
                what: format!("{}: column {:?}", self.source, column.name),
                expected: format!("{} values, as in the table", self.rows),
                got: column.len().to_string(),
            }
            .into());
        }
        self.rows = column.len();
        match self.columns.iter_mut().find(|present| present.name == column.name) {
            Some(present) => *present = column,
            None => self.columns.push(column),
        }
        Ok(self)
    }

    /// Row `row` of column `column` as a number: pixels and booleans as they are (false 0, true 1), datetimes in
    /// seconds since 1970; NaN where it is missing or text.
    ///
    /// # Panics
    /// Where the row or the column is out of range.
    #[must_use]
    pub fn number_at(&self, row: usize, column: usize) -> f64 {
        self.columns[column].number(row)
    }

    /// Reads columns of typed formats as other types, as [`ReadOptions::types`] asks, and leaves out the ignored ones.
    fn apply_types(mut self, options: &ReadOptions) -> Result<Self> {
        for column in &mut self.columns {
            if let Some(wanted) = options.type_of(&column.name) {
                let converted = column.convert(wanted, &self.source)?;
                *column = converted;
            }
        }
        self.columns.retain(|column| !options.ignores(&column.name));
        Ok(self)
    }

    /// The first rows, as [`ReadOptions::limit`] asks.
    fn apply_limit(self, options: &ReadOptions) -> Self {
        match options.limit {
            Some(limit) if limit < self.rows => {
                let test_rows = self.test_rows.clone();
                let mut first = self.take_rows(&(0..limit).collect::<Vec<_>>());
                first.test_rows =
                    test_rows.map(|rows| rows.start..rows.end.min(limit)).filter(|rows| !rows.is_empty());
                first
            }
            _ => self,
        }
    }
}

/// A file that does not keep to its format: where · what · got · expected.
fn bad_format(path: &Path, what: &str, expected: &str, got: &str) -> Error {
    let (what, expected, got) = (what.to_owned(), expected.to_owned(), got.to_owned());
    ErrorKind::BadFormat { path: path.to_owned(), what, expected, got }.into()
}

/// Two columns of one name: refused, because a name must address one column.
fn duplicate_name(source: &str, name: &str) -> Error {
    let expected = "names that differ (rename one of the two)";
    bad_format(Path::new(source), "column names", expected, &format!("{name:?} twice"))
}

#[cfg(test)]
mod tests;
