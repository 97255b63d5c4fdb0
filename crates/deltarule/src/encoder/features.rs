//! Which columns become features, and each one's recipe: fitted on the training rows alone.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::category::{CategoryRecipe, Form, Vocabulary, occurring};
use super::note::Note;
use super::number::{self, NumberRecipe, Profile, mix};
use super::options::{DatetimePart, EncoderOptions, NumericEncoding, Scaling};
use super::values::{Numbers, Words, check_finite, is_words, part_of};
use crate::error::{ErrorKind, Result};
use crate::table::{Column, ColumnData, ColumnType, MISSING_TIME, Table};

/// A column of words is an identifier where more than half of the rows have their own, beyond this many words.
const FEW_WORDS: usize = 10;
/// Whether a column merely counts the rows, or equals the target, is said of at least this many rows.
const ROWS_TO_TELL: usize = 20;

/// No number is written longer, and no more of a word is shown in a note.
const LONGEST_NUMBER: usize = 32;
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

/// How many columns become features of numbers (datetimes and truth values among them), and how many become
/// categories, before any is dropped.
#[must_use]
pub fn feature_counts(table: &Table, options: &EncoderOptions) -> (usize, usize) {
    let columns = candidates(table, options);
    let is_category = |column: &&&Column| is_words(column.column_type()) || wants_category(column, options);
    let categories = columns.iter().filter(is_category).count();
    (columns.len() - categories, categories)
}

fn declared(column: &Column, options: &EncoderOptions) -> Option<ColumnType> {
    options.types.iter().find(|(name, _)| *name == column.name).map(|(_, kind)| *kind)
}

fn wants_category(column: &Column, options: &EncoderOptions) -> bool {
    options.categorical.contains(&column.name) || declared(column, options).is_some_and(is_words)
}

/// Fits every feature; what was noticed on the way goes to `notes`.
pub(super) fn fit(
    table: &Table,
    rows: &[u32],
    options: &EncoderOptions,
    notes: &mut Vec<Note>,
) -> Result<Vec<Feature>> {
    let common = if options.scaling == Scaling::Unit { pixel_like(table, rows, options) } else { None };
    let mut fit = Fit {
        table,
        rows,
        options,
        common,
        kept: HashMap::new(),
        features: Vec::new(),
        dropped: Dropped::default(),
        notes,
    };
    for column in candidates(table, options) {
        fit.column(column)?;
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
    table: &'a Table,
    rows: &'a [u32],
    options: &'a EncoderOptions,
    common: Option<(f64, f64)>,
    /// Columns that were kept, by their fingerprint.
    kept: HashMap<u64, Vec<&'a Column>>,
    features: Vec<Feature>,
    dropped: Dropped,
    notes: &'a mut Vec<Note>,
}

impl<'a> Fit<'a> {
    fn column(&mut self, column: &'a Column) -> Result<()> {
        let recipe = if wants_category(column, self.options) {
            self.category(column, true)
        } else {
            match &column.data {
                ColumnData::Text(_) => {
                    self.check_declared(column)?;
                    self.category(column, false)
                }
                ColumnData::Datetime(values) => {
                    self.check_declared(column)?;
                    self.datetime(column, values)?
                }
                _ => self.number(column)?,
            }
        };
        if let Some(recipe) = recipe {
            self.features.push(Feature {
                name: column.name.clone(),
                column_type: column.column_type(),
                recipe,
            });
        }
        Ok(())
    }

    /// Refuses a declared type that the column's values do not have.
    fn check_declared(&self, column: &Column) -> Result<()> {
        let kind = column.column_type();
        match declared(column, self.options) {
            Some(wanted) if wanted != kind && !(is_words(wanted) && is_words(kind)) => {
                Err(ErrorKind::UnusableColumn {
                    column: column.name.clone(),
                    what: format!("declared as {wanted}; the table holds it as {kind}"),
                    next: "declare the type when the table is read".to_owned(),
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    fn number(&mut self, column: &'a Column) -> Result<Option<Recipe>> {
        let values = Numbers::of(column)?.gather(self.rows);
        check_finite(&column.name, &values, self.rows)?;
        let profile = Profile::of(&values);
        let boolean = matches!(column.data, ColumnData::Boolean(_));
        let wanted = declared(column, self.options);
        let truth = wanted == Some(ColumnType::Boolean);
        if truth && !values.iter().all(|&value| value.is_nan() || value == 0.0 || value == 1.0)
            || wanted == Some(ColumnType::Datetime)
        {
            self.check_declared(column)?;
        }
        if self.drops(column, profile.present == 0, profile.missing == 0 && profile.is_constant()) {
            return Ok(None);
        }
        if self.is_duplicate(column, mix(1, profile.fingerprint)) && !self.options.keep_constant {
            return Ok(None);
        }
        if !boolean && self.rows.len() >= ROWS_TO_TELL && counts(&values, self.rows) {
            self.notes.push(Note::RowNumber { column: column.name.clone() });
        }
        if profile.is_constant() && profile.missing > 0 {
            self.notes.push(Note::OnlyMissingness { column: column.name.clone() });
        }
        let (scaling, encoding) = if boolean || truth {
            (Scaling::None, NumericEncoding::Plain)
        } else {
            (self.options.scaling, self.options.numeric_encoding)
        };
        let mut recipe = number::fit(&values, &profile, scaling, encoding, self.common);
        if boolean || truth {
            recipe.fill = (recipe.fill + 0.5).floor(); // of as many true as false, the median is ½
        }
        Ok(Some(Recipe::Number(recipe)))
    }

    fn category(&mut self, column: &'a Column, asked_for: bool) -> Option<Recipe> {
        let words = Words::of(column, self.rows);
        let (found, missing) = occurring(&words, self.rows);
        if !asked_for && declared(column, self.options).is_none() {
            self.notes.extend(nearly_numbers(&column.name, &words, self.rows));
        }
        if self.drops(column, found.is_empty(), found.len() == 1 && !missing) {
            return None;
        }
        let distinct = found.len();
        if !asked_for && distinct > FEW_WORDS && 2 * distinct > self.rows.len() {
            self.dropped.identifiers.push(column.name.clone());
            return None;
        }
        if self.is_duplicate(column, fingerprint(&words, self.rows)) {
            return None;
        }
        let recipe = CategoryRecipe::fit(found, missing, self.options);
        if let Vocabulary::Hashed(buckets) = recipe.vocabulary {
            let buckets = buckets as usize;
            self.notes.push(Note::Hashed { column: column.name.clone(), distinct, buckets });
        }
        if let Some(table) = recipe.embedded() {
            self.notes.push(Note::Embedded {
                column: column.name.clone(),
                categories: table.cardinality,
                dimension: table.dimension,
            });
        }
        Some(Recipe::Category(recipe))
    }

    fn datetime(&mut self, column: &'a Column, values: &[i64]) -> Result<Option<Recipe>> {
        if self.options.datetime_parts.is_empty() {
            return Err(ErrorKind::UnusableColumn {
                column: column.name.clone(),
                what: "it holds datetimes, and no part of a datetime is asked for".to_owned(),
                next: format!(
                    "name parts (datetime_parts: {}), or ignore the column",
                    DatetimePart::ALL.map(DatetimePart::name).join(", ")
                ),
            }
            .into());
        }
        let at: Vec<i64> = self.rows.iter().map(|&row| values[row as usize]).collect();
        let missing = at.contains(&MISSING_TIME);
        let same = at.iter().all(|time| *time == at[0]);
        if self.drops(column, missing && same, same) {
            return Ok(None);
        }
        if self.is_duplicate(column, at.iter().fold(3, |state, &time| mix(state, time as u64))) {
            return Ok(None);
        }
        let mut parts: Vec<(DatetimePart, NumberRecipe)> = Vec::new();
        for &part in &self.options.datetime_parts {
            let numbers: Vec<f64> = at.iter().map(|&time| part_of(part, time)).collect();
            let profile = Profile::of(&numbers);
            if profile.is_constant() || parts.iter().any(|(known, _)| *known == part) {
                continue;
            }
            let recipe =
                number::fit(&numbers, &profile, self.options.scaling, self.options.numeric_encoding, None);
            parts.push((part, NumberRecipe { missing: false, ..recipe }));
        }
        if parts.is_empty() && !missing {
            self.dropped.constant.push(column.name.clone());
            return Ok(None);
        }
        let names = parts.iter().map(|(part, _)| *part).collect();
        self.notes.push(Note::Datetime { column: column.name.clone(), parts: names });
        Ok(Some(Recipe::Datetime(DatetimeRecipe { parts, missing })))
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
        if self.rows.len() >= ROWS_TO_TELL
            && let [target] = self.options.target.as_slice()
            && self
                .table
                .columns()
                .iter()
                .any(|other| other.name == *target && equal(other, column, self.rows))
        {
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
            return Err(ErrorKind::UnusableTarget {
                column: self.options.target.join(", "),
                what,
                next: "give a table with columns that vary".to_owned(),
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

/// Whether each value is its row's number, but for a constant.
fn counts(values: &[f64], rows: &[u32]) -> bool {
    let difference = |at: usize| values[at] - f64::from(rows[at]);
    (1..rows.len()).all(|at| difference(at) == difference(0))
}

/// A note where at least nine of ten words are numbers, or would be if commas stood for nothing or a point: one stray
/// word, or a way of writing, has then made a column of numbers one of words.
fn nearly_numbers(column: &str, words: &Words<'_>, rows: &[u32]) -> Option<Note> {
    let is_number = |word: &str| word.trim().parse::<f64>().is_ok();
    let kinds: Vec<(bool, bool)> = words
        .dictionary
        .iter()
        .map(|word| {
            let number = is_number(word);
            let with_commas =
                word.contains(',') && word.len() <= LONGEST_NUMBER && is_number(&word.replace(',', ""));
            (number, number || with_commas)
        })
        .collect();
    let (mut present, mut numbers, mut readable) = (0, 0, 0);
    let (mut example, mut with_comma) = (None, None);
    for &row in rows {
        let code = words.codes[row as usize] as usize;
        let Some(&(number, commas)) = kinds.get(code) else { continue };
        present += 1;
        numbers += usize::from(number);
        readable += usize::from(commas);
        match (number, commas) {
            (false, true) => with_comma = with_comma.or(Some(code)),
            (false, false) => example = example.or(Some(code)),
            _ => {}
        }
    }
    let example = &words.dictionary[with_comma.or(example)?];
    let most = |count: usize| present >= ROWS_TO_TELL && 10 * count >= 9 * present;
    (most(numbers) || with_comma.is_some() && most(readable)).then(|| Note::NearlyNumbers {
        column: column.to_owned(),
        numbers: readable,
        present,
        example: example.chars().take(LONGEST_NUMBER).collect(),
    })
}

/// Equal words in the same order give equal fingerprints, whatever the dictionary's order.
fn fingerprint(words: &Words<'_>, rows: &[u32]) -> u64 {
    let hashes: Vec<u64> = words
        .dictionary
        .iter()
        .map(|word| word.bytes().fold(5, |state, byte| mix(state, u64::from(byte))))
        .collect();
    rows.iter().fold(2, |state, &row| {
        mix(state, hashes.get(words.codes[row as usize] as usize).copied().unwrap_or(u64::MAX))
    })
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
