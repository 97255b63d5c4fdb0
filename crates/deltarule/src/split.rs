//! Rows → training, validation and test rows; folds for cross-validation.
//!
//! Rows are named by their numbers in the table, and each part lists them in ascending order (the shuffling of batches
//! is the trainer's). Equal tables, options and seeds give equal splits. What is refused: fractions that leave no row to
//! train on, fewer groups than parts, missing values in a column that rows are split by.
//!
//! ```
//! use deltarule::split::{split, SplitOptions};
//! use deltarule::table::{Column, Table};
//!
//! let table = Table::new("numbers", vec![Column::numbers("x", (0..100).map(f64::from).collect())])?;
//! let rows: Vec<u32> = (0..100).collect();
//! let parts = split(&table, &rows, None, &SplitOptions::default())?;
//! assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (70, 15, 15));
//! # Ok::<(), deltarule::Error>(())
//! ```

mod assign;
mod folds;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Result};
use crate::table::{Column, Table};

pub use folds::folds;

/// How much of the rows: a fraction below 1, or a number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// So many rows.
    Rows(usize),
    /// A fraction of the rows, from 0 up to 1.
    Fraction(f64),
}

impl Part {
    /// How many rows that is of `rows`, to the nearest.
    #[must_use]
    pub fn of(self, rows: usize) -> usize {
        match self {
            Self::Rows(count) => count,
            Self::Fraction(fraction) => (fraction * rows as f64).round() as usize,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(count) => write!(f, "{count} rows"),
            Self::Fraction(fraction) => write!(f, "{fraction}"),
        }
    }
}

/// How rows are divided. The default: 15 % for validation, 15 % for testing, by chance, the classes in proportion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitOptions {
    /// How much is set apart for early stopping and the choice of the best epoch.
    pub validation: Part,
    /// How much is set apart for the final figures.
    pub test: Part,
    /// A column of the words `train`, `validation` and `test` that says it for each row. Without a row for validation,
    /// that part is drawn from the training rows.
    pub column: Option<String>,
    /// A column of groups (patients, shops): rows of one group stay in one part.
    pub group: Option<String>,
    /// A column of times or numbers: the oldest rows train, the newest test.
    pub time: Option<String>,
    /// Whether each part has the classes in their proportions, to within one row of each class. (Groups and times come
    /// first.)
    pub stratify: bool,
    /// The seed of chance.
    pub seed: u64,
    /// Of fewer rows nothing is set apart.
    pub fewest_rows: usize,
    /// Rows that are the validation part, and no other: a file of its own, appended to the table.
    #[serde(skip)]
    pub validation_rows: Option<Range<usize>>,
    /// Rows that are the test part, and no other; `None`: those that the table's source sets apart
    /// ([`Table::test_rows`]), if it does.
    #[serde(skip)]
    pub test_rows: Option<Range<usize>>,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            validation: Part::Fraction(0.15),
            test: Part::Fraction(0.15),
            column: None,
            group: None,
            time: None,
            stratify: true,
            seed: 0,
            fewest_rows: 50,
            validation_rows: None,
            test_rows: None,
        }
    }
}

/// Row numbers of the three parts, each ascending. No row is in two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Rows to fit the encoder and the network on.
    pub train: Vec<u32>,
    /// Rows to stop early by.
    pub validation: Vec<u32>,
    /// Rows to measure the final figures on.
    pub test: Vec<u32>,
    /// What a person should know of how it was done.
    pub notes: Vec<String>,
}

/// Divides `rows` (those with a target, see [`usable_rows`](crate::encoder::usable_rows)) into three parts. `strata` has
/// a number for each of them that is equal for rows of one class (see [`strata`](crate::encoder::strata)); `None` for
/// regression.
///
/// Explicit rows come first ([`SplitOptions::test_rows`] and the like), then the column, then time, groups, classes,
/// chance.
///
/// # Errors
/// [`ErrorKind::BadSetting`] where the parts leave no row to train on; [`ErrorKind::Conflict`] of two ways to split;
/// [`ErrorKind::UnknownColumn`]; [`ErrorKind::UnusableColumn`] where a value to split by is missing or not understood;
/// [`ErrorKind::TooFewRows`] for fewer groups than parts, or no row to train on.
///
/// # Panics
/// Where `strata` is not as long as `rows`, or a row is not below the table's number of rows.
pub fn split(table: &Table, rows: &[u32], strata: Option<&[u32]>, options: &SplitOptions) -> Result<Split> {
    assert!(strata.is_none_or(|strata| strata.len() == rows.len()), "one stratum for each row");
    check(options)?;
    if let Some(name) = &options.column {
        return by_column(table, name, rows, strata, options);
    }
    let mut parts = Split::default();
    let test_rows = options.test_rows.as_ref().or(table.test_rows.as_ref());
    let mut rest: Vec<usize> = Vec::with_capacity(rows.len());
    for (at, &row) in rows.iter().enumerate() {
        let within =
            |range: Option<&Range<usize>>| range.is_some_and(|range| range.contains(&(row as usize)));
        if within(test_rows) {
            parts.test.push(row);
        } else if within(options.validation_rows.as_ref()) {
            parts.validation.push(row);
        } else {
            rest.push(at);
        }
    }
    let validation = if options.validation_rows.is_some() { Part::Rows(0) } else { options.validation };
    let test = if test_rows.is_some() { Part::Rows(0) } else { options.test };
    let drawn = draw(table, rows, strata, &rest, (validation, test), 0, options)?;
    parts.train = drawn.train;
    parts.validation.extend(drawn.validation);
    parts.test.extend(drawn.test);
    parts.notes = drawn.notes;
    finish(parts, table)
}

/// Refuses ways to split that contradict each other.
fn check(options: &SplitOptions) -> Result<()> {
    let named = [("column", &options.column), ("group", &options.group), ("time", &options.time)];
    let mut given =
        named.iter().filter_map(|(way, name)| name.as_ref().map(|name| format!("split by {way} {name:?}")));
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let why = "rows can be split in one way; choose one of them".to_owned();
        return Err(ErrorKind::Conflict { first, second, why }.into());
    }
    for (setting, part) in [("validation", options.validation), ("test", options.test)] {
        if let Part::Fraction(fraction) = part
            && !(0.0..1.0).contains(&fraction)
        {
            return Err(ErrorKind::BadSetting {
                setting: setting.to_owned(),
                got: fraction.to_string(),
                expected: "a fraction from 0 up to (not including) 1, or a number of rows".to_owned(),
                next: String::new(),
            }
            .into());
        }
    }
    Ok(())
}

/// Sorts the parts, and refuses to go on without a row to train on.
fn finish(mut parts: Split, table: &Table) -> Result<Split> {
    for rows in [&mut parts.train, &mut parts.validation, &mut parts.test] {
        rows.sort_unstable();
    }
    if parts.train.is_empty() {
        let (source, what) = (table.source.clone(), "training".to_owned());
        return Err(ErrorKind::TooFewRows { source, rows: 0, expected: 1, what }.into());
    }
    Ok(parts)
}

/// Draws validation and test rows from the rows at the places `rest` of `rows`; the others train. `counter` tells the
/// streams of chance apart.
fn draw(
    table: &Table,
    rows: &[u32],
    strata: Option<&[u32]>,
    rest: &[usize],
    (validation, test): (Part, Part),
    counter: u64,
    options: &SplitOptions,
) -> Result<Split> {
    let taken: Vec<u32> = rest.iter().map(|&at| rows[at]).collect();
    let count = taken.len();
    let wanted = [validation.of(count), test.of(count)];
    if count < options.fewest_rows && wanted != [0, 0] {
        let note = format!("nothing is split: {count} rows are fewer than {}", options.fewest_rows);
        return Ok(Split { train: taken, notes: vec![note], ..Split::default() });
    }
    if wanted[0].saturating_add(wanted[1]) >= count && wanted != [0, 0] {
        return Err(ErrorKind::BadSetting {
            setting: "validation and test".to_owned(),
            got: format!("{validation} and {test} of {count} rows"),
            expected: "parts that leave rows to train on".to_owned(),
            next: "make them smaller".to_owned(),
        }
        .into());
    }
    let places = if let Some(name) = &options.time {
        assign::by_time(table.column(name)?, &taken, wanted)?
    } else if let Some(name) = &options.group {
        assign::by_group(&table.source, table.column(name)?, &taken, wanted, (options.seed, counter))?
    } else {
        let strata: Option<Vec<u32>> = match strata {
            Some(strata) if options.stratify => Some(rest.iter().map(|&at| strata[at]).collect()),
            _ => None,
        };
        assign::by_chance(strata.as_deref(), count, wanted, (options.seed, counter))
    };
    let mut parts = Split::default();
    for (row, place) in taken.into_iter().zip(places) {
        match place {
            assign::Place::Train => parts.train.push(row),
            assign::Place::Validation => parts.validation.push(row),
            assign::Place::Test => parts.test.push(row),
        }
    }
    Ok(parts)
}

/// Reads each row's part from a column.
fn by_column(
    table: &Table,
    name: &str,
    rows: &[u32],
    strata: Option<&[u32]>,
    options: &SplitOptions,
) -> Result<Split> {
    let column = table.column(name)?;
    let mut parts = Split::default();
    let mut train = Vec::new();
    for (at, &row) in rows.iter().enumerate() {
        let word = column.word(row as usize);
        match word.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("train" | "training") => train.push(at),
            Some("validation" | "valid" | "val") => parts.validation.push(row),
            Some("test" | "testing") => parts.test.push(row),
            _ => {
                let got = word.map_or("no value".to_owned(), |word| format!("{word:?}"));
                let what = format!("row {} holds {got}", u64::from(row) + 1);
                return Err(unusable(
                    column,
                    what,
                    "a split column holds train, validation or test in every row",
                ));
            }
        }
    }
    if parts.validation.is_empty() && options.validation != Part::Rows(0) {
        let chance = SplitOptions { column: None, ..options.clone() };
        let drawn = draw(table, rows, strata, &train, (options.validation, Part::Rows(0)), 0, &chance)?;
        parts.train = drawn.train;
        parts.validation = drawn.validation;
        parts.notes = drawn.notes;
        if !parts.validation.is_empty() {
            parts
                .notes
                .push(format!("{name} names no validation rows: they are drawn from the training rows"));
        }
    } else {
        parts.train = train.into_iter().map(|at| rows[at]).collect();
    }
    finish(parts, table)
}

fn unusable(column: &Column, what: String, next: &str) -> crate::Error {
    ErrorKind::UnusableColumn { column: column.name.clone(), what, next: next.to_owned() }.into()
}

#[cfg(test)]
mod tests;
