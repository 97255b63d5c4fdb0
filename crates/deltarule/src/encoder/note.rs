//! What the encoder noticed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::options::DatetimePart;

/// Something about the table that a person should know, and what was done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// Columns of one value in all training rows were dropped.
    Constant {
        /// Their names.
        columns: Vec<String>,
    },
    /// Columns without any value in the training rows were dropped.
    AllMissing {
        /// Their names.
        columns: Vec<String>,
    },
    /// Columns that equal another one in all training rows were dropped.
    Duplicate {
        /// Each dropped column, with the one that was kept.
        pairs: Vec<(String, String)>,
    },
    /// Columns of words of which nearly every row has its own were dropped.
    Identifier {
        /// Their names.
        columns: Vec<String>,
    },
    /// A column is read as words, though nearly all of them are numbers.
    NearlyNumbers {
        /// Its name.
        column: String,
        /// Rows whose word is a number.
        numbers: usize,
        /// Rows with a word.
        present: usize,
        /// A word that is none.
        example: String,
    },
    /// A column counts the rows; it was kept.
    RowNumber {
        /// Its name.
        column: String,
    },
    /// A feature equals the target in all training rows; it was kept.
    SameAsTarget {
        /// Its name.
        column: String,
    },
    /// A column has one value or none: only whether it is missing is used.
    OnlyMissingness {
        /// Its name.
        column: String,
    },
    /// A column's words are hashed into buckets.
    Hashed {
        /// Its name.
        column: String,
        /// Distinct words in the training rows.
        distinct: usize,
        /// Buckets.
        buckets: usize,
    },
    /// A column's categories pass through a learnt table.
    Embedded {
        /// Its name.
        column: String,
        /// Rows of the table.
        categories: usize,
        /// Numbers per category.
        dimension: usize,
    },
    /// A datetime was expanded.
    Datetime {
        /// Its name.
        column: String,
        /// The parts that vary, and are used.
        parts: Vec<DatetimePart>,
    },
    /// A regression's target is learnt on a logarithmic scale.
    LogTarget {
        /// Its name.
        column: String,
    },
    /// Rows were left out.
    RowsDropped {
        /// How many.
        rows: usize,
        /// Why: `the target is missing`.
        why: String,
    },
}

/// The first few of many names.
fn listed(columns: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = columns[..columns.len().min(SHOWN)].join(", ");
    if columns.len() > SHOWN { format!("{shown} and {} more", columns.len() - SHOWN) } else { shown }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { columns } => {
                write!(f, "dropped, the same in every training row: {}", listed(columns))
            }
            Self::AllMissing { columns } => {
                write!(f, "dropped, missing in every training row: {}", listed(columns))
            }
            Self::Duplicate { pairs } => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(dropped, kept)| format!("{dropped} (as {kept})")).collect();
                write!(f, "dropped, equal to another column: {}", listed(&pairs))
            }
            Self::Identifier { columns } => write!(
                f,
                "dropped, nearly every row has a word of its own (declare it categorical to keep it): {}",
                listed(columns)
            ),
            Self::NearlyNumbers { column, numbers, present, example } => {
                if example.contains(',') {
                    write!(f, "{column} is taken as words for the commas in its numbers ({example:?}); ")?;
                    f.write_str("write them as 1234.5")
                } else {
                    write!(f, "{column} is taken as words, though {numbers} of {present} are numbers; ")?;
                    write!(f, "mend {example:?} and the like, or say --missing with them")
                }
            }
            Self::RowNumber { column } => {
                write!(f, "{column} counts the rows; if it is only their number, ignore it")
            }
            Self::SameAsTarget { column } => {
                write!(f, "{column} equals the target; if it would not be known beforehand, ignore it")
            }
            Self::OnlyMissingness { column } => {
                write!(f, "{column} has one value or none: only whether it is missing is used")
            }
            Self::Hashed { column, distinct, buckets } => {
                write!(f, "{column}: {distinct} distinct words, hashed into {buckets} buckets")
            }
            Self::Embedded { column, categories, dimension } => {
                write!(f, "{column}: {categories} categories, a learnt table of {dimension} numbers for each")
            }
            Self::Datetime { column, parts } => {
                let parts: Vec<&str> = parts.iter().map(|part| part.name()).collect();
                write!(f, "{column}: a datetime, used as {}", parts.join(", "))
            }
            Self::LogTarget { column } => write!(f, "{column} is skewed, and learnt on a logarithmic scale"),
            Self::RowsDropped { rows, why } => {
                write!(f, "{rows} row{} left out: {why}", if *rows == 1 { "" } else { "s" })
            }
        }
    }
}
