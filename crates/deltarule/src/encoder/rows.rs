//! Which rows have a target, and what class each is of: known before anything is split or fitted.

use std::collections::HashMap;

use super::target::infer_task;
use super::values::{Words, needed};
use super::{Encoder, EncoderOptions, Note};
use crate::error::{ErrorKind, Result};
use crate::table::Table;
use crate::task::Task;

/// Rows that can be learnt from or measured on, and how many cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsableRows {
    /// The rows whose targets are all present, ascending.
    pub rows: Vec<u32>,
    /// Rows of which a target is missing.
    pub missing: usize,
    /// Rows of a class that the training rows did not have.
    pub unknown: usize,
}

impl UsableRows {
    /// What is to be said about the rows that were left out.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let reasons =
            [(self.missing, "the target is missing"), (self.unknown, "of a class that training did not see")];
        let dropped = reasons.into_iter().filter(|(rows, _)| *rows > 0);
        dropped.map(|(rows, why)| Note::RowsDropped { rows, why: why.to_owned() }).collect()
    }
}

/// The rows of a table whose targets are present.
///
/// # Errors
/// [`ErrorKind::UnknownColumn`]; [`ErrorKind::UnusableTarget`] where no row has a target, or the table has more rows than
/// `u32` can number.
pub fn usable_rows(table: &Table, target: &[String]) -> Result<UsableRows> {
    let columns = target.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let count = u32::try_from(table.rows()).map_err(|_| ErrorKind::UnusableTarget {
        column: target.join(", "),
        what: format!("the table has {} rows; at most {} can be used", table.rows(), u32::MAX),
        next: "use fewer rows".to_owned(),
    })?;
    let present = |row: &u32| !columns.iter().any(|column| column.is_missing(*row as usize));
    let rows: Vec<u32> = (0..count).filter(present).collect();
    if rows.is_empty() && count > 0 {
        let (column, next) = (target.join(", "), "choose another target".to_owned());
        return Err(ErrorKind::UnusableTarget {
            column,
            what: "all its values are missing".to_owned(),
            next,
        }
        .into());
    }
    let missing = table.rows() - rows.len();
    Ok(UsableRows { rows, missing, unknown: 0 })
}

/// A number for each of these rows that is equal for rows of one class, for splits that keep the classes' proportions:
/// the class, or the combination of labels. `None` for regression.
///
/// # Errors
/// As [`infer_task`].
pub fn strata(table: &Table, rows: &[u32], options: &EncoderOptions) -> Result<Option<Vec<u32>>> {
    let task = match options.task {
        Some(task) => task,
        None => infer_task(table, rows, &options.target)?,
    };
    if task == Task::Regression {
        return Ok(None);
    }
    let columns = options
        .target
        .iter()
        .map(|name| Ok(Words::of(table.column(name)?, rows)))
        .collect::<Result<Vec<_>>>()?;
    if let [words] = columns.as_slice() {
        return Ok(Some(in_order_of_appearance(words, rows)));
    }
    let mut numbers: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut number = |row: &u32| {
        let key = columns.iter().map(|words| words.codes[*row as usize]).collect();
        let next = numbers.len() as u32;
        *numbers.entry(key).or_insert(next)
    };
    Ok(Some(rows.iter().map(&mut number).collect()))
}

/// The words of these rows numbered as they appear, missing ones alike.
fn in_order_of_appearance(words: &Words<'_>, rows: &[u32]) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let mut numbers = vec![NONE; words.dictionary.len() + 1];
    let mut next = 0;
    let mut number = |&row: &u32| {
        let word = (words.codes[row as usize] as usize).min(words.dictionary.len());
        if numbers[word] == NONE {
            numbers[word] = next;
            next += 1;
        }
        numbers[word]
    };
    rows.iter().map(&mut number).collect()
}

impl Encoder {
    /// Which of these rows can be measured on: those with a target, of a class that training saw.
    ///
    /// # Errors
    /// [`ErrorKind::MissingColumn`] where the table lacks a target column.
    pub fn usable_rows(&self, table: &Table, rows: &[u32]) -> Result<UsableRows> {
        let columns =
            self.target_names().iter().map(|name| needed(table, name)).collect::<Result<Vec<_>>>()?;
        let mut usable = UsableRows::default();
        for &row in rows {
            if columns.iter().any(|column| column.is_missing(row as usize)) {
                usable.missing += 1;
            } else {
                usable.rows.push(row);
            }
        }
        if matches!(self.task(), Task::Binary | Task::Multiclass) {
            let codes = self.stored.target.class_codes(table, &usable.rows)?;
            usable.unknown = codes.iter().filter(|code| code.is_none()).count();
            let mut known = codes.iter().map(Option::is_some);
            usable.rows.retain(|_| known.next().unwrap_or(false));
        }
        Ok(usable)
    }
}
