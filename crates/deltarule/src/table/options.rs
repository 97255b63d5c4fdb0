//! How a table is to be read.

use std::path::Path;

use super::column::ColumnType;
use crate::error::{ErrorKind, Result, similar_names};

/// A format that [`read`](super::read) understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values, and those separated by tab, semicolon or bar; also gzipped.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// NumPy's `.npy`: a vector or a matrix.
    Npy,
    /// A folder of IDX files, as MNIST comes; also gzipped.
    Idx,
}

impl Format {
    /// The format that a file's name promises, a final `.gz` aside.
    #[must_use]
    pub fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "csv" | "tsv" | "tab" | "txt" | "data" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "npy" => Some(Self::Npy),
            _ => None,
        }
    }
}

/// What a bundled data set is generated with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BundledOptions {
    /// How many rows; `None`: the catalogue's number (four for `xor`, `and`, `or` without noise, otherwise 1,000).
    pub rows: Option<usize>,
    /// The standard deviation of the normal noise added to the coordinates; `None`: the catalogue's.
    pub noise: Option<f64>,
    /// The seed of the generator (ChaCha8).
    pub seed: u64,
}

/// How a table is to be read. The default infers everything.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// The format; `None`: by the first bytes, then by the name.
    pub format: Option<Format>,
    /// Whether a CSV file's first line holds names; `None`: it does unless one of its cells is a number. Without names
    /// the columns are `x0`, `x1` …
    pub header: Option<bool>,
    /// What separates a CSV file's cells; `None`: tab for `.tsv` and `.tab`, otherwise the most frequent of `,` tab `;`
    /// `|` in the first line, outside quotes.
    pub delimiter: Option<u8>,
    /// Columns whose type is declared instead of inferred. A name that the table lacks is an error.
    pub types: Vec<(String, ColumnType)>,
    /// The types that a model remembers of its training table: kept where the table has the column. (So that a column
    /// `007, 008` stays a category when it is read again for a prediction, and the target may be absent.)
    pub expected: Vec<(String, ColumnType)>,
    /// Columns to be left out. A name that the table lacks is an error.
    pub ignore: Vec<String>,
    /// The cells of a CSV file that mean "missing", after trimming. NaN and null of the typed formats always do.
    pub missing: Vec<String>,
    /// Only the first rows.
    pub limit: Option<usize>,
    /// For the generated data sets.
    pub bundled: BundledOptions,
}

/// What means "missing" in a CSV file unless said otherwise.
const MISSING: [&str; 14] =
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "?", "-nan"];

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            header: None,
            delimiter: None,
            types: Vec::new(),
            expected: Vec::new(),
            ignore: Vec::new(),
            missing: MISSING.map(String::from).to_vec(),
            limit: None,
            bundled: BundledOptions::default(),
        }
    }
}

impl ReadOptions {
    /// The type that a column is declared or expected to have.
    pub(super) fn type_of(&self, name: &str) -> Option<ColumnType> {
        self.types.iter().chain(&self.expected).find(|(column, _)| column == name).map(|(_, kind)| *kind)
    }

    /// Whether a column is to be left out.
    pub(super) fn ignores(&self, name: &str) -> bool {
        self.ignore.iter().any(|column| column == name)
    }

    /// Refuses a declared or ignored name that the table lacks.
    pub(super) fn check_names(&self, source: &str, known: &[String]) -> Result<()> {
        let named = self.types.iter().map(|(column, _)| column).chain(&self.ignore);
        for column in named {
            if !known.contains(column) {
                return Err(ErrorKind::UnknownColumn {
                    source: source.to_owned(),
                    column: column.clone(),
                    similar: similar_names(column, known),
                    known: known.to_vec(),
                }
                .into());
            }
        }
        Ok(())
    }
}
