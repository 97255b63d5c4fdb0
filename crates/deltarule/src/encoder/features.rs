//! Which columns become features, and each one's recipe: fitted on the training rows alone.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::category::{CategoryRecipe, Form};
use super::note::Note;
use super::number::NumberRecipe;
use super::options::{DatetimePart, EncoderOptions, Scaling};
use super::study::{self, ROWS_TO_TELL, Study};
use super::values::{Numbers, Words, is_words};
use crate::crew;
use crate::error::{ErrorKind, Result};
use crate::table::{Column, ColumnData, ColumnType, Table};

/// From this many columns on, small integers may be pixels.
const FEWEST_PIXELS: usize = 16;

/// One column of the table, and what becomes of its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Feature {
    pub(super) name: String,
    /// The type in the training table.
    #[serde(rename = "type")]
    pub(super) column_type: ColumnType,
    pub(super) recipe: Recipe,
}

/// What becomes of a column's values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Recipe {
    Number(NumberRecipe),
    Category(CategoryRecipe),
    Datetime(DatetimeRecipe),
}

/// What becomes of a datetime: each part as a number, then whether it was missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DatetimeRecipe {
    pub(super) parts: Vec<(DatetimePart, NumberRecipe)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) missing: bool,
}

impl Recipe {
    /// Dense numbers that come of one value.
    pub(super) fn dense_width(&self) -> usize {
        match self {
            Self::Number(recipe) => recipe.width(),
            Self::Category(recipe) if recipe.form == Form::Dense => recipe.cardinality(),
            Self::Category(_) => 0,
            Self::Datetime(recipe) => {
                recipe.parts.iter().map(|(_, part)| part.width()).sum::<usize>() + usize::from(recipe.missing)
            }
        }
    }

    /// For recipes that were read from a file.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Number(recipe) => recipe.is_sound(),
            Self::Category(recipe) => recipe.is_sound(),
            Self::Datetime(recipe) => {
                self.dense_width() > 0
                    && recipe.parts.iter().all(|(_, part)| part.is_sound() && !part.missing)
            }
        }
    }
}

/// The columns that may become features: neither target nor weight nor ignored.
fn candidates<'a>(table: &'a Table, options: &EncoderOptions) -> Vec<&'a Column> {
    let excluded: HashSet<&String> =
        options.target.iter().chain(&options.weight).chain(&options.ignore).collect();
    table.columns().iter().filter(|column| !excluded.contains(&column.name)).collect()
}

/// The common range of all features where they are pixels: at least 16 columns, all of integers from 0 to 255 without a
/// missing value in these rows. `None` where they are not.
#[must_use]
pub fn pixel_like(table: &Table, rows: &[u32], options: &EncoderOptions) -> Option<(f64, f64)> {
    let columns = candidates(table, options);
    let numbers =
        |column: &&&Column| column.column_type() == ColumnType::Number && !wants_category(column, options);
    if columns.len() < FEWEST_PIXELS || columns.iter().filter(numbers).count() < columns.len() {
        return None;
    }
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for column in columns {
        let numbers = Numbers::of(column).ok()?;
        if let Numbers::U8(values) = numbers {
            if (lowest, highest) != (0.0, 255.0) {
                let (least, most) = extremes(values, rows);
                (lowest, highest) = (lowest.min(f64::from(least)), highest.max(f64::from(most)));
            }
            continue;
        }
        for &row in rows {
            let value = numbers.at(row as usize);
            if !(0.0..=255.0).contains(&value) || value.fract() != 0.0 {
                return None;
            }
            lowest = lowest.min(value);
            highest = highest.max(value);
        }
    }
    (highest > lowest).then_some((lowest, highest))
}

/// The least and the greatest of these rows' bytes.
fn extremes(values: &[u8], rows: &[u32]) -> (u8, u8) {
    rows.iter().fold((u8::MAX, 0), |(least, most), &row| {
        let value = values[row as usize];
        (least.min(value), most.max(value))
    })
}

/// How many columns become features of numbers (datetimes and truth values among them), and how many become
/// categories, before any is dropped.
#[must_use]
pub fn feature_counts(table: &Table, options: &EncoderOptions) -> (usize, usize) {
    let columns = candidates(table, options);
    let is_category = |column: &&&Column| is_words(column.column_type()) || wants_category(column, options);
    let categories = columns.iter().filter(is_category).count();
    (columns.len() - categories, categories)
}

pub(super) fn declared(column: &Column, options: &EncoderOptions) -> Option<ColumnType> {
    options.types.iter().find(|(name, _)| *name == column.name).map(|(_, kind)| *kind)
}

pub(super) fn wants_category(column: &Column, options: &EncoderOptions) -> bool {
    options.categorical.contains(&column.name) || declared(column, options).is_some_and(is_words)
}

/// Fits every feature; what was noticed on the way goes to `notes`. The columns are studied on all cores; what is kept
/// is then decided one after another.
pub(super) fn fit(
    table: &Table,
    rows: &[u32],
    options: &EncoderOptions,
    notes: &mut Vec<Note>,
) -> Result<Vec<Feature>> {
    let common = if options.scaling == Scaling::Unit { pixel_like(table, rows, options) } else { None };
    let columns = candidates(table, options);
    let target = match options.target.as_slice() {
        [target] if rows.len() >= ROWS_TO_TELL => table.column(target).ok(),
        _ => None,
    };
    let threads = crew::for_values(rows.len() * columns.len());
    let study = |column| study::of(column, rows, options, common).map(|study| (column, study));
    let studied = crew::map(threads, columns, study);
    let mut fit = Fit {
        rows,
        options,
        target,
        kept: HashMap::new(),
        features: Vec::new(),
        dropped: Dropped::default(),
        notes,
    };
    for found in studied {
        let (column, study) = found?;
        fit.column(column, study);
    }
    fit.finish()
}

/// Columns that become no feature, by reason.
#[derive(Default)]
struct Dropped {
    constant: Vec<String>,
    all_missing: Vec<String>,
    identifiers: Vec<String>,
    duplicates: Vec<(String, String)>,
}

struct Fit<'a> {
    rows: &'a [u32],
    options: &'a EncoderOptions,
    /// The only target, of rows enough to tell whether a feature is the same.
    target: Option<&'a Column>,
    /// Columns that were kept, by their fingerprint.
    kept: HashMap<u64, Vec<&'a Column>>,
    features: Vec<Feature>,
    dropped: Dropped,
    notes: &'a mut Vec<Note>,
}

impl<'a> Fit<'a> {
    /// Keeps a column, or drops it for what it is or what earlier ones are.
    fn column(&mut self, column: &'a Column, study: Study) {
        self.notes.extend(study.noticed);
        if self.drops(column, study.all_missing, study.constant) {
            return;
        }
        if study.identifier {
            self.dropped.identifiers.push(column.name.clone());
            return;
        }
        if self.is_duplicate(column, study.fingerprint) && !self.options.keep_constant {
            return;
        }
        let Some(recipe) = study.recipe else {
            self.dropped.constant.push(column.name.clone());
            return;
        };
        self.notes.extend(study.noticed_if_kept);
        let (name, column_type) = (column.name.clone(), column.column_type());
        self.features.push(Feature { name, column_type, recipe });
    }

    /// Whether a column says nothing, having no value or one.
    fn drops(&mut self, column: &Column, all_missing: bool, constant: bool) -> bool {
        if all_missing {
            self.dropped.all_missing.push(column.name.clone());
        } else if constant && !self.options.keep_constant {
            self.dropped.constant.push(column.name.clone());
        }
        all_missing || (constant && !self.options.keep_constant)
    }

    /// Whether an earlier column has the same values in the training rows; notes a feature that equals the target.
    fn is_duplicate(&mut self, column: &'a Column, fingerprint: u64) -> bool {
        let others = self.kept.entry(fingerprint).or_default();
        if let Some(kept) = others.iter().find(|kept| equal(kept, column, self.rows)) {
            if !self.options.keep_constant {
                self.dropped.duplicates.push((column.name.clone(), kept.name.clone()));
            }
            return true;
        }
        others.push(column);
        if self.target.is_some_and(|target| equal(target, column, self.rows)) {
            self.notes.push(Note::SameAsTarget { column: column.name.clone() });
        }
        false
    }

    fn finish(self) -> Result<Vec<Feature>> {
        let Dropped { constant, all_missing, identifiers, duplicates } = self.dropped;
        if self.features.is_empty() {
            let dropped: Vec<String> =
                constant.iter().chain(&all_missing).chain(&identifiers).cloned().collect();
            let what = if dropped.is_empty() {
                "there is no other column to predict it from".to_owned()
            } else {
                format!(
                    "no column is left to predict it from (constant, missing or identifiers: {})",
                    dropped.join(", ")
                )
            };
            let (column, next) =
                (self.options.target.join(", "), "give a table with columns that vary".to_owned());
            return Err(if column.is_empty() {
                // The caller holds the target.
                ErrorKind::UnusableColumn { column: dropped.join(", "), what, next }
            } else {
                ErrorKind::UnusableTarget { column, what, next }
            }
            .into());
        }
        let found = [
            (!constant.is_empty()).then_some(Note::Constant { columns: constant }),
            (!all_missing.is_empty()).then_some(Note::AllMissing { columns: all_missing }),
            (!identifiers.is_empty()).then_some(Note::Identifier { columns: identifiers }),
            (!duplicates.is_empty()).then_some(Note::Duplicate { pairs: duplicates }),
        ];
        self.notes.extend(found.into_iter().flatten());
        Ok(self.features)
    }
}

/// Whether two columns have the same values in these rows.
fn equal(a: &Column, b: &Column, rows: &[u32]) -> bool {
    match (&a.data, &b.data) {
        (ColumnData::Text(_), ColumnData::Text(_)) => {
            let (a, b) = (Words::of(a, rows), Words::of(b, rows));
            rows.iter().all(|&row| a.get(row) == b.get(row))
        }
        (ColumnData::Datetime(a), ColumnData::Datetime(b)) => {
            rows.iter().all(|&row| a[row as usize] == b[row as usize])
        }
        (ColumnData::Text(_) | ColumnData::Datetime(_), _)
        | (_, ColumnData::Text(_) | ColumnData::Datetime(_)) => false,
        _ => {
            let (Ok(a), Ok(b)) = (Numbers::of(a), Numbers::of(b)) else { return false };
            rows.iter().all(|&row| {
                let (a, b) = (a.at(row as usize), b.at(row as usize));
                a == b || (a.is_nan() && b.is_nan())
            })
        }
    }
}
